//! Rules for every page: headers, forms, redirects, languages, paths.

use bytes::Bytes;
use harness::raw;
use http::{HeaderValue, header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AUTH, Browser, EMAIL, FORMS, PASSWORD, World, consent_request, hidden, leads_to, login_request};

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
        world.stub.received().is_empty(),
        "no challenge is answered without a request"
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
    assert!(world.stub.received().is_empty(), "nothing was done");
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
            // Every text field and every checkbox has a label.
            let text = answer.text();
            let fields = text.matches("<input ").count() - text.matches("type=\"hidden\"").count();
            assert_eq!(text.matches("<label for=").count(), fields, "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_redirected_only_to_addresses_of_the_admin_api() {
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
        "the edge has no route to it: {}",
        answer.text()
    );
}
