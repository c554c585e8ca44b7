//! Who is calling: access tokens from outside, service tokens between our own components, and what may be kept of both.
//!
//! Pure functions of bytes, keys and a time: no I/O and no clock. What fetches, caches and decides is the caller's; what
//! is here tells a genuine token from any other, and what a genuine one says.
//!
//! | module | what it reads | whose keys |
//! | --- | --- | --- |
//! | [`access`], [`jwks`] | OAuth 2.0 access tokens: RS256 or ES256 | the issuer's public keys |
//! | [`service`] | tokens for one call between two of our components: HS256 | one key per caller and callee |
//! | [`seal`] | what the bff keeps in Redis and believes when it comes back | the bff's own |
//! | [`caller`] | what of these the use cases see | |
//!
//! Every time is in whole seconds since 1970-01-01T00:00:00Z, as `u64`, and `now` is always an argument.

pub mod access;
pub mod caller;
mod claims;
mod json;
pub mod jwks;
mod jws;
pub mod seal;
mod secret;
pub mod service;
mod text;

pub use claims::Scopes;
pub use jws::{FormError, Part};
pub use secret::KeyError;
pub use text::{RequestId, TextError};
