//! Limits of time and depth.

use akinai_connect::json::Types;
use akinai_connect::wkt;
use akinai_connect_test_schema::testing::v1::{TYPES, Tree};
use prost::Message as _;

use super::{COUNT, STREAM, WAIT, WEB, post, texts};
use crate::support::envelopes::envelope;

#[tokio::test]
async fn handler_is_cut_off_at_the_deadline() {
    let json = "content-type: application/json|connect-timeout-ms: 50";
    let answer = post(WAIT, json, "{}").await;
    assert_eq!(answer.status, 504);
    assert!(answer.body.starts_with(br#"{"code":"deadline_exceeded""#));

    let web = post(WAIT, &format!("{WEB}|grpc-timeout: 50m"), envelope(0, "{}")).await;
    assert!(
        texts(&web.body)[0].1.contains("grpc-status: 4\r\n"),
        "deadline_exceeded is 4"
    );

    let open = envelope(0, r#"{"to":1,"staysOpen":true}"#);
    let stream = post(COUNT, &format!("{STREAM}|connect-timeout-ms: 50"), open).await;
    let envelopes = texts(&stream.body);
    assert_eq!(
        envelopes[0],
        (0, r#"{"number":1}"#.to_owned()),
        "what came in time"
    );
    assert!(
        envelopes[1]
            .1
            .starts_with(r#"{"error":{"code":"deadline_exceeded""#)
    );
}

/// A timer fires only while a stream waits. A stream whose messages are always ready never waits.
#[tokio::test]
async fn stream_that_never_waits_is_cut_off_too() {
    let endless = envelope(0, r#"{"to":4294967295}"#);
    let stream = post(COUNT, &format!("{STREAM}|connect-timeout-ms: 50"), endless).await;
    let envelopes = texts(&stream.body);
    let (_, end) = envelopes.last().expect("the stream has an end");
    assert!(
        end.starts_with(r#"{"error":{"code":"deadline_exceeded""#),
        "the end should be deadline_exceeded: {end}"
    );
}

/// A depth that protobuf allows in binary can be read from JSON, where a list in each message doubles the depth.
/// Nesting that is unlimited in binary is limited here.
#[test]
fn nesting_has_the_same_limit_in_both_encodings() {
    let nested = |depth: usize| {
        (0..depth).fold(Tree::default(), |inner, _| Tree {
            branches: vec![inner],
            ..Tree::default()
        })
    };
    let types = Types::default().with(TYPES);
    let deep = nested(98);
    let binary = Tree::decode(&deep.encode_to_vec()[..]).expect("protobuf takes it");
    let json = akinai_connect::json::to_vec(&binary, &types).expect("it has a JSON form");
    let read: Tree = akinai_connect::json::from_slice(&json, &types).expect("which is read again");
    assert_eq!(read, deep);

    let mut any = wkt::Any::default();
    for _ in 0..100_000 {
        any = wkt::Any {
            type_url: "type.googleapis.com/google.protobuf.Any".into(),
            value: any.encode_to_vec(),
        };
        if any.value.len() > 64 * 1024 {
            break;
        }
    }
    let refused = akinai_connect::json::to_vec(&any, &types);
    assert!(refused.is_err(), "an Any in an Any in an Any has an end");
}
