//! Bytes that are not HTTP, and clients that disconnect or stall.

use std::time::Duration;

use harness::{raw, raw_cut_off};

use super::{LIST, OPEN, Victim};

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_http_are_refused() {
    let victim = Victim::start().await;
    let cases: [(&str, &[u8]); 10] = [
        (
            "a TLS handshake",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        ),
        ("NUL bytes", &[0; 4096]),
        ("a request line of one word", b"HELLO\r\n\r\n"),
        (
            "an HTTP version of the future",
            b"GET / HTTP/9.9\r\nhost: a\r\n\r\n",
        ),
        (
            "two lengths",
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        ),
        (
            "a length that is not a number",
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: many\r\n\r\nab",
        ),
        (
            "a body in an unsupported coding",
            b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "chunks in chunks",
            b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "a header's name with a space",
            b"GET / HTTP/1.1\r\nho st: a\r\n\r\n",
        ),
        ("a NUL byte in a header", b"GET / HTTP/1.1\r\nhost: a\0b\r\n\r\n"),
    ];
    for (what, bytes) in cases {
        let answer = raw(victim.0.address(), bytes).await;
        let refused = answer.status().is_none_or(|status| (400..=505).contains(&status));
        assert!(refused, "{what} must be refused, but: {}", answer.text());
        victim.goes_on_after(what).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_disconnect_do_no_harm() {
    let victim = Victim::start().await;
    let head = |path: &str| format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n");
    for path in OPEN {
        let cases = [
            ("half a head", head(path)),
            (
                "a body shorter than announced",
                format!("{}content-length: 100\r\n\r\n{{", head(path)),
            ),
            (
                "half a chunk",
                format!("{}transfer-encoding: chunked\r\n\r\n50\r\n{{\"id\"", head(path)),
            ),
            (
                "a chunk but no last one",
                format!("{}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n", head(path)),
            ),
            (
                "a chunk of impossible length",
                format!("{}transfer-encoding: chunked\r\n\r\nzz\r\n{{}}\r\n", head(path)),
            ),
            (
                "a whole request",
                format!("{}content-length: 2\r\n\r\n{{}}", head(path)),
            ),
        ];
        for (what, bytes) in cases {
            // Many clients at the same time: a client that disconnects must free its place.
            let gone = (0..8).map(|_| raw_cut_off(victim.0.address(), bytes.as_bytes()));
            for answer in futures::future::join_all(gone).await {
                let fine = what == "a whole request" && answer.status().is_some();
                let refused = answer.status().is_none_or(|status| (400..=504).contains(&status));
                assert!(
                    refused || fine,
                    "{what} must not be served, but: {}",
                    answer.text()
                );
            }
            victim
                .goes_on_after(&format!("a client that left after {what}"))
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_stall_do_not_block_others() {
    let victim = Victim::start().await;
    let address = victim.0.address();
    let head = format!(
        "POST {LIST} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    // This number of clients fills the existing instances. They wait while others are served.
    let mut slow = Vec::new();
    for _ in 0..64 {
        let mut stream = tokio::net::TcpStream::connect(address)
            .await
            .expect("the platform listens");
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes())
            .await
            .expect("half a request is taken");
        slow.push(stream);
    }

    let served = tokio::time::timeout(
        Duration::from_secs(10),
        victim.goes_on_after("64 clients that do not go on"),
    )
    .await;

    assert!(
        served.is_ok(),
        "64 clients that stopped half-way must not prevent the platform from serving others"
    );
}
