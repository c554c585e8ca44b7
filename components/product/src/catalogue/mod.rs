//! The catalogue: what is for sale, at which price, and how much of it there is.

pub(crate) mod domain;
mod messages;
pub(crate) mod rpc;
pub(crate) mod service;
pub(crate) mod store;
mod wit;
