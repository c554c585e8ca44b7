//! The catalogue: the products on sale, their prices and their stock.

pub(crate) mod domain;
mod messages;
pub(crate) mod rpc;
pub(crate) mod service;
pub(crate) mod store;
mod wit;
