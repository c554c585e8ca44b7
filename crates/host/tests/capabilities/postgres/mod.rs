//! `spin:postgres` with a real server: values and errors are as in Spin, and connections are as described in our own
//! notes.

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

/// Repeats the request until the answer is right, because connections are cleaned in the background.
async fn eventually(what: &str, mut right: impl AsyncFnMut() -> bool) {
    for _ in 0..100 {
        if right().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    panic!("within 3 s: {what}");
}
