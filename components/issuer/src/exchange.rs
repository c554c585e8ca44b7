//! HTTP: a request as the handlers see it, and the answers that they give.

use bytes::Bytes;
use connect::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};
use spin_adapters::{http::Incoming, log};
use web::request_id::RequestIds;

use crate::domain::form::{Form, FormError};
use crate::domain::request::OAuthError;
use crate::domain::secret::NoRandomness;
use crate::store::StoreError;

/// The largest body that is read, in bytes.
const MOST_BODY: usize = 64 * 1024;

/// A request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
}

impl Call {
    /// A request whose body is not read yet.
    pub(crate) fn new(head: Parts) -> Self {
        Self {
            head,
            body: Bytes::new(),
        }
    }

    /// Reads the body; or the answer to one that is too large or breaks off.
    pub(crate) async fn read(&mut self, body: Incoming) -> Result<(), Response<Body>> {
        match Limited::new(body, MOST_BODY).collect().await {
            Ok(body) => {
                self.body = body.to_bytes();
                Ok(())
            }
            Err(_) => Err(web::response::text(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is too large, or broke off",
            )),
        }
    }

    /// The path as it was sent, escapes and all: what routes are matched with, and what nothing may hide in.
    pub(crate) fn path(&self) -> &str {
        self.head.uri.path()
    }

    pub(crate) fn method(&self) -> &Method {
        &self.head.method
    }

    pub(crate) fn query(&self) -> Result<Form, FormError> {
        Form::parse(self.head.uri.query().unwrap_or_default())
    }

    /// The parameters of a form in the body (RFC 6749, appendix B).
    pub(crate) fn form(&self) -> Result<Form, OAuthError> {
        if !self.has_form() {
            return Err(OAuthError::invalid_request(
                "the body has to be a form: application/x-www-form-urlencoded",
            ));
        }
        let text = std::str::from_utf8(&self.body)
            .map_err(|_| OAuthError::invalid_request("the body is no UTF-8"))?;
        Form::parse(text).map_err(|error| OAuthError::invalid_request(error.to_string()))
    }

    /// Whether the body says that it is a form.
    pub(crate) fn has_form(&self) -> bool {
        web::is_form(&self.head.headers)
    }

    /// Whether the query has a parameter of this name. It is not judged otherwise.
    pub(crate) fn query_names(&self, name: &str) -> bool {
        let query = self.head.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).any(|(known, _)| known == name)
    }

    /// A header that is there once and is text.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        let mut values = self.head.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }

    /// The header `Authorization`, if there is one; the empty text for one that is no text.
    ///
    /// # Errors
    /// `invalid_request` where there are two: which one counts is not for us to choose (RFC 6749, section 2.3; RFC 6750,
    /// section 2).
    pub(crate) fn authorization(&self) -> Result<Option<&str>, OAuthError> {
        let mut values = self.head.headers.get_all(header::AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Ok(Some(value.to_str().unwrap_or_default())),
            (Some(_), Some(_)) => Err(OAuthError::invalid_request("send one Authorization header")),
        }
    }

    /// For the log.
    pub(crate) fn names(&self) -> RequestIds<'_> {
        RequestIds::of(&self.head.headers)
    }
}

/// Something failed that is nobody's fault outside. The text is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error("{0}")]
    Broken(String),
    /// Nothing can be signed until there is a key.
    #[error("there is no signing key: import one")]
    NoKey,
}

impl Failure {
    /// Writes it to the log, and says what the caller is told: whether it is worth to try again.
    pub(crate) fn report(&self, call: &Call) -> StatusCode {
        log::error(call.names(), self);
        match self {
            Self::Store(StoreError::Unavailable(_)) | Self::NoKey => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// JSON that nobody may keep.
pub(crate) fn json_answer(status: StatusCode, value: &Value) -> Response<Body> {
    let text = value.to_string();
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_LENGTH, &text.len().to_string());
    set(
        &mut response,
        header::CONTENT_TYPE,
        "application/json;charset=UTF-8",
    );
    set(&mut response, header::CACHE_CONTROL, "no-store");
    set(&mut response, header::PRAGMA, "no-cache");
    *response.body_mut() = Body::from(Bytes::from(text));
    response
}

/// Nothing but a status.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = status;
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

/// An error of the token endpoint and its neighbours (RFC 6749, section 5.2).
pub(crate) fn oauth_error(status: StatusCode, error: &OAuthError) -> Response<Body> {
    json_answer(
        status,
        &json!({ "error": error.name, "error_description": error.description }),
    )
}

/// Sends the browser elsewhere with a GET, whatever it came with (RFC 9700, section 4.12), and tells nobody there where it
/// came from: the address has codes and challenges in it.
pub(crate) fn redirect(url: &str) -> Response<Body> {
    let mut response = empty(StatusCode::SEE_OTHER);
    set(&mut response, header::LOCATION, url);
    set(&mut response, header::REFERRER_POLICY, "no-referrer");
    set(&mut response, header::CONTENT_LENGTH, "0");
    response
}

/// Sets a header; a value that cannot be one is left out.
pub(crate) fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Adds a header beside those of the same name.
pub(crate) fn append(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.append(name, value);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn call(headers: &[(&str, &str)]) -> Call {
        let mut request = Request::new(());
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            append(request.headers_mut(), name, value);
        }
        Call {
            head: request.into_parts().0,
            body: Bytes::from_static(b"a=1"),
        }
    }

    #[test]
    fn an_authorization_counts_once_only() {
        assert_eq!(call(&[]).authorization(), Ok(None));
        assert_eq!(
            call(&[("authorization", "Bearer t")]).authorization(),
            Ok(Some("Bearer t"))
        );
        let twice = call(&[("authorization", "Bearer t"), ("authorization", "Bearer t")]);
        assert_eq!(twice.authorization().unwrap_err().name, "invalid_request");
    }

    #[test]
    fn a_form_says_that_it_is_one() {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        assert_eq!(
            call(&[("content-type", form)]).form().unwrap().get("a"),
            Some("1")
        );
        for wrong in [
            &[][..],
            &[("content-type", "application/json")],
            &[("content-type", "text/plain")],
        ] {
            assert_eq!(call(wrong).form().unwrap_err().name, "invalid_request");
        }
    }
}
