//! Numbers, texts, bytes and enums.

use akinai_connect::json;
use akinai_connect_test_schema::testing::v1::{Choice, Lists, Maps, Optionals, Scalars};

use super::{reads_as, refuses, stays, types};

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
fn bytes_are_read_in_both_alphabets_with_or_without_padding() {
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
fn unknown_enum_name_is_refused_with_its_field() {
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
fn new_enum_names_in_an_answer_are_ignored() {
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
