//! Signing in and out in a browser: the pages, the limits on attempts, and the issuer that sends browsers here.

mod attempts;
pub(crate) mod domain;
mod hydra;
mod page_key;
pub(crate) mod pages;
pub(crate) mod refresh_hook;
mod revocations;
pub(crate) mod service;
mod store;

pub(crate) use attempts::{FallbackCounter, KeyedAttempts, RedisCounter};
pub(crate) use revocations::RevocationNotifier;
pub(crate) use store::PostgresLogins;
