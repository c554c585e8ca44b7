//! Valid answers.

use akinai_connect::{CallOptions, Client, Code, Response};
use akinai_connect_test_schema::testing::v1::{LookRequest, LookResponse};

use super::{Canned, GRPC, GRPC_WEB, LOOK, Server, count, headers, look, looked, read};
use crate::support::envelopes::envelope;

#[tokio::test]
async fn unary_answers_of_grpc_have_leading_and_trailing_metadata() {
    let grpc = Canned::new("application/grpc")
        .header("x-first", "1")
        .header("grpc-encoding", "identity")
        .message(0, &looked("a"))
        .trailers(&[("grpc-status", "0"), ("x-last", "2")]);
    let web = Canned::new("application/grpc-web+proto")
        .header("x-first", "1")
        .message(0, &looked("a"))
        .message(0x80, b"grpc-status: 0\r\nX-Last: 2\r\n");
    for (speaks, response) in [(GRPC, grpc), (GRPC_WEB, web)] {
        let response = look(speaks, response).await.unwrap();
        assert_eq!(response.message.text, "a");
        assert_eq!(response.headers, headers(&[("x-first", "1")]));
        assert_eq!(response.trailers, headers(&[("x-last", "2")]));
    }
}

#[tokio::test]
async fn stream_of_grpc_ends_with_its_status() {
    let grpc = |status| {
        Canned::new("application/grpc")
            .message(0, &looked("a"))
            .message(0, &looked("b"))
            .trailers(status)
    };
    let answers = count(GRPC, grpc(&[("grpc-status", "0"), ("x-last", "2")]))
        .await
        .unwrap();
    let (texts, end) = read(answers).await;
    assert_eq!(
        (texts, end.unwrap()),
        (vec!["a".into(), "b".into()], headers(&[("x-last", "2")]))
    );

    let failed = &[
        ("grpc-status", "10"),
        ("grpc-message", "again%21"),
        ("x-last", "2"),
    ];
    let (texts, end) = read(count(GRPC, grpc(failed)).await.unwrap()).await;
    let error = end.unwrap_err();
    assert_eq!(texts, ["a", "b"], "what came before the error counts");
    assert_eq!((error.code(), error.message()), (Code::Aborted, "again!"));
    assert_eq!(error.metadata(), &headers(&[("x-last", "2")]));
}

#[tokio::test]
async fn pieces_may_end_anywhere() {
    let whole = [envelope(0, looked("a")), envelope(0x80, b"grpc-status: 0\r\n")].concat();
    let mut response = Canned::new("application/grpc-web");
    for byte in whole {
        response = response.piece(vec![byte]);
    }
    assert_eq!(look(GRPC_WEB, response).await.unwrap().message.text, "a");
}

#[tokio::test]
async fn headers_without_a_body_are_trailers() {
    for (speaks, media) in [(GRPC, "application/grpc"), (GRPC_WEB, "application/grpc-web")] {
        let failed = || {
            Canned::new(media)
                .header("grpc-status", "9")
                .header("grpc-message", "no")
                .header("x-last", "2")
        };
        let error = look(speaks, failed()).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::FailedPrecondition, "no"));
        assert_eq!(error.metadata(), &headers(&[("x-last", "2")]));
        let error = count(speaks, failed()).await.unwrap_err();
        assert_eq!(
            error.code(),
            Code::FailedPrecondition,
            "known before there is a stream"
        );

        let empty = Canned::new(media)
            .header("grpc-status", "0")
            .header("x-last", "2");
        let answers = count(speaks, empty).await.unwrap();
        assert_eq!(
            answers.headers(),
            &headers(&[("x-last", "2")]),
            "nothing tells the two apart"
        );
        let (texts, end) = read(answers).await;
        assert_eq!((texts.len(), end.unwrap()), (0, headers(&[("x-last", "2")])));
    }
    let before_a_body = Canned::new("application/grpc")
        .header("grpc-status", "8")
        .trailers(&[("grpc-status", "9")]);
    let error = look(GRPC, before_a_body).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition, "the trailers count");
    let before_a_message = Canned::new("application/grpc")
        .header("grpc-status", "0")
        .message(0, &looked("a"));
    assert_eq!(
        look(GRPC, before_a_message).await.unwrap_err().code(),
        Code::Internal
    );
}

#[tokio::test]
async fn details_come_with_grpc_errors() {
    // google.rpc.Status: code 5, message "x", one google.protobuf.Any of the type a.B with the value 1.
    let details = "CAUSAXgaHAoXdHlwZS5nb29nbGVhcGlzLmNvbS9hLkISAQE";
    let response = Canned::new("application/grpc")
        .header("grpc-status", "5")
        .header("grpc-message", "x")
        .header("grpc-status-details-bin", details);
    let error = look(GRPC, response).await.unwrap_err();
    let details: Vec<_> = error
        .details()
        .iter()
        .map(|detail| (detail.type_name(), detail.value()))
        .collect();
    assert_eq!(details, [("a.B", &[1][..])]);
    assert!(
        error.metadata().is_empty(),
        "they are no metadata: {:?}",
        error.metadata()
    );
}

#[tokio::test]
async fn response_message_may_have_the_largest_allowed_size() {
    let a = &looked(&"x".repeat(100));
    let response = || {
        Canned::new("application/grpc")
            .message(0, a)
            .trailers(&[("grpc-status", "0")])
    };
    let called = |limit| async move {
        let client = GRPC(Client::new(Server::with(response()))).response_limit(limit);
        let called: Result<Response<LookResponse>, _> = client
            .unary(&LOOK, CallOptions::default(), &LookRequest::default())
            .await;
        called.map(drop).map_err(|error| error.code())
    };
    assert_eq!(called(a.len()).await, Ok(()));
    assert_eq!(called(a.len() - 1).await, Err(Code::ResourceExhausted));
}
