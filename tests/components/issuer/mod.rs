//! The issuer, called as browsers, clients and the pages of the user component call it.
//!
//! The manifest is the real one, with a route to the admin API added.

mod clients;
mod endpoints;
mod keys;
mod parameters;
mod sessions;
mod sign_in;
mod tokens;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use harness::{Answer, Client, Platform, Setup, now};
use http::{HeaderName, HeaderValue, Request, header};
use identity::access::{AccessToken, Policy, TokenError, UnverifiedToken};
use identity::jwks::Jwks;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use signing::SigningKey;

const ISSUER: &str = "http://issuer.test";
const CALLBACK: &str = "https://shop.example/cb";
const USER: &str = "0190163d-8694-739b-aea5-966c26f8ad91";
const VERIFIER: &str = "a-verifier-that-only-the-client-knows-until-it-is-sent";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const ORIGIN: &str = "https://shop.example";
const KEYS: &str = "/admin/keys/hydra.openid.id-token";

/// A running issuer with a key and three clients: `shop` and `other`, apps in browsers, and `batch`, a service.
struct World {
    platform: Platform,
}

impl World {
    async fn start() -> Self {
        Self::with(|setup| setup).await
    }

    async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let world = Self::empty_with(change).await;
        world.import_key().await;
        for id in ["shop", "other"] {
            let client = json!({
                "client_id": id,
                "client_name": "A shop",
                "redirect_uris": [CALLBACK],
                "post_logout_redirect_uris": ["https://shop.example/bye"],
                "grant_types": ["authorization_code", "refresh_token"],
                "scope": "openid offline_access admin",
                "audience": ["akinai"],
                "token_endpoint_auth_method": "none",
                "allowed_cors_origins": [ORIGIN],
            });
            world.created("/admin/clients", client).await;
        }
        let batch = json!({
            "client_id": "batch", "client_secret": SECRET, "grant_types": ["client_credentials"], "scope": "admin read",
            "audience": ["akinai", "nightly"], "metadata": { "access_token_lifespans": { "nightly": 86400 } },
        });
        world.created("/admin/clients", batch).await;
        world
    }

    /// An issuer without a key or a client.
    async fn empty() -> Self {
        Self::empty_with(|setup| setup).await
    }

    async fn empty_with(change: impl FnOnce(Setup) -> Setup) -> Self {
        // The users of these tests have no accounts, so the hook would refuse them.
        let setup = Setup::new().await.variable("refresh_hook_path", "");
        let mut setup = setup.variable("issuer", ISSUER);
        for page in ["login", "consent", "logout", "error", "signed_out"] {
            setup = setup.variable(&format!("{page}_url"), format!("http://pages.test/{page}"));
        }
        setup = setup.routes(&[("/admin/...", "issuer-admin")]);
        Self {
            platform: change(setup).start().await,
        }
    }

    fn http(&self) -> &Client {
        self.platform.client()
    }

    async fn import_key(&self) -> SigningKey {
        let key = SigningKey::generate().expect("a key");
        let pem = key.to_pem().expect("its PEM").to_string();
        let path = format!("{KEYS}/{}", key.id());
        let answer = self
            .http()
            .send(self.http().request("PUT", &path, pem.into()))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        key
    }

    async fn admin(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        let mut request = self.http().request(method, path, body);
        let kind = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        self.http().send(request).await
    }

    async fn created(&self, path: &str, body: Value) -> Value {
        let answer = self.admin("POST", path, body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        parsed(&answer)
    }

    /// Accepts the login as the login page does. Returns the URL to which the browser goes.
    async fn accept_login(&self, challenge: &str, more: Value) -> String {
        let mut body = json!({ "subject": USER, "acr": "1", "amr": ["pwd"], "context": { "a": 1 } });
        merge(&mut body, more);
        self.answered("login/accept", "login_challenge", challenge, body)
            .await
    }

    /// Accepts the consent as the consent page does. Returns the URL to which the browser goes.
    async fn accept_consent(&self, challenge: &str, more: Value) -> String {
        let asked = self.request("consent", challenge).await;
        let mut body = json!({
            "grant_scope": asked["requested_scope"],
            "grant_access_token_audience": asked["requested_access_token_audience"],
            "session": {
                "access_token": { "epoch": 3, "sid": asked["login_session_id"] },
                "id_token": { "name": "Hana", "email": "hana@example.com", "sub": "another user" },
            },
        });
        merge(&mut body, more);
        self.answered("consent/accept", "consent_challenge", challenge, body)
            .await
    }

    async fn answered(&self, what: &str, name: &str, challenge: &str, body: Value) -> String {
        let path = format!("/admin/oauth2/auth/requests/{what}?{name}={challenge}");
        let answer = self.admin("PUT", &path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        text(&parsed(&answer), "redirect_to")
    }

    /// A login, consent or logout request, as its page gets it.
    async fn request(&self, what: &str, challenge: &str) -> Value {
        let path = format!("/admin/oauth2/auth/requests/{what}?{what}_challenge={challenge}");
        let answer = self.http().get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        parsed(&answer)
    }

    /// Follows the flow from the client's link to the code.
    async fn code(&self, browser: &mut Browser, more: &str) -> String {
        let back = self.signed_in(browser, more, json!({}), json!({})).await;
        parameter(&back, "code")
    }

    /// The same, with these answers of the pages. Returns the URL that leads to the client.
    async fn signed_in(&self, browser: &mut Browser, more: &str, login: Value, consent: Value) -> String {
        let challenge = parameter(&browser.go(self, &link(more)).await, "login_challenge");
        let url = self.accept_login(&challenge, login).await;
        let challenge = parameter(&browser.go(self, &url).await, "consent_challenge");
        let url = self.accept_consent(&challenge, consent).await;
        browser.go(self, &url).await
    }

    /// Tokens of a new sign-in.
    async fn tokens(&self, more: &str) -> Value {
        let code = self.code(&mut Browser::default(), more).await;
        self.granted(&exchange(&code)).await
    }

    async fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.form("/oauth2/token", form, &[]).await
    }

    async fn granted(&self, form: &[(&str, &str)]) -> Value {
        let answer = self.token(form).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "no cache may store tokens"
        );
        parsed(&answer)
    }

    async fn refused(&self, form: &[(&str, &str)]) -> String {
        let answer = self.token(form).await;
        assert!(
            answer.status.is_client_error(),
            "it must be refused, not {}",
            answer.text()
        );
        text(&parsed(&answer), "error")
    }

    async fn refresh(&self, token: &Value) -> Answer {
        self.token(&refreshing(token)).await
    }

    async fn form(&self, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let mut request = self.http().request("POST", path, body.into());
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        self.http().send(with(request, headers)).await
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.http().request("GET", path, Bytes::new());
        self.http().send(with(request, headers)).await
    }

    async fn userinfo(&self, token: &str) -> Answer {
        self.get("/userinfo", &[("authorization", &format!("Bearer {token}"))])
            .await
    }

    async fn is_active(&self, token: &Value) -> bool {
        let token = token.as_str().expect("a token");
        let answer = self
            .form("/admin/oauth2/introspect", &[("token", token)], &[])
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        parsed(&answer)["active"] == true
    }

    async fn jwks(&self) -> Bytes {
        self.http().get("/.well-known/jwks.json").await.body
    }

    /// Verifies a token as the bff does.
    async fn verify(&self, token: &Value) -> Result<AccessToken, TokenError> {
        let keys = Jwks::parse(&self.jwks().await).expect("a key set");
        let policy = Policy::new(ISSUER, "akinai").expect("a policy");
        let token = token.as_str().expect("a token");
        UnverifiedToken::parse(token)?.verify(&keys, &policy, now())
    }

    async fn sql(&self, statement: &str) {
        let sql = self.platform.database().sql();
        let statement = format!("set search_path = issuer_service; {statement}");
        let done = sql.batch_execute(&statement).await;
        done.expect("the statement fits the schema");
    }
}

/// A browser: it keeps cookies and follows redirects.
#[derive(Clone, Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Opens a URL of the issuer; returns the URL of the redirect.
    async fn go(&mut self, world: &World, url: &str) -> String {
        let path = url.strip_prefix(ISSUER).unwrap_or(url);
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = world.get(path, &[("cookie", &cookies.join("; "))]).await;
        assert_eq!(answer.status, 303, "{path} must redirect, but: {}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "the URL contains secrets"
        );
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("a cookie");
            assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
            let (name, value) = cookie
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='))
                .expect("a pair");
            match value {
                "" => drop(self.cookies.remove(name)),
                value => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        answer.header("location").expect("a location").to_owned()
    }
}

fn with(mut request: Request<Bytes>, headers: &[(&str, &str)]) -> Request<Bytes> {
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        let name = HeaderName::try_from(*name).expect("a name");
        request
            .headers_mut()
            .append(name, value.parse().expect("a value"));
    }
    request
}

fn parsed(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
}

fn text(value: &Value, member: &str) -> String {
    let text = value[member].as_str();
    text.unwrap_or_else(|| panic!("{member} in {value}")).to_owned()
}

fn merge(value: &mut Value, more: Value) {
    for (name, member) in more.as_object().into_iter().flatten() {
        value[name] = member.clone();
    }
}

/// The parameters of a URL, by name.
fn parameters(url: &str) -> BTreeMap<String, String> {
    let (_, query) = url.split_once('?').unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn parameter(url: &str, name: &str) -> String {
    parameters(url)
        .remove(name)
        .unwrap_or_else(|| panic!("no {name} in {url}"))
}

fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// The client's authorization URL. `more` replaces or adds parameters. An empty parameter is left out.
fn link(more: &str) -> String {
    let challenge = challenge_of(VERIFIER);
    let mut all: BTreeMap<String, String> = [
        ("client_id", "shop"),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid offline_access"),
        ("audience", "akinai"),
        ("state", "the state"),
        ("nonce", "the nonce"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    all.extend(form_urlencoded::parse(more.as_bytes()).into_owned());
    all.retain(|_, value| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&all)
        .finish();
    format!("/oauth2/auth?{query}")
}

fn exchange(code: &str) -> [(&str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", "shop"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

fn refreshing(token: &Value) -> [(&str, &str); 3] {
    let token = token.as_str().expect("a refresh token");
    [
        ("grant_type", "refresh_token"),
        ("client_id", "shop"),
        ("refresh_token", token),
    ]
}

/// The claims of a JWT, not verified.
fn claims(token: &Value) -> Value {
    let payload = token
        .as_str()
        .and_then(|token| token.split('.').nth(1))
        .expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}
