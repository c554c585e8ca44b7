//! Values and parameters are converted as in Spin.

use serde_json::{Value, json};

use super::probe;

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

/// Spin: factor-outbound-pg/src/types.rs convert_entry, if a driver type does not accept the value.
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
        // The columns are known from the first row, even if it cannot be read.
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
async fn parameters_are_converted_as_in_spin() {
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
async fn invalid_parameter_is_refused_before_it_is_sent() {
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
