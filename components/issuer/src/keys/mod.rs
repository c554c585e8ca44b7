//! The keys that sign tokens.

pub(crate) mod document;
pub(crate) mod service;
mod store;
pub(crate) mod vault;
