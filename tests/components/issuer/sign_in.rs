//! From the client's authorization URL, through the login and consent pages, to the tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::now;
use identity::access::TokenError;
use identity::caller::SignedIn;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    Browser, CALLBACK, ISSUER, USER, World, claims, exchange, link, parameter, parameters, parsed, text,
};

#[tokio::test(flavor = "multi_thread")]
async fn bff_accepts_the_access_token_of_a_new_sign_in() {
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
        "an ID token is not an access token"
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
        "an ID token is not an access token"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_request_ends_on_the_error_page_or_at_the_client() {
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
            "{more} must not be sent to another site: {to}"
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
async fn challenge_works_once_and_only_in_its_browser() {
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

    // In another browser the URL ends on the error page, and can still be used in the right one.
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
async fn rejection_reaches_the_client_and_consent_grants_no_more_than_requested() {
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
async fn stored_consent_covers_the_granted_scopes_and_audiences() {
    let world = World::start().await;
    let mut browser = Browser::default();
    let remember = json!({ "remember": true });
    // The user unchecks the audience and offline access, and does not want to be asked again.
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
    // The client may request more from now on, but the user has not granted it.
    let wider = json!([{ "op": "add", "path": "/audience/-", "value": "nightly" }]);
    let patched = world.admin("PATCH", "/admin/clients/shop", wider).await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    assert!(!is_skipped(&mut browser, "scope=openid&audience=nightly").await);
    assert!(is_skipped(&mut browser, "scope=openid&audience=").await);
    // Consent that was stored before audiences were stored covers no audience.
    world
        .sql("update remembered_consents set scopes = '{openid,offline_access}', audience = default")
        .await;
    assert!(!is_skipped(&mut browser, "").await);
}
