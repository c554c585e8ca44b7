//! Signing in and out like an application and a browser: with the issuer, the pages of the user component, and the
//! edge.
//!
//! Each test runs twice: with the issuer component, and with Ory Hydra. docs/ISSUER.md lists the differences, and the
//! tests expect them.

mod accounts;
mod browser;
mod refreshing;
mod signing_out;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use harness::{Answer, Client, Hydra, Setup, issuer_sealing_key};
use host::{App, Server};
use http::{HeaderValue, header};
use serde_json::{Value, json};
use signing::{SealingKey, SigningKey};
use xtask::services::free_port;

const CALLBACK: &str = "https://shop.example/cb";
const VERIFIER: &str = "a-code-verifier-that-is-long-enough-for-rfc-7636";
const EMAIL: &str = "mina@example.com";
const PASSWORD: &str = "correct horse";

/// The fields of a consent page with which a user grants everything that was requested.
const ALL: [(&str, &str); 3] = [
    ("scope", "openid"),
    ("scope", "offline_access"),
    ("audience", "akinai"),
];

/// The issuer of a test's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issuer {
    /// Our component.
    Component,
    /// Ory Hydra.
    Hydra,
}

/// Makes two tests of each function: one with the issuer component, one with Ory Hydra, if Hydra is installed.
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

/// A platform and the issuer of its tokens.
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) client: Client,
    /// The issuer's name and address: the platform's own, or Hydra's.
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

    /// The same, with a change of the setup.
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

    /// Registers a client, or replaces it.
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

    /// The HTTP client for an address, and the address's path: the platform's or the issuer's client; `None` for any other
    /// address.
    fn within(&self, url: &str) -> Option<(&Client, String)> {
        let of = |client, origin: &str| Some((client, url.strip_prefix(origin)?.to_owned()));
        of(&self.client, &self.url).or_else(|| of(&self.issuer, &self.issuer_url))
    }

    /// Creates an account.
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

    /// Asserts that the access token is refused, and that the tokens cannot be refreshed.
    async fn assert_ended(&self, tokens: &Value) {
        assert_eq!(self.own(tokens).await.status, 401, "the access token");
        let refused = self.refresh(tokens).await;
        assert!(
            refused.status.is_client_error(),
            "the refresh token: {}",
            refused.text()
        );
    }

    /// The account of the token's user, as the edge returns it.
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

/// The public client of an application at this origin.
pub(crate) fn shop_at(origin: &str) -> Value {
    let mut client = shop();
    client["redirect_uris"] = json!([format!("{origin}/callback")]);
    client["post_logout_redirect_uris"] = json!([format!("{origin}/")]);
    client["allowed_cors_origins"] = json!([origin]);
    client
}

/// Inserts the signing key of the issuer component, as an operator does.
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

/// The claims of a JWT, not verified.
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
