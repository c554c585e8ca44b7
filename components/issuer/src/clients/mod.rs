//! Clients: registering and authenticating them.

pub(crate) mod document;
pub(crate) mod domain;
pub(crate) mod service;
mod store;
