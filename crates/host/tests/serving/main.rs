//! Serving: routing, the headers for a component, limits, and the end of requests and servers. A component
//! made for it (`tests/probe`) does what the tests ask.

mod chaining;
mod ending;
mod harness;
mod limits;
mod loading;
mod requests;
