//! Tokens, keys and seals from outside the crate: the accepted ones, and those that an attacker would try.

mod attacks;
mod jose;
mod jwks;
mod lifetimes;
mod properties;
mod service_token;
mod tokens;
mod vectors;
