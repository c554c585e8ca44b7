//! The whole platform, called from outside as browsers, apps and worse call it.

mod accounts;
mod catalogue;
mod conformance;
mod connect_node;
mod edge;
mod garbage;
mod grants;
mod isolation;
mod outages;
