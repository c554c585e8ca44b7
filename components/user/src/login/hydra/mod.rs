//! A client for the parts of Hydra's admin API (v2) that the pages need: <https://www.ory.sh/docs/hydra/reference/api>.
//! The API is that of Ory Hydra or of the issuer of this repository (docs/ISSUER.md), at the address in the variable
//! `hydra_admin_url`.
//!
//! The pages send browsers only to addresses that the admin API has returned.

mod challenge;
mod messages;

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
pub(crate) use challenge::{ChallengeKind, RequestChallenge};
use http::{Method, Request, StatusCode, header};
use kernel::SessionId;
pub(crate) use messages::{
    AcceptConsent, AcceptLogin, ConsentRequest, LoginContext, LoginRequest, LogoutRequest, RejectRequest,
    SessionClaims, TokenSession,
};
use messages::{parse, parse_redirect};
use serde::{Serialize, de::DeserializeOwned};
use spin_adapters::{clock::within, http::exchange, variables};

/// The variable with the address of the admin API, without a path.
const ADMIN: &str = "hydra_admin_url";

/// How long an answer may take. A person is waiting for it.
const LIMIT: Duration = Duration::from_secs(3);

/// The largest answer that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// Why a call of the admin API failed. The texts are for the log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// 404: there is no such challenge, or it has expired.
    #[error("Hydra knows no such challenge")]
    Unknown,
    /// 410: the challenge was answered before. The browser continues at this address, if Hydra returns one.
    #[error("the challenge was answered before")]
    Gone(Option<RedirectUrl>),
    /// Hydra cannot be reached, is too slow, or answers with an internal error.
    #[error("Hydra is unavailable: {0}")]
    Unavailable(String),
    /// Hydra has refused the call, or its answer is not of the expected form.
    #[error("Hydra: {0}")]
    Failed(String),
}

/// An address that the admin API has returned for a browser: absolute, HTTP or HTTPS, and valid in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RedirectUrl(String);

impl RedirectUrl {
    fn parse(text: &str) -> Option<Self> {
        let is_http = text.starts_with("https://") || text.starts_with("http://");
        (is_http && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn query(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish()
}

/// A client of the admin API.
pub(crate) struct HydraClient {
    address: Rc<str>,
}

impl HydraClient {
    /// The admin API at the address in `hydra_admin_url`.
    pub(crate) async fn from_variable() -> Result<Self, Error> {
        let address = variables::get(ADMIN).await;
        let address = address.map_err(|error| Error::Failed(error.to_string()))?;
        Ok(Self { address })
    }

    /// The request of a challenge.
    pub(crate) async fn request<T: DeserializeOwned>(
        &self,
        challenge: &RequestChallenge,
    ) -> Result<T, Error> {
        let answer = self.send(Method::GET, &challenge.path(""), Bytes::new()).await?;
        parse(&answer)
    }

    /// Accepts a request. Returns the address that the browser goes to next.
    pub(crate) async fn accept(
        &self,
        challenge: &RequestChallenge,
        answer: Option<&impl Serialize>,
    ) -> Result<RedirectUrl, Error> {
        let body = answer.map(body).transpose()?.unwrap_or_default();
        let answer = self.send(Method::PUT, &challenge.path("/accept"), body).await?;
        parse_redirect(&answer)
    }

    /// Rejects a request. Returns the address that the browser goes to next.
    pub(crate) async fn reject(
        &self,
        challenge: &RequestChallenge,
        reason: RejectRequest,
    ) -> Result<RedirectUrl, Error> {
        let path = challenge.path("/reject");
        let answer = self.send(Method::PUT, &path, body(&reason)?).await?;
        parse_redirect(&answer)
    }

    /// Rejects a request to sign out. The browser stays on our page.
    pub(crate) async fn reject_logout(&self, challenge: &RequestChallenge) -> Result<(), Error> {
        let path = challenge.path("/reject");
        self.send(Method::PUT, &path, Bytes::new()).await.map(drop)
    }

    /// Ends a session: the issuer does not remember its browser any more.
    pub(crate) async fn end_session(&self, session: &SessionId) -> Result<(), Error> {
        self.delete("login", &[("sid", session.as_str())]).await
    }

    /// Ends all sessions of a subject.
    pub(crate) async fn end_logins(&self, subject: &str) -> Result<(), Error> {
        self.delete("login", &[("subject", subject)]).await
    }

    /// Revokes all grants of a subject, and the tokens that were issued for them.
    pub(crate) async fn end_consents(&self, subject: &str) -> Result<(), Error> {
        self.delete("consent", &[("subject", subject), ("all", "true")])
            .await
    }

    async fn delete(&self, sessions: &str, parameters: &[(&str, &str)]) -> Result<(), Error> {
        let path = format!("/admin/oauth2/auth/sessions/{sessions}?{}", query(parameters));
        match self.send(Method::DELETE, &path, Bytes::new()).await {
            // There was nothing to end.
            Ok(_) | Err(Error::Unknown) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Error> {
        let address = self.address.trim_end_matches('/');
        let request = Request::builder()
            .method(method)
            .uri(format!("{address}{path}"))
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| Error::Failed(error.to_string()))?;
        let answered = within(LIMIT, exchange(request, None, MAX_BODY)).await;
        let answered = answered.map_err(|elapsed| Error::Unavailable(elapsed.to_string()))?;
        let answered = answered.map_err(|error| Error::Unavailable(error.to_string()))?;
        let (head, body) = answered.into_parts();
        read(head.status, body)
    }
}

/// Reads an answer by its status. The body of an unexpected answer is not logged: it may contain personal data.
fn read(status: StatusCode, body: Bytes) -> Result<Bytes, Error> {
    match status {
        StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(body),
        StatusCode::NOT_FOUND => Err(Error::Unknown),
        StatusCode::GONE => Err(Error::Gone(parse_redirect(&body).ok())),
        StatusCode::TOO_MANY_REQUESTS => Err(Error::Unavailable(format!("status {status}"))),
        status if status.is_server_error() => Err(Error::Unavailable(format!("status {status}"))),
        status => Err(Error::Failed(format!("status {status}"))),
    }
}

fn body(value: &impl Serialize) -> Result<Bytes, Error> {
    let text = serde_json::to_vec(value).map_err(|error| Error::Failed(error.to_string()))?;
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_by_their_status() {
        let gone = |body: &'static str| read(StatusCode::GONE, Bytes::from_static(body.as_bytes()));
        let url = RedirectUrl("https://hydra.test/oauth2/auth?x=1".into());
        assert_eq!(
            gone(r#"{"redirect_to": "https://hydra.test/oauth2/auth?x=1"}"#),
            Err(Error::Gone(Some(url)))
        );
        for nowhere in [
            "",
            "{}",
            r#"{"redirect_to": ""}"#,
            r#"{"redirect_to": "javascript:alert(1)"}"#,
        ] {
            assert_eq!(gone(nowhere), Err(Error::Gone(None)), "{nowhere}");
        }
        assert_eq!(read(StatusCode::NOT_FOUND, Bytes::new()), Err(Error::Unknown));
        for away in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::INTERNAL_SERVER_ERROR] {
            assert!(matches!(read(away, Bytes::new()), Err(Error::Unavailable(_))));
        }
        for wrong in [
            StatusCode::BAD_REQUEST,
            StatusCode::UNAUTHORIZED,
            StatusCode::FOUND,
        ] {
            assert!(matches!(read(wrong, Bytes::new()), Err(Error::Failed(_))));
        }
    }

    #[test]
    fn redirect_address_is_absolute_and_valid_in_a_header() {
        for wrong in [
            "https://a.test/\r\nset-cookie: a=b",
            "https://a.test/ b",
            "//a.test",
            "/relative",
            "javascript:alert(1)",
            "https://a.test/\u{e9}",
            "",
        ] {
            assert_eq!(RedirectUrl::parse(wrong), None, "{wrong:?}");
        }
    }
}
