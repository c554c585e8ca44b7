//! The rules, as pure functions: no HTTP, no SQL, no JSON, no clock.

pub(crate) mod client;
pub(crate) mod form;
pub(crate) mod pkce;
pub(crate) mod request;
pub(crate) mod scopes;
pub(crate) mod secret;
