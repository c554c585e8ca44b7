//! Serving: routing, the headers for a component, limits, and the end of requests and servers. A component for these
//! tests (`tests/probe`) does what the tests request.

mod chaining;
mod ending;
mod harness;
mod hostile;
mod limits;
mod loading;
mod requests;
