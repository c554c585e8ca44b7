//! `buf curl`: connect-go's client on a command line, with binary messages, in each of the three protocols.

mod platform;
mod service;

use serde_json::{Deserializer, Value};
use xtask::workspace::Workspace;

use super::{Service, Shop, buf, output};

#[tokio::test(flavor = "multi_thread")]
async fn buf_curl_speaks_connect() {
    passes(Protocol {
        name: "connect",
        unary_type: "application/proto",
        stream_type: "application/connect+proto",
        answer_type: "application/proto",
        unary_encoding: "Content-Encoding",
        stream_encoding: "Connect-Content-Encoding",
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buf_curl_speaks_grpc_web() {
    passes(Protocol {
        name: "grpcweb",
        unary_type: "application/grpc-web+proto",
        stream_type: "application/grpc-web+proto",
        answer_type: "application/grpc-web+proto",
        unary_encoding: "Grpc-Encoding",
        stream_encoding: "Grpc-Encoding",
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buf_curl_speaks_grpc() {
    passes(Protocol {
        name: "grpc",
        unary_type: "application/grpc",
        stream_type: "application/grpc",
        answer_type: "application/grpc+proto",
        unary_encoding: "Grpc-Encoding",
        stream_encoding: "Grpc-Encoding",
    })
    .await;
}

/// Runs both suites.
async fn passes(protocol: Protocol) {
    service::passes(&Service::start().await, protocol).await;
    platform::passes(&Shop::open().await, protocol).await;
}

/// The properties of a protocol.
#[derive(Clone, Copy)]
struct Protocol {
    /// Its name on the command line.
    name: &'static str,
    /// The media types that the server must see, which prove the protocol.
    unary_type: &'static str,
    stream_type: &'static str,
    /// The media type of a unary answer.
    answer_type: &'static str,
    /// The headers of a compressed answer.
    unary_encoding: &'static str,
    stream_encoding: &'static str,
}

/// The command line, for one protocol and one server.
struct Curl {
    protocol: Protocol,
    url: String,
}

/// The output of a run.
struct Printed {
    /// The messages of the answer.
    messages: Vec<Value>,
    /// The head and the end of the answer, and the error, as text for people.
    log: String,
    /// The error.
    error: Option<Value>,
    /// The exit code: eight times the number of the error's code.
    exit: Option<i32>,
}

impl Curl {
    /// Calls a method, named `SERVICE/METHOD` with the package in front.
    async fn run(&self, method: &str, request: &Value, options: &[&str]) -> Printed {
        let mut curl = buf(Workspace::here().root()).await;
        curl.args([
            "curl",
            "--verbose",
            "--protocol",
            self.protocol.name,
            "--schema",
            ".",
        ])
        .args(["--data", &request.to_string()])
        .args(options)
        .arg(format!("{}/{method}", self.url));
        if self.protocol.name == "grpc" {
            curl.arg("--http2-prior-knowledge");
        }
        let output = output(&mut curl).await;
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        let messages = Deserializer::from_slice(&output.stdout).into_iter();
        Printed {
            messages: messages
                .map(|message| {
                    message.unwrap_or_else(|error| panic!("messages must be JSON ({error}): {log}"))
                })
                .collect(),
            error: log.find("\n{").map(|at| {
                serde_json::from_str(&log[at..])
                    .unwrap_or_else(|error| panic!("an error must be JSON ({error}): {log}"))
            }),
            exit: output.status.code(),
            log,
        }
    }
}

impl Printed {
    fn must_succeed(&self) {
        assert_eq!(self.exit, Some(0), "the call must succeed, but: {}", self.log);
        assert!(
            !self.messages.is_empty(),
            "a call that succeeds has an answer, but: {}",
            self.log
        );
    }

    fn must_end(&self, code: &str, number: i32) -> &Value {
        assert_eq!(
            self.exit,
            Some(number * 8),
            "the call must end with {code}, but: {}",
            self.log
        );
        let error = self.error.as_ref();
        let error = error.unwrap_or_else(|| panic!("the error must be printed, but: {}", self.log));
        assert_eq!(
            error["code"], code,
            "the call must end with {code}, but: {}",
            self.log
        );
        error
    }

    /// Checks that the answer had a header or trailer.
    fn must_say(&self, name: &str, value: &str) {
        let end = format!(" {name}: {value}");
        let found = self
            .log
            .lines()
            .any(|line| line.starts_with("buf: <") && line.ends_with(&end));
        assert!(found, "the answer must have{end:?}, but: {}", self.log);
    }
}
