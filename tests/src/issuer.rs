//! An issuer of access tokens, as the edge sees one: a discovery document, a key set, and tokens that are signed with its keys.
//!
//! It signs any claims with ES256, also wrong ones. The tests of the code that parses tokens cover the tokens of real
//! issuers. This issuer is for tests of the platform's behaviour.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::{BoxFuture, FutureExt as _};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

/// The audience of the tokens: the default of the variable `audience`.
const AUDIENCE: &str = "akinai";

/// A running issuer. Dropping it stops it.
pub struct Issuer {
    address: SocketAddr,
    state: Arc<State>,
    serving: tokio::task::JoinHandle<()>,
}

struct State {
    /// The last key signs.
    keys: Mutex<Vec<SigningKey>>,
    is_away: AtomicBool,
    fetches: AtomicUsize,
}

impl Issuer {
    /// Starts an issuer on a free port.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub fn start() -> BoxFuture<'static, Self> {
        async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("an address");
            let state = Arc::new(State {
                keys: Mutex::new(vec![new_key()]),
                is_away: AtomicBool::new(false),
                fetches: AtomicUsize::new(0),
            });
            let serving = tokio::spawn(serve(listener, address, Arc::clone(&state)));
            Self {
                address,
                state,
                serving,
            }
        }
        .boxed()
    }

    /// Its name (`iss`), which is also its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The claims of a token for a user, valid for five minutes.
    pub fn claims(&self, user: &str) -> Value {
        let now = now();
        json!({
            "iss": self.url(),
            "aud": AUDIENCE,
            "sub": user,
            "client_id": "shop",
            "iat": now,
            "exp": now + 300,
            "scope": "openid",
            "jti": Uuid::now_v7(),
            "epoch": 0,
        })
    }

    /// A token for a user, valid for five minutes.
    pub fn token(&self, user: &str) -> String {
        self.sign(&self.claims(user))
    }

    /// A token for a user that claims the scope `admin`.
    pub fn admin_token(&self, user: &str) -> String {
        let mut claims = self.claims(user);
        claims["scope"] = "openid admin".into();
        self.sign(&claims)
    }

    /// A token with these claims, signed with the newest key.
    pub fn sign(&self, claims: &Value) -> String {
        let keys = self.keys();
        let key = keys.last().expect("there is a key");
        sign(key, &key_id(key), claims)
    }

    /// A token with these claims and this issuer's `kid`, signed with a key that is not this issuer's.
    pub fn forge(&self, claims: &Value) -> String {
        let kid = key_id(self.keys().last().expect("there is a key"));
        sign(&new_key(), &kid, claims)
    }

    /// Signs with a new key from now on. The old keys stay in the set.
    pub fn rotate(&self) {
        self.keys().push(new_key());
    }

    /// Whether it answers.
    pub fn set_away(&self, is_away: bool) {
        self.state.is_away.store(is_away, Ordering::Relaxed);
    }

    /// How often its key set was fetched.
    pub fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::Relaxed)
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, Vec<SigningKey>> {
        self.state.keys()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl State {
    fn keys(&self) -> std::sync::MutexGuard<'_, Vec<SigningKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jwks(&self) -> Value {
        let keys: Value = self.keys().iter().map(jwk).collect();
        json!({ "keys": keys })
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |elapsed| elapsed.as_secs())
}

fn new_key() -> SigningKey {
    // Two random UUIDs are 32 bytes, which practically never exceed the order of the curve.
    let bytes = [*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat();
    SigningKey::from_slice(&bytes).expect("a number below the order of the curve")
}

fn key_id(key: &SigningKey) -> String {
    let point = key.verifying_key().to_encoded_point(false);
    URL_SAFE_NO_PAD.encode(&point.as_bytes()[1..9])
}

fn jwk(key: &SigningKey) -> Value {
    let point = key.verifying_key().to_encoded_point(false);
    let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({
        "kty": "EC",
        "crv": "P-256",
        "alg": "ES256",
        "use": "sig",
        "kid": key_id(key),
        "x": coordinate(point.x().expect("a point that is not at infinity")),
        "y": coordinate(point.y().expect("a point that is not compressed")),
    })
}

fn sign(key: &SigningKey, kid: &str, claims: &Value) -> String {
    let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature: Signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

async fn serve(listener: TcpListener, address: SocketAddr, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move { answer(stream, address, &state).await });
    }
}

/// Answers one request and closes.
async fn answer(mut stream: TcpStream, address: SocketAddr, state: &State) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let issuer = format!("http://{address}");
    let body = match head.split(' ').nth(1)? {
        _ if state.is_away.load(Ordering::Relaxed) => None,
        "/.well-known/openid-configuration" => {
            Some(json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") }))
        }
        "/jwks" => {
            state.fetches.fetch_add(1, Ordering::Relaxed);
            Some(state.jwks())
        }
        _ => None,
    };
    let (status, body) = match body {
        Some(body) => ("200 OK", body.to_string()),
        None => ("503 Service Unavailable", String::new()),
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.ok()
}
