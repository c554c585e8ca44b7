//! `cargo xtask token` against a scripted server: the requests that a browser would send, and the messages for the user
//! on errors.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use url::Url;
use url::form_urlencoded::parse;
use xtask::origin::Origin;
use xtask::secret::Secret;
use xtask::token::{WantedToken, obtain};

/// The behaviour of the server.
#[derive(Clone, Copy, Default)]
struct Script {
    /// Refuses any password.
    refuses_password: bool,
    /// Grants all scopes but `admin`.
    withholds_admin: bool,
    /// The error that the authorization endpoint returns at once.
    error: Option<&'static str>,
    /// Redirects the browser with another `state`.
    forges_state: bool,
    /// Has a page without a form.
    is_broken: bool,
}

/// A strict server that behaves like an issuer with its pages: a wrong cookie, hidden field or verifier is an error.
struct Server {
    script: Script,
    origin: String,
    request: Mutex<HashMap<String, String>>,
    said: Mutex<Vec<String>>,
}

impl Server {
    async fn start(script: Script) -> Arc<Server> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Arc::new(Server {
            script,
            origin,
            request: Mutex::default(),
            said: Mutex::default(),
        });
        let serving = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.serve(stream).await;
            }
        });
        server
    }

    async fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let target = line.split(' ').nth(1)?.to_owned();
        let (mut length, mut cookies) = (0, String::new());
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await.ok()?;
            let Some((name, value)) = header.trim().split_once(": ") else {
                break;
            };
            match name {
                "content-length" => length = value.parse().ok()?,
                "cookie" => cookies = value.to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let url = Url::parse(&format!("{}{target}", self.origin)).ok()?;
        let form: Vec<(String, String)> = parse(&body).into_owned().collect();
        let answer = self.answer(&url, &cookies, &form);
        stream.write_all(answer.as_bytes()).await.ok()
    }

    fn answer(&self, url: &Url, cookies: &str, form: &[(String, String)]) -> String {
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let has = |name: &str, value: &str| {
            form.iter()
                .any(|field| (field.0.as_str(), field.1.as_str()) == (name, value))
        };
        let values = |name: &str| {
            form.iter()
                .filter(|field| field.0 == name)
                .map(|field| field.1.as_str())
                .collect::<Vec<_>>()
        };
        self.said.lock().expect("no panic").push(url.path().to_owned());
        match (url.path(), form.is_empty()) {
            ("/.well-known/openid-configuration", _) => {
                let origin = &self.origin;
                json(
                    200,
                    &format!(
                        r#"{{"issuer": "{origin}", "authorization_endpoint": "{origin}/oauth2/auth", "token_endpoint": "{origin}/oauth2/token"}}"#
                    ),
                )
            }
            ("/oauth2/auth", _) if query.contains_key("login_verifier") => {
                assert!(cookies.contains("flow=f1"), "the flow's cookie is missing");
                redirect("/oauth2/consent?consent_challenge=c1", "")
            }
            ("/oauth2/auth", _) if query.contains_key("consent_verifier") => {
                self.back(&[("code", "the+code")])
            }
            ("/oauth2/auth", _) => {
                assert_eq!(query["code_challenge_method"], "S256");
                *self.request.lock().expect("no panic") = query;
                match self.script.error {
                    Some(error) => self.back(&[("error", error), ("error_description", "because & so")]),
                    None => redirect(
                        "/oauth2/login?login_challenge=l1",
                        "set-cookie: flow=f1; Path=/; HttpOnly\r\n",
                    ),
                }
            }
            ("/oauth2/login", _) if self.script.is_broken => {
                page(500, "", "<h1>Not now</h1><p>Try again.</p>")
            }
            ("/oauth2/login", true) => page(200, "set-cookie: csrf=k1; Path=/oauth2\r\n", LOGIN),
            ("/oauth2/login", false) => {
                assert!(
                    has("csrf", "k1") && cookies.contains("csrf=k1"),
                    "the form is not this browser's"
                );
                assert!(
                    has("login_challenge", "l1")
                        && has("email", "mina@example.com")
                        && has("action", "sign-in")
                );
                match has("password", "correct horse") && !self.script.refuses_password {
                    true => redirect("/oauth2/auth?login_verifier=v1", ""),
                    false => page(
                        401,
                        "",
                        &format!("<p role=alert>Wrong e-mail or password.</p>{LOGIN}"),
                    ),
                }
            }
            ("/oauth2/consent", true) => page(200, "", CONSENT),
            ("/oauth2/consent", false) => {
                assert!(has("consent_challenge", "c1") && has("decision", "accept"));
                assert_eq!(values("scope"), self.wanted());
                redirect("/oauth2/auth?consent_verifier=v2", "")
            }
            ("/oauth2/token", _) => {
                assert!(has("code", "the+code") && values("code_verifier")[0].len() >= 43);
                let admin = !self.script.withholds_admin;
                let scope: Vec<String> = self
                    .wanted()
                    .into_iter()
                    .filter(|scope| admin || scope != "admin")
                    .collect();
                json(
                    200,
                    &format!(r#"{{"access_token": "a.b.c", "scope": "{}"}}"#, scope.join(" ")),
                )
            }
            _ => page(404, "", "not here"),
        }
    }

    fn wanted(&self) -> Vec<String> {
        self.request.lock().expect("no panic")["scope"]
            .split(' ')
            .map(str::to_owned)
            .collect()
    }

    fn back(&self, parameters: &[(&str, &str)]) -> String {
        let request = self.request.lock().expect("no panic");
        let mut url = Url::parse(&request["redirect_uri"]).expect("a URL");
        let state = if self.script.forges_state {
            "theirs"
        } else {
            &request["state"]
        };
        url.query_pairs_mut()
            .extend_pairs(parameters)
            .append_pair("state", state);
        redirect(url.as_str(), "")
    }
}

const LOGIN: &str = "<form method=post action=/oauth2/login><input type=hidden name=login_challenge value=l1>\
    <input type=hidden name=csrf value=k1><input type=email name=email><input type=password name=password>\
    <button name=action value=sign-in>Sign in</button></form>";

const CONSENT: &str = "<form method=post><input type=hidden name=consent_challenge value=c1>\
    <input type=checkbox name=scope value=openid checked><input type=checkbox name=scope value=admin>\
    <button name=decision value=reject>No</button><button name=decision value=accept>Yes</button></form>";

fn json(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// With chunked encoding, which servers use for pages of unknown length.
fn page(status: u16, headers: &str, body: &str) -> String {
    let (first, second) = body.split_at(body.len() / 2);
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let (first, second) = (chunk(first), chunk(second));
    format!("HTTP/1.1 {status} OK\r\n{headers}transfer-encoding: chunked\r\n\r\n{first}{second}0\r\n\r\n")
}

fn redirect(location: &str, headers: &str) -> String {
    format!("HTTP/1.1 303 See Other\r\nlocation: {location}\r\n{headers}content-length: 0\r\n\r\n")
}

async fn request_token(server: &Server, scopes: &[&str]) -> Result<Secret, String> {
    let wanted = WantedToken {
        issuer: server.origin.parse::<Origin>().expect("an origin"),
        email: "mina@example.com".into(),
        password: Secret::new("correct horse"),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    };
    obtain(&wanted).await.map_err(|error| format!("{error:#}"))
}

async fn refused(script: Script) -> String {
    let server = Server::start(script).await;
    request_token(&server, &["openid", "admin"])
        .await
        .expect_err("a token was returned in spite of the error")
}

#[tokio::test]
async fn full_sign_in_flow_returns_a_token() {
    let server = Server::start(Script::default()).await;
    let token = request_token(&server, &["openid", "admin"])
        .await
        .expect("a token");
    assert_eq!(token.reveal(), "a.b.c");
    let said = server.said.lock().expect("no panic").join(" ");
    assert_eq!(
        said,
        "/.well-known/openid-configuration /oauth2/auth /oauth2/login /oauth2/login /oauth2/auth /oauth2/consent /oauth2/consent \
         /oauth2/auth /oauth2/token"
    );
}

#[tokio::test]
async fn error_messages_give_the_reason() {
    let wrong_password = Script {
        refuses_password: true,
        ..Script::default()
    };
    let error = refused(wrong_password).await;
    assert!(
        error.contains("cannot sign in with this password: Wrong e-mail or password."),
        "{error}"
    );

    let no_admin = Script {
        withholds_admin: true,
        ..Script::default()
    };
    let error = refused(no_admin).await;
    assert!(
        error.contains("is not an admin") && error.contains("cargo xtask admin mina@example.com"),
        "{error}"
    );

    let unknown = Script {
        error: Some("invalid_scope"),
        ..Script::default()
    };
    let error = refused(unknown).await;
    assert!(
        error.contains("invalid_scope because & so\nThe scopes of the client"),
        "{error}"
    );

    let forged = Script {
        forges_state: true,
        ..Script::default()
    };
    let error = refused(forged).await;
    assert!(error.contains("another request"), "{error}");

    let broken = Script {
        is_broken: true,
        ..Script::default()
    };
    let error = refused(broken).await;
    assert!(
        error.contains("/oauth2/login has answered 500") && error.contains("Not now Try again."),
        "{error}"
    );
}

#[tokio::test]
async fn error_without_a_server_says_what_to_start() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let wanted = WantedToken {
        issuer: origin.parse().expect("an origin"),
        email: "mina@example.com".into(),
        password: Secret::new("hunter2"),
        scopes: vec!["openid".into()],
    };
    let error = format!("{:#}", obtain(&wanted).await.expect_err("no server answers"));
    assert!(
        error.contains("start `cargo xtask up`") && !error.contains("hunter2"),
        "{error}"
    );
}
