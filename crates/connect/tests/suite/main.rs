//! Server and client of the crate over every protocol, and the JSON form of messages, as other crates use them. One program:
//! each test target would be linked by itself.

mod client;
mod client_protocols;
mod json;
mod json_oracle;
mod messages;
mod properties;
mod protocols;
mod round_trips;
mod server;
mod streams;
mod support;
