//! The pages for signing in, with a stub of Hydra's admin API, which answers as in Ory's API reference.

mod attempts;
mod consent;
mod login;
mod protection;
mod refresh_hook;
mod signing_out;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use harness::{Answer, Client, Platform, Setup};
use http::{HeaderValue, header};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const EMAIL: &str = "mina@example.com";
const PASSWORD: &str = "correct horse";
const AUTH: &str = "http://issuer.test/oauth2/auth";
const FORMS: [(&str, &str); 4] = [
    ("/oauth2/login", "login_challenge"),
    ("/oauth2/register", "login_challenge"),
    ("/oauth2/consent", "consent_challenge"),
    ("/oauth2/logout", "logout_challenge"),
];

/// Hydra's admin API. Dropping it stops it.
struct Stub {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// The status and the body of the answer, by kind and challenge.
    requests: BTreeMap<(String, String), (u16, Value)>,
    /// The status of the answer to a request that ends a session.
    deleting: Option<u16>,
    /// The received requests: method, path and body.
    received: Vec<(String, String, Value)>,
}

impl Stub {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self {
            address,
            state,
            serving,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the answer to a challenge.
    fn put(&self, kind: &str, challenge: &str, status: u16, body: Value) {
        let key = (kind.to_owned(), challenge.to_owned());
        self.state().requests.insert(key, (status, body));
    }

    /// The requests since the last call, except GET.
    fn received(&self) -> Vec<(String, String, Value)> {
        std::mem::take(&mut self.state().received)
    }

    /// The body of the only request since the last call.
    fn only_request(&self, method: &str, path: &str) -> Value {
        let received = self.received();
        let [(received_method, received_path, body)] = received.as_slice() else {
            panic!("one request was expected, {method} {path}, but not {received:?}");
        };
        assert_eq!((received_method.as_str(), received_path.as_str()), (method, path));
        body.clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Answers one request and closes.
async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut words = head.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body).await.ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let (status, answer) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        answer(&mut state, &method, &target, body)
    };
    let answer = match answer {
        Value::Null => String::new(),
        Value::String(text) => text,
        answer => answer.to_string(),
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    );
    stream.write_all(format!("{head}{answer}").as_bytes()).await.ok()
}

fn answer(state: &mut State, method: &str, target: &str, body: Value) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if let Some(rest) = path.strip_prefix("/admin/oauth2/auth/requests/") {
        let (kind, action) = rest.split_once('/').unwrap_or((rest, ""));
        let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let challenge = query
            .get(&format!("{kind}_challenge"))
            .cloned()
            .unwrap_or_default();
        let key = (kind.to_owned(), challenge);
        let Some((status, request)) = state.requests.get(&key).cloned() else {
            let error = json!({ "error": "Not Found", "error_description": "Unable to locate the requested resource" });
            return (404, error);
        };
        if status != 200 || action.is_empty() {
            return (status, request);
        }
        state
            .received
            .push((method.into(), format!("{kind}/{action}"), body));
        if (kind, action) == ("logout", "reject") {
            return (204, Value::Null);
        }
        // It is answered once.
        let next = json!({ "redirect_to": format!("{AUTH}?client_id=shop&again=1") });
        state.requests.insert(key, (410, next));
        return (
            200,
            json!({ "redirect_to": format!("{AUTH}?client_id=shop&{kind}_verifier=v") }),
        );
    }
    state.received.push((method.into(), target.into(), body));
    (state.deleting.unwrap_or(204), Value::Null)
}

/// `oAuth2Client`, in the form of Hydra's answers.
fn client() -> Value {
    json!({
        "client_id": "shop", "client_name": "<b>A shop</b>", "redirect_uris": ["https://shop.example/cb"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "scope": "openid admin",
        "audience": ["akinai"], "owner": "", "policy_uri": "", "allowed_cors_origins": [], "tos_uri": "",
        "client_uri": "", "logo_uri": "", "contacts": null, "client_secret_expires_at": 0, "subject_type": "public",
        "jwks": {}, "token_endpoint_auth_method": "none", "userinfo_signed_response_alg": "none",
        "created_at": "2026-11-22T00:00:00Z", "updated_at": "2026-11-22T00:00:00Z", "metadata": {},
        "post_logout_redirect_uris": ["https://bye.example/"], "skip_consent": false, "skip_logout_consent": null,
    })
}

/// `oAuth2LoginRequest`.
fn login_request(more: Value) -> Value {
    merged(
        json!({
            "challenge": "c", "requested_scope": ["openid"], "requested_access_token_audience": [], "skip": false,
            "subject": "", "oidc_context": {}, "client": client(), "request_url": format!("{AUTH}?client_id=shop"),
            "session_id": "s1",
        }),
        more,
    )
}

/// `oAuth2ConsentRequest`.
fn consent_request(subject: &str, more: Value) -> Value {
    merged(
        json!({
            "challenge": "c", "requested_scope": ["openid", "offline_access", "admin", "other<"],
            "requested_access_token_audience": ["akinai", "nightly"], "skip": false, "subject": subject,
            "oidc_context": {}, "client": client(), "request_url": format!("{AUTH}?client_id=shop"),
            "login_challenge": "l", "login_session_id": "s1", "acr": "1", "amr": ["pwd"], "context": { "epoch": 0 },
        }),
        more,
    )
}

/// `oAuth2LogoutRequest`.
fn logout_request(subject: &str) -> Value {
    json!({
        "challenge": "c", "subject": subject, "sid": "s1", "request_url": "/oauth2/sessions/logout",
        "rp_initiated": false, "client": null,
    })
}

fn merged(mut value: Value, more: Value) -> Value {
    for (name, member) in more.as_object().into_iter().flatten() {
        value[name] = member.clone();
    }
    value
}

struct World {
    platform: Platform,
    stub: Stub,
}

impl World {
    async fn start() -> Self {
        Self::with(|setup| setup).await
    }

    async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let stub = Stub::start().await;
        let setup = Setup::new()
            .await
            .variable("issuer", "http://issuer.test")
            .variable("hydra_admin_url", format!("http://{}", stub.address));
        Self {
            platform: change(setup).start().await,
            stub,
        }
    }

    fn http(&self) -> &Client {
        self.platform.client()
    }

    /// Creates an account with [`EMAIL`] and [`PASSWORD`]. Returns its id.
    async fn open(&self) -> String {
        let wanted = json!({ "email": EMAIL, "password": PASSWORD, "name": "山田 花" });
        let made = self.http().call("user.v1.UserService/CreateUser", wanted).await;
        made.message()["user"]["id"].as_str().expect("an id").to_owned()
    }

    async fn sql(&self, statement: &str) {
        let statement = format!("set search_path = user_service; {statement}");
        let done = self.platform.database().sql().batch_execute(&statement).await;
        done.expect("the statement fits the schema");
    }

    /// A login request that is not answered yet.
    fn login(&self, challenge: &str) {
        self.stub.put("login", challenge, 200, login_request(json!({})));
    }

    /// Adds a request of every kind with the challenge "c".
    fn all(&self, subject: &str) {
        self.login("c");
        self.stub
            .put("consent", "c", 200, consent_request(subject, json!({})));
        self.stub.put("logout", "c", 200, logout_request(subject));
    }
}

#[derive(Clone, Default)]
struct Browser(BTreeMap<String, String>);

impl Browser {
    async fn get(&mut self, world: &World, path: &str) -> Answer {
        self.send(world, world.http().request("GET", path, Bytes::new()))
            .await
    }

    async fn post(&mut self, world: &World, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mut request = world.http().request("POST", path, body.into());
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        self.send(world, request).await
    }

    async fn send(&mut self, world: &World, mut request: http::Request<Bytes>) -> Answer {
        if !self.0.is_empty() {
            let cookies: Vec<_> = self
                .0
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let cookies = HeaderValue::try_from(cookies.join("; ")).expect("cookies");
            request.headers_mut().insert(header::COOKIE, cookies);
        }
        let answer = world.http().send(request).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let pair = cookie
                .to_str()
                .expect("a cookie")
                .split(';')
                .next()
                .expect("a pair");
            let (name, value) = pair.split_once('=').expect("a pair");
            self.0.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Opens the page of a form and sends it with these fields.
    async fn fill(&mut self, world: &World, path: &str, name: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(world, &format!("{path}?{name}=c")).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        let csrf = hidden(&page, "csrf");
        let mut all = vec![("csrf", csrf.as_str()), (name, "c")];
        all.extend(fields);
        self.post(world, path, &all).await
    }

    async fn sign_in(&mut self, world: &World, email: &str, password: &str) -> Answer {
        let fields = [("email", email), ("password", password)];
        self.fill(world, "/oauth2/login", "login_challenge", &fields)
            .await
    }
}

/// The value of a hidden field.
fn hidden(page: &Answer, name: &str) -> String {
    let text = page.text();
    let begin = format!("name=\"{name}\" value=\"");
    let (_, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("no {name} in {text}"));
    rest.split('"').next().expect("a value").to_owned()
}

fn leads_to<'a>(answer: &'a Answer, what: &str) -> &'a str {
    assert_eq!(answer.status, 303, "{what}: {}", answer.text());
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{what}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
    answer.header("location").expect("a location")
}
