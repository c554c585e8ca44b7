//! A browser: it has cookies, follows redirects, and sends the forms that it is shown.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderValue, header};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{ALL, CALLBACK, EMAIL, PASSWORD, VERIFIER, World, as_form, encoded, parameters};

/// The browser's last address.
pub(super) enum Place {
    /// On a page of ours: its path and its text.
    Page(String, String),
    /// At an application.
    Outside(String),
}

impl Place {
    pub(super) fn page(self, path: &str) -> String {
        match self {
            Self::Page(actual, text) => {
                assert_eq!(actual, path, "{text}");
                text
            }
            Self::Outside(url) => panic!("{path} was expected, not {url}"),
        }
    }

    pub(super) fn outside(self) -> BTreeMap<String, String> {
        match self {
            Self::Outside(url) => {
                assert!(url.starts_with(CALLBACK), "{url}");
                parameters(&url)
            }
            Self::Page(path, text) => panic!("the application was expected, not {path}: {text}"),
        }
    }
}

/// A browser: it has cookies, follows redirects, and sends the forms that it is shown.
#[derive(Default)]
pub(super) struct Browser(pub(super) BTreeMap<String, String>);

impl Browser {
    /// The application's authorization URL, for these scopes.
    pub(super) async fn begin(&mut self, world: &World, scope: &str, more: &str) -> Place {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let link = encoded(&[
            ("client_id", "shop"),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", scope),
            ("audience", "akinai"),
            ("state", "the state"),
            ("nonce", "the nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        self.open(world, &format!("{}/oauth2/auth?{link}{more}", world.issuer_url))
            .await
    }

    /// Opens an address of the issuer's, or one of the platform's pages by its path.
    pub(super) async fn open(&mut self, world: &World, url: &str) -> Place {
        let url = match url.strip_prefix('/') {
            Some(path) => format!("{}/{path}", world.url),
            None => url.to_owned(),
        };
        let (client, path) = world.within(&url).expect("an address of this world");
        let request = client.request("GET", &path, Bytes::new());
        self.follow(world, url, request).await
    }

    /// Sends the form of a page with these fields, and with its hidden fields.
    pub(super) async fn send(&mut self, world: &World, page: &str, fields: &[(&str, &str)]) -> Place {
        let path = between(page, "action=\"", "\"").expect("a form").to_owned();
        let hidden: Vec<_> = page
            .split("<input type=\"hidden\" ")
            .skip(1)
            .filter_map(|rest| Some((between(rest, "name=\"", "\"")?, between(rest, "value=\"", "\"")?)))
            .collect();
        let body = encoded(&[hidden.as_slice(), fields].concat());
        let request = as_form(world.client.request("POST", &path, body.into()));
        self.follow(world, format!("{}{path}", world.url), request).await
    }

    /// Requests `url` with `request` and follows redirects. Cookies are sent to both origins: they are on one host, and
    /// cookies ignore the port (RFC 6265, section 8.5).
    pub(super) async fn follow(
        &mut self,
        world: &World,
        mut url: String,
        mut request: http::Request<Bytes>,
    ) -> Place {
        for _ in 0..10 {
            let cookies = self.0.iter().map(|(name, value)| format!("{name}={value}"));
            let cookies = cookies.collect::<Vec<_>>().join("; ");
            let cookies = HeaderValue::try_from(cookies).expect("cookies");
            request.headers_mut().insert(header::COOKIE, cookies);
            let (client, _) = world.within(&url).expect("an address of this world");
            let answer = client.send(request).await;
            for cookie in answer.headers.get_all(header::SET_COOKIE) {
                let cookie = cookie.to_str().expect("a cookie");
                let mut parts = cookie.split(';').map(str::trim);
                let pair = parts.next().and_then(|pair| pair.split_once('='));
                let (name, value) = pair.expect("a pair");
                let is_removal = value.is_empty() || parts.any(|part| part.eq_ignore_ascii_case("max-age=0"));
                match is_removal {
                    true => drop(self.0.remove(name)),
                    false => drop(self.0.insert(name.to_owned(), value.to_owned())),
                }
            }
            let Some(location) = answer.header("location") else {
                let (_, path) = world.within(&url).expect("an address of this world");
                let path = path.split('?').next().unwrap_or_default().to_owned();
                return Place::Page(path, answer.text());
            };
            let is_hydra = world.hydra.is_some() && url.starts_with(&world.issuer_url);
            let is_expected = answer.status == 303 || (is_hydra && answer.status == 302);
            assert!(is_expected, "{} {url}", answer.status);
            let Some((client, path)) = world.within(location) else {
                return Place::Outside(location.to_owned());
            };
            url = location.to_owned();
            request = client.request("GET", &path, Bytes::new());
        }
        panic!("it must lead somewhere in the end, not round and round: {url}");
    }

    /// Signs in and sends the consent page with these fields. Returns the parameters that the application receives.
    pub(super) async fn sign_in(
        &mut self,
        world: &World,
        scope: &str,
        grant: &[(&str, &str)],
    ) -> BTreeMap<String, String> {
        let page = self.begin(world, scope, "").await.page("/oauth2/login");
        let fields = [("email", EMAIL), ("password", PASSWORD), ("remember", "yes")];
        let page = self.send(world, &page, &fields).await.page("/oauth2/consent");
        self.send(world, &page, grant).await.outside()
    }

    /// Signs in by password, whether or not the browser is remembered. Returns the tokens.
    pub(super) async fn sign_in_anew(&mut self, world: &World, email: &str) -> Value {
        let scope = "openid offline_access";
        let page = self
            .begin(world, scope, "&prompt=login")
            .await
            .page("/oauth2/login");
        let fields = [("email", email), ("password", PASSWORD), ("remember", "yes")];
        let page = self.send(world, &page, &fields).await.page("/oauth2/consent");
        let back = self.send(world, &page, &ALL).await.outside();
        world.exchange(&back["code"]).await
    }
}

pub(super) fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    text.split_once(begin)?.1.split_once(end).map(|(found, _)| found)
}
