//! The pages for signing in, over a stub that answers as Ory's API reference says that Hydra's admin API answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use harness::{Answer, Client, Platform, Setup, raw, refresh_hook_key};
use http::{HeaderValue, header};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

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
    /// By kind and challenge: the status and the body of the answer.
    requests: BTreeMap<(String, String), (u16, Value)>,
    /// What is said to a session's end.
    deleting: Option<u16>,
    /// What it was told: method, path and body.
    told: Vec<(String, String, Value)>,
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

    /// Has a challenge answered like this.
    fn put(&self, kind: &str, challenge: &str, status: u16, body: Value) {
        let key = (kind.to_owned(), challenge.to_owned());
        self.state().requests.insert(key, (status, body));
    }

    /// What it was told since this was last asked, reading aside.
    fn told(&self) -> Vec<(String, String, Value)> {
        std::mem::take(&mut self.state().told)
    }

    /// The body of the one thing that it was told.
    fn told_once(&self, method: &str, path: &str) -> Value {
        let told = self.told();
        let [(told_method, told_path, body)] = told.as_slice() else {
            panic!("it must be told one thing, {method} {path}, but was told {told:?}");
        };
        assert_eq!((told_method.as_str(), told_path.as_str()), (method, path));
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
        state.told.push((method.into(), format!("{kind}/{action}"), body));
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
    state.told.push((method.into(), target.into(), body));
    (state.deleting.unwrap_or(204), Value::Null)
}

/// `oAuth2Client`, as Hydra shows one.
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

    /// An account with [`EMAIL`] and [`PASSWORD`]; its id.
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

    /// Every kind of request, by the challenge "c".
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

#[tokio::test(flavor = "multi_thread")]
async fn user_signs_in_by_password() {
    let world = World::start().await;
    let user = world.open().await;
    world.login("c");
    let mut browser = Browser::default();
    let fields = [
        ("email", "MINA@example.com"),
        ("password", PASSWORD),
        ("remember", "yes"),
    ];
    let answer = browser
        .fill(&world, "/oauth2/login", "login_challenge", &fields)
        .await;
    let next = format!("{AUTH}?client_id=shop&login_verifier=v");
    assert_eq!(leads_to(&answer, "a right password"), next);
    let accepted = world.stub.told_once("PUT", "login/accept");
    let expected = json!({
        "subject": user, "remember": true, "remember_for": 2_592_000, "acr": "1", "amr": ["pwd"],
        "context": { "epoch": 0 },
    });
    assert_eq!(accepted, expected);

    let again = browser.get(&world, "/oauth2/login?login_challenge=c").await;
    assert_eq!(
        leads_to(&again, "a challenge that was answered"),
        format!("{AUTH}?client_id=shop&again=1")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_up_creates_an_account_and_signs_in() {
    let world = World::start().await;
    world.login("c");
    let mut browser = Browser::default();
    let (path, name) = ("/oauth2/register", "login_challenge");
    for (fields, wrong) in [
        ([("email", "x"), ("password", PASSWORD), ("name", "")], "email"),
        (
            [("email", EMAIL), ("password", "short"), ("name", "")],
            "password",
        ),
        (
            [("email", EMAIL), ("password", PASSWORD), ("name", "a\0b")],
            "name",
        ),
    ] {
        let answer = browser.fill(&world, path, name, &fields).await;
        assert_eq!(answer.status, 422);
        let text = answer.text();
        assert!(
            text.contains(&format!("id=\"{wrong}-wrong\" role=\"alert\"")),
            "{text}"
        );
        assert!(text.contains("aria-invalid=\"true\" autofocus>"), "{text}");
        assert_eq!(
            text.matches("aria-invalid").count(),
            1,
            "only {wrong} is wrong: {text}"
        );
        assert!(
            !text.contains(PASSWORD),
            "what was typed as a password never comes back"
        );
    }
    assert!(world.stub.told().is_empty(), "no user was signed in");

    let fields = [("email", EMAIL), ("password", PASSWORD), ("name", "<i>Mina</i>")];
    let answer = browser.fill(&world, path, name, &fields).await;
    leads_to(&answer, "a new account");
    let accepted = world.stub.told_once("PUT", "login/accept");
    assert_eq!(accepted["remember"], false);

    world.login("c");
    let taken = browser.fill(&world, path, name, &fields).await;
    assert_eq!(taken.status, 422);
    assert!(taken.text().contains("id=\"email-wrong\""), "{}", taken.text());
    let answer = browser.sign_in(&world, EMAIL, PASSWORD).await;
    leads_to(&answer, "the new password");
}

#[tokio::test(flavor = "multi_thread")]
async fn remembered_browser_signs_in_while_its_login_is_valid() {
    let world = World::start().await;
    let user = world.open().await;
    world.login("c");
    let mut browser = Browser::default();
    leads_to(&browser.sign_in(&world, EMAIL, PASSWORD).await, "a login");
    world.stub.told();

    let remembered = |session: &str, subject: &str| {
        let request = json!({ "skip": true, "subject": subject, "session_id": session });
        world.stub.put("login", "c", 200, login_request(request));
    };
    remembered("s1", &user);
    let answer = browser.get(&world, "/oauth2/login?login_challenge=c").await;
    leads_to(&answer, "remembered");
    assert_eq!(
        world.stub.told_once("PUT", "login/accept")["subject"],
        user.as_str()
    );

    // A session that our login page has not started, and sessions of unknown subjects.
    let stranger = Uuid::now_v7().to_string();
    for (session, subject) in [("s2", user.as_str()), ("s1", &stranger), ("s1", "unknown")] {
        remembered(session, subject);
        let answer = browser.get(&world, "/oauth2/login?login_challenge=c").await;
        assert_eq!(
            leads_to(&answer, "not remembered"),
            format!("{AUTH}?client_id=shop"),
            "it begins anew"
        );
        let ended = format!("/admin/oauth2/auth/sessions/login?sid={session}");
        world.stub.told_once("DELETE", &ended);
    }

    world.sql("update users set epoch = epoch + 1").await;
    remembered("s1", &user);
    let answer = browser.get(&world, "/oauth2/login?login_challenge=c").await;
    assert_eq!(
        leads_to(&answer, "another epoch"),
        format!("{AUTH}?client_id=shop")
    );
    world.stub.told();
    world.stub.state().deleting = Some(500);
    let answer = browser.get(&world, "/oauth2/login?login_challenge=c").await;
    leads_to(&answer, "a session that cannot be ended");
    let told = world.stub.told();
    assert_eq!(
        told[1].1, "login/reject",
        "and not the same again for ever: {told:?}"
    );
    assert_eq!(told[1].2["error"], "login_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusing_rejects_the_request_at_the_issuer() {
    let world = World::start().await;
    let user = world.open().await;
    for (path, name) in FORMS {
        world.all(&user);
        let answer = Browser::default()
            .fill(&world, path, name, &[("action", "no")])
            .await;
        let kind = name.trim_end_matches("_challenge");
        let told = world.stub.told_once("PUT", &format!("{kind}/reject"));
        if kind == "logout" {
            assert_eq!(answer.status, 200, "the browser stays where it is");
        } else {
            leads_to(&answer, path);
            assert_eq!(told["error"], "access_denied", "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_challenge_gets_a_page_with_an_explanation() {
    let world = World::start().await;
    let cases = [
        (404, json!({ "error": "Not Found" }), 404),
        (410, json!({ "redirect_to": "" }), 410),
        (410, json!({ "redirect_to": "javascript:alert(1)" }), 410),
        (500, json!({ "error": "error" }), 503),
        (503, Value::Null, 503),
        (400, json!({ "error": "invalid_request" }), 500),
        (200, json!("no JSON {"), 500),
        (200, json!([]), 500),
    ];
    for (path, name) in FORMS {
        let kind = name.trim_end_matches("_challenge");
        for (status, body, expected) in &cases {
            world.stub.put(kind, "c", *status, body.clone());
            let answer = Browser::default().get(&world, &format!("{path}?{name}=c")).await;
            assert_eq!(answer.status.as_u16(), *expected, "{path}, {status} {body}");
            assert!(
                answer.text().contains("<h1>"),
                "a page for a person: {}",
                answer.text()
            );
        }
        for wrong in [
            "",
            "?",
            &format!("?{name}="),
            &format!("?{name}=a&{name}=b"),
            &format!("?{name}=%00"),
        ] {
            let answer = Browser::default().get(&world, &format!("{path}{wrong}")).await;
            assert_eq!(answer.status, 400, "{path}{wrong}");
        }
    }
    assert!(
        world.stub.told().is_empty(),
        "nothing is answered that was not asked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_form_is_refused_with_403() {
    let world = World::start().await;
    let user = world.open().await;
    for (path, name) in FORMS {
        world.all(&user);
        let kind = name.trim_end_matches("_challenge");
        let other = world.stub.state().requests[&(kind.to_owned(), "c".to_owned())].clone();
        world.stub.put(kind, "d", other.0, other.1);
        let (mut mine, mut others) = (Browser::default(), Browser::default());
        let csrf = hidden(&mine.get(&world, &format!("{path}?{name}=c")).await, "csrf");
        let of_another_challenge = hidden(&mine.get(&world, &format!("{path}?{name}=d")).await, "csrf");
        let of_another_browser = hidden(&others.get(&world, &format!("{path}?{name}=c")).await, "csrf");
        let elsewhere = if path == "/oauth2/login" {
            "/oauth2/register"
        } else {
            "/oauth2/login"
        };
        let of_another_page = mine.get(&world, &format!("{elsewhere}?login_challenge=c")).await;
        let of_another_page = hidden(&of_another_page, "csrf");
        let fields = [("email", EMAIL), ("password", PASSWORD), (name, "c")];
        for wrong in [
            "",
            "x",
            &csrf[1..],
            &of_another_challenge,
            &of_another_browser,
            &of_another_page,
        ] {
            let mut all = fields.to_vec();
            all.push(("csrf", wrong));
            let answer = mine.post(&world, path, &all).await;
            assert_eq!(answer.status, 403, "{path} with {wrong:?}");
        }
        assert_eq!(
            mine.post(&world, path, &fields).await.status,
            403,
            "{path} without"
        );
        let mut all = fields.to_vec();
        all.push(("csrf", &csrf));
        let without_cookie = Browser::default().post(&world, path, &all).await;
        assert_eq!(without_cookie.status, 403, "{path} without the cookie");
    }
    assert!(world.stub.told().is_empty(), "nothing was done");
}

/// Types wrong passwords until the limit of an account is reached.
async fn sixth_attempt_is_refused(world: &World) {
    world.open().await;
    world.login("c");
    let mut browser = Browser::default();
    for attempt in 1..=5 {
        let answer = browser.sign_in(world, EMAIL, "wrong horse").await;
        assert_eq!(answer.status, 422, "attempt {attempt}: {}", answer.text());
    }
    let answer = browser.sign_in(world, "MINA@Example.com", PASSWORD).await;
    assert_eq!(answer.status, 429, "the sixth is not looked at");
    let seconds: u64 = answer
        .header("retry-after")
        .and_then(|text| text.parse().ok())
        .expect("seconds");
    assert!((1..=900).contains(&seconds), "{seconds}");
    assert!(world.stub.told().is_empty());

    for attempt in 1..=5 {
        let answer = browser.sign_in(world, "unknown@example.com", "wrong horse").await;
        assert_eq!(
            answer.status, 422,
            "an unknown account has as many attempts: {attempt}"
        );
    }
    let answer = browser.sign_in(world, "unknown@example.com", "wrong horse").await;
    assert_eq!(answer.status, 429, "and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixth_attempt_is_refused_with_redis() {
    let world = World::start().await;
    sixth_attempt_is_refused(&world).await;
    let sql = world.platform.database().sql();
    let kept = sql
        .query_one("select count(*) from user_service.login_attempts", &[])
        .await;
    assert_eq!(
        kept.expect("a count").get::<_, i64>(0),
        0,
        "Postgres was not asked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sixth_attempt_is_refused_without_redis() {
    let world = World::with(|setup| setup.variable("redis_port", "1")).await;
    sixth_attempt_is_refused(&world).await;
    let sql = world.platform.database().sql();
    let row = sql
        .query_one(
            "select count(*), min(bucket) from user_service.login_attempts",
            &[],
        )
        .await;
    let row = row.expect("a count");
    assert_eq!(row.get::<_, i64>(0), 3, "two accounts, and the address");
    assert!(!row.get::<_, String>(1).contains('@'), "no address is kept");
    world
        .sql("update login_attempts set ends_at = now() - interval '1 second'")
        .await;
    let answer = Browser::default().sign_in(&world, EMAIL, PASSWORD).await;
    leads_to(&answer, "the time is up");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_first_attempt_of_a_client_address_is_refused() {
    let world = World::start().await;
    world.open().await;
    world.login("c");
    let mut browser = Browser::default();
    for attempt in 0..60 {
        let email = format!("u{attempt}@example.com");
        let answer = browser.sign_in(&world, &email, "wrong horse").await;
        assert_eq!(answer.status, 422, "attempt {attempt}: {}", answer.text());
    }
    let answer = browser.sign_in(&world, EMAIL, PASSWORD).await;
    assert_eq!(answer.status, 429, "the right password is not looked at, either");
    assert!(answer.header("retry-after").is_some(), "it says for how long");
    assert!(world.stub.told().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn right_password_resets_the_attempts_of_its_account() {
    let world = World::start().await;
    world.open().await;
    let mut browser = Browser::default();
    for round in 0..3 {
        world.login("c");
        for _ in 0..4 {
            assert_eq!(browser.sign_in(&world, EMAIL, "wrong horse").await.status, 422);
        }
        let answer = browser.sign_in(&world, EMAIL, PASSWORD).await;
        leads_to(&answer, &format!("round {round}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_do_not_tell_whether_an_account_exists() {
    let world = World::start().await;
    world.open().await;
    world.login("c");
    let mut browser = Browser::default();
    let wrong = browser.sign_in(&world, EMAIL, "wrong horse").await;
    let unknown = browser.sign_in(&world, "rita@example.com", "wrong horse").await;
    assert_eq!(wrong.status, unknown.status);
    assert_eq!(
        wrong.text(),
        unknown.text().replace("rita@", "mina@"),
        "the same page"
    );
    // But for those that are other ones each time.
    let names = |answer: &Answer| -> Vec<String> {
        let headers = answer.headers.iter();
        headers
            .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect()
    };
    assert_eq!(names(&wrong), names(&unknown), "the same headers");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_typed_text_gets_an_answer() {
    let world = World::start().await;
    world.open().await;
    world.login("c");
    let mut browser = Browser::default();
    let (huge, long) = ("x".repeat(20_000), "\u{1f600}".repeat(129));
    for (email, password) in [
        ("", ""),
        (EMAIL, ""),
        ("", PASSWORD),
        (huge.as_str(), PASSWORD),
        (EMAIL, &huge),
        (EMAIL, &long),
        ("mina@example.com\0", PASSWORD),
        ("\u{202e}moc.elpmaxe@anim", PASSWORD),
        ("用户@例子.广告", "パスワード"),
        ("<script>@example.com", "\"><script>"),
        (EMAIL, "correct\0horse"),
    ] {
        let answer = browser.sign_in(&world, email, password).await;
        assert_eq!(answer.status, 422, "{email:.30} {password:.30}");
        assert!(!answer.text().contains("<script"), "{}", answer.text());
    }
    let too_large = "x".repeat(70_000);
    let answer = browser
        .post(&world, "/oauth2/login", &[("email", &too_large)])
        .await;
    assert_eq!(answer.status, 413);
    let mut json = world.http().post("/oauth2/login", "{}");
    assert_eq!(world.http().send(json).await.status, 415);
    json = world
        .http()
        .request("POST", "/oauth2/login", Bytes::from_static(b"\xff\xfe=%zz&&&=="));
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    json.headers_mut().insert(header::CONTENT_TYPE, kind);
    assert_eq!(world.http().send(json).await.status, 400);
    for method in ["PUT", "DELETE", "PATCH"] {
        let request = world.http().request(method, "/oauth2/login", Bytes::new());
        let answer = world.http().send(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, Some("GET, HEAD, POST"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_forbids_scripts_frames_and_caching() {
    let world = World::start().await;
    let user = world.open().await;
    world.all(&user);
    let mut pages: Vec<(String, &str)> = FORMS
        .map(|(path, name)| (format!("{path}?{name}=c"), "https://shop.example"))
        .into();
    pages[3].1 = "https://localhost:3000";
    pages.push(("/oauth2/error?error=access_denied".into(), ""));
    pages.push(("/oauth2/signed-out".into(), ""));
    pages.push(("/oauth2/login?login_challenge=unknown".into(), ""));
    pages.push(("/oauth2/assets/style.css".into(), ""));
    for (page, destination) in pages {
        let answer = Browser::default().get(&world, &page).await;
        let policy = answer
            .header("content-security-policy")
            .expect("a policy")
            .to_owned();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self';"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(
            !policy.contains("unsafe") && !policy.contains("script"),
            "{policy}"
        );
        assert!(policy.contains("form-action 'self'"), "{policy}");
        if destination == "https://shop.example" {
            assert!(
                policy.ends_with("form-action 'self' http://issuer.test https://shop.example"),
                "{policy}"
            );
        }
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{page}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{page}");
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{page}");
        if page.ends_with(".css") {
            assert_eq!(answer.header("content-type"), Some("text/css; charset=utf-8"));
            continue;
        }
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{page}");
        let text = answer.text();
        let mut tags = text.split('<').filter_map(|rest| rest.split('>').next());
        assert!(
            !tags.any(|tag| tag.starts_with("script") || tag.contains(" style=") || tag.contains(" on")),
            "{text}"
        );
        assert!(!text.contains("<b>A shop"), "the client's name is a text: {text}");
        let cookie = answer.header("set-cookie").expect("a cookie");
        let mut attributes: Vec<_> = cookie.split("; ").skip(1).collect();
        attributes.sort_unstable();
        assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax"], "{cookie}");
    }

    let secure = World::with(|setup| setup.variable("login_url", "https://shop.example/oauth2/login")).await;
    let answer = Browser::default().get(&secure, "/oauth2/error").await;
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(
        cookie.starts_with("__Host-akinai_page=") && cookie.split("; ").any(|part| part == "Secure"),
        "{cookie}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_names_the_redirect_uri_of_the_request() {
    let world = World::start().await;
    let user = world.open().await;
    for (wanted, destination) in [
        ("http://[::1]:4711/cb", "http://*:4711"),
        ("http://127.0.0.1:4711/cb", "http://127.0.0.1:*"),
        ("com.example.app:/cb", "com.example.app:"),
    ] {
        let way_back = form_urlencoded::Serializer::new(String::new())
            .append_pair("redirect_uri", wanted)
            .finish();
        let more = json!({ "request_url": format!("{AUTH}?{way_back}") });
        world.stub.put("login", "c", 200, login_request(more.clone()));
        world.stub.put("consent", "c", 200, consent_request(&user, more));
        for (path, name) in &FORMS[..3] {
            let answer = Browser::default().get(&world, &format!("{path}?{name}=c")).await;
            let policy = answer.header("content-security-policy").expect("a policy");
            let (_, forms) = policy.split_once("form-action ").expect("a place for forms");
            let mut forms: Vec<_> = forms.split(' ').collect();
            forms.sort_unstable();
            let mut expected = ["'self'", "http://issuer.test", destination];
            expected.sort_unstable();
            assert_eq!(forms, expected, "{path} for {wanted}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_request_id() {
    let world = World::start().await;
    for path in [
        "/oauth2/login",
        "/oauth2/error",
        "/oauth2/signed-out",
        "/oauth2/assets/style.css",
        "/oauth2/auth",
        "/.well-known/jwks.json",
    ] {
        let named = async |id: &'static str| {
            let mut request = world.http().request("GET", path, Bytes::new());
            let id = HeaderValue::from_static(id);
            request.headers_mut().insert("x-request-id", id);
            let answer = world.http().send(request).await;
            answer.header("x-request-id").expect("a name").to_owned()
        };
        assert_eq!(named("a-name_1.2").await, "a-name_1.2", "{path} keeps it");
        let new = named("not a name").await;
        assert!(uuid::Uuid::parse_str(&new).is_ok(), "{path}: {new}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_the_language_of_the_browser() {
    let world = World::start().await;
    let user = world.open().await;
    world.all(&user);
    for (path, name) in FORMS {
        for (language, tag) in [("ja-JP,ja;q=0.9", "ja"), ("en", "en"), ("de", "en")] {
            let mut request = world
                .http()
                .request("GET", &format!("{path}?{name}=c"), Bytes::new());
            let language = HeaderValue::from_static(language);
            request.headers_mut().insert(header::ACCEPT_LANGUAGE, language);
            let answer = world.http().send(request).await;
            assert!(
                answer.text().contains(&format!("<html lang=\"{tag}\">")),
                "{path}"
            );
            assert_eq!(answer.header("content-language"), Some(tag));
            // Every field that can be typed into or ticked has a label.
            let text = answer.text();
            let fields = text.matches("<input ").count() - text.matches("type=\"hidden\"").count();
            assert_eq!(text.matches("<label for=").count(), fields, "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_sent_only_where_the_admin_api_says() {
    let world = World::start().await;
    world.open().await;
    world.login("c");
    let evil = "https://evil.example/";
    let mut browser = Browser::default();
    let fields = [
        ("email", EMAIL),
        ("password", PASSWORD),
        ("redirect_to", evil),
        ("return_to", evil),
    ];
    let answer = browser
        .fill(&world, "/oauth2/login", "login_challenge", &fields)
        .await;
    assert!(leads_to(&answer, "a login").starts_with(AUTH));
    let path = format!("/oauth2/error?error=x&error_description={evil}&redirect_to={evil}");
    let answer = browser.get(&world, &path).await;
    assert!(
        !answer.text().contains("evil"),
        "the page shows no text of an attacker: {}",
        answer.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_grants_the_checked_scopes_that_are_allowed() {
    let world = World::start().await;
    let user = world.open().await;
    let (path, name) = ("/oauth2/consent", "consent_challenge");
    let fields = [
        ("scope", "openid"),
        ("scope", "other<"),
        ("scope", "admin"),
        ("scope", "never asked for"),
        ("audience", "akinai"),
        ("audience", "elsewhere"),
        ("remember", "yes"),
    ];
    for (roles, granted) in [
        ("{}", json!(["openid", "other<"])),
        ("{admin}", json!(["openid", "admin", "other<"])),
    ] {
        world.sql(&format!("update users set roles = '{roles}'")).await;
        world.all(&user);
        let mut browser = Browser::default();
        let page = browser
            .get(&world, "/oauth2/consent?consent_challenge=c")
            .await
            .text();
        let offers_admin = page.contains("value=\"admin\"");
        assert_eq!(offers_admin, roles != "{}", "{page}");
        assert!(!page.contains("value=\"admin\" checked"), "not by default");
        assert!(page.contains("value=\"other&lt;\" checked"), "{page}");
        let answer = browser.fill(&world, path, name, &fields).await;
        leads_to(&answer, "consent");
        let accepted = world.stub.told_once("PUT", "consent/accept");
        let expected = json!({
            "grant_scope": granted, "grant_access_token_audience": ["akinai"], "remember": true,
            "remember_for": 2_592_000,
            "session": {
                "access_token": { "epoch": 0, "sid": "s1" },
                "id_token": { "name": "山田 花", "email": EMAIL, "email_verified": false },
            },
        });
        assert_eq!(accepted, expected);
    }
    world.all(&user);
    let answer = Browser::default().fill(&world, path, name, &[]).await;
    leads_to(&answer, "nothing ticked");
    assert_eq!(
        world.stub.told_once("PUT", "consent/accept")["grant_scope"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn remembered_consent_is_checked_again() {
    let world = World::start().await;
    let user = world.open().await;
    let open = async || {
        let path = "/oauth2/consent?consent_challenge=c";
        let answer = Browser::default().get(&world, path).await;
        leads_to(&answer, "without a question");
        let told = world.stub.told();
        assert_eq!(told.len(), 1, "{told:?}");
        (told[0].1.clone(), told[0].2.clone())
    };
    let mut trusted = client();
    trusted["skip_consent"] = true.into();
    for skip in [json!({ "skip": true }), json!({ "client": trusted })] {
        world
            .stub
            .put("consent", "c", 200, consent_request(&user, skip.clone()));
        let (what, accepted) = open().await;
        assert_eq!(what, "consent/accept");
        assert_eq!(
            accepted["grant_scope"],
            json!(["openid", "offline_access", "other<"]),
            "the role is not there (any more)"
        );
    }
    let stale = [
        json!({ "skip": true, "context": { "epoch": 1 } }),
        json!({ "skip": true, "context": null }),
        json!({ "context": {} }),
        json!({ "skip": true, "subject": Uuid::now_v7() }),
        json!({ "skip": true, "subject": "unknown" }),
        json!({ "skip": true, "login_session_id": "" }),
    ];
    for more in stale {
        world
            .stub
            .put("consent", "c", 200, consent_request(&user, more.clone()));
        let (what, rejected) = open().await;
        assert_eq!(
            (what.as_str(), &rejected["error"]),
            ("consent/reject", &json!("login_required")),
            "{more}"
        );
    }
    for end in [
        "insert into ended_sessions select 's1', id from users",
        "update users set is_deleted = true, deleted_at = now()",
    ] {
        world.sql(end).await;
        world.stub.put(
            "consent",
            "c",
            200,
            consent_request(&user, json!({ "skip": true })),
        );
        assert_eq!(open().await.0, "consent/reject", "{end}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_here_and_at_the_issuer() {
    let world = World::start().await;
    let user = world.open().await;
    world.all(&user);
    let (path, name) = ("/oauth2/logout", "logout_challenge");
    let answer = Browser::default().fill(&world, path, name, &[]).await;
    assert_eq!(
        leads_to(&answer, "signing out"),
        format!("{AUTH}?client_id=shop&logout_verifier=v")
    );
    world.stub.told_once("PUT", "logout/accept");
    let sql = world.platform.database().sql();
    let ended = sql
        .query_one("select session_id from user_service.ended_sessions", &[])
        .await;
    assert_eq!(ended.expect("one").get::<_, String>(0), "s1");

    for stranger in ["unknown", &Uuid::now_v7().to_string()] {
        world.all(stranger);
        let answer = Browser::default().fill(&world, path, name, &[]).await;
        leads_to(&answer, "an unknown user");
    }
}

const BROWSER: &str = "akinai_browser";

#[tokio::test(flavor = "multi_thread")]
async fn browser_cookie_ends_no_sessions_of_other_users() {
    let world = World::start().await;
    let mina = world.open().await;
    let noor_email = "noor@example.com";
    let wanted = json!({ "email": noor_email, "password": PASSWORD });
    let made = world.http().call("user.v1.UserService/CreateUser", wanted).await;
    let noor = made.message()["user"]["id"].as_str().expect("an id").to_owned();
    let sign_in = async |browser: &mut Browser, email: &str, session: &str| {
        let request = login_request(json!({ "session_id": session }));
        world.stub.put("login", "c", 200, request);
        leads_to(&browser.sign_in(&world, email, PASSWORD).await, session);
    };
    let (mut browser, mut elsewhere) = (Browser::default(), Browser::default());
    sign_in(&mut browser, EMAIL, "mina-1").await;
    sign_in(&mut elsewhere, EMAIL, "mina-elsewhere").await;
    // Without its cookie, or with one that is not ours, a browser is another one.
    for (planted, session) in [(None, "mina-without"), (Some("x"), "mina-planted")] {
        let mut other = browser.clone();
        drop(other.0.remove(BROWSER));
        other
            .0
            .extend(planted.map(|value| (BROWSER.to_owned(), value.to_owned())));
        sign_in(&mut other, EMAIL, session).await;
        assert_ne!(other.0[BROWSER], browser.0[BROWSER], "it gets one of its own");
    }
    // The cookie of a browser does not sign its thief in.
    let mut thief = Browser::default();
    let _ = thief.0.insert(BROWSER.into(), browser.0[BROWSER].clone());
    sign_in(&mut thief, noor_email, "noor-with-mina-s-cookie").await;
    sign_in(&mut browser, EMAIL, "mina-2").await;

    let sql = world.platform.database().sql();
    let ended = async || {
        let rows = sql.query(
            "select session_id from user_service.ended_sessions order by session_id",
            &[],
        );
        let rows = rows.await.expect("rows");
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    let sign_out = async |browser: &mut Browser, user: &str, session: &str| {
        let request = merged(logout_request(user), json!({ "sid": session }));
        world.stub.put("logout", "c", 200, request);
        let _ = world.stub.told();
        let answer = browser
            .fill(&world, "/oauth2/logout", "logout_challenge", &[])
            .await;
        leads_to(&answer, session);
        let told = world.stub.told().into_iter();
        told.map(|(method, path, _)| format!("{method} {path}"))
            .collect::<Vec<_>>()
    };
    sign_out(&mut thief, &noor, "noor-with-mina-s-cookie").await;
    assert_eq!(ended().await, ["noor-with-mina-s-cookie"]);
    let told = sign_out(&mut browser, &mina, "mina-2").await;
    assert_eq!(ended().await, ["mina-1", "mina-2", "noor-with-mina-s-cookie"]);
    let expected = [
        "DELETE /admin/oauth2/auth/sessions/login?sid=mina-1",
        "PUT logout/accept",
    ];
    assert_eq!(
        told, expected,
        "the issuer has to end the session that it does not end on its own"
    );

    let kept = "select count(*) from user_service.login_sessions where browser = $1";
    let found = sql
        .query_one(kept, &[&browser.0[BROWSER]])
        .await
        .expect("a count");
    assert_eq!(
        found.get::<_, i64>(0),
        0,
        "the database has the cookie's hash alone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn session_that_ends_here_ends_at_the_issuer() {
    let issuer = harness::Issuer::start().await;
    let url = issuer.url();
    let world = World::with(|setup| {
        let setup = setup.variable("issuer", url.as_str());
        setup.variable("issuer_origin", url.as_str())
    })
    .await;
    let user = world.open().await;
    let call = async |session: &str, method: &str, message: Value| {
        let mut claims = issuer.claims(&user);
        claims["sid"] = session.into();
        let (token, method) = (issuer.sign(&claims), format!("user.v1.UserService/{method}"));
        world
            .http()
            .call_as(Some(&token), &method, message)
            .await
            .message();
        let told = world.stub.told().into_iter();
        let mut told: Vec<_> = told.map(|(method, path, _)| format!("{method} {path}")).collect();
        told.sort();
        told
    };
    let sessions = "DELETE /admin/oauth2/auth/sessions";
    let told = call("s1&subject=x", "SignOut", json!({})).await;
    assert_eq!(told, [format!("{sessions}/login?sid=s1%26subject%3Dx")]);
    world.stub.state().deleting = Some(500);
    let told = call("s2", "DeleteUser", json!({ "id": user })).await;
    let expected = [
        format!("{sessions}/consent?subject={user}&all=true"),
        format!("{sessions}/login?subject={user}"),
    ];
    assert_eq!(
        told, expected,
        "and where that fails, the account is deleted all the same"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_refreshed_while_their_login_is_valid() {
    let world = World::start().await;
    let user = world.open().await;
    let key = format!("Bearer {}", refresh_hook_key());
    let ask = async |key: &str, epoch: i64, scopes: Value| {
        let question = json!({
            "subject": user, "client_id": "shop", "granted_scopes": scopes, "granted_audience": ["akinai"],
            "session": { "client_id": "shop", "extra": { "epoch": epoch, "sid": "s1" }, "id_token": {} },
            "requester": { "client_id": "shop", "granted_scopes": scopes, "grant_types": ["refresh_token"] },
        });
        let mut request = world.http().post("/oauth2/hooks/refresh", question.to_string());
        if !key.is_empty() {
            let value = HeaderValue::try_from(key).expect("a header");
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        world.http().send(request).await
    };
    let answer = ask(&key, 0, json!(["openid"])).await;
    let expected = json!({ "session": {
        "access_token": { "epoch": 0, "sid": "s1" },
        "id_token": { "name": "山田 花", "email": EMAIL, "email_verified": false },
    }});
    assert_eq!(answer.message(), expected);
    for wrong in [
        "",
        "Bearer ",
        "Bearer x",
        &key.replace("Bearer", "Basic"),
        &format!("{key}x"),
    ] {
        let answer = ask(wrong, 0, json!([])).await;
        assert_eq!(answer.status, 401, "{wrong}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some("Bearer realm=\"akinai\""), "{wrong}");
    }
    assert_eq!(ask(&key, 1, json!([])).await.status, 403, "another epoch");
    assert_eq!(
        ask(&key, 0, json!(["admin"])).await.status,
        403,
        "no admin (any more)"
    );
    world.sql("update users set roles = '{admin}'").await;
    assert_eq!(ask(&key, 0, json!(["admin"])).await.status, 200);
    world
        .sql("insert into ended_sessions select 's1', id from users")
        .await;
    assert_eq!(ask(&key, 0, json!([])).await.status, 403, "signed out");
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_of_the_pages_reach_no_rpc() {
    let world = World::start().await;
    let method = "user.v1.SessionService/CheckSession";
    for prefix in [
        "/oauth2/login/",
        "/oauth2/login//",
        "/oauth2/login/../../",
        "/oauth2/login/..%2f..%2f",
        "/oauth2/error?/",
        "/oauth2/assets/style.css/",
        "/oauth2/hooks/refresh/",
    ] {
        let request = format!(
            "POST {prefix}{method} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
             connection: close\r\n\r\n{{}}"
        );
        let answer = raw(world.platform.address(), request.as_bytes()).await;
        let status = answer.status().expect("an answer");
        assert!([404, 405].contains(&status), "{prefix}: {}", answer.text());
    }
    let answer = world
        .http()
        .call(method, json!({ "userId": Uuid::now_v7() }))
        .await;
    assert!(
        answer.status.is_client_error(),
        "the edge has no way to it: {}",
        answer.text()
    );
}
