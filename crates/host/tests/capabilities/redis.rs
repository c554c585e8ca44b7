//! `spin:redis` with a real server.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::harness::{Probe, redis};

/// Spin: factor-outbound-redis/src/host.rs, `operations` and `RedisResults::from_redis_value`.
#[tokio::test(flavor = "multi_thread")]
async fn calls_answer_as_in_spin() {
    let probe = Probe::allowed(&["redis://*:*"]).await;
    let prefix = Uuid::new_v4();
    let key = |name: &str| format!("{prefix}:{name}");
    let call = |name: &str, key: String, rest: Value| {
        let mut call = json!({ "call": name, "key": key });
        call.as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        call
    };
    let execute = |command: &str, arguments: Value| json!({ "call": "execute", "command": command, "arguments": arguments });
    let value = |value: Value| json!({ "value": value });
    let wrong_type = "WRONGTYPE";
    let rows = [
        // operations::get and ::set
        (call("get", key("a"), json!({})), value(json!(null))),
        (
            call("set", key("a"), json!({ "value": "héllo" })),
            value(json!(null)),
        ),
        (call("get", key("a"), json!({})), value(json!("héllo"))),
        // operations::incr: any error is `other`
        (call("incr", key("n"), json!({})), value(json!(1))),
        (call("incr", key("n"), json!({})), value(json!(2))),
        (
            call("incr", key("a"), json!({})),
            json!({ "error": { "other": "not an integer" } }),
        ),
        // operations::sadd, ::smembers, ::srem
        (
            call("sadd", key("s"), json!({ "values": ["x", "y", "x"] })),
            value(json!(2)),
        ),
        (call("smembers", key("s"), json!({})), value(json!(["x", "y"]))),
        (
            call("srem", key("s"), json!({ "values": ["x", "z"] })),
            value(json!(1)),
        ),
        (
            call("sadd", key("a"), json!({ "values": ["x"] })),
            json!({ "error": { "other": wrong_type } }),
        ),
        (call("smembers", key("none"), json!({})), value(json!([]))),
        // operations::del and ::publish
        (
            call(
                "del",
                String::new(),
                json!({ "values": [key("a"), key("n"), key("none")] }),
            ),
            value(json!(2)),
        ),
        (
            call("publish", key("channel"), json!({ "value": "x" })),
            value(json!(null)),
        ),
        // operations::execute and RedisResults
        (
            execute("SET", json!([key("b"), "1"])),
            value(json!([{ "status": "OK" }])),
        ),
        (execute("PING", json!([])), value(json!([{ "status": "PONG" }]))),
        (
            execute("GET", json!([key("b")])),
            value(json!([{ "binary": "1" }])),
        ),
        (execute("GET", json!([key("none")])), value(json!(["nil"]))),
        (
            execute("INCRBY", json!([key("b"), 41])),
            value(json!([{ "int64": 42 }])),
        ),
        (
            execute("MGET", json!([key("b"), key("none")])),
            value(json!([{ "binary": "42" }, "nil"])),
        ),
        (
            execute(
                "EVAL",
                json!(["return {1, {'a', {false, 'b'}}, redis.status_reply('fine')}", 0]),
            ),
            value(json!([{ "int64": 1 }, { "binary": "a" }, "nil", { "binary": "b" }, { "status": "fine" }])),
        ),
        (execute("EVAL", json!(["return {}", 0])), value(json!([]))),
        (
            execute("LPUSH", json!([key("b"), "x"])),
            json!({ "error": { "other": wrong_type } }),
        ),
        (
            execute("NOSUCH", json!([])),
            json!({ "error": { "other": "unknown command" } }),
        ),
    ];
    let calls: Vec<&Value> = rows.iter().map(|(call, _)| call).collect();
    let answer = probe
        .post("/redis", json!({ "address": redis(), "calls": calls }))
        .await;
    for (index, (call, expected)) in rows.iter().enumerate() {
        let actual = &answer["results"][index];
        match expected["error"]["other"].as_str() {
            None => assert_eq!(actual, expected, "{call}"),
            Some(text) => {
                let message = actual["error"]["other"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{call} should fail: {actual}"));
                assert!(message.contains(text), "{call}: expected {text:?} in {message:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_open_gives_the_reason() {
    let probe = Probe::allowed(&["redis://127.0.0.1:*", "rediss://127.0.0.1:*"]).await;
    // Spin: host.rs open. It gives `invalid-address` for an address that is not allowed or cannot be parsed, otherwise
    // `other`.
    let rows = [
        ("redis://example.com", json!("invalid-address")),
        ("redis://127.0.0.1/notanumber", json!("invalid-address")),
        ("nonsense", json!("invalid-address")),
        ("unix:/run/redis.sock", json!("invalid-address")),
        ("redis://127.0.0.1:1", json!("refused")),
        ("rediss://127.0.0.1:6379", json!("no TLS")),
    ];
    for (address, expected) in rows {
        let error = probe.post("/redis", json!({ "address": address })).await["error"].take();
        match error["other"].as_str() {
            None => assert_eq!(error, expected, "{address}"),
            Some(message) => assert!(
                message.contains(expected.as_str().unwrap()),
                "{address}: expected {expected}, got {message}"
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn open_fails_if_the_server_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let probe = Probe::allowed(&["redis://127.0.0.1:*"]).await;
    let asked = Instant::now();
    let answer = probe
        .post(
            "/redis",
            json!({ "address": format!("redis://{}", silent.local_addr().unwrap()) }),
        )
        .await;
    assert!(
        answer["error"]["other"].is_string(),
        "opening should fail: {answer}"
    );
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "opening took {:?}, and must not outlast its 5 s callers",
        asked.elapsed()
    );
}
