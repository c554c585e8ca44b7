//! Streams that are malformed, too large or too slow.

use std::time::{Duration, Instant};

use akinai_connect::{Limits, Router};
use futures::stream::{self, StreamExt as _};
use http_body_util::StreamBody;

use super::{CONNECT, GATHER, TALK, data, pieces, request, said};
use crate::support;
use crate::support::envelopes::envelope;
use crate::support::gzip::gzip;

#[tokio::test]
async fn malformed_streams_end_with_an_error() {
    let good = envelope(0, r#"{"text":"a"}"#);
    let cases = [
        (
            envelope(0, "no JSON"),
            "invalid_argument",
            "the request message is wrong",
        ),
        (
            envelope(0, "{}")[..6].to_vec(),
            "invalid_argument",
            "broke off within a message",
        ),
        (vec![0, 0], "invalid_argument", "broke off within a message"),
        (
            vec![0, 0xff, 0xff, 0xff, 0xff],
            "resource_exhausted",
            "larger than",
        ),
        (envelope(1, gzip(b"{}")), "internal", "no header says how"),
        (envelope(2, "{}"), "internal", "flags"),
        (envelope(0x80, "{}"), "internal", "flags"),
    ];
    for (wrong, code, message) in cases {
        for (path, answers) in [(TALK, 1), (GATHER, 0)] {
            let what = format!("{wrong:?} to {path}");
            let body = [&good[..], &wrong].concat();
            let response = support::router()
                .handle(request(path, CONNECT, pieces(body, 1000)))
                .await;
            let said = said(CONNECT, response).await;
            assert_eq!(
                said.messages.len(),
                answers,
                "{what}: what came before it is answered"
            );
            let expected = format!(r#"{{"error":{{"code":"{code}""#);
            assert!(
                said.end.starts_with(&expected) && said.end.contains(message),
                "{what}: {}",
                said.end
            );
        }
    }
    let broken = vec![data(good), Err("the line was cut")];
    let response = support::router()
        .handle(request(GATHER, CONNECT, StreamBody::new(stream::iter(broken))))
        .await;
    let said = said(CONNECT, response).await;
    assert!(
        said.end.contains("the request body broke off: the line was cut"),
        "{}",
        said.end
    );
}

fn limited(limits: Limits) -> Router {
    support::router().limits(limits)
}

#[tokio::test]
async fn stream_has_limits_of_its_own() {
    let unlimited = Limits::default();
    let message = Limits {
        request_bytes: 20,
        ..unlimited
    };
    let bytes = Limits {
        stream_bytes: Some(30),
        ..unlimited
    };
    let messages = Limits {
        stream_messages: Some(2),
        ..unlimited
    };
    // Twelve bytes each.
    let small = || envelope(0, r#"{"text":"a"}"#);
    let large = || envelope(0, r#"{"text":"a long text"}"#);
    let bomb = || {
        envelope(
            1,
            gzip(format!(r#"{{"text":"{}"}}"#, "x".repeat(1000)).as_bytes()),
        )
    };
    let cases = [
        (unlimited, vec![small(), large(), small(), bomb()], 4, ""),
        (
            message,
            vec![small(), large()],
            1,
            "the message is larger than 20 bytes",
        ),
        (
            message,
            vec![small(), bomb()],
            1,
            "the message is larger than 20 bytes",
        ),
        (message, vec![small(), small(), small()], 3, ""),
        (
            bytes,
            vec![small(), small(), small()],
            2,
            "the messages of the stream have more than 30 bytes together",
        ),
        (
            bytes,
            vec![small(), bomb()],
            1,
            "the messages of the stream have more than 30 bytes together",
        ),
        (
            messages,
            vec![small(), small(), small()],
            2,
            "the stream has more than 2 messages",
        ),
    ];
    for (limits, sent, answers, problem) in cases {
        let what = format!("{limits:?}, {} messages", sent.len());
        let mut request = request(TALK, CONNECT, pieces(sent.concat(), 1000));
        request
            .headers_mut()
            .insert("connect-content-encoding", "gzip".parse().unwrap());
        let said = said(CONNECT, limited(limits).handle(request).await).await;
        assert_eq!(said.messages.len(), answers, "{what}: {}", said.end);
        match problem {
            "" => assert_eq!(said.end, "{}", "{what}"),
            _ => assert!(
                said.end.contains("resource_exhausted") && said.end.contains(problem),
                "{what}: {}",
                said.end
            ),
        }
    }
}

#[tokio::test]
async fn client_that_stalls_is_cut_off() {
    let limits = Limits {
        message_time: Some(Duration::from_millis(50)),
        ..Limits::default()
    };
    for (path, answers) in [(TALK, 1), (GATHER, 0)] {
        let begun = Instant::now();
        // One byte of the next message every ten milliseconds does not count as that message.
        let trickle = stream::unfold(0u32, |number| async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Some((data(vec![0]), number + 1))
        });
        let body =
            stream::iter([data(envelope(0, r#"{"text":"a"}"#)), data(vec![0, 0, 1, 0, 0])]).chain(trickle);
        let response = limited(limits)
            .handle(request(path, CONNECT, StreamBody::new(Box::pin(body))))
            .await;
        let said = said(CONNECT, response).await;
        assert_eq!(said.messages.len(), answers, "{path}");
        assert!(
            said.end.contains("deadline_exceeded") && said.end.contains("did not come within 50ms"),
            "{path}: {}",
            said.end
        );
        assert!(
            begun.elapsed() >= Duration::from_millis(50),
            "{path}: not too early"
        );
    }
}

#[tokio::test]
async fn deadline_ends_a_stream_that_waits_for_its_client() {
    for (path, answers) in [(TALK, 1), (GATHER, 0)] {
        let before = support::dropped();
        let body = stream::iter([data(envelope(0, r#"{"text":"a"}"#))]).chain(stream::pending());
        let mut request = request(path, CONNECT, StreamBody::new(body));
        request
            .headers_mut()
            .insert("connect-timeout-ms", "50".parse().unwrap());
        let said = said(CONNECT, support::router().handle(request).await).await;
        assert_eq!(said.messages.len(), answers, "{path}");
        assert!(said.end.contains("deadline_exceeded"), "{path}: {}", said.end);
        assert_eq!(support::dropped(), before + 1, "{path}: its handler is given up");
    }
}
