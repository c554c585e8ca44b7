//! `spin:postgres`, against a real server: values and errors as in Spin, connections as our own notes promise.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::{Database, Probe};

/// A probe that may reach a database of its own.
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

/// Spin: factor-outbound-pg/src/types.rs convert_data_type and convert_entry, and types/convert.rs.
#[tokio::test(flavor = "multi_thread")]
async fn values_come_as_in_spin() {
    let (probe, database) = probe().await;
    database
        .execute("create extension citext; create type mood as enum ('glad')")
        .await;
    #[rustfmt::skip]
    let rows = [
        // expression, type of the column, value
        ("true", json!("Boolean"), json!({ "boolean": true })),
        ("null::bool", json!("Boolean"), json!("db-null")),
        ("1::int2", json!("Int16"), json!({ "int16": 1 })),
        ("-2::int4", json!("Int32"), json!({ "int32": -2 })),
        ("9223372036854775807", json!("Int64"), json!({ "int64": i64::MAX })),
        ("1.5::float4", json!("Floating32"), json!({ "floating32": 1.5 })),
        ("2.25::float8", json!("Floating64"), json!({ "floating64": 2.25 })),
        ("'日本'::text", json!("Str"), json!({ "str": "日本" })),
        ("'a'::varchar(3)", json!("Str"), json!({ "str": "a" })),
        ("'a'::char(3)", json!("Str"), json!({ "str": "a  " })),
        ("null::text", json!("Str"), json!("db-null")),
        (r"'\x00ff'::bytea", json!("Binary"), json!({ "binary": [0, 255] })),
        ("'2026-11-22'::date", json!("Date"), json!({ "date": [2026, 11, 22] })),
        ("'0044-03-15 BC'::date", json!("Date"), json!({ "date": [-43, 3, 15] })),
        ("'23:59:58.5'::time", json!("Time"), json!({ "time": [23, 59, 58, 500_000_000] })),
        ("'2026-11-22 03:04:05.000006'::timestamp", json!("Datetime"), json!({ "datetime": [2026, 11, 22, 3, 4, 5, 6000] })),
        ("null::timestamp", json!("Datetime"), json!("db-null")),
        ("'0190FEDC-BA98-7654-8321-0123456789AB'::uuid", json!("Uuid"), json!({ "uuid": "0190fedc-ba98-7654-8321-0123456789ab" })),
        (r#"'{"b": [1, 2.50],  "a": null}'::jsonb"#, json!("Jsonb"), json!({ "jsonb": r#"{"a":null,"b":[1,2.5]}"# })),
        ("123.450::numeric", json!("Decimal"), json!({ "decimal": "123.450" })),
        ("1::numeric(10, 2)", json!("Decimal"), json!({ "decimal": "1.00" })),
        ("int4range(1, 5, '(]')", json!("RangeInt32"), json!({ "range-int32": [[2, "inclusive"], [6, "exclusive"]] })),
        ("int4range(null, 5)", json!("RangeInt32"), json!({ "range-int32": [null, [5, "exclusive"]] })),
        ("'empty'::int4range", json!("RangeInt32"), json!({ "range-int32": [null, null] })),
        ("int8range(1, 2)", json!("RangeInt64"), json!({ "range-int64": [[1, "inclusive"], [2, "exclusive"]] })),
        ("numrange(1.5, 2.50, '(]')", json!("RangeDecimal"), json!({ "range-decimal": [["1.5", "exclusive"], ["2.50", "inclusive"]] })),
        ("array[1, null, 3]", json!("ArrayInt32"), json!({ "array-int32": [1, null, 3] })),
        ("array[1, null]::int8[]", json!("ArrayInt64"), json!({ "array-int64": [1, null] })),
        ("array[1.50, null]::numeric[]", json!("ArrayDecimal"), json!({ "array-decimal": ["1.50", null] })),
        ("array['a', null]::text[]", json!("ArrayStr"), json!({ "array-str": ["a", null] })),
        ("array['a']::varchar[]", json!("ArrayStr"), json!({ "array-str": ["a"] })),
        ("'{}'::text[]", json!("ArrayStr"), json!({ "array-str": [] })),
        ("'1 year 2 mons 3 days 00:00:04'::interval", json!("Interval"), json!({ "interval": [4_000_000, 3, 14] })),
        ("'a'::citext", json!({ "other": "citext" }), json!({ "unsupported": [97] })),
        ("'glad'::mood", json!({ "other": "mood" }), json!({ "unsupported": [103, 108, 97, 100] })),
        ("null::mood", json!({ "other": "mood" }), json!("db-null")),
        ("'{\"a\": 1}'::json", json!({ "other": "json" }), json!({ "unsupported": [123, 34, 97, 34, 58, 32, 49, 125] })),
        ("array[true]", json!({ "other": "_bool" }), json!({ "unsupported": [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1] })),
        ("'a'::name", json!({ "other": "name" }), json!({ "unsupported": [97] })),
        ("'127.0.0.1'::inet", json!({ "other": "inet" }), json!({ "unsupported": [2, 32, 0, 4, 127, 0, 0, 1] })),
    ];
    for sync in [false, true] {
        let statements: Vec<Value> = rows
            .iter()
            .map(|(sql, ..)| json!({ "statement": format!("select {sql} as c") }))
            .collect();
        let request = json!({ "address": database.address(), "sync": sync, "statements": statements });
        let answer = probe.post("/postgres", request).await;
        for (index, (sql, data_type, value)) in rows.iter().enumerate() {
            let expected = json!({ "columns": [["c", data_type]], "rows": [[value]] });
            assert_eq!(answer["results"][index], expected, "select {sql}, sync: {sync}");
        }
    }
}

/// Spin: factor-outbound-pg/src/types.rs convert_entry, where a driver type does not take the value.
#[tokio::test(flavor = "multi_thread")]
async fn values_that_spin_cannot_convert_fail_here_too() {
    let (probe, database) = probe().await;
    let rows = [
        ("select now() as c", "timestamptz"),
        ("select 'infinity'::timestamp as c", ""),
        ("select 'infinity'::date as c", ""),
        ("select 'NaN'::numeric as c", ""),
        ("select array[[1, 2], [3, 4]] as c", "dimensions"),
    ];
    for (sql, reason) in rows {
        let result = probe.query(&database, sql).await;
        let text = result["error"]["query-failed"]["text"]
            .as_str()
            .unwrap_or_else(|| panic!("{sql} should fail: {result}"));
        assert!(text.contains(reason), "{sql}: expected {reason:?} in {text:?}");
        // The columns are known from the first row, though it cannot be read.
        assert_eq!(result["columns"][0][0], "c", "{sql}: {result}");
        assert_eq!(result["rows"], json!([]), "{sql}: {result}");
    }
    let null = probe.query(&database, "select null::timestamptz as c").await;
    assert!(
        null["error"].is_object(),
        "not even a null timestamptz has a form: {null}"
    );
}

/// Spin: factor-outbound-pg/src/types.rs to_sql_parameter, types/convert.rs, types/interval.rs, types/pg_null.rs.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_go_as_in_spin() {
    let (probe, database) = probe().await;
    #[rustfmt::skip]
    let same = [
        ("bool", json!({ "boolean": false })),
        ("int2", json!({ "int16": -3 })),
        ("int4", json!({ "int32": 4 })),
        ("int8", json!({ "int64": i64::MIN })),
        ("float4", json!({ "floating32": 0.5 })),
        ("float8", json!({ "floating64": 1e300 })),
        ("text", json!({ "str": "日本" })),
        ("bytea", json!({ "binary": [1, 2, 3] })),
        ("date", json!({ "date": [2024, 2, 29] })),
        ("time", json!({ "time": [23, 59, 59, 999_999_000] })),
        ("timestamp", json!({ "datetime": [2026, 11, 22, 1, 2, 3, 4000] })),
        ("uuid", json!({ "uuid": "0190fedc-ba98-7654-8321-0123456789ab" })),
        ("jsonb", json!({ "jsonb": r#"{"a":[1,null]}"# })),
        ("numeric", json!({ "decimal": "-79228162514264337593543950335" })),
        ("int4range", json!({ "range-int32": [[1, "inclusive"], null] })),
        ("int8range", json!({ "range-int64": [null, [9, "exclusive"]] })),
        ("numrange", json!({ "range-decimal": [["0.10", "exclusive"], ["2", "inclusive"]] })),
        ("int4[]", json!({ "array-int32": [1, null] })),
        ("int8[]", json!({ "array-int64": [] })),
        ("numeric[]", json!({ "array-decimal": ["1.10", null] })),
        ("text[]", json!({ "array-str": ["a", null, ""] })),
        ("interval", json!({ "interval": [-1, 2, -3] })),
        ("text", json!("db-null")),
        ("int4[]", json!("db-null")),
    ];
    let statements: Vec<Value> = same
        .iter()
        .map(|(ty, value)| json!({ "statement": format!("select $1::{ty}"), "params": [value] }))
        .collect();
    let results = probe.run(&database, json!(statements)).await;
    for ((ty, value), result) in same.iter().zip(results) {
        assert_eq!(
            result["rows"],
            json!([[value]]),
            "{value} as a parameter of type {ty}: {result}"
        );
    }

    #[rustfmt::skip]
    let others = [
        // statement, parameter, value or part of the error
        ("select $1::timestamptz at time zone 'utc'", json!({ "timestamp": 86_401 }), json!({ "datetime": [1970, 1, 2, 0, 0, 1, 0] })),
        ("select $1::text::uuid", json!({ "str": "0190fedc-ba98-7654-8321-0123456789ab" }), json!({ "uuid": "0190fedc-ba98-7654-8321-0123456789ab" })),
        ("select $1::\"char\"", json!({ "int8": 97 }), json!({ "unsupported": [97] })),
        ("select $1::int4", json!({ "int64": 1 }), json!("WrongType")),
        ("select $1::int4", json!({ "str": "1" }), json!("WrongType")),
        ("select $1::uuid", json!({ "str": "0190fedc-ba98-7654-8321-0123456789ab" }), json!("WrongType")),
        ("select $1::timestamptz", json!({ "datetime": [2026, 1, 1, 0, 0, 0, 0] }), json!("WrongType")),
        ("select $1::timestamp", json!({ "timestamp": 0 }), json!("WrongType")),
        ("select $1::jsonb", json!({ "str": "{}" }), json!("WrongType")),
    ];
    for (statement, parameter, expected) in others {
        let result = probe
            .run(
                &database,
                json!([{ "statement": statement, "params": [parameter] }]),
            )
            .await
            .remove(0);
        match expected.as_str() {
            None => assert_eq!(
                result["rows"],
                json!([[expected]]),
                "{statement} with {parameter}: {result}"
            ),
            Some(reason) => {
                let text = result["error"]["query-failed"]["text"]
                    .as_str()
                    .unwrap_or_default();
                assert!(
                    text.contains(reason),
                    "{statement} with {parameter}: expected {reason:?}, got {result}"
                );
            }
        }
    }
}

/// Spin: factor-outbound-pg/src/client.rs query (through to_sql_parameters) and execute name the same mistake differently.
#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_is_no_value_is_refused_before_it_is_sent() {
    let (probe, database) = probe().await;
    #[rustfmt::skip]
    let rows = [
        (json!({ "date": [2025, 2, 29] }), "invalid date y=2025, m=2, d=29"),
        (json!({ "time": [24, 0, 0, 0] }), "invalid time 24:0:0:0"),
        (json!({ "datetime": [2025, 13, 1, 0, 0, 0, 0] }), "invalid date y=2025, m=13, d=1"),
        (json!({ "timestamp": i64::MAX }), "invalid epoch timestamp 9223372036854775807"),
        (json!({ "uuid": "no" }), "invalid UUID no"),
        (json!({ "jsonb": "{" }), "invalid JSON {"),
        (json!({ "decimal": "1,5" }), "invalid decimal 1,5"),
        (json!({ "decimal": "79228162514264337593543950336" }), "invalid decimal"),
        (json!({ "array-decimal": ["1", "x"] }), "invalid decimal x"),
        (json!({ "range-decimal": [["x", "inclusive"], null] }), "invalid decimal x"),
    ];
    for (parameter, reason) in rows {
        for (way, kind) in [("query", "bad-parameter"), ("execute", "value-conversion-failed")] {
            let statement = json!({ "statement": "select $1", "params": [parameter], "as": way });
            let result = probe.run(&database, json!([statement])).await.remove(0);
            let text = result["error"][kind]
                .as_str()
                .unwrap_or_else(|| panic!("{way} with {parameter} should be {kind}: {result}"));
            assert!(
                text.contains(reason),
                "{way} with {parameter}: expected {reason:?} in {text:?}"
            );
        }
    }
}

/// Spin: factor-outbound-pg/src/client.rs query_failed and pg_extras.
#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_server_come_in_their_parts() {
    let (probe, database) = probe().await;
    database.execute("create table t (id int primary key, n int check (n > 0), m int not null default 1); insert into t values (1)").await;
    #[rustfmt::skip]
    let rows = [
        // statement, code, message, extras
        ("insert into t values (1)", "23505", "duplicate key", vec![("constraint", "t_pkey"), ("table", "t"), ("schema", "public")]),
        ("insert into t values (2, -1)", "23514", "violates check", vec![("constraint", "t_n_check"), ("table", "t")]),
        ("insert into t values (2, 1, null)", "23502", "null value", vec![("column", "m"), ("table", "t")]),
        ("select nothing", "42703", "does not exist", vec![("routine", "errorMissingColumn")]),
        ("selec", "42601", "syntax error", vec![]),
        ("select 'x'::int", "22P02", "invalid input syntax", vec![]),
        ("select 1/(id - 1) from t", "22012", "division by zero", vec![]),
    ];
    for (statement, code, message, extras) in rows {
        for way in ["execute", "query"] {
            let result = probe
                .run(&database, json!([{ "statement": statement, "as": way }]))
                .await
                .remove(0);
            let error = &result["error"]["query-failed"];
            assert_eq!(error["severity"], "ERROR", "{way} {statement}: {result}");
            assert_eq!(error["code"], code, "{way} {statement}: {result}");
            assert!(
                error["message"].as_str().unwrap().contains(message),
                "{way} {statement}: {result}"
            );
            assert!(
                error["as-text"].as_str().unwrap().contains(code),
                "{way} {statement}: {result}"
            );
            for (name, value) in &extras {
                let extra = json!([name, value]);
                assert!(
                    error["extras"].as_array().unwrap().contains(&extra),
                    "{way} {statement}: {extra} in {error}"
                );
            }
        }
    }
    let detail =
        probe.query(&database, "insert into t values (1)").await["error"]["query-failed"]["detail"].take();
    assert_eq!(detail, "Key (id)=(1) already exists.");

    // What comes after the statement was accepted is text in `query`: client.rs query, its map_err.
    let request = json!({ "address": database.address(), "sync": true, "statements": [{ "statement": "insert into t values (1)" }] });
    let result = probe.post("/postgres", request).await["results"][0].take();
    let text = result["error"]["query-failed"]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("it should be a text: {result}"));
    assert!(text.contains("23505"), "{text}");

    let result = probe
        .run(
            &database,
            json!([{ "statement": "select $1::int, $2::int", "params": [{ "int32": 1 }] }]),
        )
        .await
        .remove(0);
    let text = result["error"]["query-failed"]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("it should be a text: {result}"));
    assert!(text.contains("Parameters(1, 2)"), "{text}");
}

/// Spin: factor-outbound-pg/src/client.rs infer_columns, called with the first row.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_without_rows_has_no_columns() {
    let (probe, database) = probe().await;
    database.execute("create table t (id int)").await;
    let nothing = json!({ "columns": [], "rows": [] });
    assert_eq!(probe.query(&database, "select id from t").await, nothing);
    assert_eq!(probe.query(&database, "insert into t values (1)").await, nothing);
    let returned = probe
        .query(&database, "insert into t values (2) returning id, id as again")
        .await;
    assert_eq!(
        returned,
        json!({ "columns": [["id", "Int32"], ["again", "Int32"]], "rows": [[{ "int32": 2 }, { "int32": 2 }]] })
    );
    let affected = probe
        .run(
            &database,
            json!([{ "statement": "update t set id = id + 1", "as": "execute" }]),
        )
        .await
        .remove(0);
    assert_eq!(affected, json!({ "affected": 2 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn long_results_stream_whole_and_in_order() {
    let (probe, database) = probe().await;
    let result = probe
        .query(
            &database,
            "select n, repeat('x', 100) from generate_series(1, 20000) n",
        )
        .await;
    let rows = result["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 20_000, "every row arrives");
    assert!(
        rows.iter()
            .zip(1..)
            .all(|(row, n)| row[0] == json!({ "int32": n })),
        "rows arrive in order"
    );
    assert!(result["error"].is_null(), "{}", result["error"]);

    let result = probe
        .query(
            &database,
            "select 1 / (15000 - n), repeat('x', 100) from generate_series(1, 20000) n",
        )
        .await;
    assert_eq!(
        result["rows"].as_array().unwrap().len(),
        14_999,
        "rows before an error arrive"
    );
    assert_eq!(
        result["error"]["query-failed"]["code"], "22012",
        "the error comes after them"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_prepared_once_per_connection() {
    let (probe, database) = probe().await;
    let statement = json!([{ "statement": "select $1::int + 1 as n", "params": [{ "int32": 1 }] }]);
    for _ in 0..20 {
        assert_eq!(
            probe.run(&database, statement.clone()).await[0]["rows"],
            json!([[{ "int32": 2 }]])
        );
    }
    let prepared = "select count(*), sum(generic_plans + custom_plans)::int8 from pg_prepared_statements where statement like '%$1::int + 1 as n%' and statement not like '%pg_prepared%'";
    let counted = probe.query(&database, prepared).await["rows"][0].take();
    assert_eq!(
        counted,
        json!([{ "int64": 1 }, { "int64": 20 }]),
        "one prepared statement, run 20 times"
    );
    assert_eq!(
        database.connections("backend_type = 'client backend'").await,
        1,
        "one request after another needs one connection"
    );
}

/// Spin prepares each time, so a change of the schema never hurts there; nor may it here.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_schema_is_noticed() {
    let (probe, database) = probe().await;
    database
        .execute("create table t (a int); insert into t values (1)")
        .await;
    assert_eq!(
        probe.query(&database, "select * from t").await["rows"],
        json!([[{ "int32": 1 }]])
    );
    database
        .execute("alter table t add column b text default 'b'")
        .await;
    assert_eq!(
        probe.query(&database, "select * from t").await["rows"],
        json!([[{ "int32": 1 }, { "str": "b" }]])
    );
    probe
        .run(
            &database,
            json!([{ "statement": "deallocate all", "as": "execute" }]),
        )
        .await;
    assert_eq!(
        probe.query(&database, "select * from t").await["rows"],
        json!([[{ "int32": 1 }, { "str": "b" }]])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_left_open_is_rolled_back() {
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

/// Waits for the one connection, which was used for more than plain statements, to be clean again.
async fn cleaned(database: &Database) {
    let clean = "state = 'idle' and query like 'rollback; close all;%'";
    eventually("the connection is cleaned", async || {
        database.connections(clean).await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_sets_ends_with_it() {
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
async fn a_result_left_unread_holds_nothing() {
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

/// A request to cancel is not answered, and may reach the server after the statement that it was meant for has ended:
/// then it must not find another one in its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_cut_short_does_not_end_the_next_one() {
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

/// Each connection is used by one request at a time, also when many come at once.
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
async fn what_cannot_be_opened_says_why() {
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
async fn a_server_that_never_answers_is_given_up() {
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
