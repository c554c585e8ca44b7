//! Fields of messages: absence, names, oneofs, lists and maps.

use akinai_connect::json;
use akinai_connect_test_schema::testing::v1::{
    Choice, Everything, Kind, Lists, Maps, Optionals, Scalars, choice,
};

use super::{reads_as, refuses, stays, types};

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
fn names_that_are_difficult_for_code_generators_work() {
    stays::<Kind>(&[
        r#"{"type":"a","self":"b","@other \"name\"":"c","mood":"MOOD_GOOD","x1y2":"d","aMessage":{"name":"e"}}"#,
        r#"{"aMood":"MOOD_UNSPECIFIED"}"#,
    ]);
    reads_as::<Kind>(&[(r#"{"renamed":"c"}"#, r#"{"@other \"name\"":"c"}"#)]);
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
