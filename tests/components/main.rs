//! Single services on the host, with their real imports and grants, and without the bff in front.

mod inventory;
mod issuer;
mod order;
mod outgoing;
mod pages;
mod product;
mod service;
mod user;
