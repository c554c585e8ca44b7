//! Ordering, from end to end: whatever is lost, repeated, raced or killed, nothing is sold twice, no order is placed twice,
//! and no stock is lost.

mod bola;
mod deletions;
mod histories;
mod invariants;
mod kills;
mod races;
mod shop;
mod watching;
