//! A request for the HTTP adapters.

use bytes::Bytes;
use connect::Body;
use http::{HeaderName, Method, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Limited};
use spin_adapters::http::Incoming;
use web::cookie::CookieName;
use web::request_id::RequestIds;

use crate::authorization::service::BrowserCookies;
use crate::domain::oauth_error::OAuthError;
use crate::domain::parameters::{ParameterError, Parameters};
use crate::domain::secret::Token;

/// The largest body that is read, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// Binds an authorization request to the browser in which it began.
pub(crate) const FLOW_COOKIE: CookieName = CookieName {
    secure: "__Host-akinai_flow",
    plain: "akinai_flow",
};

/// Remembers a login.
pub(crate) const SESSION_COOKIE: CookieName = CookieName {
    secure: "__Host-akinai_session",
    plain: "akinai_session",
};

/// A request.
#[derive(Debug)]
pub(crate) struct HttpRequest {
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
}

impl HttpRequest {
    /// A request whose body has not been read yet.
    pub(crate) fn new(head: Parts) -> Self {
        Self {
            head,
            body: Bytes::new(),
        }
    }

    /// Reads the body; or returns the response to a body that is too large or incomplete.
    pub(crate) async fn read(&mut self, body: Incoming) -> Result<(), Response<Body>> {
        match Limited::new(body, LARGEST_BODY).collect().await {
            Ok(body) => {
                self.body = body.to_bytes();
                Ok(())
            }
            Err(_) => Err(web::response::text(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is larger than 64 KiB, or incomplete",
            )),
        }
    }

    /// The path in its sent form, with its escapes. Routes are compared with it byte by byte, so that no other spelling
    /// leads to the same route.
    pub(crate) fn path(&self) -> &str {
        self.head.uri.path()
    }

    pub(crate) fn method(&self) -> &Method {
        &self.head.method
    }

    pub(crate) fn query(&self) -> Result<Parameters, ParameterError> {
        Parameters::parse(self.head.uri.query().unwrap_or_default())
    }

    /// The parameters of a form in the body (RFC 6749, appendix B).
    pub(crate) fn form(&self) -> Result<Parameters, OAuthError> {
        if !self.has_form() {
            return Err(OAuthError::invalid_request(
                "the body must be a form: application/x-www-form-urlencoded",
            ));
        }
        let text = std::str::from_utf8(&self.body)
            .map_err(|_| OAuthError::invalid_request("the body is not UTF-8"))?;
        Parameters::parse(text).map_err(|error| OAuthError::invalid_request(error.to_string()))
    }

    /// The parameters of a browser's request: of the form for POST, otherwise of the query.
    pub(crate) fn parameters(&self) -> Result<Parameters, OAuthError> {
        match *self.method() {
            Method::POST => self.form(),
            _ => self
                .query()
                .map_err(|error| OAuthError::invalid_request(error.to_string())),
        }
    }

    /// Whether the body has the type of a form.
    pub(crate) fn has_form(&self) -> bool {
        web::is_form(&self.head.headers)
    }

    /// Whether the query has a parameter of this name. The rest of the query is not checked.
    pub(crate) fn query_names(&self, name: &str) -> bool {
        let query = self.head.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).any(|(known, _)| known == name)
    }

    /// The value of a header that occurs once and is text.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        let mut values = self.head.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }

    /// The issuer's cookies that the browser has sent.
    pub(crate) fn browser(&self, is_secure: bool) -> BrowserCookies {
        let token = |name: CookieName| name.read(&self.head.headers, is_secure).and_then(Token::parse);
        BrowserCookies {
            flow: token(FLOW_COOKIE),
            session: token(SESSION_COOKIE),
        }
    }

    /// The value of the header `Authorization`, if there is one. A value that is not text gives the empty text.
    ///
    /// # Errors
    /// `invalid_request` if there are two: the issuer must not choose one (RFC 6749, section 2.3; RFC 6750, section 2).
    pub(crate) fn authorization(&self) -> Result<Option<&str>, OAuthError> {
        let mut values = self.head.headers.get_all(header::AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Ok(Some(value.to_str().unwrap_or_default())),
            (Some(_), Some(_)) => Err(OAuthError::invalid_request("send one Authorization header")),
        }
    }

    /// The ids for the log.
    pub(crate) fn ids(&self) -> RequestIds<'_> {
        RequestIds::of(&self.head.headers)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;

    fn request(headers: &[(&str, &str)]) -> HttpRequest {
        let mut request = Request::new(());
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            let value = HeaderValue::try_from(*value).unwrap();
            request.headers_mut().append(name, value);
        }
        let mut request = HttpRequest::new(request.into_parts().0);
        request.body = Bytes::from_static(b"a=1");
        request
    }

    #[test]
    fn two_authorization_headers_are_refused() {
        assert_eq!(request(&[]).authorization(), Ok(None));
        assert_eq!(
            request(&[("authorization", "Bearer t")]).authorization(),
            Ok(Some("Bearer t"))
        );
        let twice = request(&[("authorization", "Bearer t"), ("authorization", "Bearer t")]);
        assert_eq!(twice.authorization().unwrap_err().name, "invalid_request");
    }

    #[test]
    fn body_is_a_form_only_with_the_content_type_of_a_form() {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        assert_eq!(
            request(&[("content-type", form)]).form().unwrap().get("a"),
            Some("1")
        );
        for wrong in [
            &[][..],
            &[("content-type", "application/json")],
            &[("content-type", "text/plain")],
        ] {
            assert_eq!(request(wrong).form().unwrap_err().name, "invalid_request");
        }
    }
}
