//! What the RPC and WIT adapters of our services share: service tokens, and how callers, violations and instants appear in messages
//! and in WIT records.

mod dispatch;
pub mod messages;
pub mod service_tokens;
pub mod wit;
