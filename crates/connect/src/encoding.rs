use http::HeaderValue;

use crate::ConnectError;
use crate::json::{self, Types};

/// How messages are written in the bodies of requests and responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// proto3 JSON, `application/json`.
    Json,
    /// protobuf's binary form, `application/proto`.
    Proto,
}

/// What a server of this crate answers to a content type that it does not know, as `Accept-Post`.
pub(crate) const ACCEPTED: HeaderValue = HeaderValue::from_static("application/json, application/proto");

impl Encoding {
    /// The media type of a unary body.
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json",
            Self::Proto => "application/proto",
        })
    }

    /// The encoding that a `Content-Type` names. JSON is UTF-8, and may say so; other parameters are refused, for
    /// they would change what the bytes mean.
    pub(crate) fn from_content_type(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?;
        let (media_type, parameter) = match text.split_once(';') {
            Some((media_type, parameter)) => (media_type.trim(), Some(parameter.trim())),
            None => (text.trim(), None),
        };
        let is_utf8 = |text: &str| {
            let charset = text
                .split_once('=')
                .filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
            charset.is_some_and(|(_, value)| value.trim_matches('"').eq_ignore_ascii_case("utf-8"))
        };
        if media_type.eq_ignore_ascii_case("application/json") {
            return parameter.is_none_or(is_utf8).then_some(Self::Json);
        }
        let is_proto = media_type.eq_ignore_ascii_case("application/proto") && parameter.is_none();
        is_proto.then_some(Self::Proto)
    }

    /// The encoding with this name in the query of a GET.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "proto" => Some(Self::Proto),
            _ => None,
        }
    }

    /// Reads a message that somebody else wrote. The error says what is wrong with it, and repeats none of it.
    pub(crate) fn decode<M: json::Message>(self, bytes: &[u8], types: &Types) -> Result<M, String> {
        match self {
            Self::Json => json::from_slice(bytes, types).map_err(|error| error.to_string()),
            Self::Proto => M::decode(bytes).map_err(|error| error.to_string()),
        }
    }

    /// Writes a message of our own.
    pub(crate) fn encode<M: json::Message>(
        self,
        message: &M,
        types: &Types,
    ) -> Result<Vec<u8>, ConnectError> {
        match self {
            Self::Json => json::to_vec(message, types)
                .map_err(|error| ConnectError::internal(format!("the message has no JSON form: {error}"))),
            Self::Proto => Ok(message.encode_to_vec()),
        }
    }
}
