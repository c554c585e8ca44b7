//! Remembered logins and signing out.

use serde_json::{Value, json};

use super::{Browser, USER, World, claims, exchange, link, parameter, parameters, parsed, refreshing, text};

#[tokio::test(flavor = "multi_thread")]
async fn browser_is_remembered_until_it_signs_out() {
    let world = World::start().await;
    let mut browser = Browser::default();
    let remember = json!({ "remember": true, "remember_for": 3600 });
    let back = world
        .signed_in(&mut browser, "", remember.clone(), json!({ "remember": true }))
        .await;
    let tokens = world.granted(&exchange(&parameter(&back, "code"))).await;
    let sid = text(&claims(&tokens["id_token"]), "sid");

    // The user is not asked for login or consent again, and prompt=none succeeds.
    let login = parameter(&browser.go(&world, &link("prompt=none")).await, "login_challenge");
    let asked = world.request("login", &login).await;
    assert_eq!(
        (&asked["skip"], &asked["subject"], &asked["session_id"]),
        (&json!(true), &json!(USER), &json!(sid))
    );
    let other = json!({ "subject": "another-user" });
    let path = format!("/admin/oauth2/auth/requests/login/accept?login_challenge={login}");
    let elsewhere = text(&parsed(&world.admin("PUT", &path, other).await), "redirect_to");
    assert_eq!(
        parameter(&elsewhere, "prompt"),
        "login",
        "another user has to log in"
    );
    let url = world.accept_login(&login, json!({})).await;
    let consent = parameter(&browser.go(&world, &url).await, "consent_challenge");
    assert_eq!(world.request("consent", &consent).await["skip"], true);
    let url = world.accept_consent(&consent, json!({})).await;
    assert!(parameters(&browser.go(&world, &url).await).contains_key("code"));

    let skips = async |browser: &mut Browser, more: &str| {
        let login = parameter(&browser.go(&world, &link(more)).await, "login_challenge");
        world.request("login", &login).await["skip"] == true
    };
    let hint = text(&tokens, "id_token");
    assert!(skips(&mut browser, &format!("id_token_hint={hint}&max_age=600")).await);
    assert!(!skips(&mut browser, "prompt=login").await && !skips(&mut Browser::default(), "").await);
    world
        .sql("update login_sessions set authenticated_at = now() - interval '1 hour'")
        .await;
    assert!(
        !skips(&mut browser, "max_age=600").await,
        "the login is older than the client allows"
    );
    let more = browser.go(&world, &link("prompt=none&scope=openid+admin")).await;
    let url = world
        .accept_login(&parameter(&more, "login_challenge"), json!({}))
        .await;
    assert_eq!(
        parameters(&browser.go(&world, &url).await)["error"],
        "consent_required",
        "more than was granted"
    );

    let before = browser.cookies["akinai_session"].clone();
    world
        .signed_in(&mut browser, "prompt=login", remember, json!({}))
        .await;
    assert_ne!(
        browser.cookies["akinai_session"], before,
        "a new login has a new cookie"
    );
    let mut old = browser.clone();
    old.cookies.insert("akinai_session".into(), before);
    assert!(!skips(&mut old, "").await, "and the old one is worth nothing");

    // Signing out at the user's request.
    let to = browser.go(&world, "/oauth2/sessions/logout").await;
    let logout = parameter(&to, "logout_challenge");
    let asked = world.request("logout", &logout).await;
    assert_eq!(
        (&asked["subject"], &asked["rp_initiated"], &asked["client"]),
        (&json!(USER), &json!(false), &Value::Null)
    );
    let url = world
        .answered("logout/accept", "logout_challenge", &logout, Value::Null)
        .await;
    assert_eq!(browser.go(&world, &url).await, "http://pages.test/signed_out");
    assert!(!browser.cookies.contains_key("akinai_session"));
    assert!(
        browser
            .go(&world, &url)
            .await
            .starts_with("http://pages.test/error"),
        "a verifier works once"
    );
    assert!(!skips(&mut browser, "").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn client_signs_its_user_out() {
    let world = World::start().await;
    let mut browser = Browser::default();
    let back = world
        .signed_in(&mut browser, "", json!({ "remember": true }), json!({}))
        .await;
    let tokens = world.granted(&exchange(&parameter(&back, "code"))).await;
    let hint = text(&tokens, "id_token");
    let path = |more: &str| format!("/oauth2/sessions/logout?id_token_hint={hint}&state=x{more}");
    for open in [
        "https://evil.example/",
        "https://shop.example/bye/",
        "https://shop.example/by",
    ] {
        let to = browser
            .go(&world, &path(&format!("&post_logout_redirect_uri={open}")))
            .await;
        assert!(
            to.starts_with("http://pages.test/error?error=invalid_request"),
            "{open}: {to}"
        );
    }
    let wrong = "/oauth2/sessions/logout?post_logout_redirect_uri=https://shop.example/bye";
    assert!(
        browser
            .go(&world, wrong)
            .await
            .starts_with("http://pages.test/error")
    );
    let forged = format!(
        "/oauth2/sessions/logout?id_token_hint={}",
        text(&tokens, "access_token")
    );
    assert!(
        browser
            .go(&world, &forged)
            .await
            .starts_with("http://pages.test/error"),
        "an access token is not a hint"
    );

    let bye = "&post_logout_redirect_uri=https://shop.example/bye";
    let logout = parameter(&browser.go(&world, &path(bye)).await, "logout_challenge");
    let asked = world.request("logout", &logout).await;
    assert_eq!(
        (&asked["rp_initiated"], &asked["client"]["client_id"]),
        (&json!(true), &json!("shop"))
    );
    let reject = format!("/admin/oauth2/auth/requests/logout/reject?logout_challenge={logout}");
    assert_eq!(world.admin("PUT", &reject, Value::Null).await.status, 204);
    assert_eq!(world.admin("PUT", &reject, Value::Null).await.status, 410);
    let logout = parameter(&browser.go(&world, &path(bye)).await, "logout_challenge");
    let url = world
        .answered("logout/accept", "logout_challenge", &logout, Value::Null)
        .await;
    assert_eq!(browser.go(&world, &url).await, "https://shop.example/bye?state=x");
    assert_eq!(
        browser.go(&world, &path(bye)).await,
        "https://shop.example/bye?state=x",
        "no user is signed in any more"
    );
}

/// RP-Initiated Logout, section 2: the user is asked and then signed out, even if the ID token belongs to another login.
#[tokio::test(flavor = "multi_thread")]
async fn id_token_of_another_login_signs_the_user_out_after_a_question() {
    let world = World::start().await;
    let remember = json!({ "remember": true });
    let signed_in = async |browser: &mut Browser, subject: &str, login: Value| {
        let mut login = login;
        login["subject"] = subject.into();
        let back = world.signed_in(browser, "prompt=login", login, json!({})).await;
        world.granted(&exchange(&parameter(&back, "code"))).await
    };
    let bye = "https://shop.example/bye";
    let path = |tokens: &Value| {
        let hint = text(tokens, "id_token");
        format!("/oauth2/sessions/logout?id_token_hint={hint}&post_logout_redirect_uri={bye}")
    };
    // The session that the page shows, and the browser's last address.
    let sign_out = async |browser: &mut Browser, tokens: &Value| {
        let to = browser.go(&world, &path(tokens)).await;
        let logout = parameter(&to, "logout_challenge");
        let asked = world.request("logout", &logout).await;
        let url = world
            .answered("logout/accept", "logout_challenge", &logout, Value::Null)
            .await;
        (text(&asked, "sid"), browser.go(&world, &url).await)
    };
    let sid = |tokens: &Value| text(&claims(&tokens["id_token"]), "sid");
    let is_remembered = async |browser: &mut Browser| {
        let login = parameter(&browser.go(&world, &link("")).await, "login_challenge");
        world.request("login", &login).await["skip"] == true
    };

    for (hinted_user, what) in [
        (USER, "an earlier login"),
        ("another-user", "another user's login"),
    ] {
        let mut browser = Browser::default();
        let earlier = signed_in(&mut browser, hinted_user, remember.clone()).await;
        let current = signed_in(&mut browser, USER, remember.clone()).await;
        assert_eq!(
            sign_out(&mut browser, &earlier).await,
            (sid(&current), bye.to_owned()),
            "{what}"
        );
        assert!(!is_remembered(&mut browser).await, "{what}: signed out");
        assert!(!world.is_active(&current["refresh_token"]).await, "{what}");
    }

    // A hint with another browser's login ends the login of this browser, and does not change the other login.
    let (mut browser, mut other) = (Browser::default(), Browser::default());
    let elsewhere = signed_in(&mut other, USER, remember.clone()).await;
    let current = signed_in(&mut browser, USER, remember.clone()).await;
    assert_eq!(sign_out(&mut browser, &elsewhere).await.0, sid(&current));
    assert!(is_remembered(&mut other).await && world.is_active(&elsewhere["refresh_token"]).await);

    // A login that is not remembered lasts as long as one of its grants.
    let mut browser = Browser::default();
    let current = signed_in(&mut browser, USER, json!({})).await;
    assert_eq!(
        sign_out(&mut browser, &current).await,
        (sid(&current), bye.to_owned())
    );
    assert!(!world.is_active(&current["access_token"]).await);
    assert_eq!(browser.go(&world, &path(&current)).await, bye, "it is over");
    let to = browser.go(&world, &path(&current).replace("/bye", "/by")).await;
    assert!(
        to.starts_with("http://pages.test/error"),
        "it must not lead to another address: {to}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_consent_are_ended_by_subject() {
    let world = World::start().await;
    let mut browser = Browser::default();
    let remember = json!({ "remember": true });
    let back = world
        .signed_in(&mut browser, "", remember.clone(), remember)
        .await;
    let tokens = world.granted(&exchange(&parameter(&back, "code"))).await;
    let consents = format!("/admin/oauth2/auth/sessions/consent?subject={USER}");
    let listed = parsed(&world.http().get(&consents).await);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed[0]["grant_scope"], json!(["openid", "offline_access"]));
    assert_eq!(listed[0]["consent_request"]["client"]["client_id"], "shop");

    let login = parameter(&browser.go(&world, &link("")).await, "login_challenge");
    let url = world.accept_login(&login, json!({})).await;
    let sessions = "/admin/oauth2/auth/sessions";
    let ended = world
        .admin("DELETE", &format!("{sessions}/login?subject={USER}"), Value::Null)
        .await;
    assert_eq!(ended.status, 204);
    assert_eq!(
        parameters(&browser.go(&world, &url).await)["error"],
        "access_denied",
        "its login has ended meanwhile"
    );
    let login = parameter(&browser.go(&world, &link("")).await, "login_challenge");
    assert_eq!(world.request("login", &login).await["skip"], false);
    assert!(
        world.is_active(&tokens["refresh_token"]).await,
        "as with Hydra, tokens stay valid"
    );

    for (query, status) in [
        ("", 400),
        ("?subject=a", 400),
        ("?subject=a&client=b&all=true", 400),
    ] {
        let answer = world
            .admin("DELETE", &format!("{sessions}/consent{query}"), Value::Null)
            .await;
        assert_eq!(answer.status.as_u16(), status, "{query}");
    }
    assert_eq!(
        world
            .admin("DELETE", &format!("{sessions}/login"), Value::Null)
            .await
            .status,
        400
    );
    let revoked = world
        .admin("DELETE", &format!("{consents}&all=true"), Value::Null)
        .await;
    assert_eq!(revoked.status, 204);
    assert!(
        !world.is_active(&tokens["refresh_token"]).await && !world.is_active(&tokens["access_token"]).await
    );
    assert_eq!(
        world.refused(&refreshing(&tokens["refresh_token"])).await,
        "invalid_grant"
    );
    let url = world.accept_login(&login, json!({})).await;
    let consent = parameter(&browser.go(&world, &url).await, "consent_challenge");
    assert_eq!(
        world.request("consent", &consent).await["skip"],
        false,
        "consent is no longer remembered"
    );
    assert_eq!(parsed(&world.http().get(&consents).await), json!([]));
}
