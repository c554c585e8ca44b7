//! Remembered logins, and signing out.

pub(crate) mod domain;
pub(crate) mod service;
mod store;
