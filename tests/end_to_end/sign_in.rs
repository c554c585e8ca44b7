//! The whole way in and out, as an application and a browser go it: the issuer, the pages of the user component, and the edge.
//!
//! Each test runs twice: over the issuer component, and over Ory Hydra. Where the two differ, docs/ISSUER.md says so, and the
//! test.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use harness::{Answer, Client, Hydra, Setup, issuer_sealing_key};
use host::{App, Server};
use http::{HeaderValue, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use signing::{SealingKey, SigningKey};
use xtask::services::free_port;

const CALLBACK: &str = "https://shop.example/cb";
const VERIFIER: &str = "a-code-verifier-that-is-long-enough-for-rfc-7636";
const EMAIL: &str = "mina@example.com";
const PASSWORD: &str = "correct horse";

/// Who issues the tokens of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issuer {
    /// The component of ours.
    Component,
    /// Ory Hydra.
    Hydra,
}

/// Makes two tests of each function: one over the issuer component, one over Ory Hydra, where there is one.
macro_rules! over_both_issuers {
    ($($test:ident),* $(,)?) => {
        mod over_the_issuer_component {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    super::$test($crate::sign_in::Issuer::Component).await;
                }
            )*
        }

        mod over_hydra {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    if harness::Hydra::is_there(stringify!($test)) {
                        super::$test($crate::sign_in::Issuer::Hydra).await;
                    }
                }
            )*
        }
    };
}
pub(crate) use over_both_issuers;

/// A platform, and who issues its tokens.
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) client: Client,
    /// What the issuer calls itself, and where it is: the platform's own address, or Hydra's.
    pub(crate) issuer_url: String,
    issuer: Client,
    _server: Server,
    _app: App,
    setup: Setup,
    pub(crate) hydra: Option<Hydra>,
}

impl World {
    pub(crate) async fn start(issuer: Issuer) -> Self {
        Self::with(issuer, |setup| setup).await
    }

    /// The same, with some of it changed.
    pub(crate) async fn with(issuer: Issuer, change: impl FnOnce(Setup) -> Setup) -> Self {
        let port = free_port().expect("a free port");
        let url = format!("http://127.0.0.1:{port}");
        let mut setup = Setup::new()
            .await
            .variable("issuer", url.as_str())
            .variable("issuer_origin", url.as_str())
            .variable("signed_out_url", format!("{url}/oauth2/signed-out"));
        for page in ["login", "consent", "logout", "error"] {
            setup = setup.variable(&format!("{page}_url"), format!("{url}/oauth2/{page}"));
        }
        let setup = change(setup);
        let (setup, hydra) = match issuer {
            Issuer::Component => {
                add_signing_key(&setup).await;
                (setup, None)
            }
            Issuer::Hydra => {
                let hydra = Hydra::start(&url, setup.variables.get("allowed_origins")).await;
                (setup.behind(&hydra), Some(hydra))
            }
        };
        let app = setup.load().await;
        let server = app.serve(SocketAddr::from(([127, 0, 0, 1], port))).await;
        let issuer_url = hydra.as_ref().map_or_else(|| url.clone(), Hydra::issuer);
        let world = Self {
            client: Client::new(url.as_str()),
            url,
            issuer: Client::new(issuer_url.as_str()),
            issuer_url,
            _server: server.expect("the port is free"),
            _app: app,
            setup,
            hydra,
        };
        world.set_client("shop", None, shop()).await;
        world
    }

    /// Registers a client, or puts this in the place of one.
    pub(crate) async fn set_client(&self, id: &str, secret: Option<&str>, mut client: Value) {
        if let Some(hydra) = &self.hydra {
            if let Some(secret) = secret {
                client["client_secret"] = secret.into();
            }
            return hydra.set_client(id, client).await;
        }
        const SQL: &str = "
            insert into issuer_service.clients (id, secret_hash, metadata)
            values ($1, encode(sha256(convert_to($2, 'UTF8')), 'hex'), $3)
            on conflict (id) do update set secret_hash = excluded.secret_hash, metadata = excluded.metadata";
        let sql = self.setup.database.sql();
        let set = sql.execute(SQL, &[&id, &secret, &client]).await;
        set.expect("a client is registered");
    }

    async fn token(&self, form: &[(&str, &str)]) -> Answer {
        let mut all = vec![("client_id", "shop")];
        all.extend(form);
        let request = self.issuer.request("POST", "/oauth2/token", encoded(&all).into());
        self.issuer.send(as_form(request)).await
    }

    /// Who can send requests to an address, and its path: the platform's or the issuer's client; none for any other address.
    fn within(&self, url: &str) -> Option<(&Client, String)> {
        let of = |client, origin: &str| Some((client, url.strip_prefix(origin)?.to_owned()));
        of(&self.client, &self.url).or_else(|| of(&self.issuer, &self.issuer_url))
    }

    /// Opens an account.
    pub(crate) async fn sign_up(&self, email: &str, password: &str) {
        let wanted = json!({ "email": email, "password": password, "name": "Mina" });
        let method = "user.v1.UserService/CreateUser";
        self.client.call(method, wanted).await.message();
    }

    /// The tokens for a code.
    async fn exchange(&self, code: &str) -> Value {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        parsed(&self.token(&form).await)
    }

    async fn refresh(&self, tokens: &Value) -> Answer {
        let token = tokens["refresh_token"].as_str().expect("a refresh token");
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    }

    /// Neither is the access token believed, nor are they refreshed.
    async fn are_worth_nothing(&self, tokens: &Value) {
        assert_eq!(self.own(tokens).await.status, 401, "the access token");
        let refused = self.refresh(tokens).await;
        assert!(
            refused.status.is_client_error(),
            "the refresh token: {}",
            refused.text()
        );
    }

    /// Who the edge takes a token's bearer for: the answer to their own account.
    async fn own(&self, tokens: &Value) -> Answer {
        let claims = claims(&tokens["access_token"]);
        self.call(tokens, "GetUser", json!({ "id": claims["sub"] })).await
    }

    async fn call(&self, tokens: &Value, method: &str, message: Value) -> Answer {
        let token = tokens["access_token"].as_str().expect("an access token");
        let method = format!("user.v1.UserService/{method}");
        self.client.call_as(Some(token), &method, message).await
    }

    pub(crate) async fn sql(&self, statement: &str) {
        let done = self.setup.database.sql().batch_execute(statement).await;
        done.expect("the statement fits the schema");
    }
}

/// The public client of an application.
fn shop() -> Value {
    json!({
        "client_name": "A shop", "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": ["https://shop.example/bye"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "scope": "openid offline_access admin", "audience": ["akinai"], "token_endpoint_auth_method": "none",
    })
}

/// The same at an origin of its own.
pub(crate) fn shop_at(origin: &str) -> Value {
    let mut client = shop();
    client["redirect_uris"] = json!([format!("{origin}/callback")]);
    client["post_logout_redirect_uris"] = json!([format!("{origin}/")]);
    client["allowed_cors_origins"] = json!([origin]);
    client
}

/// What the issuer component signs with, as an operator adds it.
async fn add_signing_key(setup: &Setup) {
    let key = SigningKey::generate().expect("a key");
    let sealed = SealingKey::parse(&issuer_sealing_key())
        .and_then(|sealing| sealing.seal(&key))
        .expect("the key can be sealed");
    let sql = setup.database.sql();
    let statement =
        "insert into issuer_service.signing_keys (id, sealed_key, public_jwk) values ($1, $2, $3)";
    let key_id = key.id().to_owned();
    let added = sql
        .execute(statement, &[&key_id, &sealed, &key.public_jwk()])
        .await;
    added.expect("a key is added");
}

fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

fn as_form(mut request: http::Request<Bytes>) -> http::Request<Bytes> {
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    request
}

fn parsed(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("JSON")
}

/// What a JWT says, unverified.
fn claims(token: &Value) -> Value {
    let payload = token
        .as_str()
        .and_then(|token| token.split('.').nth(1))
        .expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

/// The parameters of a URL, by name.
fn parameters(url: &str) -> BTreeMap<String, String> {
    let (_, query) = url.split_once('?').unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// Where a browser ends up.
enum Place {
    /// On a page of ours: its path and its text.
    Page(String, String),
    /// At an application.
    Outside(String),
}

impl Place {
    fn page(self, path: &str) -> String {
        match self {
            Self::Page(actual, text) => {
                assert_eq!(actual, path, "{text}");
                text
            }
            Self::Outside(url) => panic!("{path} was expected, not {url}"),
        }
    }

    fn outside(self) -> BTreeMap<String, String> {
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
struct Browser(BTreeMap<String, String>);

impl Browser {
    /// The application's link, for these scopes.
    async fn begin(&mut self, world: &World, scope: &str, more: &str) -> Place {
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
    async fn open(&mut self, world: &World, url: &str) -> Place {
        let url = match url.strip_prefix('/') {
            Some(path) => format!("{}/{path}", world.url),
            None => url.to_owned(),
        };
        let (client, path) = world.within(&url).expect("an address of this world");
        let request = client.request("GET", &path, Bytes::new());
        self.follow(world, url, request).await
    }

    /// Sends the form of a page with these fields, and the hidden ones that it came with.
    async fn send(&mut self, world: &World, page: &str, fields: &[(&str, &str)]) -> Place {
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

    /// Follows redirects from `url`, which `request` asks for. Cookies go to both origins: they are on one host, and ports make no
    /// difference to cookies (RFC 6265, section 8.5).
    async fn follow(&mut self, world: &World, mut url: String, mut request: http::Request<Bytes>) -> Place {
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

    /// Signs in and grants everything that is ticked or named here; what the application gets.
    async fn sign_in(
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

    /// Signs in by password, whether or not the browser is remembered; the tokens.
    async fn sign_in_anew(&mut self, world: &World, email: &str) -> Value {
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

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    text.split_once(begin)?.1.split_once(end).map(|(found, _)| found)
}

over_both_issuers!(
    a_person_signs_up_signs_in_and_signs_out,
    a_person_signs_out_on_the_issuer_s_page,
    signing_out_on_the_page_ends_all_sessions_of_the_user_in_this_browser,
    signing_out_by_rpc_ends_all_sessions_of_the_user_in_this_browser,
    only_admins_grant_the_scope_admin,
    a_person_who_refuses_comes_back_without_a_code,
    a_new_password_and_a_deletion_end_what_was_issued_before,
    a_refresh_token_that_comes_again_after_its_successor_ends_the_family,
    two_tabs_that_refresh_at_once_are_no_theft,
    a_client_cannot_revoke_the_token_of_another,
    the_hint_of_an_earlier_login_signs_out_only_after_a_question,
);

const ALL: [(&str, &str); 3] = [
    ("scope", "openid"),
    ("scope", "offline_access"),
    ("audience", "akinai"),
];

async fn a_person_signs_up_signs_in_and_signs_out(issuer: Issuer) {
    let world = World::start(issuer).await;
    let mut browser = Browser::default();
    let scope = "openid offline_access";

    // Signing up, over the link on the login page.
    let page = browser.begin(&world, scope, "").await.page("/oauth2/login");
    let link = between(&page, "<a href=\"", "\"").expect("a link").to_owned();
    let page = browser.open(&world, &link).await.page("/oauth2/register");
    let fields = [("name", "Mina"), ("email", EMAIL), ("password", PASSWORD)];
    let page = browser.send(&world, &page, &fields).await.page("/oauth2/consent");
    assert!(page.contains(EMAIL) && page.contains("A shop"), "{page}");
    let back = browser.send(&world, &page, &ALL).await.outside();
    assert_eq!(back["state"], "the state");
    let named = match issuer {
        Issuer::Component => Some(&world.issuer_url),
        // RFC 9207 is not Hydra's.
        Issuer::Hydra => None,
    };
    assert_eq!(back.get("iss"), named);
    let tokens = world.exchange(&back["code"]).await;
    assert_eq!(world.own(&tokens).await.message()["user"]["email"], EMAIL);
    let id = claims(&tokens["id_token"]);
    assert_eq!((&id["name"], &id["email"]), (&json!("Mina"), &json!(EMAIL)));
    assert_eq!((&id["amr"], &id["nonce"]), (&json!(["pwd"]), &json!("the nonce")));
    let access = claims(&tokens["access_token"]);
    assert_eq!(
        (&access["ext"]["epoch"], &access["ext"]["sid"]),
        (&json!(0), &id["sid"])
    );

    // Signing in, in another browser that is to be remembered, and refreshing.
    let mut other = Browser::default();
    let page = other.begin(&world, scope, "").await.page("/oauth2/login");
    let wrong = [("email", EMAIL), ("password", "wrong horse")];
    let page = other.send(&world, &page, &wrong).await.page("/oauth2/login");
    assert!(page.contains("role=\"alert\""), "{page}");
    let fields = [("email", EMAIL), ("password", PASSWORD), ("remember", "yes")];
    let page = other.send(&world, &page, &fields).await.page("/oauth2/consent");
    let grant = [ALL.as_slice(), &[("remember", "yes")]].concat();
    let back = other.send(&world, &page, &grant).await.outside();
    let others = world.exchange(&back["code"]).await;
    let others = parsed(&world.refresh(&others).await);
    assert_eq!(world.own(&others).await.status, 200, "refreshed");
    let back = other.begin(&world, scope, "").await.outside();
    let again = world.exchange(&back["code"]).await;
    assert_eq!(
        world.own(&again).await.status,
        200,
        "no page was shown: login and consent are remembered"
    );

    // Signing out of that one alone, by the RPC.
    world.call(&again, "SignOut", json!({})).await.message();
    assert_eq!(world.own(&again).await.status, 401, "the old token is refused");
    assert_eq!(
        world.own(&others).await.status,
        401,
        "and that of the same session"
    );
    let refused = world.refresh(&others).await;
    assert!(
        refused.status.is_client_error(),
        "nor is it refreshed: {}",
        refused.text()
    );
    other.begin(&world, scope, "").await.page("/oauth2/login");
    assert_eq!(
        world.own(&tokens).await.status,
        200,
        "the other device is not signed out"
    );

    // Everywhere.
    world
        .call(&tokens, "SignOut", json!({ "everywhere": true }))
        .await
        .message();
    assert_eq!(world.own(&tokens).await.status, 401);
    assert!(world.refresh(&tokens).await.status.is_client_error());
    let denied = Browser::default()
        .begin(&world, scope, "&prompt=none")
        .await
        .outside();
    assert_eq!(denied["error"], "login_required");
}

async fn a_person_signs_out_on_the_issuer_s_page(issuer: Issuer) {
    let world = World::start(issuer).await;
    let mut browser = Browser::default();
    world.sign_up(EMAIL, PASSWORD).await;
    let back = browser.sign_in(&world, "openid offline_access", &ALL).await;
    let tokens = world.exchange(&back["code"]).await;
    let hint = tokens["id_token"].as_str().expect("an ID token").to_owned();
    let link = encoded(&[
        ("id_token_hint", &hint),
        ("post_logout_redirect_uri", "https://shop.example/bye"),
        ("state", "bye"),
    ]);
    let link = format!("{}/oauth2/sessions/logout?{link}", world.issuer_url);

    let page = browser.open(&world, &link).await.page("/oauth2/logout");
    let page = browser
        .send(&world, &page, &[("action", "no")])
        .await
        .page("/oauth2/logout");
    assert!(page.contains("still signed in"), "{page}");
    assert_eq!(world.own(&tokens).await.status, 200, "nothing has ended");

    let page = browser.open(&world, &link).await.page("/oauth2/logout");
    match browser.send(&world, &page, &[]).await {
        Place::Outside(url) => assert_eq!(url, "https://shop.example/bye?state=bye"),
        Place::Page(path, text) => panic!("the application was expected, not {path}: {text}"),
    }
    assert_eq!(world.own(&tokens).await.status, 401, "the old token is refused");
    assert!(world.refresh(&tokens).await.status.is_client_error());
    browser.begin(&world, "openid", "").await.page("/oauth2/login");
}

/// A world in which one browser has signed in three times: Mina, Noor, and Mina again; and Mina once in another browser.
struct SharedBrowser {
    world: World,
    browser: Browser,
    first: Value,
    noor: Value,
    second: Value,
    elsewhere: Value,
}

impl SharedBrowser {
    async fn start(issuer: Issuer) -> Self {
        let world = World::start(issuer).await;
        for email in [EMAIL, "noor@example.com"] {
            world.sign_up(email, PASSWORD).await;
        }
        let mut browser = Browser::default();
        Self {
            first: browser.sign_in_anew(&world, EMAIL).await,
            noor: browser.sign_in_anew(&world, "noor@example.com").await,
            second: browser.sign_in_anew(&world, EMAIL).await,
            elsewhere: Browser::default().sign_in_anew(&world, EMAIL).await,
            world,
            browser,
        }
    }

    /// Mina's tokens of this browser are worth nothing any more, and all others are.
    async fn only_minas_sessions_here_have_ended(&self) {
        for (whose, tokens, is_over) in [
            ("Mina's second login", &self.second, true),
            ("Mina's first login", &self.first, true),
            ("Noor's login in the same browser", &self.noor, false),
            ("Mina's login in another browser", &self.elsewhere, false),
        ] {
            let accessed = self.world.own(tokens).await.status;
            assert_eq!(accessed == 401, is_over, "access token of {whose}: {accessed}");
            let refreshed = self.world.refresh(tokens).await.status;
            assert_eq!(
                refreshed.is_client_error(),
                is_over,
                "refresh token of {whose}: {refreshed}"
            );
        }
    }
}

async fn signing_out_on_the_page_ends_all_sessions_of_the_user_in_this_browser(issuer: Issuer) {
    let mut shared = SharedBrowser::start(issuer).await;
    let hint = shared.second["id_token"].as_str().expect("an ID token");
    let link = encoded(&[("id_token_hint", hint)]);
    let link = format!("{}/oauth2/sessions/logout?{link}", shared.world.issuer_url);
    let page = shared
        .browser
        .open(&shared.world, &link)
        .await
        .page("/oauth2/logout");
    let left = shared.browser.send(&shared.world, &page, &[]).await;
    left.page("/oauth2/signed-out");
    shared.only_minas_sessions_here_have_ended().await;
}

async fn signing_out_by_rpc_ends_all_sessions_of_the_user_in_this_browser(issuer: Issuer) {
    let shared = SharedBrowser::start(issuer).await;
    let signed_out = shared.world.call(&shared.second, "SignOut", json!({})).await;
    signed_out.message();
    shared.only_minas_sessions_here_have_ended().await;
}

async fn only_admins_grant_the_scope_admin(issuer: Issuer) {
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    let grant = [ALL.as_slice(), &[("scope", "admin")]].concat();
    let scope = "openid offline_access admin";

    let back = Browser::default().sign_in(&world, scope, &grant).await;
    let tokens = world.exchange(&back["code"]).await;
    assert_eq!(
        claims(&tokens["access_token"])["scp"],
        json!(["openid", "offline_access"])
    );
    assert_eq!(world.call(&tokens, "ListUsers", json!({})).await.status, 403);

    world.sql("update user_service.users set roles = '{admin}'").await;
    let back = Browser::default().sign_in(&world, scope, &grant).await;
    let tokens = world.exchange(&back["code"]).await;
    assert_eq!(world.call(&tokens, "ListUsers", json!({})).await.status, 200);
    let tokens = parsed(&world.refresh(&tokens).await);
    world.sql("update user_service.users set roles = '{}'").await;
    let refused = world.refresh(&tokens).await;
    assert_eq!(refused.status, 403, "an admin no longer: {}", refused.text());
}

async fn a_person_who_refuses_comes_back_without_a_code(issuer: Issuer) {
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    let mut browser = Browser::default();
    let no = [("action", "no")];
    let page = browser.begin(&world, "openid", "").await.page("/oauth2/login");
    let back = browser.send(&world, &page, &no).await.outside();
    assert_eq!(
        (back["error"].as_str(), back["state"].as_str()),
        ("access_denied", "the state")
    );
    let back = browser.sign_in(&world, "openid", &no).await;
    assert_eq!(
        (back["error"].as_str(), back.get("code")),
        ("access_denied", None)
    );
    // Where this browser has signed no user in, the redirects end here.
    let page = browser
        .begin(&world, "openid", "&prompt=login")
        .await
        .page("/oauth2/login");
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    let mut thief = Browser::default();
    thief.0.extend(
        browser
            .0
            .iter()
            .filter(|(name, _)| name.contains("page"))
            .map(|(n, v)| (n.clone(), v.clone())),
    );
    let stopped = thief.send(&world, &page, &fields).await;
    match issuer {
        Issuer::Component => {
            let text = stopped.page("/oauth2/error");
            assert!(text.contains("request_forbidden"), "{text}");
        }
        // Hydra tells the application instead of the person.
        Issuer::Hydra => assert_eq!(stopped.outside()["error"], "request_forbidden"),
    }
}

async fn a_new_password_and_a_deletion_end_what_was_issued_before(issuer: Issuer) {
    const NEW_PASSWORD: &str = "another horse";
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    let scope = "openid offline_access";
    let mut browser = Browser::default();
    let back = browser.sign_in(&world, scope, &ALL).await;
    let tokens = world.exchange(&back["code"]).await;
    let tokens = parsed(&world.refresh(&tokens).await);

    let change = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    world.call(&tokens, "ChangePassword", change).await.message();
    world.are_worth_nothing(&tokens).await;
    let page = browser.begin(&world, scope, "").await.page("/oauth2/login");
    let fields = [("email", EMAIL), ("password", NEW_PASSWORD), ("remember", "yes")];
    let page = browser.send(&world, &page, &fields).await.page("/oauth2/consent");
    let back = browser.send(&world, &page, &ALL).await.outside();
    let tokens = world.exchange(&back["code"]).await;

    let id = claims(&tokens["access_token"])["sub"].clone();
    let deleted = world.call(&tokens, "DeleteUser", json!({ "id": id })).await;
    deleted.message();
    world.are_worth_nothing(&tokens).await;
    let page = browser.begin(&world, scope, "").await.page("/oauth2/login");
    let page = browser.send(&world, &page, &fields).await.page("/oauth2/login");
    assert!(
        page.contains("role=\"alert\""),
        "there is no such account: {page}"
    );
}

async fn a_refresh_token_that_comes_again_after_its_successor_ends_the_family(issuer: Issuer) {
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    let back = Browser::default()
        .sign_in(&world, "openid offline_access", &ALL)
        .await;
    let first = world.exchange(&back["code"]).await;
    let second = parsed(&world.refresh(&first).await);
    let third = parsed(&world.refresh(&second).await);
    for (what, tokens) in [("stolen", &first), ("newest", &third)] {
        let refused = world.refresh(tokens).await;
        assert_eq!(refused.status, 400, "the {what} one: {}", refused.text());
        let error: Value = serde_json::from_slice(&refused.body).expect("JSON");
        assert_eq!(error["error"], "invalid_grant", "the {what} one");
    }
}

async fn two_tabs_that_refresh_at_once_are_no_theft(issuer: Issuer) {
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    let back = Browser::default()
        .sign_in(&world, "openid offline_access", &ALL)
        .await;
    let tokens = world.exchange(&back["code"]).await;
    let one = parsed(&world.refresh(&tokens).await);
    let other = world.refresh(&tokens).await.status;
    let status = match issuer {
        Issuer::Component => 200,
        // Hydra takes them for one, unless it is told a time for it.
        Issuer::Hydra => 400,
    };
    assert_eq!(other, status, "the other tab");
    assert_eq!(world.refresh(&one).await.status, status, "the first one goes on");
}

async fn a_client_cannot_revoke_the_token_of_another(issuer: Issuer) {
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    world.set_client("other", None, shop()).await;
    let back = Browser::default()
        .sign_in(&world, "openid offline_access", &ALL)
        .await;
    let tokens = world.exchange(&back["code"]).await;
    let token = tokens["refresh_token"].as_str().expect("a refresh token");
    let form = encoded(&[("client_id", "other"), ("token", token)]);
    let request = as_form(world.issuer.request("POST", "/oauth2/revoke", form.into()));
    let answer = world.issuer.send(request).await;
    let status = match issuer {
        Issuer::Component => 400,
        // ory/hydra#4025.
        Issuer::Hydra => 200,
    };
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(world.refresh(&tokens).await.status, 200, "the token lives");
}

async fn the_hint_of_an_earlier_login_signs_out_only_after_a_question(issuer: Issuer) {
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    let scope = "openid offline_access";
    let mut browser = Browser::default();
    let back = browser.sign_in(&world, scope, &ALL).await;
    let earlier = world.exchange(&back["code"]).await;
    world.call(&earlier, "SignOut", json!({})).await.message();
    let back = browser.sign_in(&world, scope, &ALL).await;
    let tokens = world.exchange(&back["code"]).await;

    let link = encoded(&[
        (
            "id_token_hint",
            earlier["id_token"].as_str().expect("an ID token"),
        ),
        ("post_logout_redirect_uri", "https://shop.example/bye"),
    ]);
    let link = format!("{}/oauth2/sessions/logout?{link}", world.issuer_url);
    let place = browser.open(&world, &link).await;
    match issuer {
        Issuer::Component => {
            let page = place.page("/oauth2/logout");
            assert_eq!(world.own(&tokens).await.status, 200, "the user has not said yes");
            browser.send(&world, &page, &[]).await;
            world.are_worth_nothing(&tokens).await;
        }
        // ory/hydra#3820: the browser goes back to the application, and is still signed in.
        Issuer::Hydra => {
            assert!(matches!(place, Place::Outside(url) if url.starts_with("https://shop.example/bye")));
            assert_eq!(world.own(&tokens).await.status, 200, "nothing has ended");
        }
    }
}
