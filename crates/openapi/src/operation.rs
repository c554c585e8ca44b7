//! Methods as operations of OpenAPI: what the Connect protocol makes of them over HTTP.

use std::collections::BTreeMap;

use connect::Code;
use prost_types::method_options::IdempotencyLevel;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::comment::{self, Callers};
use crate::contract::{Method, Service};
use crate::schema::{Schemas, bare, reference};

/// The name of the schema of errors.
pub(crate) const ERROR: &str = "connect.Error";

/// Every code, in the order of their numbers.
const CODES: [Code; 16] = [
    Code::Canceled,
    Code::Unknown,
    Code::InvalidArgument,
    Code::DeadlineExceeded,
    Code::NotFound,
    Code::AlreadyExists,
    Code::PermissionDenied,
    Code::ResourceExhausted,
    Code::FailedPrecondition,
    Code::Aborted,
    Code::OutOfRange,
    Code::Unimplemented,
    Code::Internal,
    Code::Unavailable,
    Code::DataLoss,
    Code::Unauthenticated,
];

/// The answers that every method may give.
const ALWAYS: [Code; 4] = [
    Code::InvalidArgument,
    Code::ResourceExhausted,
    Code::DeadlineExceeded,
    Code::Unavailable,
];

/// The operations at the path of a method.
pub(crate) fn of(service: &Service, method: &Method, schemas: &mut Schemas<'_>) -> Result<Value, Error> {
    let request = schemas.message(bare(method.descriptor.input_type()))?;
    let response = schemas.message(bare(method.descriptor.output_type()))?;
    if method.descriptor.server_streaming() {
        return Ok(json!({ "post": streaming(service, method) }));
    }
    let common = common(service, method, &response);
    let mut post = common.clone();
    post["operationId"] = format!("{}.{}", service.name, method.descriptor.name()).into();
    post["parameters"] = json!([parameter("connect-timeout-ms")]);
    post["requestBody"] =
        json!({ "required": true, "content": { "application/json": { "schema": request } } });
    let mut operations = json!({ "post": post });
    if has_no_side_effects(method) {
        let mut get = common;
        get["operationId"] = format!("{}.{}.get", service.name, method.descriptor.name()).into();
        get["parameters"] = json!([
            { "name": "message", "in": "query", "required": true, "description": "The request message.",
              "content": { "application/json": { "schema": request } } },
            parameter("encoding"),
            parameter("connect"),
            parameter("connect-timeout-ms"),
        ]);
        operations["get"] = get;
    }
    Ok(operations)
}

fn has_no_side_effects(method: &Method) -> bool {
    let options = method.descriptor.options.as_ref();
    options.is_some_and(|options| options.idempotency_level() == IdempotencyLevel::NoSideEffects)
}

/// The common parts of POST and GET.
fn common(service: &Service, method: &Method, response: &Value) -> Value {
    let mut responses = errors(method);
    let success = json!({
        "description": "The answer.",
        "headers": { "x-request-id": { "$ref": "#/components/headers/x-request-id" } },
        "content": { "application/json": { "schema": response } },
    });
    responses.insert("200".to_owned(), success);
    responses.insert("415".to_owned(), wrong_media_type());
    json!({
        "tags": [service.name],
        "summary": comment::first_sentence(&method.comment),
        "description": method.comment,
        "security": security(method),
        "responses": responses,
    })
}

/// The refusal of a body that is no message. It is text for a caller that does not show that it speaks Connect.
fn wrong_media_type() -> Value {
    json!({
        "description": "The media type of the body is another one than `application/json`. `accept-post` lists what is taken.",
        "content": {
            "application/json": { "schema": reference(ERROR) },
            "text/plain": { "schema": { "type": "string" } },
        },
    })
}

/// A method that answers with a stream: its messages stand in envelopes, which no schema describes.
fn streaming(service: &Service, method: &Method) -> Value {
    let envelopes = |message: &str, end: &str| {
        json!({ "application/connect+json": { "schema": {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": format!(
                "{message} `{}` in proto3 JSON, each after a byte of flags and its length in four bytes, most significant \
                 first{end}.",
                bare(if end.is_empty() { method.descriptor.input_type() } else { method.descriptor.output_type() }),
            ),
        } } })
    };
    json!({
        "operationId": format!("{}.{}", service.name, method.descriptor.name()),
        "tags": [service.name],
        "summary": comment::first_sentence(&method.comment),
        "description": method.comment,
        "security": security(method),
        "parameters": [parameter("connect-timeout-ms")],
        "requestBody": { "required": true, "content": envelopes("One message", "") },
        "responses": { "200": {
            "description": "The stream. It ends with an envelope with the flag 2, which tells the error if there is one.",
            "content": envelopes("Messages", ", and then the end"),
        } },
    })
}

fn security(method: &Method) -> Value {
    match Callers::of(&method.comment) {
        Callers::Anyone => json!([]),
        Callers::SignedIn => json!([{ "accessToken": [] }]),
        Callers::Admin => json!([{ "accessToken": ["admin"] }]),
    }
}

/// The errors of a method by HTTP status, each with its codes.
fn errors(method: &Method) -> Map<String, Value> {
    let of_callers: &[Code] = match Callers::of(&method.comment) {
        Callers::Anyone => &[Code::Unauthenticated],
        Callers::SignedIn | Callers::Admin => &[Code::Unauthenticated, Code::PermissionDenied],
    };
    let declared = comment::quoted(&method.comment).filter_map(Code::from_name);
    let codes = declared.chain(ALWAYS).chain(of_callers.iter().copied());
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in codes {
        let names = by_status.entry(code.http_status().as_u16()).or_default();
        if !names.contains(&code.as_str()) {
            names.push(code.as_str());
        }
    }
    by_status
        .into_iter()
        .map(|(status, names)| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let mut headers = json!({ "x-request-id": { "$ref": "#/components/headers/x-request-id" } });
            match status {
                401 => {
                    headers["www-authenticate"] = json!({ "$ref": "#/components/headers/www-authenticate" })
                }
                429 => headers["retry-after"] = json!({ "$ref": "#/components/headers/retry-after" }),
                _ => {}
            }
            let answer = json!({
                "description": names.join(" or "),
                "headers": headers,
                "content": { "application/json": { "schema": reference(ERROR) } },
            });
            (status.to_string(), answer)
        })
        .collect()
}

fn parameter(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

/// The components that operations refer to, except the schemas of messages.
pub(crate) fn components() -> Value {
    json!({
        "securitySchemes": {
            "accessToken": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "An OAuth 2.0 access token of the issuer that the platform trusts. Its scope `admin` is needed \
                    where `admin` is listed.",
            },
        },
        "parameters": {
            "connect-timeout-ms": {
                "name": "connect-timeout-ms", "in": "header",
                "description": "How long the caller waits, in milliseconds. When it is over the answer is `deadline_exceeded`.",
                "schema": { "type": "string", "pattern": "^[0-9]{1,10}$" },
            },
            "encoding": {
                "name": "encoding", "in": "query", "required": true,
                "description": "How the message is written.",
                "schema": { "const": "json" },
            },
            "connect": {
                "name": "connect", "in": "query",
                "description": "The version of the protocol.",
                "schema": { "const": "v1" },
            },
        },
        "headers": {
            "x-request-id": {
                "description": "The name of the request in the log: the caller's own if it sent one.",
                "required": true,
                "schema": { "type": "string" },
            },
            "www-authenticate": {
                "description": "Which kind of token is wanted, and what is wrong with the one that came.",
                "required": true,
                "schema": { "type": "string" },
            },
            "retry-after": {
                "description": "In how many seconds to try again, where it is a limit of rate.",
                "schema": { "type": "integer", "minimum": 1 },
            },
        },
        "schemas": {},
    })
}

/// The schema of errors, which may carry these messages.
pub(crate) fn error(details: &[&str]) -> Value {
    let codes = CODES.map(Code::as_str);
    let messages: Vec<Value> = details.iter().map(|name| reference(name)).collect();
    json!({
        "type": "object",
        "description": "Why a call failed.",
        "required": ["code"],
        "additionalProperties": false,
        "properties": {
            "code": { "type": "string", "enum": codes, "description": "What kind of failure it is, for programs." },
            "message": { "type": "string", "description": "What was wrong and what to do, for people." },
            "details": {
                "type": "array",
                "description": "What else there is to know.",
                "items": {
                    "type": "object",
                    "required": ["type", "value"],
                    "additionalProperties": false,
                    "properties": {
                        "type": { "enum": details, "description": "The full name of the message." },
                        "value": {
                            "type": "string", "contentEncoding": "base64",
                            "description": "The message in binary form, in base64 without padding.",
                        },
                        "debug": { "anyOf": messages, "description": "The message in proto3 JSON." },
                    },
                },
            },
        },
    })
}
