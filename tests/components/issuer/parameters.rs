//! Parameters, at every endpoint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Browser, SECRET, USER, World, exchange, link, parameter, parsed, refreshing, text, with};

/// RFC 6749, sections 3.1 and 3.2: parameters that OAuth does not define are ignored.
#[tokio::test(flavor = "multi_thread")]
async fn repeated_unknown_parameters_are_ignored_at_every_endpoint() {
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

    // Parameters that OAuth defines must not be repeated.
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
        "the admin API accepts no name twice"
    );
}

/// Postgres cannot store a NUL character. So a text with a NUL is refused earlier, unless only its hash is stored.
#[tokio::test(flavor = "multi_thread")]
async fn nul_is_refused_in_every_part_of_a_request() {
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
