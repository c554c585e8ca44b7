//! Authorization: from a client's request, over the pages for login and consent, to a code.

pub(crate) mod document;
pub(crate) mod domain;
pub(crate) mod service;
mod store;
