//! Answers that break the protocol, or that do not come from a server of the protocol.

use akinai_connect::{Code, ConnectError, Response};
use akinai_connect_test_schema::testing::v1::LookResponse;

use super::{CONNECT, Canned, Change, GRPC, GRPC_WEB, Pairs, count, look, looked, read, sum};

/// Answers that break the protocol get the codes that the conformance suite expects.
#[tokio::test]
async fn unary_answer_without_exactly_one_message_is_an_error() {
    let grpc = || Canned::new("application/grpc");
    let web = || Canned::new("application/grpc-web");
    let connect = || Canned::new("application/connect+proto");
    let ok: Pairs = &[("grpc-status", "0")];
    let web_ok = |canned: Canned| canned.message(0x80, b"grpc-status: 0\r\n");
    let a = &looked("a");
    let twice = |canned: Canned| canned.message(0, a).message(0, a);
    type Case = (&'static str, Code, Result<Response<LookResponse>, ConnectError>);
    let cases: Vec<Case> = vec![
        (
            "no message",
            Code::Unimplemented,
            look(GRPC, grpc().trailers(ok)).await,
        ),
        (
            "two messages",
            Code::Unimplemented,
            look(GRPC, twice(grpc()).trailers(ok)).await,
        ),
        (
            "no status",
            Code::Internal,
            look(GRPC, grpc().message(0, a)).await,
        ),
        (
            "no message",
            Code::Unimplemented,
            sum(GRPC, grpc().trailers(ok)).await,
        ),
        (
            "two messages",
            Code::Unimplemented,
            sum(GRPC, twice(grpc()).trailers(ok)).await,
        ),
        ("no status", Code::Internal, sum(GRPC, grpc().message(0, a)).await),
        (
            "trailers without a status",
            Code::Internal,
            look(GRPC, grpc().trailers(&[("x", "y")])).await,
        ),
        (
            "no message",
            Code::Unimplemented,
            look(GRPC_WEB, web_ok(web())).await,
        ),
        (
            "two messages",
            Code::Unimplemented,
            sum(GRPC_WEB, web_ok(twice(web()))).await,
        ),
        (
            "no status",
            Code::Internal,
            look(GRPC_WEB, web().message(0, a)).await,
        ),
        ("nothing", Code::Internal, look(GRPC_WEB, web()).await),
        (
            "no message",
            Code::Unimplemented,
            sum(CONNECT, connect().message(2, b"{}")).await,
        ),
        (
            "two messages",
            Code::Unimplemented,
            sum(CONNECT, twice(connect()).message(2, b"{}")).await,
        ),
        (
            "no end",
            Code::Internal,
            sum(CONNECT, connect().message(0, a)).await,
        ),
    ];
    for (what, code, called) in cases {
        let error = called.expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
    }
}

#[tokio::test]
async fn answers_that_break_the_protocol_end_the_stream() {
    let a = &looked("a");
    let ok: Pairs = &[("grpc-status", "0")];
    let grpc = || Canned::new("application/grpc").message(0, a);
    let web = || Canned::new("application/grpc-web").message(0, a);
    let connect = || Canned::new("application/connect+proto").message(0, a);
    let mut reset = grpc();
    reset.breaks_off = true;
    let cases: Vec<(&str, Code, Change, Canned)> = vec![
        ("no end", Code::Internal, GRPC, grpc()),
        ("no end", Code::Internal, GRPC_WEB, web()),
        ("no end", Code::Internal, CONNECT, connect()),
        (
            "half a message",
            Code::Internal,
            GRPC,
            grpc().piece([0, 0, 0, 0, 10, 0].to_vec()).trailers(ok),
        ),
        (
            "half a message",
            Code::Internal,
            CONNECT,
            connect().piece([0, 0, 0, 0, 10, 0].to_vec()),
        ),
        (
            "half a prefix",
            Code::Internal,
            GRPC,
            grpc().piece([0, 0, 0].to_vec()).trailers(ok),
        ),
        (
            "half a prefix",
            Code::Internal,
            GRPC_WEB,
            web().piece([0, 0, 0].to_vec()),
        ),
        ("a broken connection", Code::Unavailable, GRPC, reset),
        (
            "no gzip",
            Code::Internal,
            GRPC,
            grpc().message(1, b"x").trailers(ok),
        ),
        (
            "an unknown flag",
            Code::Internal,
            GRPC,
            grpc().message(2, b"x").trailers(ok),
        ),
        (
            "an unknown flag",
            Code::Internal,
            GRPC_WEB,
            web().message(2, b"x"),
        ),
        (
            "an end of another protocol",
            Code::Internal,
            CONNECT,
            connect().message(0x80, b""),
        ),
        (
            "no message",
            Code::Internal,
            GRPC,
            grpc().message(0, &[0xff]).trailers(ok),
        ),
        (
            "trailers that are none",
            Code::Internal,
            GRPC_WEB,
            web().message(0x80, b"nonsense"),
        ),
        (
            "an end that is none",
            Code::Internal,
            CONNECT,
            connect().message(2, b"nonsense"),
        ),
    ];
    for (what, code, speaks, response) in cases {
        let (texts, end) = read(count(speaks, response).await.expect(what)).await;
        assert_eq!(texts, ["a"], "the message before {what} counts");
        let error = end.expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
    }
}

#[tokio::test]
async fn answers_of_another_kind_of_server_have_a_code() {
    let cases: Vec<(&str, Code, Canned)> = vec![
        ("a picture", Code::Unknown, Canned::new("image/jpeg")),
        (
            "another encoding",
            Code::Internal,
            Canned::new("application/grpc+json"),
        ),
        (
            "another protocol",
            Code::Unknown,
            Canned::new("application/grpc-web"),
        ),
        (
            "a page",
            Code::Unimplemented,
            Canned::new("text/html").status(404),
        ),
        (
            "a busy proxy",
            Code::Unavailable,
            Canned::new("text/html").status(503),
        ),
        ("a teapot", Code::Unknown, Canned::new("text/html").status(418)),
        (
            "a status of its own",
            Code::Unknown,
            Canned::new("text/html").status(800),
        ),
        (
            "a status of gRPC's in a failed response",
            Code::NotFound,
            Canned::new("application/grpc")
                .status(503)
                .header("grpc-status", "5"),
        ),
        (
            "an unknown compression",
            Code::Internal,
            Canned::new("application/grpc")
                .header("grpc-encoding", "zstd")
                .message(1, b"x"),
        ),
    ];
    for (what, code, response) in cases {
        let error = look(GRPC, response).await.expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
    }
}
