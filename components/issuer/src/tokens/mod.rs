//! Tokens: issuing, refreshing, inspecting and revoking them.

pub(crate) mod domain;
pub(crate) mod hook;
pub(crate) mod jwt;
pub(crate) mod service;
mod store;
