//! Media types, which name the protocol of a body and the encoding of its messages.

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderName, HeaderValue};

use crate::descriptor::MethodKind;
use crate::encoding::Encoding;

/// The header with the version of the Connect protocol that a client speaks: `1`.
pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");

/// The protocols that media types distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Connect, with one message per body.
    Unary,
    /// Connect, messages in envelopes.
    Stream,
    /// gRPC over HTTP/2, its status in HTTP's trailers.
    Grpc,
    /// gRPC-Web, its trailers in the body.
    GrpcWeb,
    /// gRPC-Web, the body in base64.
    GrpcWebText,
}

impl Protocol {
    /// The protocol of a client that sent this `Content-Type`, even if its encoding of messages is not supported.
    pub(crate) fn of(content_type: &HeaderValue) -> Option<Self> {
        let text = content_type.to_str().ok()?;
        let name = text
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        if let Some(known) = MediaType::named(&name) {
            return Some(known.protocol);
        }
        match name.split('+').next().unwrap_or_default() {
            "application/connect" => Some(Self::Stream),
            "application/grpc" => Some(Self::Grpc),
            "application/grpc-web" => Some(Self::GrpcWeb),
            "application/grpc-web-text" => Some(Self::GrpcWebText),
            _ => None,
        }
    }

    /// The header with the compression of the messages of a request or response.
    pub(crate) fn content_encoding(self) -> HeaderName {
        match self {
            Self::Unary => CONTENT_ENCODING,
            Self::Stream => HeaderName::from_static("connect-content-encoding"),
            Self::Grpc | Self::GrpcWeb | Self::GrpcWebText => HeaderName::from_static("grpc-encoding"),
        }
    }

    /// The header with the accepted compressions for the messages of the response.
    pub(crate) fn accept_encoding(self) -> HeaderName {
        match self {
            Self::Unary => ACCEPT_ENCODING,
            Self::Stream => HeaderName::from_static("connect-accept-encoding"),
            Self::Grpc | Self::GrpcWeb | Self::GrpcWebText => HeaderName::from_static("grpc-accept-encoding"),
        }
    }
}

/// The meaning of a supported `Content-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MediaType {
    pub(crate) protocol: Protocol,
    pub(crate) encoding: Encoding,
}

/// All media types, in the form in which we write them.
const TABLE: [(&str, Protocol, Encoding); 10] = [
    ("application/json", Protocol::Unary, Encoding::Json),
    ("application/proto", Protocol::Unary, Encoding::Proto),
    ("application/connect+json", Protocol::Stream, Encoding::Json),
    ("application/connect+proto", Protocol::Stream, Encoding::Proto),
    ("application/grpc+json", Protocol::Grpc, Encoding::Json),
    ("application/grpc+proto", Protocol::Grpc, Encoding::Proto),
    ("application/grpc-web+json", Protocol::GrpcWeb, Encoding::Json),
    ("application/grpc-web+proto", Protocol::GrpcWeb, Encoding::Proto),
    (
        "application/grpc-web-text+json",
        Protocol::GrpcWebText,
        Encoding::Json,
    ),
    (
        "application/grpc-web-text+proto",
        Protocol::GrpcWebText,
        Encoding::Proto,
    ),
];

impl MediaType {
    /// Parses a `Content-Type`. JSON is UTF-8, and the header may contain that. Another `charset` is refused, because
    /// it would change the meaning of the bytes. Other parameters have no meaning (RFC 9110, 5.6.6 and 8.3.1).
    pub(crate) fn parse(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?;
        let (name, rest) = text.split_once(';').unwrap_or((text, ""));
        let found = Self::named(&name.trim().to_ascii_lowercase())?;
        let is_fine = found.encoding != Encoding::Json || parameters(rest).all(is_fine_for_json);
        is_fine.then_some(found)
    }

    fn named(name: &str) -> Option<Self> {
        // gRPC's media types may leave out that messages are protobuf's binary form.
        let is_short = name.starts_with("application/grpc") && !name.contains('+');
        let full = if is_short { &format!("{name}+proto") } else { name };
        let &(_, protocol, encoding) = TABLE.iter().find(|row| row.0 == full)?;
        Some(Self { protocol, encoding })
    }

    /// The value of a header for this media type.
    pub(crate) fn header(self) -> HeaderValue {
        let row = TABLE
            .iter()
            .find(|row| (row.1, row.2) == (self.protocol, self.encoding));
        HeaderValue::from_static(row.map_or("application/octet-stream", |row| row.0))
    }

    /// Whether a method of this kind can be called with this media type. Connect has separate media types for unary calls;
    /// gRPC does not.
    pub(crate) fn suits(self, kind: MethodKind) -> bool {
        match self.protocol {
            Protocol::Unary => kind == MethodKind::Unary,
            Protocol::Stream => kind != MethodKind::Unary,
            Protocol::Grpc | Protocol::GrpcWeb | Protocol::GrpcWebText => true,
        }
    }

    /// All media types that methods of this kind take, for `Accept-Post`.
    pub(crate) fn list(kind: MethodKind) -> HeaderValue {
        let names: Vec<&str> = TABLE
            .iter()
            .filter(|&&(_, protocol, encoding)| Self { protocol, encoding }.suits(kind))
            .map(|row| row.0)
            .collect();
        HeaderValue::try_from(names.join(", "))
            .unwrap_or_else(|_| HeaderValue::from_static("application/json"))
    }
}

/// The parameters behind the name of a media type, which may be empty. A semicolon in a quoted value separates nothing.
fn parameters(text: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |character| {
        let separates = character == ';' && !is_quoted;
        is_quoted ^= character == '"' && !is_escaped;
        is_escaped = character == '\\' && is_quoted && !is_escaped;
        separates
    })
}

/// Whether JSON may have this parameter: any parameter except a charset other than that of JSON (RFC 8259, 8.1 and 11).
fn is_fine_for_json(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let is_charset = name.trim().eq_ignore_ascii_case("charset");
    let value = value.trim().trim_matches('"');
    !is_charset
        || ["utf-8", "utf8"]
            .iter()
            .any(|utf8| value.eq_ignore_ascii_case(utf8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &'static str) -> Option<(Protocol, Encoding)> {
        let media = MediaType::parse(&HeaderValue::from_static(value))?;
        Some((media.protocol, media.encoding))
    }

    #[test]
    fn every_written_media_type_can_be_read() {
        for (name, protocol, encoding) in TABLE {
            assert_eq!(parsed(name), Some((protocol, encoding)), "{name}");
            assert_eq!(MediaType { protocol, encoding }.header(), name);
        }
        let grpc = Some((Protocol::Grpc, Encoding::Proto));
        assert_eq!(parsed("application/grpc"), grpc, "protobuf need not be named");
        let web = Some((Protocol::GrpcWebText, Encoding::Proto));
        assert_eq!(parsed("application/grpc-web-text"), web);
        let json = Some((Protocol::Unary, Encoding::Json));
        let with_parameters = [
            "Application/JSON; charset=\"UTF-8\"",
            "application/json;",
            "application/json ; ; charset=utf8;",
            "application/json; version=1; charset=utf-8",
            r#"application/json; a="x;charset=latin1""#,
            r#"application/json; a="\";charset=latin1""#,
        ];
        for value in with_parameters {
            assert_eq!(parsed(value), json, "{value:?}");
        }
        let proto = Some((Protocol::Unary, Encoding::Proto));
        assert_eq!(
            parsed("application/proto; charset=utf-8; messageType=\"a.B\""),
            proto
        );
    }

    #[test]
    fn others_are_refused() {
        let wrong = [
            "",
            "text/json",
            "application/json; charset=latin1",
            "application/json; a=b; Charset=\"latin1\"",
            r#"application/json; a="b\\";charset=latin1"#,
            "application/connect",
            "application/connect+xml",
            "application/grpc+xml",
            "application/grpc-webby",
        ];
        for value in wrong {
            assert_eq!(parsed(value), None, "{value:?}");
        }
    }
}
