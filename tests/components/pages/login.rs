//! Signing in and signing up.

use bytes::Bytes;
use harness::Answer;
use http::{HeaderValue, header};
use serde_json::json;
use uuid::Uuid;

use super::{AUTH, Browser, EMAIL, FORMS, PASSWORD, World, leads_to, login_request};

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
    let accepted = world.stub.only_request("PUT", "login/accept");
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
            "the answer never contains the typed password"
        );
    }
    assert!(world.stub.received().is_empty(), "no user was signed in");

    let fields = [("email", EMAIL), ("password", PASSWORD), ("name", "<i>Mina</i>")];
    let answer = browser.fill(&world, path, name, &fields).await;
    leads_to(&answer, "a new account");
    let accepted = world.stub.only_request("PUT", "login/accept");
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
    world.stub.received();

    let remembered = |session: &str, subject: &str| {
        let request = json!({ "skip": true, "subject": subject, "session_id": session });
        world.stub.put("login", "c", 200, login_request(request));
    };
    remembered("s1", &user);
    let answer = browser.get(&world, "/oauth2/login?login_challenge=c").await;
    leads_to(&answer, "remembered");
    assert_eq!(
        world.stub.only_request("PUT", "login/accept")["subject"],
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
            "the request begins again"
        );
        let ended = format!("/admin/oauth2/auth/sessions/login?sid={session}");
        world.stub.only_request("DELETE", &ended);
    }

    world.sql("update users set epoch = epoch + 1").await;
    remembered("s1", &user);
    let answer = browser.get(&world, "/oauth2/login?login_challenge=c").await;
    assert_eq!(
        leads_to(&answer, "another epoch"),
        format!("{AUTH}?client_id=shop")
    );
    world.stub.received();
    world.stub.state().deleting = Some(500);
    let answer = browser.get(&world, "/oauth2/login?login_challenge=c").await;
    leads_to(&answer, "a session that cannot be ended");
    let received = world.stub.received();
    assert_eq!(
        received[1].1, "login/reject",
        "and the same request is not repeated without an end: {received:?}"
    );
    assert_eq!(received[1].2["error"], "login_required");
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
        let received = world.stub.only_request("PUT", &format!("{kind}/reject"));
        if kind == "logout" {
            assert_eq!(answer.status, 200, "the browser stays where it is");
        } else {
            leads_to(&answer, path);
            assert_eq!(received["error"], "access_denied", "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_do_not_reveal_whether_an_account_exists() {
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
    // Except for the values that differ each time.
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
