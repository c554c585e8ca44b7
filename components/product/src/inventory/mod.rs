//! The inventory: stock that is reserved for orders, taken by them, or given back.

pub(crate) mod domain;
mod messages;
pub(crate) mod rpc;
pub(crate) mod service;
pub(crate) mod store;
mod wit;
