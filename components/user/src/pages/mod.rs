//! The pages that a person sees on the way into an application and out of it: Hydra's login and consent provider
//! (<https://www.ory.sh/docs/oauth2-oidc/custom-login-consent/flow>). Ory Hydra sends browsers here, or the issuer of this
//! repository (docs/ISSUER.md), and each page has the admin API say where they go next.
//!
//! No page has a script, and none is kept. What a page needs to know comes with its challenge; nothing is remembered here
//! between two of them.

mod browser;
mod consent;
mod csrf;
mod error;
mod form;
mod html;
pub(crate) mod keys;
mod layout;
mod login;
mod logout;
mod policy;
mod random_text;
mod register;
mod settings;
mod texts;

use browser::Browser;
use bytes::Bytes;
use connect::Body;
pub(crate) use consent::{ADMIN, session};
use csrf::Nonce;
use form::Form;
use http::{Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Limited};
use keys::PageKey;
use layout::{ACTION, NO, Page, redirect};
use policy::{Destinations, protect, set};
use settings::Settings;
use spin_adapters::{http::Incoming, log};
use texts::{Language, Texts};
use web::{
    client_address::ClientAddress,
    is_form,
    request_id::{self, RequestIds, X_REQUEST_ID},
    response::{method_not_allowed, text},
};

use crate::{
    attempts::{Attempts, Bucket, Cache, TooMany},
    hydra::{self, Challenge, Hydra, Kind},
    service::{self, StoreError},
};

const LOGIN: &str = "/oauth2/login";
const REGISTER: &str = "/oauth2/register";
const CONSENT: &str = "/oauth2/consent";
const LOGOUT: &str = "/oauth2/logout";
const ERROR: &str = "/oauth2/error";
const SIGNED_OUT: &str = "/oauth2/signed-out";
const STYLE: &str = "/oauth2/assets/style.css";

/// What [`STYLE`] is.
const CSS: &str = include_str!("style.css");

/// The largest form that is read, in bytes. A challenge of Hydra's has a few thousand.
const MOST_BODY: usize = 64 * 1024;

/// How long a browser is remembered, or what was granted, in seconds: 30 days.
const REMEMBER_FOR: u32 = 30 * 24 * 3600;

const NO_RANDOMNESS: &str = "there are no random numbers";

/// Why there is no page, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("no challenge")]
    NoChallenge,
    #[error("the form was not sent by our page")]
    Forged,
    #[error(transparent)]
    Hydra(#[from] hydra::Error),
    #[error(transparent)]
    Accounts(#[from] service::Error),
    #[error("too many attempts from the address")]
    TooMany(TooMany),
    /// Not for now. The text is for the log.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of ours. The text is for the log.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Accounts(error.into())
    }
}

type Outcome = Result<Response<Body>, Trouble>;

/// A request of a browser's, and what is needed to answer it.
struct Visit {
    head: Parts,
    query: Form,
    form: Form,
    language: Language,
    nonce: Nonce,
    key: PageKey,
    settings: Settings,
    hydra: Hydra,
}

/// Answers what begins with `/oauth2/`. Browsers come here first, so the request gets its name here.
pub(crate) async fn answer(mut request: Request<Incoming>) -> Response<Body> {
    let id = request_id::of(request.headers());
    request.headers_mut().insert(X_REQUEST_ID, id.clone());
    let mut response = named(request).await;
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

async fn named(request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let has_form = match head.uri.path() {
        LOGIN | REGISTER | CONSENT | LOGOUT => true,
        ERROR | SIGNED_OUT | STYLE => false,
        _ => return plain(StatusCode::NOT_FOUND, "there is nothing here"),
    };
    match (&head.method, has_form) {
        (&Method::GET, _) | (&Method::POST, true) => {}
        (_, true) => return not_allowed("GET, HEAD, POST"),
        (_, false) => return not_allowed("GET, HEAD"),
    }
    if head.uri.path() == STYLE {
        return style();
    }
    let body = match head.method {
        Method::POST if !is_form(&head.headers) => {
            let cause = "the body has to be a form: application/x-www-form-urlencoded";
            return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, cause);
        }
        Method::POST => match Limited::new(body, MOST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => {
                return plain(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "the form is too large, or broke off",
                );
            }
        },
        _ => Bytes::new(),
    };
    match Visit::new(head, &body).await {
        Ok(visit) => visit.answer().await,
        Err((head, cause)) => {
            log::error(RequestIds::of(&head.headers), cause);
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the pages are not set up")
        }
    }
}

impl Visit {
    async fn new(head: Parts, body: &[u8]) -> Result<Self, (Parts, String)> {
        let made = async {
            let settings = Settings::read().await?;
            Ok((
                PageKey::from_variable().await?,
                Hydra::from_variable().await.map_err(|error| error.to_string())?,
                Nonce::of(&head, settings.is_secure).ok_or(NO_RANDOMNESS)?,
                settings,
            ))
        };
        let (key, hydra, nonce, settings) = match made.await {
            Ok(made) => made,
            Err(cause) => return Err((head, cause)),
        };
        let languages = head.headers.get(header::ACCEPT_LANGUAGE);
        let languages = languages.map(|value| String::from_utf8_lossy(value.as_bytes()));
        Ok(Self {
            query: Form::parse(head.uri.query().unwrap_or_default().as_bytes()),
            form: Form::parse(body),
            language: Language::of(&languages.unwrap_or_default()),
            nonce,
            key,
            settings,
            hydra,
            head,
        })
    }

    async fn answer(self) -> Response<Body> {
        let is_sent = self.head.method == Method::POST;
        let outcome = match (self.head.uri.path(), is_sent) {
            (LOGIN, false) => login::open(&self).await,
            (LOGIN, true) => login::send(&self).await,
            (REGISTER, false) => register::open(&self).await,
            (REGISTER, true) => register::send(&self).await,
            (CONSENT, false) => consent::open(&self).await,
            (CONSENT, true) => consent::send(&self).await,
            (LOGOUT, false) => logout::open(&self).await,
            (LOGOUT, true) => logout::send(&self).await,
            (SIGNED_OUT, _) => {
                Ok(self.notice(StatusCode::OK, self.texts().signed_out, &[self.texts().close]))
            }
            _ => Ok(error::open(&self)),
        };
        outcome.unwrap_or_else(|trouble| self.explain(&trouble))
    }

    fn texts(&self) -> &'static Texts {
        self.language.texts()
    }

    fn names(&self) -> RequestIds<'_> {
        RequestIds::of(&self.head.headers)
    }

    /// The challenge in the page's address.
    fn challenge(&self, kind: Kind) -> Result<Challenge, Trouble> {
        Challenge::parse(kind, self.query.one(kind.parameter())).ok_or(Trouble::NoChallenge)
    }

    /// The challenge in the form, if the form is that of the page at `path` and was made for this browser.
    fn sent_challenge(&self, kind: Kind, path: &'static str) -> Result<Challenge, Trouble> {
        let challenge =
            Challenge::parse(kind, self.form.one(kind.parameter())).ok_or(Trouble::NoChallenge)?;
        let field = self.form.one(csrf::FIELD);
        let is_ours = self.nonce.vouches_for(field, &self.key, path, &challenge);
        is_ours.then_some(challenge).ok_or(Trouble::Forged)
    }

    /// The browser that the request is from.
    fn browser(&self) -> Result<Browser, Trouble> {
        let browser = Browser::of(&self.head, self.settings.is_secure);
        browser.ok_or_else(|| Trouble::Failed(NO_RANDOMNESS.into()))
    }

    /// Whether the button that says no was pressed.
    fn says_no(&self) -> bool {
        self.form.has(ACTION, NO)
    }

    /// Where forms may lead: to the issuer and, over it, to one of these addresses.
    fn destinations<'a>(&'a self, addresses: &'a [String]) -> Destinations {
        let issuer = [&*self.settings.issuer];
        Destinations::of(issuer.into_iter().chain(addresses.iter().map(String::as_str)))
    }

    /// The same after signing out, which may also lead to the issuer's own last page.
    fn logout_destinations<'a>(&'a self, addresses: &'a [String]) -> Destinations {
        let own = [&*self.settings.issuer, &*self.settings.signed_out_url];
        Destinations::of(own.into_iter().chain(addresses.iter().map(String::as_str)))
    }

    /// Counts that a password is going to be hashed for whoever is at this address.
    async fn count_hash(&self) -> Result<(), Trouble> {
        let address = ClientAddress::of(&self.head.headers, &self.settings.trusted_proxies);
        let attempts = Attempts::new(Cache, crate::store().await?);
        let begun = attempts.begin(&Bucket::of_address(address, &self.key)).await;
        begun.map_err(Trouble::Unavailable)?.map_err(Trouble::TooMany)
    }

    /// What a person is told when there is no page; what they cannot help goes to the log.
    fn explain(&self, trouble: &Trouble) -> Response<Body> {
        use hydra::Error as Admin;
        let texts = self.texts();
        let (status, title, why) = match trouble {
            Trouble::Hydra(Admin::Gone(Some(url))) => return redirect(url),
            Trouble::Hydra(Admin::Gone(None)) => (StatusCode::GONE, texts.done_before, texts.start_again),
            Trouble::Hydra(Admin::Unknown) => (StatusCode::NOT_FOUND, texts.expired, texts.expired_why),
            Trouble::NoChallenge => (StatusCode::BAD_REQUEST, texts.expired, texts.expired_why),
            Trouble::Forged => (StatusCode::FORBIDDEN, texts.forged, texts.forged_why),
            Trouble::TooMany(TooMany { seconds }) => {
                let mut response = self.notice(
                    StatusCode::TOO_MANY_REQUESTS,
                    texts.unavailable,
                    &[texts.too_many_from_here],
                );
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, (*seconds).into());
                return response;
            }
            Trouble::Unavailable(_)
            | Trouble::Hydra(Admin::Unavailable(_))
            | Trouble::Accounts(service::Error::Store(StoreError::Unavailable(_))) => {
                log::error(self.names(), trouble);
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    texts.unavailable,
                    texts.unavailable_why,
                )
            }
            Trouble::Failed(_) | Trouble::Hydra(_) | Trouble::Accounts(_) => {
                log::error(self.names(), trouble);
                (StatusCode::INTERNAL_SERVER_ERROR, texts.failed, texts.start_again)
            }
        };
        self.notice(status, title, &[why, texts.start_again])
    }

    /// A page with nothing to do on it.
    fn notice(&self, status: StatusCode, title: &str, lines: &[&str]) -> Response<Body> {
        let page = Page {
            status,
            title,
            is_wrong: false,
            destinations: Destinations::default(),
        };
        page.show(self, |html| {
            for (index, line) in lines.iter().enumerate() {
                // A line that was said is not said again.
                if !lines[..index].contains(line) {
                    html.line("p", &[], line);
                }
            }
        })
    }
}

fn plain(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = text(status, body);
    protect(&mut response, &Destinations::default());
    response
}

fn not_allowed(methods: &'static str) -> Response<Body> {
    let mut response = method_not_allowed(methods);
    protect(&mut response, &Destinations::default());
    response
}

fn style() -> Response<Body> {
    let mut response = plain(StatusCode::OK, CSS);
    set(&mut response, header::CONTENT_TYPE, "text/css; charset=utf-8");
    set(&mut response, header::CACHE_CONTROL, "public, max-age=3600");
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stylesheet_loads_nothing() {
        assert!(
            !CSS.contains("url(") && !CSS.contains("@import"),
            "the policy would not let it"
        );
    }
}
