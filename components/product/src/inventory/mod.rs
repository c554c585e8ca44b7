//! The inventory: stock held for orders, taken by them, or given back.

pub(crate) mod domain;
pub(crate) mod rpc;
pub(crate) mod service;
pub(crate) mod store;
mod wit;
