//! `spin:postgres`, against a real server: values and errors as in Spin, connections as our own notes promise.

mod connections;
mod results;
mod values;

use std::time::Duration;

use crate::harness::{Database, Probe};

/// A probe, and a database that it may reach.
async fn probe() -> (Probe, Database) {
    let database = Database::create().await;
    (Probe::allowed(&[&database.grant()]).await, database)
}

/// Asks again until the answer is right, because what a connection is cleaned of, it is cleaned of in the background.
async fn eventually(what: &str, mut right: impl AsyncFnMut() -> bool) {
    for _ in 0..100 {
        if right().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    panic!("within 3 s: {what}");
}
