//! Connections: each is clean for the next request, is replaced when it ends, and fails when the server does not
//! answer.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpListener;

use super::{eventually, probe};
use crate::harness::{Database, Probe};

#[tokio::test(flavor = "multi_thread")]
async fn open_transaction_is_rolled_back() {
    let (probe, database) = probe().await;
    database.execute("create table t (a int)").await;
    let left_open = json!([
        { "statement": "begin" },
        { "statement": "insert into t values (1)" },
        { "statement": "select pg_backend_pid()" },
    ]);
    let backend = probe.run(&database, left_open).await[2]["rows"][0][0].take();
    cleaned(&database).await;
    let next = json!([
        { "statement": "select pg_backend_pid()" },
        { "statement": "insert into t values (2)", "as": "execute" },
    ]);
    let same = probe.run(&database, next).await[0]["rows"][0][0].take();
    assert_eq!(same, backend, "the connection is used again");
    assert_eq!(
        database.connections("state like 'idle in transaction%'").await,
        0,
        "no transaction is open"
    );
    let kept = probe.query(&database, "select a from t").await;
    assert_eq!(
        kept["rows"],
        json!([[{ "int32": 2 }]]),
        "only the write outside of the transaction is kept"
    );
}

/// Waits until the only connection, which was used for more than plain statements, is clean again.
async fn cleaned(database: &Database) {
    let clean = "state = 'idle' and query like 'rollback; close all;%'";
    eventually("the connection is cleaned", async || {
        database.connections(clean).await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn session_state_of_a_request_ends_with_the_request() {
    let (probe, database) = probe().await;
    let set = json!([
        { "statement": "set statement_timeout = 12345" },
        { "statement": "select set_config('my.secret', 'x', false)" },
        { "statement": "select pg_advisory_lock(1)", "as": "execute" },
        { "statement": "create temp table left_behind (a int)" },
        { "statement": "select pg_backend_pid()" },
    ]);
    let backend = probe.run(&database, set).await[4]["rows"][0][0].take();
    cleaned(&database).await;
    let look = "select pg_backend_pid(), current_setting('statement_timeout'), \
        coalesce(current_setting('my.secret', true), ''), to_regclass('left_behind') is null, \
        (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())";
    let seen = probe.query(&database, look).await["rows"][0].take();
    assert_eq!(
        seen,
        json!([backend, { "str": "0" }, { "str": "" }, { "boolean": true }, { "int64": 0 }])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_result_is_cancelled_and_holds_nothing() {
    let (probe, database) = probe().await;
    let slow = "select n, pg_sleep(0.3), repeat('x', 10000) from generate_series(1, 1000) n";
    let peeked = probe
        .run(&database, json!([{ "statement": slow, "as": "peek" }]))
        .await
        .remove(0);
    assert_eq!(
        peeked["rows"].as_array().unwrap().len(),
        1,
        "{}",
        peeked["columns"]
    );
    eventually("the statement is cancelled", async || {
        database.connections("state = 'active'").await == 0
    })
    .await;
    assert_eq!(
        probe.query(&database, "select 1").await["rows"],
        json!([[{ "int32": 1 }]]),
        "the next request is not disturbed"
    );
}

/// A request to cancel has no answer, and may reach the server after its statement has ended. Then it must not cancel
/// another statement.
#[tokio::test(flavor = "multi_thread")]
async fn cancelled_statement_does_not_end_the_next_one() {
    let (probe, database) = probe().await;
    for round in 0..100 {
        let cut_short = probe.query(&database, "select 'NaN'::numeric").await;
        assert!(
            cut_short["error"].is_object(),
            "no component can be given this: {cut_short}"
        );
        let next = probe.query(&database, "select 1").await;
        assert_eq!(
            next["rows"],
            json!([[{ "int32": 1 }]]),
            "the next request is not disturbed, round {round}: {next}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_ended_are_replaced() {
    let (probe, database) = probe().await;
    for _ in 0..3 {
        assert_eq!(
            probe.query(&database, "select 1").await["rows"],
            json!([[{ "int32": 1 }]])
        );
        database.end_connections().await;
        eventually("the server has ended them", async || {
            database.connections("true").await == 0
        })
        .await;
    }
}

/// Each connection is used by one request at a time, even if many requests arrive at once.
#[tokio::test(flavor = "multi_thread")]
async fn many_requests_share_the_pool() {
    let (probe, database) = probe().await;
    let requests = (0..200).map(|n| {
        let statement =
            json!([{ "statement": "select $1::int as n, pg_sleep(0.002)", "params": [{ "int32": n }] }]);
        let (probe, database) = (&probe, &database);
        async move { (n, probe.run(database, statement).await.remove(0)) }
    });
    for (n, result) in futures::future::join_all(requests).await {
        assert_eq!(result["rows"][0][0], json!({ "int32": n }), "{result}");
    }
    let connections = database.connections("backend_type = 'client backend'").await;
    assert!(
        connections <= 64,
        "a pool has 64 places, but there are {connections} connections"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_open_gives_the_reason() {
    let (_, database) = probe().await;
    let probe = Probe::allowed(&["postgres://127.0.0.1:*", "postgres://localhost:*"]).await;
    let reachable = format!("host=127.0.0.1 port={}", database.port());
    let rows = [
        ("host=127.0.0.1 port=1 user=u".to_owned(), "refused"),
        (
            format!("{reachable} user=absent_user dbname=postgres password=x sslmode=disable"),
            "absent_user",
        ),
        (
            format!("{reachable} user=postgres dbname=no_such_database password=x sslmode=disable"),
            "",
        ),
        ("nonsense".to_owned(), "invalid connection string"),
        (
            "host=127.0.0.1 hostaddr=10.0.0.1 user=u".to_owned(),
            "address postgres://10.0.0.1 is not permitted",
        ),
    ];
    for (address, reason) in rows {
        let answer = probe.post("/postgres", json!({ "address": address })).await;
        let text = answer["error"]["connection-failed"]
            .as_str()
            .unwrap_or_else(|| panic!("{address} should fail: {answer}"));
        assert!(
            text.contains(reason),
            "{address}: expected {reason:?} in {text:?}"
        );
    }
    let answer = probe
        .post(
            "/postgres",
            json!({ "address": database.address(), "builder": true, "ca_root": "no certificate" }),
        )
        .await;
    let text = answer["error"]["other"]
        .as_str()
        .unwrap_or_else(|| panic!("no certificate should be refused: {answer}"));
    assert!(
        text.contains("invalid root certificate"),
        "Spin: factor-outbound-pg/src/host.rs set_ca_root: {text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn open_fails_if_the_server_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let probe = Probe::allowed(&["postgres://127.0.0.1:*"]).await;
    let asked = Instant::now();
    let address = format!(
        "host=127.0.0.1 port={} user=u",
        silent.local_addr().unwrap().port()
    );
    let answer = probe.post("/postgres", json!({ "address": address })).await;
    let text = answer["error"]["connection-failed"]
        .as_str()
        .unwrap_or_else(|| panic!("it should fail: {answer}"));
    assert!(text.contains("within 2.5s"), "{text}");
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "opening took {:?}, and must not outlast its callers by much",
        asked.elapsed()
    );
}
