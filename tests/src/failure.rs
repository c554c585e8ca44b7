//! Errors as the Connect protocol writes them: <https://connectrpc.com/docs/protocol#error-end-stream>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use prost::Message;
use serde_json::Value;

use crate::Answer;

/// The HTTP status that the Connect protocol gives each code.
const STATUSES: [(&str, u16); 16] = [
    ("canceled", 499),
    ("unknown", 500),
    ("invalid_argument", 400),
    ("deadline_exceeded", 504),
    ("not_found", 404),
    ("already_exists", 409),
    ("permission_denied", 403),
    ("resource_exhausted", 429),
    ("failed_precondition", 400),
    ("aborted", 409),
    ("out_of_range", 400),
    ("unimplemented", 501),
    ("internal", 500),
    ("unavailable", 503),
    ("data_loss", 500),
    ("unauthenticated", 401),
];

/// A Connect error.
#[derive(Clone, Debug)]
pub struct Failure {
    /// One of the protocol's codes.
    pub code: String,
    /// A text for people.
    pub message: String,
    /// The wrong fields, if the error names them.
    pub violations: Vec<Violation>,
}

/// A wrong field, by `google.rpc.BadRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct Violation {
    /// Its path in the JSON request.
    #[prost(string, tag = "1")]
    pub field: String,
    /// The rule that the value breaks.
    #[prost(string, tag = "2")]
    pub description: String,
}

/// `google.rpc.BadRequest`. It is a second definition, which reveals mistakes in the platform's own messages.
#[derive(Clone, PartialEq, Message)]
struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    field_violations: Vec<Violation>,
}

impl Failure {
    /// The paths of the wrong fields, in the order of the error.
    pub fn fields(&self) -> Vec<&str> {
        self.violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect()
    }

    pub(crate) fn of(answer: &Answer) -> Self {
        let text = answer.text();
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "a Connect error must be JSON, but the answer was {}: {text}",
            answer.status
        );
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| {
            panic!("a Connect error must be a JSON object ({error}), but was: {text}")
        });
        let code = json["code"]
            .as_str()
            .unwrap_or_else(|| panic!("a Connect error must have a code, but was: {text}"));
        let message = json["message"].as_str().unwrap_or_default();
        assert_ne!(
            message, "",
            "a Connect error must say what is wrong, but was: {text}"
        );
        let details = json["details"].as_array().map(Vec::as_slice).unwrap_or_default();
        Self {
            code: code.to_owned(),
            message: message.to_owned(),
            violations: details.iter().flat_map(violations).collect(),
        }
        .with_known_status(answer)
    }

    /// Each code of the protocol has an HTTP status. A code may also come with 404, 405 or 415 if the path, the method or
    /// the media type is wrong.
    fn with_known_status(self, answer: &Answer) -> Self {
        let known = STATUSES.iter().find(|(code, _)| *code == self.code);
        let (_, expected) = known.unwrap_or_else(|| panic!("{:?} is not a code of the protocol", self.code));
        let status = answer.status.as_u16();
        assert!(
            status == *expected || [404, 405, 413, 415, 431].contains(&status),
            "the code {} must come with HTTP status {expected}, but came with {status}: {}",
            self.code,
            answer.text()
        );
        self
    }
}

fn violations(detail: &Value) -> Vec<Violation> {
    if detail["type"] != "google.rpc.BadRequest" {
        return Vec::new();
    }
    let value = detail["value"].as_str().expect("an error detail has a value");
    // The protocol requires base64 without padding, but tolerates padding. Our details must have no padding.
    let bytes = STANDARD_NO_PAD
        .decode(value)
        .expect("the value of an error detail is base64 without padding");
    BadRequest::decode(&*bytes)
        .expect("the value of the detail is a google.rpc.BadRequest")
        .field_violations
}
