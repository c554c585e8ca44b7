//! Refused texts, and the messages of the errors.

use akinai_connect::json;
use akinai_connect_test_schema::testing::v1::{Maps, Scalars, Tree, WellKnown};
use prost::Message as _;

use super::{refuses, rewritten, types};

#[test]
fn text_that_is_not_json_is_refused() {
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
