//! Unary calls of the Connect protocol as a server sees them: <https://connectrpc.com/docs/protocol>, "Unary RPCs".

use std::borrow::Cow;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};

use crate::body::{Body, ReadError, read_whole};
use crate::encoding::{ACCEPTED, Encoding};
use crate::json::kind::decode_base64;
use crate::metadata;
use crate::query;
use crate::server::Reply;
use crate::{ConnectError, Context, Idempotency, MethodDescriptor};

pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
pub(crate) const TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// The most digits that `Connect-Timeout-Ms` may have: 115 days.
pub(crate) const TIMEOUT_DIGITS: usize = 10;

/// A call that the protocol's rules let pass to its method; where its message is depends on the HTTP method.
#[derive(Debug)]
pub(crate) enum Request<'a> {
    /// The message is the body.
    Post(Encoding),
    /// The message is in the query of the URL.
    Get(Encoding, &'a str),
}

impl<'a> Request<'a> {
    /// Decides by HTTP method and media type whether this is a call; if not, gives the answer to it.
    pub(crate) fn accept(
        http_method: &Method,
        uri: &'a Uri,
        headers: &HeaderMap,
        method: &'static MethodDescriptor,
    ) -> Result<Self, Box<Response<Body>>> {
        let by_get = method.idempotency == Idempotency::NoSideEffects;
        if http_method == Method::POST {
            let encoding = headers.get(CONTENT_TYPE).and_then(Encoding::from_content_type);
            return encoding
                .map(Self::Post)
                .ok_or_else(|| Box::new(wrong_media_type()));
        }
        if http_method == Method::GET && by_get {
            let query = uri.query().unwrap_or_default();
            let encoding = query::parameter(query, "encoding").and_then(|name| Encoding::from_name(&name));
            return encoding
                .map(|encoding| Self::Get(encoding, query))
                .ok_or_else(|| Box::new(wrong_media_type()));
        }
        Err(Box::new(wrong_http_method(
            method,
            if by_get { "GET, POST" } else { "POST" },
        )))
    }

    /// How the message is encoded, and so the answer.
    pub(crate) fn encoding(&self) -> Encoding {
        match self {
            Self::Post(encoding) | Self::Get(encoding, _) => *encoding,
        }
    }

    /// Checks what the call says about itself besides its message, and takes its deadline into the context.
    pub(crate) fn check(&self, context: &mut Context) -> Result<(), ConnectError> {
        self.check_version(&context.headers)?;
        self.check_compression(&context.headers)?;
        if let Some(value) = context.headers.get(TIMEOUT) {
            let timeout = parse_timeout(value)?;
            context.limit_deadline(Instant::now() + timeout);
        }
        if context.remaining() == Some(Duration::ZERO) {
            return Err(ConnectError::deadline_exceeded(
                "the time for this request is over",
            ));
        }
        Ok(())
    }

    fn check_version(&self, headers: &HeaderMap) -> Result<(), ConnectError> {
        let (place, wanted, found) = match self {
            Self::Post(_) => ("Connect-Protocol-Version", "1", text(headers, &PROTOCOL_VERSION)),
            Self::Get(_, query) => ("connect", "v1", query::parameter(query, "connect")),
        };
        match found {
            Some(found) if found != wanted => Err(ConnectError::invalid_argument(format!(
                "{place} must be {wanted:?} or absent"
            ))),
            _ => Ok(()),
        }
    }

    fn check_compression(&self, headers: &HeaderMap) -> Result<(), ConnectError> {
        let found = match self {
            Self::Post(_) => text(headers, &CONTENT_ENCODING),
            Self::Get(_, query) => query::parameter(query, "compression"),
        };
        match found.as_deref() {
            None | Some("" | "identity") => Ok(()),
            Some(_) => Err(ConnectError::unimplemented(
                "unknown compression: supported encodings are identity",
            )),
        }
    }

    /// The request message, still encoded, of at most `limit` bytes.
    pub(crate) async fn message<B>(&self, body: B, limit: usize) -> Result<Bytes, ConnectError>
    where
        B: http_body::Body,
        B::Error: std::fmt::Display,
    {
        match self {
            Self::Post(_) => read_whole(body, limit).await.map_err(|error| match error {
                ReadError::TooLarge => too_large(limit),
                ReadError::Broken(error) => {
                    ConnectError::invalid_argument(format!("the request body broke off: {error}"))
                }
            }),
            Self::Get(_, query) => message_in_query(query, limit),
        }
    }
}

fn too_large(limit: usize) -> ConnectError {
    ConnectError::resource_exhausted(format!("the request message is larger than {limit} bytes"))
}

fn message_in_query(query: &str, limit: usize) -> Result<Bytes, ConnectError> {
    let message = query::parameter(query, "message");
    let message = message.ok_or_else(|| ConnectError::invalid_argument("the query has no \"message\""))?;
    let is_base64 = query::parameter(query, "base64").as_deref() == Some("1");
    let bytes = match is_base64 {
        true => decode_base64(&message)
            .ok_or_else(|| ConnectError::invalid_argument("the \"message\" in the query is not base64"))?,
        false => message.into_owned().into_bytes(),
    };
    if bytes.len() > limit {
        Err(too_large(limit))
    } else {
        Ok(bytes.into())
    }
}

/// A header as text; what is no text reads as something that no rule knows.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
}

fn parse_timeout(value: &HeaderValue) -> Result<Duration, ConnectError> {
    let digits = value.as_bytes();
    let well_formed = (1..=TIMEOUT_DIGITS).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let milliseconds = value
        .to_str()
        .ok()
        .filter(|_| well_formed)
        .and_then(|digits| digits.parse().ok());
    milliseconds.map(Duration::from_millis).ok_or_else(|| {
        ConnectError::invalid_argument(
            "Connect-Timeout-Ms must be a number of milliseconds of at most 10 digits",
        )
    })
}

/// The answer to a path at which no method is served.
pub(crate) fn no_such_path(path: &str) -> Response<Body> {
    let shown: String = path.chars().take(200).collect();
    refuse(
        StatusCode::NOT_FOUND,
        ConnectError::unimplemented(format!("there is no method at {shown}")),
    )
}

fn wrong_http_method(method: &MethodDescriptor, allowed: &'static str) -> Response<Body> {
    let MethodDescriptor { service, name, .. } = method;
    let mut error = ConnectError::unimplemented(format!("{service}/{name} is called by {allowed}"));
    error
        .metadata_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    refuse(StatusCode::METHOD_NOT_ALLOWED, error)
}

fn wrong_media_type() -> Response<Body> {
    let mut error =
        ConnectError::unimplemented("unknown media type: send application/json or application/proto");
    error.metadata_mut().insert(ACCEPT_POST, ACCEPTED);
    refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, error)
}

/// An error for what is not a call, with the HTTP status that says so.
fn refuse(status: StatusCode, error: ConnectError) -> Response<Body> {
    let mut response = respond(Encoding::Json, Err(error), Context::default());
    *response.status_mut() = status;
    response
}

/// The response for what a method returned, with the metadata that the context gathered.
pub(crate) fn respond(
    encoding: Encoding,
    result: Result<Reply, ConnectError>,
    context: Context,
) -> Response<Body> {
    let mut headers = context.response_headers;
    let (status, content_type, body) = match result {
        Ok(reply) => (StatusCode::OK, encoding.content_type(), reply.0),
        Err(mut error) => {
            headers.extend(std::mem::take(error.metadata_mut()));
            (
                error.code().http_status(),
                Encoding::Json.content_type(),
                error.to_json(),
            )
        }
    };
    metadata::append_trailers(&mut headers, &context.response_trailers);
    metadata::remove_framing(&mut headers);
    headers.insert(CONTENT_TYPE, content_type);
    // Known now, and not to a server that sees the body only as a stream: it would send chunks.
    headers.insert(CONTENT_LENGTH, body.len().into());
    let mut response = Response::new(Body::full(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
