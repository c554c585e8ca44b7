//! Signing up and in, roles, and the events that end the tokens of an account.

use serde_json::json;

use super::browser::{Browser, between};
use super::{ALL, EMAIL, Issuer, PASSWORD, World, claims, over_both_issuers, parsed};

over_both_issuers!(
    a_person_signs_up_signs_in_and_signs_out,
    only_admins_grant_the_scope_admin,
    a_person_who_refuses_comes_back_without_a_code,
    a_new_password_and_a_deletion_end_what_was_issued_before,
);

async fn a_person_signs_up_signs_in_and_signs_out(issuer: Issuer) {
    let world = World::start(issuer).await;
    let mut browser = Browser::default();
    let scope = "openid offline_access";

    // Signing up, with the link on the login page.
    let page = browser.begin(&world, scope, "").await.page("/oauth2/login");
    let link = between(&page, "<a href=\"", "\"").expect("a link").to_owned();
    let page = browser.open(&world, &link).await.page("/oauth2/register");
    let fields = [("name", "Mina"), ("email", EMAIL), ("password", PASSWORD)];
    let page = browser.send(&world, &page, &fields).await.page("/oauth2/consent");
    assert!(page.contains(EMAIL) && page.contains("A shop"), "{page}");
    let back = browser.send(&world, &page, &ALL).await.outside();
    assert_eq!(back["state"], "the state");
    let named = match issuer {
        Issuer::Component => Some(&world.issuer_url),
        // Hydra does not implement RFC 9207.
        Issuer::Hydra => None,
    };
    assert_eq!(back.get("iss"), named);
    let tokens = world.exchange(&back["code"]).await;
    assert_eq!(world.own(&tokens).await.message()["user"]["email"], EMAIL);
    let id = claims(&tokens["id_token"]);
    assert_eq!((&id["name"], &id["email"]), (&json!("Mina"), &json!(EMAIL)));
    assert_eq!((&id["amr"], &id["nonce"]), (&json!(["pwd"]), &json!("the nonce")));
    let access = claims(&tokens["access_token"]);
    assert_eq!(
        (&access["ext"]["epoch"], &access["ext"]["sid"]),
        (&json!(0), &id["sid"])
    );

    // Signing in, in another browser that is to be remembered, and refreshing.
    let mut other = Browser::default();
    let page = other.begin(&world, scope, "").await.page("/oauth2/login");
    let wrong = [("email", EMAIL), ("password", "wrong horse")];
    let page = other.send(&world, &page, &wrong).await.page("/oauth2/login");
    assert!(page.contains("role=\"alert\""), "{page}");
    let fields = [("email", EMAIL), ("password", PASSWORD), ("remember", "yes")];
    let page = other.send(&world, &page, &fields).await.page("/oauth2/consent");
    let grant = [ALL.as_slice(), &[("remember", "yes")]].concat();
    let back = other.send(&world, &page, &grant).await.outside();
    let others = world.exchange(&back["code"]).await;
    let others = parsed(&world.refresh(&others).await);
    assert_eq!(world.own(&others).await.status, 200, "refreshed");
    let back = other.begin(&world, scope, "").await.outside();
    let again = world.exchange(&back["code"]).await;
    assert_eq!(
        world.own(&again).await.status,
        200,
        "no page was shown: login and consent are remembered"
    );

    // Signing out of that session alone, by RPC.
    world.call(&again, "SignOut", json!({})).await.message();
    assert_eq!(world.own(&again).await.status, 401, "the old token is refused");
    assert_eq!(
        world.own(&others).await.status,
        401,
        "and the token of the same session"
    );
    let refused = world.refresh(&others).await;
    assert!(
        refused.status.is_client_error(),
        "and it cannot be refreshed: {}",
        refused.text()
    );
    other.begin(&world, scope, "").await.page("/oauth2/login");
    assert_eq!(
        world.own(&tokens).await.status,
        200,
        "the other device is not signed out"
    );

    // Signing out everywhere.
    world
        .call(&tokens, "SignOut", json!({ "everywhere": true }))
        .await
        .message();
    assert_eq!(world.own(&tokens).await.status, 401);
    assert!(world.refresh(&tokens).await.status.is_client_error());
    let denied = Browser::default()
        .begin(&world, scope, "&prompt=none")
        .await
        .outside();
    assert_eq!(denied["error"], "login_required");
}

async fn only_admins_grant_the_scope_admin(issuer: Issuer) {
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    let grant = [ALL.as_slice(), &[("scope", "admin")]].concat();
    let scope = "openid offline_access admin";

    let back = Browser::default().sign_in(&world, scope, &grant).await;
    let tokens = world.exchange(&back["code"]).await;
    assert_eq!(
        claims(&tokens["access_token"])["scp"],
        json!(["openid", "offline_access"])
    );
    assert_eq!(world.call(&tokens, "ListUsers", json!({})).await.status, 403);

    world.sql("update user_service.users set roles = '{admin}'").await;
    let back = Browser::default().sign_in(&world, scope, &grant).await;
    let tokens = world.exchange(&back["code"]).await;
    assert_eq!(world.call(&tokens, "ListUsers", json!({})).await.status, 200);
    let tokens = parsed(&world.refresh(&tokens).await);
    world.sql("update user_service.users set roles = '{}'").await;
    let refused = world.refresh(&tokens).await;
    assert_eq!(refused.status, 403, "an admin no longer: {}", refused.text());
}

async fn a_person_who_refuses_comes_back_without_a_code(issuer: Issuer) {
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    let mut browser = Browser::default();
    let no = [("action", "no")];
    let page = browser.begin(&world, "openid", "").await.page("/oauth2/login");
    let back = browser.send(&world, &page, &no).await.outside();
    assert_eq!(
        (back["error"].as_str(), back["state"].as_str()),
        ("access_denied", "the state")
    );
    let back = browser.sign_in(&world, "openid", &no).await;
    assert_eq!(
        (back["error"].as_str(), back.get("code")),
        ("access_denied", None)
    );
    // In a browser without a login, the redirects end at the error page.
    let page = browser
        .begin(&world, "openid", "&prompt=login")
        .await
        .page("/oauth2/login");
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    let mut thief = Browser::default();
    thief.0.extend(
        browser
            .0
            .iter()
            .filter(|(name, _)| name.contains("page"))
            .map(|(n, v)| (n.clone(), v.clone())),
    );
    let stopped = thief.send(&world, &page, &fields).await;
    match issuer {
        Issuer::Component => {
            let text = stopped.page("/oauth2/error");
            assert!(text.contains("request_forbidden"), "{text}");
        }
        // Hydra sends the error to the application instead.
        Issuer::Hydra => assert_eq!(stopped.outside()["error"], "request_forbidden"),
    }
}

async fn a_new_password_and_a_deletion_end_what_was_issued_before(issuer: Issuer) {
    const NEW_PASSWORD: &str = "another horse";
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    let scope = "openid offline_access";
    let mut browser = Browser::default();
    let back = browser.sign_in(&world, scope, &ALL).await;
    let tokens = world.exchange(&back["code"]).await;
    let tokens = parsed(&world.refresh(&tokens).await);

    let change = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    world.call(&tokens, "ChangePassword", change).await.message();
    world.assert_ended(&tokens).await;
    let page = browser.begin(&world, scope, "").await.page("/oauth2/login");
    let fields = [("email", EMAIL), ("password", NEW_PASSWORD), ("remember", "yes")];
    let page = browser.send(&world, &page, &fields).await.page("/oauth2/consent");
    let back = browser.send(&world, &page, &ALL).await.outside();
    let tokens = world.exchange(&back["code"]).await;

    let id = claims(&tokens["access_token"])["sub"].clone();
    let deleted = world.call(&tokens, "DeleteUser", json!({ "id": id })).await;
    deleted.message();
    world.assert_ended(&tokens).await;
    let page = browser.begin(&world, scope, "").await.page("/oauth2/login");
    let page = browser.send(&world, &page, &fields).await.page("/oauth2/login");
    assert!(
        page.contains("role=\"alert\""),
        "there is no such account: {page}"
    );
}
