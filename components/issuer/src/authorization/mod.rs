//! Authorization: from a client's request, through the login and consent pages, to a code.

pub(crate) mod document;
pub(crate) mod domain;
pub(crate) mod service;
mod store;
