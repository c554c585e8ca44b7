//! Tokens: how clients get, refresh and lose them.

mod clients;
mod codes;
mod refresh;
mod revocation;
