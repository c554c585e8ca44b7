//! `buf curl`: connect-go's client on a command line, with binary messages, in each of the three protocols.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Deserializer, Value, json};
use xtask::workspace::Workspace;

use super::{Service, command, npm_packages, output};

/// Longer than any test waits, in milliseconds: what takes this long was not cut off.
const FOREVER: u32 = 60_000;

#[tokio::test(flavor = "multi_thread")]
async fn buf_curl_speaks_connect() {
    let curl = Curl::start("connect", "application/proto", "application/connect+proto").await;
    curl.check("Content-Encoding", "Connect-Content-Encoding").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buf_curl_speaks_grpc_web() {
    let media = "application/grpc-web+proto";
    let curl = Curl::start("grpcweb", media, media).await;
    curl.check("Grpc-Encoding", "Grpc-Encoding").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buf_curl_speaks_grpc() {
    let curl = Curl::start("grpc", "application/grpc", "application/grpc").await;
    curl.check("Grpc-Encoding", "Grpc-Encoding").await;
}

/// The command line, for one protocol.
struct Curl {
    service: Service,
    protocol: &'static str,
    /// The media types that the server must see, which prove the protocol.
    unary_type: &'static str,
    stream_type: &'static str,
}

/// What a run printed.
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
    async fn start(protocol: &'static str, unary_type: &'static str, stream_type: &'static str) -> Self {
        let service = Service::start().await;
        Self {
            service,
            protocol,
            unary_type,
            stream_type,
        }
    }

    async fn check(&self, unary_encoding: &str, stream_encoding: &str) {
        self.succeeds().await;
        self.fails_with_details().await;
        self.exchanges_metadata().await;
        self.runs_out_of_time().await;
        self.unpacks_large_answers(unary_encoding).await;
        self.streams(stream_encoding).await;
        self.finds_nothing_implemented().await;
    }

    async fn run(&self, method: &str, request: Value, options: &[&str]) -> Printed {
        let folder = npm_packages().await;
        let buf = folder.join("node_modules/.bin/buf").display().to_string();
        let schema = Workspace::here().root().join("tests/proto");
        let url = format!(
            "{}/akinai.conformance.v1.ConformanceService/{method}",
            self.service.url()
        );
        let mut curl = command(&buf, &folder);
        curl.args(["curl", "--verbose", "--protocol", self.protocol, "--schema"])
            .arg(schema)
            .args(["--data", &request.to_string()])
            .args(options)
            .arg(url);
        if self.protocol == "grpc" {
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

    async fn succeeds(&self) {
        let answer = self
            .run("Unary", json!({ "definition": { "data": base64("茶") } }), &[])
            .await;
        answer.must_succeed();
        let payload = &answer.messages[0]["payload"];
        assert_eq!(
            payload["data"],
            base64("茶"),
            "the answer must be the data of the definition"
        );
        let media = seen(payload, "content-type");
        assert_eq!(
            media,
            json!([self.unary_type]),
            "the protocol must be the one meant"
        );
    }

    async fn fails_with_details(&self) {
        let request = json!({ "definition": { "error": error("CODE_NOT_FOUND") } });
        let answer = self.run("Unary", request, &[]).await;
        answer.must_fail("not_found", 5);
    }

    async fn exchanges_metadata(&self) {
        let header = |name: &str| json!([{ "name": name, "values": ["one", "two"] }]);
        let metadata = json!({ "headers": header("x-leading"), "trailers": header("x-trailing") });
        for failure in [None, Some(error("CODE_ABORTED"))] {
            let mut definition = metadata.clone();
            if let Some(failure) = &failure {
                definition["error"] = failure.clone();
            }
            let options = ["--header", "x-sent: one", "--header", "x-sent: two"];
            let answer = self
                .run("Unary", json!({ "definition": definition }), &options)
                .await;
            match failure {
                Some(_) => answer.must_fail("aborted", 10),
                None => {
                    answer.must_succeed();
                    let sent = seen(&answer.messages[0]["payload"], "x-sent");
                    assert_eq!(sent, json!(["one", "two"]), "every value sent must arrive");
                }
            }
            for value in ["one", "two"] {
                answer.must_say("X-Leading", value);
                // The log shows headers as they are, and trailers inside a body only for streams.
                match self.protocol {
                    "connect" => answer.must_say("Trailer-X-Trailing", value),
                    "grpc" => answer.must_say("X-Trailing", value),
                    _ => {}
                }
            }
        }
    }

    async fn runs_out_of_time(&self) {
        let request = json!({ "definition": { "delayMs": FOREVER } });
        let answer = self.run("Unary", request, &["--timeout", "1s"]).await;
        answer.must_end("deadline_exceeded", 4);
        let answer = self.run("Unary", json!({}), &["--timeout", "30s"]).await;
        let left = answer.messages[0]["payload"]["requestInfo"]["timeoutMs"].as_str();
        let left: u32 = left.and_then(|left| left.parse().ok()).unwrap_or_default();
        assert!(
            (20_000..=30_000).contains(&left),
            "about 30 s, but the server knows of {left} ms"
        );
    }

    async fn unpacks_large_answers(&self, encoding: &str) {
        let definition = json!({ "data": base64("玉露 "), "repeat": 100_000 });
        let answer = self.run("Unary", json!({ "definition": definition }), &[]).await;
        answer.must_succeed();
        let data = &answer.messages[0]["payload"]["data"];
        assert_eq!(
            *data,
            base64(&"玉露 ".repeat(100_000)),
            "the answer must be whole"
        );
        answer.must_say(encoding, "gzip");
    }

    async fn streams(&self, encoding: &str) {
        let data = [base64("1"), base64("2")];
        let trailers = json!([{ "name": "x-trailing", "values": ["one"] }]);
        let definition = json!({ "data": data, "trailers": trailers });
        let answer = self
            .run("ServerStream", json!({ "definition": definition }), &[])
            .await;
        answer.must_succeed();
        assert_eq!(answer.data(), data, "every message, in order");
        let media = seen(&answer.messages[0]["payload"], "content-type");
        assert_eq!(
            media,
            json!([self.stream_type]),
            "the protocol must be the one meant"
        );
        answer.must_say(encoding, "gzip");
        answer.must_say("X-Trailing", "one");

        let definition = json!({ "data": data, "trailers": trailers, "error": error("CODE_DATA_LOSS") });
        let answer = self
            .run("ServerStream", json!({ "definition": definition }), &[])
            .await;
        assert_eq!(answer.data(), data, "first the messages");
        answer.must_fail("data_loss", 15);
        answer.must_say("X-Trailing", "one");
    }

    async fn finds_nothing_implemented(&self) {
        let answer = self.run("Unimplemented", json!({}), &[]).await;
        answer.must_end("unimplemented", 12);
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

    /// Ends with the error of [`error`].
    fn must_fail(&self, code: &str, number: i32) {
        let error = self.must_end(code, number);
        assert_eq!(
            error["message"], "売り切れ 100 %\n",
            "the message must come as it was defined"
        );
        let detail = &error["details"][0];
        assert_eq!(
            detail["type"], "akinai.conformance.v1.Hint",
            "the detail must come: {}",
            self.log
        );
        // Field 1 is "later", field 2 is 7.
        let bytes = STANDARD.encode(b"\x0a\x05later\x10\x07");
        assert_eq!(
            detail["value"],
            bytes.trim_end_matches('='),
            "the detail must come byte by byte"
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

    fn data(&self) -> Vec<String> {
        let data = |message: &Value| message["payload"]["data"].as_str().unwrap_or_default().to_owned();
        self.messages.iter().map(data).collect()
    }
}

/// An error of a definition.
fn error(code: &str) -> Value {
    json!({ "code": code, "message": "売り切れ 100 %\n", "details": [
        { "@type": "type.googleapis.com/akinai.conformance.v1.Hint", "text": "later", "number": "7" },
    ] })
}

/// The values that the server saw of a request header.
fn seen(payload: &Value, name: &str) -> Value {
    let headers = payload["requestInfo"]["headers"].as_array();
    let found = headers
        .into_iter()
        .flatten()
        .find(|header| header["name"] == name);
    found.map_or(Value::Null, |header| header["values"].clone())
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}
