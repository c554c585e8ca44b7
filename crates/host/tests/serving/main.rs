//! How the host serves: routing, what a component is told, how much it may take, and how everything ends. A component
//! made for it (`tests/probe`) does what the tests ask.

mod chaining;
mod ending;
mod harness;
mod limits;
mod loading;
mod requests;
