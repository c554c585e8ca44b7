//! Well-known types.

use akinai_connect::json;
use akinai_connect::wkt;
use akinai_connect_test_schema::testing::v1::WellKnown;

use super::{reads_as, refuses, stays, types};

#[test]
fn well_known_types_have_their_form() {
    stays::<WellKnown>(&[
        r#"{"duration":"-1.500s","empty":{},"fieldMask":"name,imageUrl,a.bC","timestamp":"2026-11-22T03:00:00Z"}"#,
        r#"{"fieldMask":""}"#,
        r#"{"list":[null,true,"x",1.5,[],{}]}"#,
        r#"{"struct":{"a":null,"b":{"c":[]}}}"#,
        r#"{"value":null}"#,
        r#"{"value":"x"}"#,
        r#"{"boolValue":false,"bytesValue":"AA==","doubleValue":0.0,"floatValue":"NaN","int32Value":0}"#,
        r#"{"int64Value":"0","stringValue":"","uint32Value":0,"uint64Value":"0"}"#,
    ]);
    reads_as::<WellKnown>(&[
        (r#"{"boolValue":null,"stringValue":null}"#, "{}"),
        (r#"{"empty":{"unknown":1}}"#, r#"{"empty":{}}"#),
    ]);
    refuses::<WellKnown>(&[
        (
            r#"{"timestamp":"yesterday"}"#,
            "timestamp: expected an RFC 3339 time",
        ),
        (
            r#"{"timestamp":0}"#,
            "timestamp: expected a string, found a number",
        ),
        (r#"{"duration":"1"}"#, "duration: expected a duration in seconds"),
        (
            r#"{"fieldMask":"image_url"}"#,
            "fieldMask: expected paths in lowerCamelCase",
        ),
        (r#"{"struct":[]}"#, "struct: expected an object, found an array"),
        (
            r#"{"struct":{"a":1,"a":2}}"#,
            "struct[\"a\"]: the key comes twice",
        ),
        (r#"{"value":1e999}"#, "value: out of range"),
    ]);
}

#[test]
fn value_without_a_json_form_is_not_written() {
    let cases = [
        (
            WellKnown {
                timestamp: Some(wkt::Timestamp {
                    seconds: i64::MAX,
                    nanos: 0,
                }),
                ..Default::default()
            },
            "timestamp: out of range",
        ),
        (
            WellKnown {
                duration: Some(wkt::Duration {
                    seconds: 1,
                    nanos: -1,
                }),
                ..Default::default()
            },
            "duration: seconds and nanos have different signs",
        ),
        (
            WellKnown {
                field_mask: Some(wkt::FieldMask {
                    paths: vec!["a_1".into()],
                }),
                ..Default::default()
            },
            "fieldMask: a path that has no lowerCamelCase form",
        ),
        (
            WellKnown {
                value: Some(wkt::Value { kind: None }),
                ..Default::default()
            },
            "value: a google.protobuf.Value",
        ),
        (
            WellKnown {
                value: Some(wkt::Value::from(f64::NAN)),
                ..Default::default()
            },
            "value: a google.protobuf.Value holds a number that is not finite",
        ),
        (
            WellKnown {
                any: Some(wkt::Any {
                    type_url: "x/no.Such".into(),
                    value: vec![],
                }),
                ..Default::default()
            },
            "any: the @type is not known here",
        ),
        (
            WellKnown {
                any: Some(wkt::Any {
                    type_url: "x/testing.v1.Scalars".into(),
                    value: vec![0xff],
                }),
                ..Default::default()
            },
            "any: the content of a google.protobuf.Any is not what its type says",
        ),
    ];
    for (message, expected) in cases {
        let error = json::to_vec(&message, &types()).expect_err(expected).to_string();
        assert!(
            error.starts_with(expected),
            "{message:?} should be refused with {expected:?}, not {error:?}"
        );
    }
}

#[test]
fn any_says_its_type() {
    stays::<WellKnown>(&[
        r#"{"any":{}}"#,
        r#"{"any":{"@type":"type.googleapis.com/testing.v1.Scalars","anInt32":1}}"#,
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}}"#,
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Value","value":null}}"#,
        r#"{"any":{"@type":"x/google.protobuf.Any","value":{"@type":"x/testing.v1.Tree","left":{}}}}"#,
        r#"{"any":{"@type":"x/google.protobuf.Empty"}}"#,
        r#"{"any":{"@type":"x/testing.v1.WellKnown","any":{"@type":"x/testing.v1.Tree"}}}"#,
    ]);
    reads_as::<WellKnown>(&[(
        r#"{"any":{"anInt32":1,"@type":"x/testing.v1.Scalars"}}"#,
        r#"{"any":{"@type":"x/testing.v1.Scalars","anInt32":1}}"#,
    )]);
    refuses::<WellKnown>(&[
        (r#"{"any":{"anInt32":1}}"#, "any: the @type is missing"),
        (r#"{"any":{"@type":""}}"#, "any: the @type is empty"),
        (
            r#"{"any":{"@type":"x/no.Such"}}"#,
            "any: the @type is not known here",
        ),
        (
            r#"{"any":{"@type":"x/testing.v1.Tree","@type":"x/testing.v1.Tree"}}"#,
            "any: the @type comes twice",
        ),
        (
            r#"{"any":{"@type":"x/testing.v1.Tree","label":1}}"#,
            "any.label: expected a string, found a number",
        ),
        (
            r#"{"any":{"@type":"x/google.protobuf.Duration"}}"#,
            "any: the value is missing",
        ),
        (
            r#"{"any":{"@type":"x/google.protobuf.Duration","value":1}}"#,
            "any.value: expected a string",
        ),
    ]);
}
