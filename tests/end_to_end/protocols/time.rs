//! The time limit that a caller sets.

use bytes::Bytes;
use harness::Platform;
use serde_json::json;

use super::{CREATE, LIST, code, envelope, grpc_web, set, trailer, trailers};

#[tokio::test(flavor = "multi_thread")]
async fn call_ends_at_its_deadline() {
    let platform = Platform::start().await;
    let client = platform.client();
    // Hashing a password takes tens of milliseconds.
    let account = json!({ "email": "a@example.com", "password": "correct horse" }).to_string();

    for milliseconds in ["0", "1", "5"] {
        let mut request = client.post(CREATE, account.clone());
        set(&mut request, "connect-timeout-ms", milliseconds);
        let answer = client.send(request).await;
        assert_eq!(
            answer.status,
            504,
            "{milliseconds} ms must not suffice: {}",
            answer.text()
        );
        assert_eq!(
            answer.failure().code,
            "deadline_exceeded",
            "and the code must be deadline_exceeded"
        );
    }
    for timeout in ["0S", "1m", "5m", "5000u", "5000000n"] {
        let mut request = grpc_web(client, CREATE, &envelope(0, account.as_bytes()));
        set(&mut request, "grpc-timeout", timeout);
        let answer = client.send(request).await;
        assert_eq!(answer.status, 200, "the status of a call is in its body");
        assert_eq!(
            trailer(&trailers(&answer.body), "grpc-status"),
            "4",
            "{timeout} must not suffice, and deadline_exceeded has the number 4"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_timeout_is_an_invalid_argument() {
    let platform = Platform::start().await;
    let client = platform.client();

    for timeout in ["", "soon", "1", "1s", "-1S", "1.5S", "123456789S"] {
        let mut request = grpc_web(client, LIST, &envelope(0, b"{}"));
        set(&mut request, "grpc-timeout", timeout);
        let answer = client.send(request).await;
        assert_eq!(code(&answer), "invalid_argument", "grpc-timeout: {timeout}");
    }
    for timeout in ["", "soon", "-1", "99999999999"] {
        let query = "connect=v1&encoding=json&message=%7B%7D";
        let mut request = client.request("GET", &format!("{LIST}?{query}"), Bytes::new());
        set(&mut request, "connect-timeout-ms", timeout);
        let answer = client.send(request).await;
        assert_eq!(
            code(&answer),
            "invalid_argument",
            "GET with connect-timeout-ms: {timeout}"
        );
    }
}
