//! End-to-end tests of orders. Calls are lost, repeated and raced, and servers are killed. In each case nothing may be sold
//! twice, no order may be placed twice, and no stock may be lost.

mod bola;
mod deletions;
mod histories;
mod invariants;
mod kills;
mod races;
mod shop;
mod watching;
