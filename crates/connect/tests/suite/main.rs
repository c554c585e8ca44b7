//! Server and client of the crate in every protocol, and the JSON form of messages, as other crates use them. All tests
//! are in one program, because each test target is linked separately.

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
