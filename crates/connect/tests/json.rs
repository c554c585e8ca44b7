//! The proto3 JSON mapping, case by case: what is read, what is written, and what is refused in which words.

use akinai_connect::json::{self, Types};
use akinai_connect::wkt;
use akinai_connect_test_schema::testing::v1::{
    Choice, Everything, Kind, Lists, Maps, Optionals, Scalars, TYPES, Tree, WellKnown, choice,
};
use prost::Message as _;

fn types() -> Types {
    Types::default().with(TYPES)
}

/// Reads `json` as an `M` and writes that again.
fn rewritten<M: json::Message>(json: &str) -> Result<String, String> {
    let message: M = json::from_slice(json.as_bytes(), &types()).map_err(|error| error.to_string())?;
    let written = json::to_vec(&message, &types()).map_err(|error| format!("cannot be written: {error}"))?;
    Ok(String::from_utf8(written).expect("JSON is UTF-8"))
}

#[track_caller]
fn reads_as<M: json::Message>(cases: &[(&str, &str)]) {
    for (json, expected) in cases {
        assert_eq!(
            rewritten::<M>(json).as_deref(),
            Ok(*expected),
            "what becomes of {json}"
        );
    }
}

#[track_caller]
fn stays<M: json::Message>(cases: &[&str]) {
    for json in cases {
        reads_as::<M>(&[(json, json)]);
    }
}

#[track_caller]
fn refuses<M: json::Message>(cases: &[(&str, &str)]) {
    for (json, expected) in cases {
        let error = rewritten::<M>(json).expect_err(&format!("{json} should be refused"));
        assert!(
            error.starts_with(expected),
            "{json} should be refused with {expected:?}, not {error:?}"
        );
    }
}

#[test]
fn scalars_have_their_form() {
    stays::<Scalars>(&[
        "{}",
        r#"{"aDouble":1.5,"aFloat":0.1,"anInt32":-1,"anInt64":"-9223372036854775808","aUint32":4294967295}"#,
        r#"{"aUint64":"18446744073709551615","aSint32":-2147483648,"aSint64":"1","aFixed32":1,"aFixed64":"1"}"#,
        r#"{"aSfixed32":1,"aSfixed64":"-1","aBool":true,"aString":"商い","aBytes":"AP8=","aColor":"COLOR_DARK"}"#,
        r#"{"aDouble":"NaN","aFloat":"-Infinity"}"#,
        r#"{"aDouble":"Infinity","aFloat":"NaN"}"#,
        r#"{"aDouble":-0.0}"#,
        r#"{"aDouble":5e-324,"aFloat":3.4028234663852886e38}"#,
        r#"{"aDouble":1.7976931348623157e308}"#,
        r#"{"aColor":7}"#,
    ]);
}

#[test]
fn defaults_are_not_written_unless_presence_is_tracked() {
    let zeros = r#"{"aDouble":0.0,"aFloat":0.0,"anInt32":0,"anInt64":"0","aUint32":0,"aUint64":"0","aSint32":0,"aSint64":"0","aFixed32":0,"aFixed64":"0","aSfixed32":0,"aSfixed64":"0","aBool":false,"aString":"","aBytes":"","aColor":"COLOR_UNSPECIFIED","aNull":null}"#;
    reads_as::<Scalars>(&[(zeros, "{}")]);
    stays::<Optionals>(&["{}", zeros]);
}

#[test]
fn numbers_are_read_in_every_notation() {
    reads_as::<Scalars>(&[
        (r#"{"anInt32":"5"}"#, r#"{"anInt32":5}"#),
        (r#"{"anInt32":1e5}"#, r#"{"anInt32":100000}"#),
        (r#"{"anInt32":100000.000}"#, r#"{"anInt32":100000}"#),
        (r#"{"anInt32":"1.0e1"}"#, r#"{"anInt32":10}"#),
        (
            r#"{"anInt64":9007199254740993}"#,
            r#"{"anInt64":"9007199254740993"}"#,
        ),
        (r#"{"aUint64":"1e19"}"#, r#"{"aUint64":"10000000000000000000"}"#),
        (r#"{"aUint32":-0}"#, "{}"),
        (r#"{"aDouble":"1.5"}"#, r#"{"aDouble":1.5}"#),
        (r#"{"aDouble":1}"#, r#"{"aDouble":1.0}"#),
        (r#"{"aDouble":1e-999}"#, "{}"),
        (r#"{"aColor":1.0}"#, r#"{"aColor":"COLOR_RED"}"#),
    ]);
    refuses::<Scalars>(&[
        (
            r#"{"anInt32":2147483648}"#,
            "anInt32: out of range: -2147483648 to 2147483647 (line 1, column 12)",
        ),
        (r#"{"anInt32":-2147483649}"#, "anInt32: out of range"),
        (r#"{"aUint32":-1}"#, "aUint32: out of range"),
        (r#"{"anInt64":"9223372036854775808"}"#, "anInt64: out of range"),
        (r#"{"aUint64":18446744073709551616}"#, "aUint64: out of range"),
        (r#"{"aUint64":1e99}"#, "aUint64: out of range"),
        (
            r#"{"anInt32":0.5}"#,
            "anInt32: expected an integer, found a fraction",
        ),
        (r#"{"anInt32":""}"#, "anInt32: expected an integer"),
        (r#"{"anInt32":" 1"}"#, "anInt32: expected an integer"),
        (r#"{"anInt32":"1 "}"#, "anInt32: expected an integer"),
        (r#"{"anInt32":"+1"}"#, "anInt32: expected an integer"),
        (r#"{"anInt32":"01"}"#, "anInt32: expected an integer"),
        (
            "{\n \"anInt32\":\n  \"x\"}",
            "anInt32: expected an integer (line 3, column 3)",
        ),
        (r#"{"anInt32":true}"#, "anInt32: expected a number, found true"),
        (
            r#"{"anInt32":NaN}"#,
            "anInt32: expected a number, found something that is not JSON",
        ),
        (r#"{"anInt32":"NaN"}"#, "anInt32: expected an integer"),
        (r#"{"anInt32":01}"#, "expected ',' or '}'"),
        (r#"{"anInt32":-}"#, "anInt32: malformed number"),
        (r#"{"aDouble":1e999}"#, "aDouble: out of range"),
        (r#"{"aFloat":3.5e38}"#, "aFloat: out of range"),
        (r#"{"aDouble":"nan"}"#, "aDouble: expected a number, \"NaN\""),
        (r#"{"aDouble":"inf"}"#, "aDouble: expected a number"),
        (r#"{"aDouble":""}"#, "aDouble: expected a number"),
        (r#"{"aDouble":".5"}"#, "aDouble: expected a number"),
        (r#"{"aDouble":"1_0"}"#, "aDouble: expected a number"),
        (
            r#"{"aBool":"true"}"#,
            "aBool: expected true or false, found a string",
        ),
        (r#"{"aBool":1}"#, "aBool: expected true or false, found a number"),
        (
            r#"{"aBool":truE}"#,
            "aBool: expected a value, found something that is not JSON",
        ),
    ]);
}

#[test]
fn strings_are_read_with_every_escape() {
    reads_as::<Scalars>(&[
        (
            r#"{"aString":"\"\\\/\b\f\n\r\t\u0041"}"#,
            r#"{"aString":"\"\\/\u0008\u000c\n\r\tA"}"#,
        ),
        (r#"{"aString":"\u5546\u3044"}"#, r#"{"aString":"商い"}"#),
        (r#"{"aString":"\ud83d\uDE00"}"#, r#"{"aString":"😀"}"#),
        (r#"{"aString":"\u0000"}"#, r#"{"aString":"\u0000"}"#),
        (r#"{"\u0061String":"x"}"#, r#"{"aString":"x"}"#),
    ]);
    refuses::<Scalars>(&[
        (r#"{"aString":"\ud83d"}"#, "aString: half of a surrogate pair"),
        (
            r#"{"aString":"\ude00\ud83d"}"#,
            "aString: half of a surrogate pair",
        ),
        (r#"{"aString":"\ud83dx"}"#, "aString: half of a surrogate pair"),
        (
            r#"{"aString":"\ud83d\u0041"}"#,
            "aString: half of a surrogate pair",
        ),
        (
            r#"{"aString":"\u00g0"}"#,
            "aString: \\u in a string is not followed by four",
        ),
        (
            r#"{"aString":"\u00"#,
            "aString: \\u in a string is not followed by four",
        ),
        (
            r#"{"aString":"\u+123"}"#,
            "aString: \\u in a string is not followed by four",
        ),
        (r#"{"aString":"\x"}"#, "aString: unknown escape"),
        (
            "{\"aString\":\"a\nb\"}",
            "aString: a control character in a string is not escaped",
        ),
        (r#"{"aString":"a"#, "aString: a string does not end"),
        (r#"{"aString":"a\"#, "aString: unknown escape"),
        (r#"{"aString":1}"#, "aString: expected a string, found a number"),
        (r#"{"aString":{}}"#, "aString: expected a string, found an object"),
    ]);
}

#[test]
fn bytes_are_read_in_both_alphabets_padded_or_not() {
    reads_as::<Scalars>(&[
        (r#"{"aBytes":"+/8="}"#, r#"{"aBytes":"+/8="}"#),
        (r#"{"aBytes":"-_8"}"#, r#"{"aBytes":"+/8="}"#),
        (r#"{"aBytes":"-_8="}"#, r#"{"aBytes":"+/8="}"#),
        (r#"{"aBytes":"+/8"}"#, r#"{"aBytes":"+/8="}"#),
        (r#"{"aBytes":"-_"}"#, r#"{"aBytes":"+w=="}"#),
    ]);
    refuses::<Scalars>(&[
        (r#"{"aBytes":"!"}"#, "aBytes: expected base64"),
        (r#"{"aBytes":"A"}"#, "aBytes: expected base64"),
        (r#"{"aBytes":"+_"}"#, "aBytes: expected base64"),
        (r#"{"aBytes":[1]}"#, "aBytes: expected a string, found an array"),
    ]);
}

#[test]
fn enums_are_open() {
    reads_as::<Scalars>(&[
        (r#"{"aColor":"COLOR_CRIMSON"}"#, r#"{"aColor":"COLOR_RED"}"#),
        (r#"{"aColor":1}"#, r#"{"aColor":"COLOR_RED"}"#),
        (r#"{"aColor":-1}"#, r#"{"aColor":"COLOR_DARK"}"#),
    ]);
    reads_as::<Lists>(&[(r#"{"colors":["COLOR_RED",5]}"#, r#"{"colors":["COLOR_RED",5]}"#)]);
    refuses::<Scalars>(&[
        (r#"{"aColor":2147483648}"#, "aColor: out of range"),
        (r#"{"aColor":true}"#, "aColor: expected a number, found true"),
    ]);
}

#[test]
fn an_unknown_name_of_an_enum_is_refused_and_its_field_is_named() {
    let wrong = |field: &str| format!("{field}: unknown name of an enum's value, expected one of COLOR_");
    for name in [
        "COLOR_OF_A_NEWER_SCHEMA",
        "",
        "color_red",
        "Color_Red",
        "RED",
        " COLOR_RED",
        "1",
    ] {
        refuses::<Scalars>(&[(&format!(r#"{{"aColor":"{name}"}}"#), &wrong("aColor"))]);
    }
    refuses::<Lists>(&[(r#"{"colors":["COLOR_RED","NEWER",5]}"#, &wrong("colors[1]"))]);
    refuses::<Maps>(&[(
        r#"{"byFixed32":{"1":"NEWER","2":"COLOR_RED"}}"#,
        &wrong("byFixed32[\"1\"]"),
    )]);
    refuses::<Choice>(&[(r#"{"aColor":"NEWER","aBool":true}"#, &wrong("aColor"))]);
    refuses::<Optionals>(&[(
        r#"{"aNull":"null"}"#,
        "aNull: unknown name of an enum's value, expected one of NULL_VALUE",
    )]);
}

#[test]
fn an_answer_of_a_newer_schema_is_read_without_the_names_that_it_adds() {
    fn read<M: json::Message>(text: &str) -> String {
        let message: M = json::from_slice_of_newer_schema(text.as_bytes(), &types()).unwrap();
        String::from_utf8(json::to_vec(&message, &types()).unwrap()).unwrap()
    }
    assert_eq!(read::<Scalars>(r#"{"aColor":"COLOR_OF_A_NEWER_SCHEMA"}"#), "{}");
    assert_eq!(
        read::<Lists>(r#"{"colors":["COLOR_RED","NEWER",5]}"#),
        r#"{"colors":["COLOR_RED",5]}"#
    );
    assert_eq!(
        read::<Maps>(r#"{"byFixed32":{"1":"NEWER","2":"COLOR_RED"}}"#),
        r#"{"byFixed32":{"2":"COLOR_RED"}}"#
    );
    assert_eq!(
        read::<Choice>(r#"{"aColor":"NEWER","aBool":true}"#),
        r#"{"aBool":true}"#
    );
}

#[test]
fn null_is_absence() {
    reads_as::<Scalars>(&[(
        r#"{"aDouble":null,"anInt64":null,"aString":null,"aBytes":null,"aColor":null,"aBool":null}"#,
        "{}",
    )]);
    reads_as::<Optionals>(&[(r#"{"anInt32":null,"aNull":null}"#, r#"{"aNull":null}"#)]);
    reads_as::<Lists>(&[(r#"{"doubles":null,"messages":null}"#, "{}")]);
    reads_as::<Maps>(&[(r#"{"byInt32":null}"#, "{}")]);
    reads_as::<Everything>(&[(r#"{"scalars":null,"choice":null}"#, "{}")]);
    reads_as::<Choice>(&[(r#"{"aDouble":null,"aString":"x"}"#, r#"{"aString":"x"}"#)]);
    refuses::<Lists>(&[
        (
            r#"{"doubles":[null]}"#,
            "doubles[0]: expected a number, found null",
        ),
        (
            r#"{"strings":["a",null]}"#,
            "strings[1]: expected a string, found null",
        ),
        (
            r#"{"messages":[null]}"#,
            "messages[0]: expected an object, found null",
        ),
    ]);
    refuses::<Maps>(&[(
        r#"{"byInt32":{"1":null}}"#,
        "byInt32[\"1\"]: expected a string, found null",
    )]);
    stays::<Lists>(&[r#"{"values":[null,1.0]}"#]);
    stays::<Maps>(&[r#"{"bySfixed64":{"1":null}}"#]);
}

#[test]
fn names_are_read_in_both_forms_and_unknown_ones_ignored() {
    reads_as::<Scalars>(&[
        (r#"{"an_int32":1}"#, r#"{"anInt32":1}"#),
        (
            r#"{"absent":{"knows":[1,"2",{"3":null}],"this":true},"aBool":true}"#,
            r#"{"aBool":true}"#,
        ),
        (r#"{"absent":1,"absent":2}"#, "{}"),
        (" \t\r\n{ \"aBool\" : true \n} ", r#"{"aBool":true}"#),
    ]);
    refuses::<Scalars>(&[
        (r#"{"aBool":true,"aBool":true}"#, "aBool: the field comes twice"),
        (r#"{"an_int32":1,"anInt32":1}"#, "anInt32: the field comes twice"),
    ]);
    refuses::<Kind>(&[(r#"{"mood":1,"mood":1}"#, "mood: the field comes twice")]);
}

#[test]
fn a_oneof_takes_one() {
    stays::<Choice>(&[
        "{}",
        r#"{"aDouble":0.0}"#,
        r#"{"aUint64":"0"}"#,
        r#"{"aBool":false}"#,
        r#"{"aString":""}"#,
        r#"{"aColor":"COLOR_UNSPECIFIED"}"#,
        r#"{"aMessage":{}}"#,
        r#"{"aChoice":{"aChoice":{"aNull":null}}}"#,
        r#"{"aNull":null}"#,
        r#"{"aValue":null}"#,
        r#"{"anEmpty":{}}"#,
    ]);
    refuses::<Choice>(&[
        (
            r#"{"aDouble":1,"aBool":true}"#,
            "aBool: another field of the same oneof is set too",
        ),
        (
            r#"{"aNull":null,"aValue":null}"#,
            "aValue: another field of the same oneof is set too",
        ),
    ]);
}

#[test]
fn lists_and_maps_keep_their_elements() {
    stays::<Lists>(&[
        r#"{"doubles":[0.0,1.0],"int64s":["0"],"bools":[false],"strings":[""],"bytesValues":[""],"messages":[{}]}"#,
    ]);
    reads_as::<Lists>(&[(r#"{"doubles":[],"strings":[]}"#, "{}")]);
    stays::<Maps>(&[
        r#"{"byInt32":{"-1":"","0":"x"},"byInt64":{"-9223372036854775808":""},"byUint32":{"0":"NaN"}}"#,
        r#"{"byFixed64":{"18446744073709551615":{}},"byBool":{"false":0,"true":1},"byString":{"":"0","商":"1"}}"#,
        r#"{"bySfixed32":{"1":"1.500s"},"bySfixed64":{"1":{"a":[true]}}}"#,
    ]);
    refuses::<Lists>(&[
        (r#"{"doubles":1}"#, "doubles: expected an array, found a number"),
        (
            r#"{"messages":[{},{"anInt32":"x"}]}"#,
            "messages[1].anInt32: expected an integer (line 1, column 28)",
        ),
        (
            r#"{"doubles":[1,]}"#,
            "doubles[1]: expected a number, found punctuation",
        ),
        (
            r#"{"doubles":[1 2]}"#,
            "doubles: expected ',' or ']', found a number",
        ),
    ]);
    refuses::<Maps>(&[
        (r#"{"byInt32":{"x":"y"}}"#, "byInt32[\"x\"]: expected an integer"),
        (
            r#"{"byBool":{"1":1}}"#,
            "byBool[\"1\"]: expected \"true\" or \"false\" as the key",
        ),
        (
            r#"{"byInt32":{"1":"","1.0":""}}"#,
            "byInt32[\"1.0\"]: the key comes twice",
        ),
        (
            r#"{"byFixed64":{"1":{"aBool":0}}}"#,
            "byFixed64[\"1\"].aBool: expected true or false",
        ),
        (r#"{"byInt32":[]}"#, "byInt32: expected an object, found an array"),
    ]);
}

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
fn what_has_no_json_form_is_not_written() {
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

#[test]
fn what_is_no_json_is_refused() {
    refuses::<Scalars>(&[
        (
            "",
            "expected an object, found the end of the text (line 1, column 1)",
        ),
        ("null", "expected an object, found null"),
        ("[]", "expected an object, found an array"),
        ("{", "expected a name in double quotes, found the end of the text"),
        ("{,}", "expected a name in double quotes, found punctuation"),
        (
            r#"{"aBool":true,}"#,
            "expected a name in double quotes, found punctuation",
        ),
        (r#"{"aBool" true}"#, "expected ':', found true"),
        (
            r#"{"aBool":}"#,
            "aBool: expected true or false, found punctuation",
        ),
        (
            r#"{'aBool':true}"#,
            "expected a name in double quotes, found something that is not JSON",
        ),
        ("{} x", "unexpected text after the end of the message"),
        ("{}{}", "unexpected text after the end of the message"),
        (
            "{\n  \"absent\": [1, 2\n}",
            "expected ',' or ']', found punctuation (line 3, column 1)",
        ),
        (
            r#"{"absent":tru}"#,
            "expected a value, found something that is not JSON",
        ),
        (
            "\u{feff}{}",
            "expected an object, found something that is not JSON",
        ),
    ]);
    let invalid_utf8 = json::from_slice::<Scalars>(b"{\"aString\":\"\xff\"}", &types());
    assert_eq!(
        invalid_utf8.unwrap_err().to_string(),
        "the JSON text is not valid UTF-8 (line 1, column 13)",
        "text in another encoding"
    );
}

#[test]
fn names_that_are_hard_on_code_generators_work() {
    stays::<Kind>(&[
        r#"{"type":"a","self":"b","@other \"name\"":"c","mood":"MOOD_GOOD","x1y2":"d","aMessage":{"name":"e"}}"#,
        r#"{"aMood":"MOOD_UNSPECIFIED"}"#,
    ]);
    reads_as::<Kind>(&[(r#"{"renamed":"c"}"#, r#"{"@other \"name\"":"c"}"#)]);
}

#[test]
fn nesting_is_limited_in_both_encodings() {
    let tree = |depth: usize| {
        format!(
            "{}{}",
            r#"{"left":"#.repeat(depth - 1) + "{}",
            "}".repeat(depth - 1)
        )
    };
    assert!(rewritten::<Tree>(&tree(202)).is_ok(), "202 levels are read");
    let error = rewritten::<Tree>(&tree(203)).unwrap_err();
    assert!(
        error.contains("nested deeper than 202 levels"),
        "203 levels are refused: {error}"
    );

    let unknown = format!(r#"{{"absent":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let error = rewritten::<Tree>(&unknown).unwrap_err();
    assert!(
        error.contains("nested deeper than 202 levels"),
        "unknown fields count too: {error}"
    );

    let value = format!(r#"{{"value":{}}}"#, "[".repeat(100_000));
    let error = rewritten::<WellKnown>(&value).unwrap_err();
    assert!(
        error.contains("nested deeper than 202 levels"),
        "values count too: {error}"
    );

    let mut message = Tree::default();
    for _ in 0..200 {
        message = Tree {
            left: Some(Box::new(message)),
            ..Tree::default()
        };
    }
    assert!(
        Tree::decode(&*message.encode_to_vec()).is_err(),
        "200 levels in binary are refused"
    );
}

#[test]
fn long_keys_are_shortened_in_errors() {
    let json = format!(r#"{{"byInt32":{{"{}":""}}}}"#, "x".repeat(1_000_000));
    let error = rewritten::<Maps>(&json).unwrap_err();
    assert!(
        error.len() < 200,
        "the error should not repeat a megabyte: {} bytes",
        error.len()
    );
}

#[test]
fn errors_do_not_repeat_values() {
    let error = rewritten::<Scalars>(r#"{"anInt32":"hunter2"}"#).unwrap_err();
    assert!(
        !error.contains("hunter2"),
        "{error:?} should not repeat what was sent"
    );
    let error = rewritten::<Scalars>(r#"{"aBytes":"hunter2!"}"#).unwrap_err();
    assert!(
        !error.contains("hunter2"),
        "{error:?} should not repeat what was sent"
    );
}

#[test]
fn a_oneof_is_a_rust_enum() {
    let message: Choice = json::from_slice(br#"{"aChoice":{"aBool":true}}"#, &types()).unwrap();
    let inner = Choice {
        choice: Some(choice::Choice::ABool(true)),
    };
    assert_eq!(
        message.choice,
        Some(choice::Choice::AChoice(Box::new(inner))),
        "a oneof that holds itself"
    );
}
