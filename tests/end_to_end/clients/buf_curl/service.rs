//! The answers of the test service to the command line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Curl, Printed, Protocol};
use crate::clients::Service;

/// Longer than any test waits, in milliseconds. A call that takes this long was not interrupted.
const FOREVER: u32 = 60_000;

pub(super) async fn passes(service: &Service, protocol: Protocol) {
    let url = format!("{}/connectrpc.conformance.v1.ConformanceService", service.url());
    let suite = Suite(Curl { protocol, url });
    suite.succeeds().await;
    suite.fails_with_details().await;
    suite.exchanges_metadata().await;
    suite.runs_out_of_time().await;
    suite.unpacks_large_answers().await;
    suite.streams().await;
    suite.finds_nothing_implemented().await;
}

struct Suite(Curl);

impl Suite {
    async fn succeeds(&self) {
        let request = json!({ "responseDefinition": { "responseData": base64("茶") } });
        let answer = self.0.run("Unary", &request, &[]).await;
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
            json!([self.0.protocol.unary_type]),
            "the protocol must be the expected one"
        );
    }

    async fn fails_with_details(&self) {
        let request = json!({ "responseDefinition": { "error": error("CODE_NOT_FOUND") } });
        let answer = self.0.run("Unary", &request, &[]).await;
        must_fail(&answer, "not_found", 5);
    }

    async fn exchanges_metadata(&self) {
        let header = |name: &str| json!([{ "name": name, "value": ["one", "two"] }]);
        let metadata = json!({
            "responseHeaders": header("x-leading"),
            "responseTrailers": header("x-trailing"),
        });
        for failure in [None, Some(error("CODE_ABORTED"))] {
            let mut definition = metadata.clone();
            if let Some(failure) = &failure {
                definition["error"] = failure.clone();
            }
            let options = ["--header", "x-sent: one", "--header", "x-sent: two"];
            let request = json!({ "responseDefinition": definition });
            let answer = self.0.run("Unary", &request, &options).await;
            match failure {
                Some(_) => must_fail(&answer, "aborted", 10),
                None => {
                    answer.must_succeed();
                    let sent = seen(&answer.messages[0]["payload"], "x-sent");
                    assert_eq!(sent, json!(["one", "two"]), "every value sent must arrive");
                }
            }
            for value in ["one", "two"] {
                answer.must_say("X-Leading", value);
                // The log shows headers unchanged, and trailers in a body only for streams.
                match self.0.protocol.name {
                    "connect" => answer.must_say("Trailer-X-Trailing", value),
                    "grpc" => answer.must_say("X-Trailing", value),
                    _ => {}
                }
            }
        }
    }

    async fn runs_out_of_time(&self) {
        let request = json!({ "responseDefinition": { "responseDelayMs": FOREVER } });
        let answer = self.0.run("Unary", &request, &["--timeout", "2s"]).await;
        answer.must_end("deadline_exceeded", 4);
        let answer = self.0.run("Unary", &json!({}), &["--timeout", "30s"]).await;
        let left = answer.messages[0]["payload"]["requestInfo"]["timeoutMs"].as_str();
        let left: u32 = left.and_then(|left| left.parse().ok()).unwrap_or_default();
        assert!(
            (20_000..=30_000).contains(&left),
            "about 30 s, but the server has {left} ms"
        );
    }

    async fn unpacks_large_answers(&self) {
        // The request contains the requested answer, and is one argument: Linux allows 128 KiB.
        let large = base64(&"玉露 ".repeat(10_000));
        let request = json!({ "responseDefinition": { "responseData": large } });
        let answer = self.0.run("Unary", &request, &[]).await;
        answer.must_succeed();
        let data = &answer.messages[0]["payload"]["data"];
        assert_eq!(*data, large, "the answer must be whole");
        answer.must_say(self.0.protocol.unary_encoding, "gzip");
    }

    async fn streams(&self) {
        let data = [base64("1"), base64("2")];
        let trailers = json!([{ "name": "x-trailing", "value": ["one"] }]);
        let definition = json!({ "responseData": data, "responseTrailers": trailers });
        let request = json!({ "responseDefinition": definition });
        let answer = self.0.run("ServerStream", &request, &[]).await;
        answer.must_succeed();
        assert_eq!(data_of(&answer), data, "every message, in order");
        let media = seen(&answer.messages[0]["payload"], "content-type");
        assert_eq!(
            media,
            json!([self.0.protocol.stream_type]),
            "the protocol must be the expected one"
        );
        answer.must_say(self.0.protocol.stream_encoding, "gzip");
        answer.must_say("X-Trailing", "one");

        let request = json!({ "responseDefinition": {
            "responseData": data, "responseTrailers": trailers, "error": error("CODE_DATA_LOSS"),
        } });
        let answer = self.0.run("ServerStream", &request, &[]).await;
        assert_eq!(data_of(&answer), data, "first the messages");
        must_fail(&answer, "data_loss", 15);
        answer.must_say("X-Trailing", "one");
    }

    async fn finds_nothing_implemented(&self) {
        let answer = self.0.run("Unimplemented", &json!({}), &[]).await;
        answer.must_end("unimplemented", 12);
    }
}

/// Checks that the call ends with the error of [`error`].
fn must_fail(answer: &Printed, code: &str, number: i32) {
    let error = answer.must_end(code, number);
    assert_eq!(
        error["message"], "売り切れ 100 %\n",
        "the message must be the defined one"
    );
    let detail = &error["details"][0];
    assert_eq!(
        detail["type"], "akinai.testing.v1.Hint",
        "the error must have the detail: {}",
        answer.log
    );
    // Field 1 is "later", field 2 is 7.
    let bytes = STANDARD.encode(b"\x0a\x05later\x10\x07");
    assert_eq!(
        detail["value"],
        bytes.trim_end_matches('='),
        "the detail must be equal byte by byte"
    );
}

fn data_of(answer: &Printed) -> Vec<String> {
    let data = |message: &Value| message["payload"]["data"].as_str().unwrap_or_default().to_owned();
    answer.messages.iter().map(data).collect()
}

/// An error of a definition.
fn error(code: &str) -> Value {
    json!({ "code": code, "message": "売り切れ 100 %\n", "details": [
        { "@type": "type.googleapis.com/akinai.testing.v1.Hint", "text": "later", "number": "7" },
    ] })
}

/// The values of a request header that the server received.
fn seen(payload: &Value, name: &str) -> Value {
    let headers = payload["requestInfo"]["requestHeaders"].as_array();
    let found = headers
        .into_iter()
        .flatten()
        .find(|header| header["name"] == name);
    found.map_or(Value::Null, |header| header["value"].clone())
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}
