//! Tokens: how clients get them, refresh them and lose them.

mod clients;
mod codes;
mod refresh;
mod revocation;
