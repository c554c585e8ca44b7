//! Shared parts of the services' RPC and WIT adapters: service tokens, dispatch, and the conversions of callers, errors, money and
//! instants to messages and to WIT records.

mod convert;
mod dispatch;
pub mod messages;
pub mod service_tokens;
pub mod wit;
mod wit_bindings;

pub use convert::Convert;
