//! HTTP, in and out: requests that this component answers, and those that it sends to other components of the
//! application (`http://NAME.spin.internal`, in process, without a socket).
//!
//! The SDK has adapters of its own, which treat every body as a stream of unknown length, and each wait for a piece of a
//! stream is a trip out of the component and back. Here a body whose length is known travels in one piece, and a call
//! between two components is three such trips (docs/PERFORMANCE.md has the figures).

mod chained;
mod incoming;
mod outgoing;
mod remote;
mod retry;
mod serve;
mod timed;

use std::time::Duration;

use bytes::Bytes;
use connect::Body;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};

use self::outgoing::send;
#[doc(hidden)]
pub use self::serve::serve;
pub use self::timed::Timed;
pub use self::{chained::Chained, incoming::Incoming, remote::Remote};

/// A component, or a host outside, did not answer. The text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    fn new(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

/// A short text for people.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let body = body.into();
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

/// The answer to a method that the path does not take (RFC 9110, section 15.5.6). `allowed` lists those that it does; HEAD is
/// among them wherever GET is.
pub fn method_not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, format!("use {allowed}"));
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

/// A cookie that is there once. One that is there twice is none: a page of another host below the same domain may have put
/// the second one there (RFC 6265, section 8.6). Cookies of other applications may hold any bytes, and do not matter.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut values = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let rest = pair.trim_ascii().strip_prefix(name.as_bytes())?;
            rest.strip_prefix(b"=")
        });
    let value = values.next().filter(|_| values.next().is_none())?;
    std::str::from_utf8(value).ok()
}

/// Whether the body is a form, by its media type. Parameters do not matter, whatever bytes they hold.
pub fn is_form(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return false;
    };
    let kind = kind
        .as_bytes()
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    kind.trim_ascii()
        .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

/// Gets a text of at most `most` bytes. The caller sets the time limit for all of it; `connect` is what the host is told of
/// the part of it that connecting may take, where there is something to connect to.
pub async fn get(uri: &str, most: usize, connect: Option<Duration>) -> Result<(StatusCode, String), Error> {
    let request = Request::get(uri).body(Bytes::new()).map_err(Error::new)?;
    let (head, body) = exchange(request, connect, most).await?.into_parts();
    Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
}

/// The response, its body still to come.
async fn begin(request: Request<Body>, connect: Option<Duration>) -> Result<Response<Incoming>, Error> {
    send(request, connect).await.map_err(Error::new)
}

/// Sends a request and reads its response, of at most `most` bytes. The caller sets the time limit for all of it; `connect`
/// is as for [`get`].
///
/// # Errors
/// There is no answer, or a larger one.
pub async fn exchange(
    request: Request<impl Into<Body>>,
    connect: Option<Duration>,
    most: usize,
) -> Result<Response<Bytes>, Error> {
    let (head, body) = begin(request.map(Into::into), connect).await?.into_parts();
    let body = Limited::new(body, most).collect().await.map_err(Error::new)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(name: HeaderName, values: &[&[u8]]) -> HeaderMap {
        let value = |value: &&[u8]| {
            (
                name.clone(),
                HeaderValue::from_bytes(value).expect("a header's value"),
            )
        };
        values.iter().map(value).collect()
    }

    #[test]
    fn a_cookie_counts_once_only() {
        for (lines, expected) in [
            (&[&b"a=1; page=x; b=2"[..]][..], Some("x")),
            (&[b"a=1", b"page=x"], Some("x")),
            (&[b"page="], Some("")),
            (&[b"page=x=y"], Some("x=y")),
            (&[b"homepage=x; pages=y; page"], None),
            (&[b"page=x; page=y"], None),
            (&[b"page=x", b"page=x"], None),
            (&[], None),
        ] {
            assert_eq!(
                cookie(&headers(header::COOKIE, lines), "page"),
                expected,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn cookies_of_other_applications_may_hold_any_bytes() {
        for (lines, expected) in [
            (&[&b"other=caf\xe9; page=x"[..]][..], Some("x")),
            (&[b"page=x; other=\xff\xfe"], Some("x")),
            (&[b"caf\xe9", b"page=x"], Some("x")),
            (&[b"page=caf\xe9"], None),
            (&[b"page=caf\xe9; page=x"], None),
        ] {
            assert_eq!(
                cookie(&headers(header::COOKIE, lines), "page"),
                expected,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn a_form_says_that_it_is_one() {
        let form = b"application/x-www-form-urlencoded";
        for (kinds, expected) in [
            (&[&form[..]][..], true),
            (&[b"Application/X-WWW-Form-Urlencoded; charset=utf-8"], true),
            (&[b"application/x-www-form-urlencoded ; x=\"caf\xe9\""], true),
            (&[b"text/plain"], false),
            (&[b"application/json"], false),
            (&[form, b"application/json"], false),
            (&[], false),
        ] {
            assert_eq!(
                is_form(&headers(header::CONTENT_TYPE, kinds)),
                expected,
                "{kinds:?}"
            );
        }
    }
}
