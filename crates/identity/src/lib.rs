//! The identity of callers: access tokens of clients, service tokens between components, and seals for what caches keep of both.
//!
//! Pure functions of bytes, keys and a time: no I/O and no clock. The callers of this crate fetch, cache and decide; this crate
//! verifies tokens and reads their claims.
//!
//! | module | reads | keys |
//! | --- | --- | --- |
//! | [`access`], [`jwks`] | OAuth 2.0 access tokens: RS256 or ES256 | the issuer's public keys |
//! | [`service_token`] | tokens for one call between two of our components: HS256 | one key per caller and callee |
//! | [`seal`] | what the bff stores in Redis and accepts when it comes back | the bff's own |
//! | [`caller`] | the caller as an argument of use cases | |
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
pub mod service_token;
mod text;
mod token_error;

pub use claims::Scopes;
pub use jws::{FormError, TokenPart};
pub use secret::KeyTextError;
pub use text::{RequestId, RequestIdError};
