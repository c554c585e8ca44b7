//! Accounts: users, passwords, roles, and the validity of their tokens.

pub(crate) mod argon2id;
pub(crate) mod domain;
mod messages;
pub(crate) mod rpc;
pub(crate) mod service;
pub(crate) mod store;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod wit;
