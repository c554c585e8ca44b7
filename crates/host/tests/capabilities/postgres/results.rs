//! Results: errors, columns, streams of rows, and statements that are prepared once.

use serde_json::json;

use super::probe;

/// Spin: factor-outbound-pg/src/client.rs query_failed and pg_extras.
#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_server_are_returned_in_their_parts() {
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

    // An error that comes after the statement was accepted is text in `query`: client.rs query, its map_err.
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
async fn result_without_rows_has_no_columns() {
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
async fn long_result_is_streamed_completely_and_in_order() {
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
async fn statement_is_prepared_once_per_connection() {
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

/// Spin prepares a statement each time, so a change of the schema is no problem there. It must be no problem here
/// either.
#[tokio::test(flavor = "multi_thread")]
async fn prepared_statement_follows_a_change_of_the_schema() {
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
