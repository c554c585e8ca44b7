//! The order service: carts and orders.

mod domain;
mod service;
