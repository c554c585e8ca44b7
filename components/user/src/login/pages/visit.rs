//! A browser's request to a page.

use std::net::IpAddr;

use connect::Body;
use http::{Response, StatusCode, header, request::Parts};
use maud::html;
use web::{client_address::ClientAddress, request_id::RequestIds};

use super::browser::BrowserCookie;
use super::csrf::{self, PageNonce};
use super::form_data::FormData;
use super::layout::{ACTION, HtmlPage, REFUSE};
use super::policy::FormDestinations;
use super::settings::Settings;
use super::texts::{Language, Texts};
use super::{NO_RANDOMNESS, PageError};
use crate::login::{
    hydra::{ChallengeKind, HydraClient, RequestChallenge},
    page_key::PageKey,
};

/// A browser's request to a page, with all data for the answer.
pub(super) struct Visit {
    pub(super) head: Parts,
    pub(super) query: FormData,
    pub(super) form: FormData,
    pub(super) language: Language,
    pub(super) nonce: PageNonce,
    pub(super) key: PageKey,
    pub(super) settings: Settings,
    pub(super) hydra: HydraClient,
}

impl Visit {
    /// Reads the request and the component's variables. If that fails, returns the head of the request, and the cause
    /// for the log.
    pub(super) async fn new(head: Parts, body: &[u8]) -> Result<Self, (Parts, String)> {
        let made = async {
            let settings = Settings::read().await?;
            Ok((
                PageKey::from_variable().await?,
                HydraClient::from_variable()
                    .await
                    .map_err(|error| error.to_string())?,
                PageNonce::of(&head, settings.is_secure).ok_or(NO_RANDOMNESS)?,
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
            query: FormData::parse(head.uri.query().unwrap_or_default().as_bytes()),
            form: FormData::parse(body),
            language: Language::of(&languages.unwrap_or_default()),
            nonce,
            key,
            settings,
            hydra,
            head,
        })
    }

    pub(super) fn texts(&self) -> &'static Texts {
        self.language.texts()
    }

    pub(super) fn request_ids(&self) -> RequestIds<'_> {
        RequestIds::of(&self.head.headers)
    }

    /// The address of the client, or the first of its /64.
    pub(super) fn client_address(&self) -> IpAddr {
        ClientAddress::of(&self.head.headers, &self.settings.trusted_proxies).ip()
    }

    /// The challenge in the page's address.
    pub(super) fn challenge(&self, kind: ChallengeKind) -> Result<RequestChallenge, PageError> {
        RequestChallenge::parse(kind, self.query.one(kind.parameter())).ok_or(PageError::NoChallenge)
    }

    /// The challenge in the form, if the form is that of the page at `path` and was made for this browser.
    pub(super) fn submitted_challenge(
        &self,
        kind: ChallengeKind,
        path: &'static str,
    ) -> Result<RequestChallenge, PageError> {
        let challenge = RequestChallenge::parse(kind, self.form.one(kind.parameter()));
        let challenge = challenge.ok_or(PageError::NoChallenge)?;
        let field = self.form.one(csrf::FIELD);
        let is_ours = self.nonce.verifies(field, &self.key, path, &challenge);
        is_ours.then_some(challenge).ok_or(PageError::Forged)
    }

    /// The browser that sent the request.
    pub(super) fn browser(&self) -> Result<BrowserCookie, PageError> {
        let browser = BrowserCookie::of(&self.head, self.settings.is_secure);
        browser.ok_or_else(|| PageError::Failed(NO_RANDOMNESS.into()))
    }

    /// Whether the user pressed the button that refuses.
    pub(super) fn is_refused(&self) -> bool {
        self.form.has(ACTION, REFUSE)
    }

    /// The addresses to which forms may lead: the issuer and, through it, one of these addresses.
    pub(super) fn destinations(&self, addresses: &[String]) -> FormDestinations {
        let issuer = [&*self.settings.issuer];
        FormDestinations::of(issuer.into_iter().chain(addresses.iter().map(String::as_str)))
    }

    /// The addresses to which the form for signing out may lead, including the issuer's last page.
    pub(super) fn logout_destinations(&self, addresses: &[String]) -> FormDestinations {
        let own = [&*self.settings.issuer, &*self.settings.signed_out_url];
        FormDestinations::of(own.into_iter().chain(addresses.iter().map(String::as_str)))
    }

    /// A page with text only. Each line is shown once.
    pub(super) fn notice(&self, status: StatusCode, title: &str, lines: &[&str]) -> Response<Body> {
        let page = HtmlPage {
            status,
            title,
            is_wrong: false,
            destinations: FormDestinations::default(),
        };
        let is_new = |index: usize, line: &&str| !lines[..index].contains(line);
        page.respond(
            self,
            &html! {
                @for (index, line) in lines.iter().enumerate() {
                    @if is_new(index, line) { p { (line) } }
                }
            },
        )
    }
}
