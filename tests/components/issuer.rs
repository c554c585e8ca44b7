//! The issuer, called as browsers, clients and the pages of the user component call it.
//!
//! The manifest is the real one, but for a route to the admin API.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures::future::join_all;
use harness::{Answer, Client, Platform, Setup, now};
use http::{HeaderName, HeaderValue, Request, header};
use identity::access::{AccessToken, Policy, TokenError, UnverifiedToken};
use identity::caller::SignedIn;
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

    /// Without a key or a client.
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

    /// What the login page does: the URL that it sends the browser to.
    async fn accept_login(&self, challenge: &str, more: Value) -> String {
        let mut body = json!({ "subject": USER, "acr": "1", "amr": ["pwd"], "context": { "a": 1 } });
        merge(&mut body, more);
        self.answered("login/accept", "login_challenge", challenge, body)
            .await
    }

    /// What the consent page does.
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

    /// A login, consent or logout request, as its page sees it.
    async fn request(&self, what: &str, challenge: &str) -> Value {
        let path = format!("/admin/oauth2/auth/requests/{what}?{what}_challenge={challenge}");
        let answer = self.http().get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        parsed(&answer)
    }

    /// The whole way from the client's link to its code.
    async fn code(&self, browser: &mut Browser, more: &str) -> String {
        let back = self.signed_in(browser, more, json!({}), json!({})).await;
        parameter(&back, "code")
    }

    /// The same, with what the pages say; gives the URL back that leads to the client.
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
            "no cache keeps tokens"
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

    /// As the bff reads it.
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

/// A browser: it has cookies, and goes where it is sent.
#[derive(Clone, Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Opens a URL of the issuer; gives back where it is sent next.
    async fn go(&mut self, world: &World, url: &str) -> String {
        let path = url.strip_prefix(ISSUER).unwrap_or(url);
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = world.get(path, &[("cookie", &cookies.join("; "))]).await;
        assert_eq!(
            answer.status,
            303,
            "{path} must lead on, not to {}",
            answer.text()
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "the URL has secrets in it"
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

/// The client's link; `more` replaces parameters, or adds some. An empty one is left out.
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

/// What a JWT says, unverified.
fn claims(token: &Value) -> Value {
    let payload = token
        .as_str()
        .and_then(|token| token.split('.').nth(1))
        .expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bff_accepts_the_access_token_of_a_new_sign_in() {
    let world = World::start().await;
    let mut browser = Browser::default();

    let to_login = browser
        .go(&world, &link("prompt=login&ui_locales=ja&login_hint=h"))
        .await;
    assert!(
        to_login.starts_with("http://pages.test/login?login_challenge="),
        "{to_login}"
    );
    let challenge = parameter(&to_login, "login_challenge");
    let asked = world.request("login", &challenge).await;
    assert_eq!(asked["challenge"], challenge.as_str());
    assert_eq!(asked["requested_scope"], json!(["openid", "offline_access"]));
    assert_eq!(asked["requested_access_token_audience"], json!(["akinai"]));
    assert_eq!((&asked["skip"], &asked["subject"]), (&json!(false), &json!("")));
    assert_eq!(asked["oidc_context"]["ui_locales"], json!(["ja"]));
    assert_eq!(asked["oidc_context"]["login_hint"], "h");
    assert_eq!(
        (&asked["client"]["client_id"], &asked["client"]["client_name"]),
        (&json!("shop"), &json!("A shop"))
    );
    assert!(text(&asked, "request_url").starts_with(&format!("{ISSUER}/oauth2/auth?")));

    let url = world.accept_login(&challenge, json!({})).await;
    let challenge = parameter(&browser.go(&world, &url).await, "consent_challenge");
    let consent = world.request("consent", &challenge).await;
    assert_eq!(
        (&consent["subject"], &consent["acr"], &consent["amr"]),
        (&json!(USER), &json!("1"), &json!(["pwd"]))
    );
    assert_eq!(
        (&consent["context"], &consent["skip"]),
        (&json!({"a": 1}), &json!(false))
    );
    assert_eq!(consent["login_session_id"], asked["session_id"]);
    let url = world.accept_consent(&challenge, json!({})).await;
    let back = browser.go(&world, &url).await;
    assert!(back.starts_with(&format!("{CALLBACK}?code=")), "{back}");
    let answer = parameters(&back);
    assert_eq!(
        (answer["state"].as_str(), answer["iss"].as_str()),
        ("the state", ISSUER),
        "RFC 9207"
    );

    let tokens = world.granted(&exchange(&answer["code"])).await;
    assert_eq!(
        (&tokens["token_type"], &tokens["expires_in"]),
        (&json!("bearer"), &json!(900))
    );
    assert_eq!(tokens["scope"], "openid offline_access");
    let access = world
        .verify(&tokens["access_token"])
        .await
        .expect("the bff accepts it");
    let signed_in = SignedIn::try_from(&access).expect("it is a user's");
    assert_eq!(
        (signed_in.user.id.to_string().as_str(), signed_in.epoch),
        (USER, Some(3))
    );
    assert_eq!(
        signed_in.user.session.map(|id| id.to_string()),
        Some(text(&asked, "session_id"))
    );
    assert_eq!(
        world.verify(&tokens["id_token"]).await,
        Err(TokenError::IdToken("nonce")),
        "an ID token is none"
    );

    let id = claims(&tokens["id_token"]);
    assert_eq!(
        (&id["iss"], &id["sub"], &id["aud"]),
        (&json!(ISSUER), &json!(USER), &json!(["shop"]))
    );
    assert_eq!(
        (&id["nonce"], &id["name"], &id["sid"]),
        (&json!("the nonce"), &json!("Hana"), &asked["session_id"])
    );
    assert_eq!((&id["acr"], &id["amr"]), (&json!("1"), &json!(["pwd"])));
    let hash = Sha256::digest(tokens["access_token"].as_str().expect("a token"));
    assert_eq!(id["at_hash"], URL_SAFE_NO_PAD.encode(&hash[..16]));
    assert!(
        id["auth_time"]
            .as_u64()
            .is_some_and(|at| at <= now() && at + 60 > now()),
        "{id}"
    );

    let user = world.userinfo(&text(&tokens, "access_token")).await;
    assert_eq!(
        parsed(&user),
        json!({"sub": USER, "name": "Hana", "email": "hana@example.com"})
    );
    let seen = world
        .form(
            "/admin/oauth2/introspect",
            &[("token", &text(&tokens, "access_token"))],
            &[],
        )
        .await;
    let seen = parsed(&seen);
    assert_eq!(
        (&seen["active"], &seen["token_use"], &seen["ext"]["epoch"]),
        (&json!(true), &json!("access_token"), &json!(3))
    );
    assert_eq!((&seen["sub"], &seen["client_id"]), (&json!(USER), &json!("shop")));
    assert!(world.is_active(&tokens["refresh_token"]).await && !world.is_active(&json!("nonsense")).await);
    assert!(
        !world.is_active(&tokens["id_token"]).await,
        "an ID token is no access token"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_used_again_revokes_its_family() {
    let world = World::start().await;
    let first = world.tokens("").await;
    let second = parsed(&world.refresh(&first["refresh_token"]).await);
    assert_eq!(claims(&second["id_token"])["nonce"], "the nonce");
    assert!(world.verify(&second["access_token"]).await.is_ok());
    let third = parsed(&world.refresh(&second["refresh_token"]).await);
    assert!(world.is_active(&third["refresh_token"]).await && world.is_active(&third["access_token"]).await);

    // Only seconds later, but its successor was used: the token was stolen.
    assert_eq!(
        world.refused(&refreshing(&first["refresh_token"])).await,
        "invalid_grant"
    );
    assert_eq!(
        world.refused(&refreshing(&third["refresh_token"])).await,
        "invalid_grant",
        "its whole family is dead"
    );
    for dead in [
        &first["access_token"],
        &third["access_token"],
        &third["refresh_token"],
    ] {
        assert!(!world.is_active(dead).await);
    }
    assert_eq!(world.userinfo(&text(&third, "access_token")).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_may_refresh_with_one_token_within_ten_seconds() {
    let world = World::start().await;
    let first = world.tokens("").await;
    let answers = join_all((0..8).map(|_| world.refresh(&first["refresh_token"]))).await;
    let siblings: Vec<Value> = answers.iter().map(parsed).collect();
    for sibling in &siblings {
        assert!(
            world.is_active(&sibling["refresh_token"]).await,
            "each of them got one: {sibling}"
        );
    }
    world.granted(&refreshing(&siblings[0]["refresh_token"])).await;
    world.granted(&refreshing(&siblings[1]["refresh_token"])).await;
    assert_eq!(
        world.refused(&refreshing(&first["refresh_token"])).await,
        "invalid_grant",
        "a successor was used"
    );

    let late = world.tokens("").await;
    let successor = parsed(&world.refresh(&late["refresh_token"]).await);
    world
        .sql("update refresh_tokens set used_at = used_at - interval '11 seconds' where used_at is not null")
        .await;
    assert_eq!(
        world.refused(&refreshing(&late["refresh_token"])).await,
        "invalid_grant",
        "11 seconds are no two tabs"
    );
    assert_eq!(
        world.refused(&refreshing(&successor["refresh_token"])).await,
        "invalid_grant",
        "successors die, too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_works_for_its_client_only_and_within_its_grant() {
    let world = World::start().await;
    let tokens = world.tokens("").await;
    let token = text(&tokens, "refresh_token");
    let other = [
        ("grant_type", "refresh_token"),
        ("client_id", "other"),
        ("refresh_token", &token),
    ];
    assert_eq!(world.refused(&other).await, "invalid_grant");
    let more = [
        ("grant_type", "refresh_token"),
        ("client_id", "shop"),
        ("refresh_token", &token),
        ("scope", "openid admin"),
    ];
    assert_eq!(world.refused(&more).await, "invalid_scope");
    let less = [more[0], more[1], more[2], ("scope", "offline_access")];
    let narrowed = world.granted(&less).await;
    assert_eq!(
        (&narrowed["scope"], narrowed.get("id_token")),
        (&json!("offline_access"), None)
    );

    world.sql("update grants set ends_at = now()").await;
    assert_eq!(
        world.refused(&refreshing(&narrowed["refresh_token"])).await,
        "invalid_grant",
        "its time is over"
    );
    let online = world.tokens("scope=openid").await;
    assert_eq!(
        online.get("refresh_token"),
        None,
        "the client has not asked for one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once_for_its_client_address_and_verifier() {
    let world = World::start().await;
    let code = world.code(&mut Browser::default(), "").await;
    let changed = |name: &'static str, value: &'static str| {
        let form = exchange(&code);
        form.map(|(known, old)| (known, if known == name { value } else { old }))
    };
    let (wrong, one_off) = (
        "another-verifier-of-the-right-length-and-letters",
        "https://shop.example/cc",
    );
    assert_eq!(
        world.refused(&changed("client_id", "other")).await,
        "invalid_grant",
        "another client's"
    );
    assert_eq!(
        world.refused(&changed("client_id", "unknown")).await,
        "invalid_client"
    );
    assert_eq!(
        world.refused(&changed("code_verifier", wrong)).await,
        "invalid_grant"
    );
    assert_eq!(
        world.refused(&changed("code_verifier", "short")).await,
        "invalid_grant"
    );
    assert_eq!(
        world.refused(&changed("code_verifier", "")).await,
        "invalid_request"
    );
    assert_eq!(
        world.refused(&changed("redirect_uri", one_off)).await,
        "invalid_grant"
    );
    assert_eq!(world.refused(&changed("code", "guessed")).await, "invalid_grant");

    let tokens = world.granted(&exchange(&code)).await;
    assert!(world.is_active(&tokens["access_token"]).await);
    assert_eq!(world.refused(&exchange(&code)).await, "invalid_grant", "once");
    assert!(
        !world.is_active(&tokens["access_token"]).await,
        "a replayed code takes its tokens with it"
    );
    assert_eq!(
        world.refused(&refreshing(&tokens["refresh_token"])).await,
        "invalid_grant"
    );

    let late = world.code(&mut Browser::default(), "").await;
    world.sql("update codes set expires_at = now()").await;
    assert_eq!(
        world.refused(&exchange(&late)).await,
        "invalid_grant",
        "a minute is over"
    );

    let raced = world.code(&mut Browser::default(), "").await;
    let form = exchange(&raced);
    let answers = join_all((0..6).map(|_| world.token(&form))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1, "of six at the same time one wins");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_request_ends_on_the_error_page_or_at_the_client() {
    let world = World::start().await;
    let mut browser = Browser::default();
    for more in [
        "redirect_uri=https://shop.example/cc",
        "redirect_uri=https://shop.example/cb/",
        "redirect_uri=http://shop.example/cb",
        "redirect_uri=https://shop.example.evil/cb",
        "redirect_uri=",
        "client_id=unknown",
        "client_id=",
    ] {
        let to = browser.go(&world, &link(more)).await;
        assert!(
            to.starts_with("http://pages.test/error?error=invalid_"),
            "{more} must not leave: {to}"
        );
    }
    let twice = format!("{}&client_id=shop", link(""));
    assert!(
        browser
            .go(&world, &twice)
            .await
            .starts_with("http://pages.test/error?error=invalid_request")
    );
    for (more, error) in [
        ("code_challenge=", "invalid_request"),
        ("code_challenge_method=", "invalid_request"),
        ("code_challenge_method=plain", "invalid_request"),
        ("response_type=token", "unsupported_response_type"),
        ("scope=openid+root", "invalid_scope"),
        ("audience=elsewhere", "invalid_request"),
        ("prompt=none", "login_required"),
        ("request=e30", "request_not_supported"),
        ("id_token_hint=nonsense", "invalid_request"),
    ] {
        let to = browser.go(&world, &link(more)).await;
        let answer = parameters(&to);
        assert!(to.starts_with(&format!("{CALLBACK}?")), "{more}: {to}");
        assert_eq!(answer["error"], error, "{more}");
        assert_eq!(
            (answer["state"].as_str(), answer["iss"].as_str()),
            ("the state", ISSUER),
            "{more}"
        );
    }
    let posted = world.form("/oauth2/auth", &[("client_id", "unknown")], &[]).await;
    assert_eq!(posted.status, 303, "forms are read, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_works_once_and_only_in_its_browser() {
    let world = World::start().await;
    let (mut victim, mut attacker) = (Browser::default(), Browser::default());
    attacker.go(&world, &link("")).await;
    let login = parameter(&victim.go(&world, &link("")).await, "login_challenge");
    let url = world.accept_login(&login, json!({})).await;
    let path = format!("/admin/oauth2/auth/requests/login/accept?login_challenge={login}");
    let again = world.admin("PUT", &path, json!({ "subject": "mallory" })).await;
    assert_eq!(again.status, 410, "{}", again.text());
    assert!(text(&parsed(&again), "redirect_to").starts_with(&format!("{ISSUER}/oauth2/auth?")));
    let shown = world.http().get(&path.replace("/accept", "")).await;
    assert_eq!(shown.status, 410);

    // A link of another browser's sign-in leads nowhere, and following it does not use it up.
    for stranger in [&mut attacker, &mut Browser::default()] {
        let to = stranger.go(&world, &url).await;
        assert!(
            to.starts_with("http://pages.test/error?error=request_forbidden"),
            "{to}"
        );
    }
    let consent = parameter(&victim.go(&world, &url).await, "consent_challenge");
    let reused = victim.go(&world, &url).await;
    assert_eq!(
        parameters(&reused)["error"],
        "access_denied",
        "a verifier works once"
    );

    let url = world.accept_consent(&consent, json!({})).await;
    let to = attacker.go(&world, &url).await;
    assert!(
        to.starts_with("http://pages.test/error?error=request_forbidden"),
        "{to}"
    );
    assert!(parameters(&victim.go(&world, &url).await).contains_key("code"));
    assert_eq!(
        parameters(&victim.go(&world, &url).await)["error"],
        "access_denied",
        "one code"
    );
    let path = format!("/admin/oauth2/auth/requests/consent?consent_challenge={consent}");
    assert_eq!(world.http().get(&path).await.status, 410);

    let late = parameter(&victim.go(&world, &link("")).await, "login_challenge");
    world.sql("update flows set expires_at = now()").await;
    for challenge in [&late, "guessed"] {
        let path = format!("/admin/oauth2/auth/requests/login?login_challenge={challenge}");
        let answer = world.http().get(&path).await;
        assert_eq!(
            (answer.status.as_u16(), &parsed(&answer)["status_code"]),
            (404, &json!(404))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_reaches_the_client_and_consent_grants_no_more_than_was_requested() {
    let world = World::start().await;
    let mut browser = Browser::default();
    let no = json!({ "error": "access_denied", "error_description": "The user said no" });
    let login = parameter(&browser.go(&world, &link("")).await, "login_challenge");
    let url = world
        .answered("login/reject", "login_challenge", &login, no.clone())
        .await;
    let answer = parameters(&browser.go(&world, &url).await);
    assert_eq!(
        (answer["error"].as_str(), answer["error_description"].as_str()),
        ("access_denied", "The user said no")
    );

    let login = parameter(&browser.go(&world, &link("")).await, "login_challenge");
    let url = world.accept_login(&login, json!({})).await;
    let consent = parameter(&browser.go(&world, &url).await, "consent_challenge");
    let path = format!("/admin/oauth2/auth/requests/consent/accept?consent_challenge={consent}");
    for more in [
        json!({ "grant_scope": ["openid", "admin"] }),
        json!({ "grant_access_token_audience": ["elsewhere"] }),
        json!({ "grant_scope": "openid" }),
        json!({ "remember_for": -1 }),
        json!([]),
    ] {
        let answer = world.admin("PUT", &path, more.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), &parsed(&answer)["error"]),
            (400, &json!("invalid_request")),
            "{more}"
        );
    }
    let url = world
        .answered("consent/reject", "consent_challenge", &consent, no)
        .await;
    assert_eq!(
        parameters(&browser.go(&world, &url).await)["error"],
        "access_denied"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_remembered_until_it_signs_out() {
    let world = World::start().await;
    let mut browser = Browser::default();
    let remember = json!({ "remember": true, "remember_for": 3600 });
    let back = world
        .signed_in(&mut browser, "", remember.clone(), json!({ "remember": true }))
        .await;
    let tokens = world.granted(&exchange(&parameter(&back, "code"))).await;
    let sid = text(&claims(&tokens["id_token"]), "sid");

    // Neither login nor consent is asked for again, and prompt=none goes through.
    let login = parameter(&browser.go(&world, &link("prompt=none")).await, "login_challenge");
    let asked = world.request("login", &login).await;
    assert_eq!(
        (&asked["skip"], &asked["subject"], &asked["session_id"]),
        (&json!(true), &json!(USER), &json!(sid))
    );
    let other = json!({ "subject": "another-user" });
    let path = format!("/admin/oauth2/auth/requests/login/accept?login_challenge={login}");
    let elsewhere = text(&parsed(&world.admin("PUT", &path, other).await), "redirect_to");
    assert_eq!(
        parameter(&elsewhere, "prompt"),
        "login",
        "another user has to log in"
    );
    let url = world.accept_login(&login, json!({})).await;
    let consent = parameter(&browser.go(&world, &url).await, "consent_challenge");
    assert_eq!(world.request("consent", &consent).await["skip"], true);
    let url = world.accept_consent(&consent, json!({})).await;
    assert!(parameters(&browser.go(&world, &url).await).contains_key("code"));

    let skips = async |browser: &mut Browser, more: &str| {
        let login = parameter(&browser.go(&world, &link(more)).await, "login_challenge");
        world.request("login", &login).await["skip"] == true
    };
    let hint = text(&tokens, "id_token");
    assert!(skips(&mut browser, &format!("id_token_hint={hint}&max_age=600")).await);
    assert!(!skips(&mut browser, "prompt=login").await && !skips(&mut Browser::default(), "").await);
    world
        .sql("update login_sessions set authenticated_at = now() - interval '1 hour'")
        .await;
    assert!(
        !skips(&mut browser, "max_age=600").await,
        "the login is older than the client wants it"
    );
    let more = browser.go(&world, &link("prompt=none&scope=openid+admin")).await;
    let url = world
        .accept_login(&parameter(&more, "login_challenge"), json!({}))
        .await;
    assert_eq!(
        parameters(&browser.go(&world, &url).await)["error"],
        "consent_required",
        "more than was granted"
    );

    let before = browser.cookies["akinai_session"].clone();
    world
        .signed_in(&mut browser, "prompt=login", remember, json!({}))
        .await;
    assert_ne!(
        browser.cookies["akinai_session"], before,
        "a new login has a new cookie"
    );
    let mut old = browser.clone();
    old.cookies.insert("akinai_session".into(), before);
    assert!(!skips(&mut old, "").await, "and the old one is worth nothing");

    // Signing out, at the user's wish and at the client's.
    let to = browser.go(&world, "/oauth2/sessions/logout").await;
    let logout = parameter(&to, "logout_challenge");
    let asked = world.request("logout", &logout).await;
    assert_eq!(
        (&asked["subject"], &asked["rp_initiated"], &asked["client"]),
        (&json!(USER), &json!(false), &Value::Null)
    );
    let url = world
        .answered("logout/accept", "logout_challenge", &logout, Value::Null)
        .await;
    assert_eq!(browser.go(&world, &url).await, "http://pages.test/signed_out");
    assert!(!browser.cookies.contains_key("akinai_session"));
    assert!(
        browser
            .go(&world, &url)
            .await
            .starts_with("http://pages.test/error"),
        "a verifier works once"
    );
    assert!(!skips(&mut browser, "").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_signs_its_user_out() {
    let world = World::start().await;
    let mut browser = Browser::default();
    let back = world
        .signed_in(&mut browser, "", json!({ "remember": true }), json!({}))
        .await;
    let tokens = world.granted(&exchange(&parameter(&back, "code"))).await;
    let hint = text(&tokens, "id_token");
    let path = |more: &str| format!("/oauth2/sessions/logout?id_token_hint={hint}&state=x{more}");
    for open in [
        "https://evil.example/",
        "https://shop.example/bye/",
        "https://shop.example/by",
    ] {
        let to = browser
            .go(&world, &path(&format!("&post_logout_redirect_uri={open}")))
            .await;
        assert!(
            to.starts_with("http://pages.test/error?error=invalid_request"),
            "{open}: {to}"
        );
    }
    let wrong = "/oauth2/sessions/logout?post_logout_redirect_uri=https://shop.example/bye";
    assert!(
        browser
            .go(&world, wrong)
            .await
            .starts_with("http://pages.test/error")
    );
    let forged = format!(
        "/oauth2/sessions/logout?id_token_hint={}",
        text(&tokens, "access_token")
    );
    assert!(
        browser
            .go(&world, &forged)
            .await
            .starts_with("http://pages.test/error"),
        "an access token is no hint"
    );

    let bye = "&post_logout_redirect_uri=https://shop.example/bye";
    let logout = parameter(&browser.go(&world, &path(bye)).await, "logout_challenge");
    let asked = world.request("logout", &logout).await;
    assert_eq!(
        (&asked["rp_initiated"], &asked["client"]["client_id"]),
        (&json!(true), &json!("shop"))
    );
    let reject = format!("/admin/oauth2/auth/requests/logout/reject?logout_challenge={logout}");
    assert_eq!(world.admin("PUT", &reject, Value::Null).await.status, 204);
    assert_eq!(world.admin("PUT", &reject, Value::Null).await.status, 410);
    let logout = parameter(&browser.go(&world, &path(bye)).await, "logout_challenge");
    let url = world
        .answered("logout/accept", "logout_challenge", &logout, Value::Null)
        .await;
    assert_eq!(browser.go(&world, &url).await, "https://shop.example/bye?state=x");
    assert_eq!(
        browser.go(&world, &path(bye)).await,
        "https://shop.example/bye?state=x",
        "no user is left to sign out"
    );
}

/// RP-Initiated Logout, section 2: the user is asked, and then signed out, whichever login the ID token is of.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_of_another_login_has_the_user_asked_and_signed_out() {
    let world = World::start().await;
    let remember = json!({ "remember": true });
    let signed_in = async |browser: &mut Browser, subject: &str, login: Value| {
        let mut login = login;
        login["subject"] = subject.into();
        let back = world.signed_in(browser, "prompt=login", login, json!({})).await;
        world.granted(&exchange(&parameter(&back, "code"))).await
    };
    let bye = "https://shop.example/bye";
    let path = |tokens: &Value| {
        let hint = text(tokens, "id_token");
        format!("/oauth2/sessions/logout?id_token_hint={hint}&post_logout_redirect_uri={bye}")
    };
    // What the page is asked to sign out, and where the browser is in the end.
    let sign_out = async |browser: &mut Browser, tokens: &Value| {
        let to = browser.go(&world, &path(tokens)).await;
        let logout = parameter(&to, "logout_challenge");
        let asked = world.request("logout", &logout).await;
        let url = world
            .answered("logout/accept", "logout_challenge", &logout, Value::Null)
            .await;
        (text(&asked, "sid"), browser.go(&world, &url).await)
    };
    let sid = |tokens: &Value| text(&claims(&tokens["id_token"]), "sid");
    let is_remembered = async |browser: &mut Browser| {
        let login = parameter(&browser.go(&world, &link("")).await, "login_challenge");
        world.request("login", &login).await["skip"] == true
    };

    for (hinted_user, what) in [
        (USER, "an earlier login"),
        ("another-user", "another user's login"),
    ] {
        let mut browser = Browser::default();
        let earlier = signed_in(&mut browser, hinted_user, remember.clone()).await;
        let current = signed_in(&mut browser, USER, remember.clone()).await;
        assert_eq!(
            sign_out(&mut browser, &earlier).await,
            (sid(&current), bye.to_owned()),
            "{what}"
        );
        assert!(!is_remembered(&mut browser).await, "{what}: signed out");
        assert!(!world.is_active(&current["refresh_token"]).await, "{what}");
    }

    // Another browser's login is none of this browser's business, and an old ID token is as good as a new one.
    let (mut browser, mut other) = (Browser::default(), Browser::default());
    let elsewhere = signed_in(&mut other, USER, remember.clone()).await;
    let current = signed_in(&mut browser, USER, remember.clone()).await;
    assert_eq!(sign_out(&mut browser, &elsewhere).await.0, sid(&current));
    assert!(is_remembered(&mut other).await && world.is_active(&elsewhere["refresh_token"]).await);

    // A login that was not to be remembered lasts in what was granted in it.
    let mut browser = Browser::default();
    let current = signed_in(&mut browser, USER, json!({})).await;
    assert_eq!(
        sign_out(&mut browser, &current).await,
        (sid(&current), bye.to_owned())
    );
    assert!(!world.is_active(&current["access_token"]).await);
    assert_eq!(browser.go(&world, &path(&current)).await, bye, "it is over");
    let to = browser.go(&world, &path(&current).replace("/bye", "/by")).await;
    assert!(
        to.starts_with("http://pages.test/error"),
        "it leads nowhere else: {to}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn remembered_consent_covers_what_was_granted() {
    let world = World::start().await;
    let mut browser = Browser::default();
    let remember = json!({ "remember": true });
    // The user unticks the audience and offline access, and does not want to be asked again.
    let granted = json!({ "remember": true, "grant_scope": ["openid"], "grant_access_token_audience": [] });
    world.signed_in(&mut browser, "", remember, granted).await;
    let is_skipped = async |browser: &mut Browser, more: &str| {
        let login = parameter(&browser.go(&world, &link(more)).await, "login_challenge");
        let url = world.accept_login(&login, json!({})).await;
        let consent = parameter(&browser.go(&world, &url).await, "consent_challenge");
        world.request("consent", &consent).await["skip"] == true
    };
    let cases = [
        ("scope=openid&audience=", true),
        ("scope=openid&audience=akinai", false),
        ("scope=openid+offline_access&audience=", false),
        ("scope=openid+admin&audience=", false),
    ];
    for (more, skipped) in cases {
        assert_eq!(is_skipped(&mut browser, more).await, skipped, "{more}");
        let silent = browser.go(&world, &link(&format!("{more}&prompt=none"))).await;
        let login = parameter(&silent, "login_challenge");
        let url = world.accept_login(&login, json!({})).await;
        let to = browser.go(&world, &url).await;
        let error = parameters(&to).remove("error");
        let expected = (!skipped).then_some("consent_required");
        assert_eq!(error.as_deref(), expected, "{more}, without asking");
    }
    // What the client may ask for by now was not granted because of that.
    let wider = json!([{ "op": "add", "path": "/audience/-", "value": "nightly" }]);
    let patched = world.admin("PATCH", "/admin/clients/shop", wider).await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    assert!(!is_skipped(&mut browser, "scope=openid&audience=nightly").await);
    assert!(is_skipped(&mut browser, "scope=openid&audience=").await);
    // Consent from before audiences were kept covers none.
    world
        .sql("update remembered_consents set scopes = '{openid,offline_access}', audience = default")
        .await;
    assert!(!is_skipped(&mut browser, "").await);
}

/// As with Hydra: tokens have nothing that their client may not request.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_refreshed_while_its_client_is_registered_for_it() {
    let world = World::start().await;
    let tokens = world.tokens("").await;
    let register = async |path: &str, value: Value| {
        let change = json!([{ "op": "replace", "path": path, "value": value }]);
        let patched = world.admin("PATCH", "/admin/clients/shop", change).await;
        assert_eq!(patched.status, 200, "{}", patched.text());
    };
    let (scope, audience) = (json!("openid offline_access admin"), json!(["akinai"]));
    for (path, less, all) in [
        ("/scope", json!("offline_access"), &scope),
        ("/audience", json!([]), &audience),
    ] {
        register(path, less).await;
        let refused = world.refused(&refreshing(&tokens["refresh_token"])).await;
        assert_eq!(refused, "invalid_scope", "{path}");
        register(path, all.clone()).await;
    }
    world.granted(&refreshing(&tokens["refresh_token"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_consent_are_ended_by_their_subject() {
    let world = World::start().await;
    let mut browser = Browser::default();
    let remember = json!({ "remember": true });
    let back = world
        .signed_in(&mut browser, "", remember.clone(), remember)
        .await;
    let tokens = world.granted(&exchange(&parameter(&back, "code"))).await;
    let consents = format!("/admin/oauth2/auth/sessions/consent?subject={USER}");
    let listed = parsed(&world.http().get(&consents).await);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed[0]["grant_scope"], json!(["openid", "offline_access"]));
    assert_eq!(listed[0]["consent_request"]["client"]["client_id"], "shop");

    let login = parameter(&browser.go(&world, &link("")).await, "login_challenge");
    let url = world.accept_login(&login, json!({})).await;
    let sessions = "/admin/oauth2/auth/sessions";
    let ended = world
        .admin("DELETE", &format!("{sessions}/login?subject={USER}"), Value::Null)
        .await;
    assert_eq!(ended.status, 204);
    assert_eq!(
        parameters(&browser.go(&world, &url).await)["error"],
        "access_denied",
        "its login has ended on the way"
    );
    let login = parameter(&browser.go(&world, &link("")).await, "login_challenge");
    assert_eq!(world.request("login", &login).await["skip"], false);
    assert!(
        world.is_active(&tokens["refresh_token"]).await,
        "as at Hydra, tokens live on"
    );

    for (query, status) in [
        ("", 400),
        ("?subject=a", 400),
        ("?subject=a&client=b&all=true", 400),
    ] {
        let answer = world
            .admin("DELETE", &format!("{sessions}/consent{query}"), Value::Null)
            .await;
        assert_eq!(answer.status.as_u16(), status, "{query}");
    }
    assert_eq!(
        world
            .admin("DELETE", &format!("{sessions}/login"), Value::Null)
            .await
            .status,
        400
    );
    let revoked = world
        .admin("DELETE", &format!("{consents}&all=true"), Value::Null)
        .await;
    assert_eq!(revoked.status, 204);
    assert!(
        !world.is_active(&tokens["refresh_token"]).await && !world.is_active(&tokens["access_token"]).await
    );
    assert_eq!(
        world.refused(&refreshing(&tokens["refresh_token"])).await,
        "invalid_grant"
    );
    let url = world.accept_login(&login, json!({})).await;
    let consent = parameter(&browser.go(&world, &url).await, "consent_challenge");
    assert_eq!(
        world.request("consent", &consent).await["skip"],
        false,
        "consent is remembered no more"
    );
    assert_eq!(parsed(&world.http().get(&consents).await), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_gets_an_access_token_for_itself() {
    let world = World::start().await;
    let basic = format!("Basic {}", STANDARD.encode(format!("batch:{SECRET}")));
    let ask = async |more: &[(&str, &str)], login: &str| {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(more);
        world
            .form("/oauth2/token", &form, &[("authorization", login)])
            .await
    };
    let tokens = parsed(&ask(&[("scope", "admin"), ("audience", "akinai")], &basic).await);
    assert_eq!(
        (&tokens["expires_in"], tokens.get("refresh_token")),
        (&json!(900), None)
    );
    let token = world
        .verify(&tokens["access_token"])
        .await
        .expect("the bff accepts it");
    assert_eq!((token.subject(), token.client_id()), ("batch", "batch"));
    assert!(
        SignedIn::try_from(&token).is_err() && !token.scopes().contains("admin"),
        "a machine is no admin"
    );
    assert_eq!(
        world.userinfo(&text(&tokens, "access_token")).await.status,
        403,
        "nor any user"
    );
    let long = parsed(&ask(&[("audience", "nightly")], &basic).await);
    assert_eq!(
        long["expires_in"], 86400,
        "as long as this audience's tokens live"
    );
    let both = parsed(&ask(&[("audience", "nightly akinai")], &basic).await);
    assert_eq!(both["expires_in"], 900, "but not as a token for another");

    for (more, login, status, error) in [
        (&[][..], "", 400, "invalid_request"),
        (&[("client_id", "batch")], "", 401, "invalid_client"),
        (
            &[("client_id", "batch"), ("client_secret", SECRET)],
            "",
            401,
            "invalid_client",
        ),
        (&[("client_secret", SECRET)], &basic, 400, "invalid_request"),
        (&[], "Basic YmF0Y2g6d3Jvbmc=", 401, "invalid_client"),
        (&[], "Basic bm9ib2R5Ong=", 401, "invalid_client"),
        (&[("scope", "openid")], &basic, 400, "invalid_scope"),
        (&[("audience", "elsewhere")], &basic, 400, "invalid_request"),
    ] {
        let answer = ask(more, login).await;
        assert_eq!(
            (answer.status.as_u16(), text(&parsed(&answer), "error").as_str()),
            (status, error),
            "{more:?} {login}"
        );
        let challenged = answer
            .header("www-authenticate")
            .is_some_and(|value| value.starts_with("Basic realm="));
        assert_eq!(
            challenged,
            status == 401,
            "{more:?} {login}: RFC 9110, section 15.5.2"
        );
    }
    let shop = [("grant_type", "client_credentials"), ("client_id", "shop")];
    assert_eq!(world.refused(&shop).await, "unauthorized_client");

    let rotate = world
        .admin("POST", "/admin/clients/batch/secrets/rotate", Value::Null)
        .await;
    assert_eq!(
        ask(&[], &basic).await.status,
        401,
        "the old secret counts no longer"
    );
    let new = format!(
        "Basic {}",
        STANDARD.encode(format!("batch:{}", text(&parsed(&rotate), "client_secret")))
    );
    assert_eq!(ask(&[], &new).await.status, 200);

    assert!(world.is_active(&tokens["access_token"]).await);
    let token = text(&tokens, "access_token");
    let revoke = async |client: &[(&str, &str)], login: &str| {
        let form: Vec<_> = [("token", token.as_str())]
            .into_iter()
            .chain(client.iter().copied())
            .collect();
        world
            .form("/oauth2/revoke", &form, &[("authorization", login)])
            .await
            .status
            .as_u16()
    };
    assert_eq!(
        revoke(&[("client_id", "shop")], "").await,
        400,
        "another's token (RFC 7009, section 2.1)"
    );
    assert!(world.is_active(&tokens["access_token"]).await, "it lives on");
    assert_eq!((revoke(&[], &basic).await, revoke(&[], &new).await), (401, 200));
    assert!(!world.is_active(&tokens["access_token"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_revokes_its_own_tokens_only() {
    let world = World::start().await;
    for kind in ["refresh_token", "access_token"] {
        let tokens = world.tokens("").await;
        let token = text(&tokens, kind);
        for (form, status, alive) in [
            (&[("client_id", "shop")][..], 400, true),
            (&[("token", &token)], 400, true),
            (&[("client_id", "other"), ("token", &token)], 400, true),
            (&[("client_id", "shop"), ("token", "nonsense")], 200, true),
            (
                &[
                    ("client_id", "shop"),
                    ("token", &token),
                    ("token_type_hint", "made up"),
                ],
                200,
                false,
            ),
            (&[("client_id", "shop"), ("token", &token)], 200, false),
            (&[("client_id", "other"), ("token", &token)], 200, false),
        ] {
            let answer = world.form("/oauth2/revoke", form, &[]).await;
            assert_eq!(answer.status.as_u16(), status, "{form:?}: {}", answer.text());
            let is_anothers = status == 400 && form[0].1 == "other";
            let error = is_anothers.then(|| text(&parsed(&answer), "error"));
            assert_eq!(
                error.as_deref(),
                is_anothers.then_some("invalid_grant"),
                "{form:?}"
            );
            assert_eq!(world.is_active(&tokens["refresh_token"]).await, alive, "{form:?}");
        }
        assert!(
            !world.is_active(&tokens["access_token"]).await,
            "both die with a {kind}"
        );
        assert_eq!(
            world.refused(&refreshing(&tokens["refresh_token"])).await,
            "invalid_grant"
        );
    }
}

/// RFC 6749, sections 3.1 and 3.2: what OAuth does not define is not looked at.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_oauth_does_not_define_may_be_repeated() {
    let world = World::start().await;
    let mut browser = Browser::default();
    let twice = "resource=a&resource=b&utm=1&utm=1";
    let to = browser.go(&world, &format!("{}&{twice}", link(""))).await;
    let login = parameter(&to, "login_challenge");
    let url = world.accept_login(&login, json!({})).await;
    let consent = parameter(&browser.go(&world, &url).await, "consent_challenge");
    let url = world.accept_consent(&consent, json!({})).await;
    let code = parameter(&browser.go(&world, &url).await, "code");

    let repeated = [("resource", "a"), ("resource", "b"), ("utm", "1"), ("utm", "1")];
    let tokens = world
        .granted(&[exchange(&code).as_slice(), &repeated].concat())
        .await;
    let refreshed = world
        .granted(&[refreshing(&tokens["refresh_token"]).as_slice(), &repeated].concat())
        .await;
    let query: Vec<_> = form_urlencoded::parse(link("").split_once('?').expect("a query").1.as_bytes())
        .into_owned()
        .collect();
    let query: Vec<_> = query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let posted = world
        .form("/oauth2/auth", &[query.as_slice(), &repeated].concat(), &[])
        .await;
    let to = posted.header("location").unwrap_or_default().to_owned();
    assert!(
        to.starts_with("http://pages.test/login?"),
        "{to}: {}",
        posted.text()
    );
    let user = [(
        "access_token",
        refreshed["access_token"].as_str().expect("a token"),
    )];
    let user = world
        .form("/userinfo", &[user.as_slice(), &repeated].concat(), &[])
        .await;
    assert_eq!(user.status, 200, "{}", user.text());
    let signed_out = browser
        .go(&world, &format!("/oauth2/sessions/logout?{twice}"))
        .await;
    assert_eq!(signed_out, "http://pages.test/signed_out");
    let token = refreshed["refresh_token"].as_str().expect("a token");
    let revoke = [("client_id", "shop"), ("token", token)];
    let revoked = world
        .form("/oauth2/revoke", &[revoke.as_slice(), &repeated].concat(), &[])
        .await;
    assert_eq!(revoked.status, 200, "{}", revoked.text());

    // Those that it defines may not.
    let defined = format!("{}&nonce=again", link(""));
    let to = browser.go(&world, &defined).await;
    assert!(
        to.starts_with("http://pages.test/error?error=invalid_request"),
        "{to}"
    );
    for (path, form) in [
        (
            "/oauth2/token",
            [
                ("grant_type", "refresh_token"),
                ("client_id", "shop"),
                ("client_id", "shop"),
            ],
        ),
        (
            "/oauth2/revoke",
            [("token", "x"), ("token", "x"), ("client_id", "shop")],
        ),
        (
            "/userinfo",
            [("access_token", "x"), ("access_token", "x"), ("utm", "1")],
        ),
    ] {
        let answer = world.form(path, &form, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), text(&parsed(&answer), "error").as_str()),
            (400, "invalid_request"),
            "{path}"
        );
    }
    let admin = "/admin/oauth2/auth/sessions/consent?subject=a&subject=b";
    assert_eq!(
        world.http().get(admin).await.status,
        400,
        "the admin API takes no name twice"
    );
}

/// RFC 6749, section 2.3; RFC 6750, section 2.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_authenticated_in_one_way() {
    let world = World::start().await;
    let tokens = world.tokens("").await;
    let token = text(&tokens, "access_token");
    let bearer = format!("Bearer {token}");
    let form = [("access_token", token.as_str())];
    let query = format!("/userinfo?access_token={token}");
    let cases = [
        (
            "by header",
            world.form("/userinfo", &[], &[("authorization", &bearer)]).await,
            200,
        ),
        ("by form", world.form("/userinfo", &form, &[]).await, 200),
        ("by query", world.get(&query, &[]).await, 401),
        (
            "by header and form",
            world
                .form("/userinfo", &form, &[("authorization", &bearer)])
                .await,
            400,
        ),
        (
            "by header and query",
            world.get(&query, &[("authorization", &bearer)]).await,
            400,
        ),
        ("by form and query", world.form(&query, &form, &[]).await, 400),
        (
            "by two headers",
            world
                .get(
                    "/userinfo",
                    &[("authorization", &bearer), ("authorization", &bearer)],
                )
                .await,
            400,
        ),
    ];
    for (how, answer, status) in cases {
        assert_eq!(answer.status.as_u16(), status, "{how}: {}", answer.text());
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert_eq!(
            challenge.starts_with("Bearer realm="),
            status != 200,
            "{how}: {challenge}"
        );
        assert_eq!(
            challenge.contains("error=\"invalid_request\""),
            status == 400,
            "{how}: {challenge}"
        );
    }

    let basic = format!("Basic {}", STANDARD.encode(format!("batch:{SECRET}")));
    let secret = [("client_id", "batch"), ("client_secret", SECRET)];
    let in_query = format!("?client_id=batch&client_secret={SECRET}");
    for path in ["/oauth2/token", "/oauth2/revoke"] {
        let purpose = [("grant_type", "client_credentials"), ("token", "x")];
        let of = |more: &[(&'static str, &'static str)]| [purpose.as_slice(), more].concat();
        let basic = ("authorization", basic.as_str());
        let two = [
            ("Basic and form", world.form(path, &of(&secret), &[basic]).await),
            (
                "Basic and another id",
                world.form(path, &of(&[("client_id", "shop")]), &[basic]).await,
            ),
            (
                "Basic and assertion",
                world
                    .form(path, &of(&[("client_assertion", "x")]), &[basic])
                    .await,
            ),
            ("two headers", world.form(path, &of(&[]), &[basic, basic]).await),
            (
                "two headers and form",
                world.form(path, &of(&secret), &[basic, basic]).await,
            ),
            (
                "Basic and query",
                world.form(&format!("{path}{in_query}"), &of(&[]), &[basic]).await,
            ),
            (
                "query",
                world
                    .form(&format!("{path}{in_query}"), &of(&[("client_id", "batch")]), &[])
                    .await,
            ),
        ];
        for (how, answer) in two {
            assert_eq!(
                (answer.status.as_u16(), text(&parsed(&answer), "error").as_str()),
                (400, "invalid_request"),
                "{how} at {path}"
            );
        }
        assert_eq!(
            world
                .form(path, &of(&[("client_id", "batch")]), &[basic])
                .await
                .status,
            200,
            "{path}"
        );
    }
}

/// Postgres stores no NUL: what has one is refused before, or was hashed.
#[tokio::test(flavor = "multi_thread")]
async fn a_nul_is_refused_in_every_part_of_a_request() {
    let world = World::start().await;
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    let encoded = format!("batch%00:{SECRET}");
    for pair in [
        &encoded,
        "batch\0:x",
        "\0:x",
        "batch:\0",
        "batch:%00",
        "b%ffatch:x",
    ] {
        for (path, form) in [
            ("/oauth2/token", ("grant_type", "client_credentials")),
            ("/oauth2/revoke", ("token", "x")),
        ] {
            let answer = world
                .form(path, &[form], &[("authorization", &basic(pair))])
                .await;
            assert_eq!(
                (answer.status.as_u16(), text(&parsed(&answer), "error").as_str()),
                (401, "invalid_client"),
                "{pair:?} at {path}"
            );
            assert!(answer.header("www-authenticate").is_some(), "{pair:?} at {path}");
        }
    }
    let mut browser = Browser::default();
    for path in [
        link("client_id=a\0"),
        link("scope=a\0"),
        link("state=a\0"),
        link("utm=a\0"),
    ] {
        let to = browser.go(&world, &path).await;
        assert!(to.contains("error=invalid_request"), "{path}: {to}");
    }
    for name in [
        "grant_type",
        "client_id",
        "client_secret",
        "code",
        "refresh_token",
        "scope",
        "audience",
        "utm",
    ] {
        let answer = world
            .token(&[
                ("client_id", "shop"),
                ("grant_type", "refresh_token"),
                (name, "\0"),
            ])
            .await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
    }
    for (path, header) in [
        (
            "/oauth2/sessions/logout?id_token_hint=%00",
            ("cookie", "akinai_session=%00"),
        ),
        ("/userinfo?access_token=%00", ("authorization", "Bearer %00")),
        ("/oauth2/auth?client_id=%00", ("cookie", "akinai_flow=%00")),
    ] {
        let answer = world.get(path, &[header]).await;
        assert!(!answer.status.is_server_error(), "{path}: {}", answer.status);
    }

    let login = parameter(&browser.go(&world, &link("")).await, "login_challenge");
    let requests = "/admin/oauth2/auth/requests";
    let answers = [
        (
            "POST",
            "/admin/clients".to_owned(),
            json!({ "metadata": { "note": "\0" } }),
        ),
        (
            "POST",
            "/admin/clients".to_owned(),
            json!({ "metadata": { "\0": 1 } }),
        ),
        (
            "POST",
            "/admin/clients".to_owned(),
            json!({ "client_name": "\0" }),
        ),
        (
            "PUT",
            format!("{requests}/login/reject?login_challenge={login}"),
            json!({ "error": "\0" }),
        ),
        (
            "PUT",
            format!("{requests}/login/accept?login_challenge={login}"),
            json!({ "subject": USER, "context": { "deep": [{ "a": "\0" }] } }),
        ),
        (
            "PUT",
            format!("{requests}/login/accept?login_challenge={login}"),
            json!({ "subject": USER, "acr": "\0" }),
        ),
        ("GET", "/admin/clients/%00".to_owned(), Value::Null),
        ("GET", "/admin/clients?owner=%00".to_owned(), Value::Null),
        (
            "DELETE",
            "/admin/oauth2/auth/sessions/login?subject=%00".to_owned(),
            Value::Null,
        ),
    ];
    for (method, path, body) in answers {
        let answer = world.admin(method, &path, body.clone()).await;
        assert_eq!(answer.status, 400, "{method} {path} {body}: {}", answer.text());
    }
    let url = world.accept_login(&login, json!({})).await;
    let consent = parameter(&browser.go(&world, &url).await, "consent_challenge");
    let path = format!("{requests}/consent/accept?consent_challenge={consent}");
    let session = json!({ "session": { "id_token": { "name": "\0" } } });
    assert_eq!(world.admin("PUT", &path, session).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_replaced_while_their_tokens_live() {
    let world = World::start().await;
    let old = world.tokens("").await;
    let count = async || {
        serde_json::from_slice::<Value>(&world.jwks().await).expect("JSON")["keys"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(count().await, Some(1));
    let key = world.import_key().await;
    assert_eq!(count().await, Some(2));
    let new = parsed(&world.refresh(&old["refresh_token"]).await);
    let header = |token: &Value| {
        token
            .as_str()
            .and_then(|token| token.split('.').next())
            .map(str::to_owned)
    };
    assert_ne!(
        header(&old["access_token"]),
        header(&new["access_token"]),
        "the new key signs"
    );
    for token in [&old, &new] {
        assert!(world.verify(&token["access_token"]).await.is_ok(), "both count");
        assert!(world.is_active(&token["access_token"]).await);
    }
    world
        .sql("update signing_keys set retired_at = now() - interval '25 hours' where retired_at is not null")
        .await;
    assert_eq!(
        count().await,
        Some(1),
        "when the last token is gone, so is the key"
    );

    let pem = key.to_pem().expect("a PEM").to_string();
    let put = async |body: String| {
        world
            .http()
            .send(world.http().request("PUT", &format!("{KEYS}/x"), body.into()))
            .await
    };
    assert_eq!(put(pem.clone()).await.status, 409, "it signs already");
    for wrong in [
        "{}",
        "nonsense",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ] {
        assert_eq!(put(wrong.to_owned()).await.status, 400, "{wrong}");
    }
    let signing = format!("{KEYS}/{}", key.id());
    assert_eq!(
        world.admin("DELETE", &signing, Value::Null).await.status,
        409,
        "one key signs, always"
    );
    assert_eq!(
        world
            .admin("POST", KEYS, json!({"alg": "RS256", "kid": "k", "use": "sig"}))
            .await
            .status,
        501
    );
    assert_eq!(world.http().get("/admin/keys/another").await.status, 404);
    let shown = parsed(&world.http().get(&signing).await);
    assert_eq!(
        (&shown["keys"][0]["kid"], shown["keys"][0].get("d")),
        (&json!(key.id()), None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_signing_key_no_code_is_used_up() {
    let world = World::start().await;
    let code = world.code(&mut Browser::default(), "").await;
    world
        .sql("create table kept as table signing_keys; delete from signing_keys")
        .await;
    let answer = world.token(&exchange(&code)).await;
    assert_eq!(
        (answer.status.as_u16(), text(&parsed(&answer), "error").as_str()),
        (503, "server_error")
    );
    world.sql("insert into signing_keys select * from kept").await;
    world.granted(&exchange(&code)).await;
}

/// The user component has no such page in this test, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_whose_hook_fails_uses_no_token_up() {
    let world = World::with(|setup| setup.variable("refresh_hook_path", "/nowhere")).await;
    let tokens = world.tokens("").await;
    let answer = world.refresh(&tokens["refresh_token"]).await;
    assert_eq!(
        (answer.status.as_u16(), text(&parsed(&answer), "error").as_str()),
        (500, "server_error")
    );
    assert!(
        world.is_active(&tokens["refresh_token"]).await,
        "it can be tried again"
    );
    let dead = json!("dead");
    assert_eq!(
        world.refused(&refreshing(&dead)).await,
        "invalid_grant",
        "the hook is not asked about an unknown token"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_kept_listed_and_changed() {
    let world = World::empty().await;
    let created = world
        .created("/admin/clients", json!({ "client_name": "One" }))
        .await;
    let (id, secret) = (text(&created, "client_id"), text(&created, "client_secret"));
    assert!(secret.len() >= 40, "a secret of ours is long");
    let one = format!("/admin/clients/{id}");
    let shown = parsed(&world.http().get(&one).await);
    assert_eq!(
        (&shown["client_name"], shown.get("client_secret")),
        (&json!("One"), None),
        "never shown again"
    );
    let again = world
        .admin("POST", "/admin/clients", json!({ "client_id": id }))
        .await;
    assert_eq!(
        (again.status.as_u16(), &parsed(&again)["error"]),
        (409, &json!("Conflict"))
    );
    let bad = world
        .admin(
            "POST",
            "/admin/clients",
            json!({ "redirect_uris": ["javascript:x"] }),
        )
        .await;
    assert_eq!(
        (bad.status.as_u16(), &parsed(&bad)["status_code"]),
        (400, &json!(400))
    );
    assert_eq!(world.admin("POST", "/admin/clients", json!([])).await.status, 400);

    let patch = json!([{ "op": "replace", "path": "/client_name", "value": "Two" }]);
    assert_eq!(
        parsed(&world.admin("PATCH", &one, patch).await)["client_name"],
        "Two"
    );
    let mut put = shown.clone();
    put["scope"] = "openid".into();
    let replaced = parsed(&world.admin("PUT", &one, put).await);
    assert_eq!(
        (&replaced["scope"], &replaced["client_name"]),
        (&json!("openid"), &json!("One"))
    );

    for number in 0..5 {
        world
            .created(
                "/admin/clients",
                json!({ "client_id": format!("c{number}"), "owner": "us" }),
            )
            .await;
    }
    let mut next = Some("/admin/clients?page_size=2&owner=us".to_owned());
    let mut found = Vec::new();
    while let Some(path) = next {
        let answer = world.http().get(&path).await;
        found.extend(
            parsed(&answer)
                .as_array()
                .into_iter()
                .flatten()
                .map(|client| text(client, "client_id")),
        );
        let link = answer.header("link").map(str::to_owned);
        next = link.and_then(|link| Some(link.strip_prefix('<')?.split_once('>')?.0.to_owned()));
    }
    assert_eq!(found, ["c0", "c1", "c2", "c3", "c4"]);
    assert_eq!(world.admin("DELETE", &one, Value::Null).await.status, 204);
    assert_eq!(world.admin("DELETE", &one, Value::Null).await.status, 404);
    assert_eq!(world.http().get(&one).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_registered_origins_may_read_answers() {
    let world = World::start().await;
    let preflight = async |path: &str, origin: &str| {
        let request = world.http().request("OPTIONS", path, Bytes::new());
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        world.http().send(with(request, &headers)).await
    };
    let allowed = |answer: &Answer| answer.header("access-control-allow-origin").map(str::to_owned);
    for path in ["/oauth2/token", "/oauth2/revoke", "/userinfo"] {
        let answer = preflight(path, ORIGIN).await;
        assert_eq!(
            (answer.status.as_u16(), allowed(&answer).as_deref()),
            (204, Some(ORIGIN)),
            "{path}"
        );
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        for other in [
            "https://evil.example",
            "null",
            "https://shop.example.evil",
            "http://shop.example",
        ] {
            assert_eq!(allowed(&preflight(path, other).await), None, "{path} and {other}");
        }
    }
    // Errors can be read, too, however early: a body that is too large, and what is no form, another method, or unknown.
    for path in ["/oauth2/token", "/oauth2/revoke", "/userinfo"] {
        for (method, body, kind, status) in [
            (
                "POST",
                "a".repeat(2 << 20),
                "application/x-www-form-urlencoded",
                413,
            ),
            (
                "POST",
                "a=%00".to_owned(),
                "application/x-www-form-urlencoded",
                400,
            ),
            ("POST", "{}".to_owned(), "application/json", 400),
            ("DELETE", String::new(), "", 405),
        ] {
            let request = world.http().request(method, path, body.into());
            let headers = [("origin", ORIGIN), ("content-type", kind)];
            let answer = world.http().send(with(request, &headers)).await;
            // Without a form there is no token in one.
            let status = if (path, kind) == ("/userinfo", "application/json") {
                401
            } else {
                status
            };
            assert_eq!(answer.status.as_u16(), status, "{method} {path} {kind}");
            assert_eq!(
                allowed(&answer).as_deref(),
                Some(ORIGIN),
                "{method} {path}: {status}"
            );
            let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
            assert!(exposed.contains("www-authenticate"), "{method} {path}: {exposed}");
            assert_eq!(answer.header("vary"), Some("Origin"), "{method} {path}: {status}");
        }
    }
    for public in ["/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        assert_eq!(
            allowed(&world.get(public, &[("origin", "https://any.example")]).await).as_deref(),
            Some("*")
        );
    }
    let page = world.get(&link(""), &[("origin", ORIGIN)]).await;
    assert_eq!(allowed(&page), None, "browsers go there, scripts do not");

    // Where the database cannot say which origins there are, a failure can still be read, and nothing else.
    world.sql("alter table clients rename to hidden").await;
    let form = [("client_id", "shop"), ("grant_type", "refresh_token")];
    let failed = world.form("/oauth2/token", &form, &[("origin", ORIGIN)]).await;
    assert_eq!(
        (failed.status.as_u16(), allowed(&failed).as_deref()),
        (500, Some(ORIGIN))
    );
    let refused = world
        .form("/oauth2/token", &[("a", "b")], &[("origin", ORIGIN)])
        .await;
    assert_eq!((refused.status.as_u16(), allowed(&refused)), (400, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_lists_the_endpoints() {
    let world = World::start().await;
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        let found = parsed(&world.http().get(path).await);
        assert_eq!(found["issuer"], ISSUER);
        assert_eq!(found["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(found["authorization_response_iss_parameter_supported"], true);
        for (name, path) in [
            ("token_endpoint", "/oauth2/token"),
            ("jwks_uri", "/.well-known/jwks.json"),
        ] {
            assert_eq!(found[name], format!("{ISSUER}{path}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_at_the_token_endpoint_is_a_400_in_json() {
    let world = World::start().await;
    let huge = "a".repeat(20_000);
    let form = "application/x-www-form-urlencoded";
    for (kind, body) in [
        ("application/json", "{}".to_owned()),
        ("", "grant_type=refresh_token".to_owned()),
        (form, String::new()),
        (
            form,
            "grant_type=refresh_token&grant_type=refresh_token&client_id=shop".to_owned(),
        ),
        (form, "grant_type=password&client_id=shop".to_owned()),
        (form, "grant_type=%00".to_owned()),
        (form, "grant_type=refresh_token&client_id=%ff".to_owned()),
        (
            form,
            format!("grant_type=refresh_token&client_id=shop&refresh_token={huge}"),
        ),
        (
            form,
            "grant_type=authorization_code&client_id=shop&code=%27%20or%201=1--".to_owned(),
        ),
    ] {
        let request = world.http().request("POST", "/oauth2/token", body.clone().into());
        let answer = world.http().send(with(request, &[("content-type", kind)])).await;
        assert_eq!(answer.status, 400, "{body:.80}: {}", answer.text());
        assert!(
            text(&parsed(&answer), "error").starts_with(['i', 'u']),
            "{body:.80}"
        );
    }
    let large = world
        .http()
        .request("POST", "/oauth2/token", vec![b'a'; 100_000].into());
    assert_eq!(world.http().send(large).await.status, 413);
    assert_eq!(world.http().get("/oauth2/token").await.status, 405);
    for token in ["", "nonsense", "a.b.c", &huge[..6000]] {
        assert_eq!(world.userinfo(token).await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_api_says_which_methods_a_path_takes() {
    let world = World::start().await;
    for (method, path, allowed) in [
        ("PUT", "/admin/clients", "GET, HEAD, POST"),
        ("POST", "/admin/clients/shop", "GET, HEAD, PUT, PATCH, DELETE"),
        ("GET", "/admin/clients/shop/secrets/rotate", "POST"),
        ("DELETE", KEYS, "GET, HEAD, POST, PUT"),
        ("POST", &format!("{KEYS}/k"), "GET, HEAD, PUT, DELETE"),
        ("GET", "/admin/oauth2/introspect", "POST"),
        ("GET", "/admin/oauth2/tokens", "DELETE"),
        ("GET", "/admin/oauth2/auth/sessions/login", "DELETE"),
        ("PUT", "/admin/oauth2/auth/sessions/consent", "GET, HEAD, DELETE"),
    ] {
        let answer = world.admin(method, path, Value::Null).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, Some(allowed)),
            "{method} {path}: {}",
            answer.text()
        );
    }
    let head = world.admin("HEAD", "/admin/clients/shop", Value::Null).await;
    assert_eq!(
        (head.status.as_u16(), head.body.len()),
        (200, 0),
        "HEAD is answered as GET"
    );
}

/// The real manifest: what has no route is not there, however it is spelled.
#[tokio::test(flavor = "multi_thread")]
async fn no_public_path_reaches_the_admin_api() {
    let platform = Setup::new().await.variable("issuer", ISSUER).start().await;
    let client = platform.client();
    assert_eq!(
        client.get("/.well-known/openid-configuration").await.status,
        200,
        "the issuer is there"
    );
    for path in [
        "/admin/clients",
        "//admin/clients",
        "/oauth2/../admin/clients",
        "/oauth2/auth/../../admin/clients",
        "/oauth2/auth/%2e%2e/%2e%2e/admin/clients",
        "/oauth2/token/admin/clients",
        "/oauth2/token%2f..%2fadmin/clients",
        "/userinfo/admin/clients",
        "/.well-known/../admin/clients",
        "/.well-known/jwks.json/admin/clients",
        "/admin/oauth2/auth/requests/login?login_challenge=x",
        "/oauth2/auth/admin/clients",
    ] {
        for (name, value) in [
            ("x-nothing", "1"),
            ("spin-path-info", "/admin/clients"),
            ("spin-client-addr", "0.0.0.0:0"),
            ("host", "issuer-admin.spin.internal"),
        ] {
            let mut request = client.request("GET", path, Bytes::new());
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            let answer = client.send(request).await;
            let refused = matches!(answer.status.as_u16(), 400 | 404);
            assert!(refused, "{path} with {name}: {} {}", answer.status, answer.text());
        }
    }
}
