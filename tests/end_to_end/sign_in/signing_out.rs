//! Signing out, on the pages and by RPC.

use serde_json::{Value, json};

use super::browser::{Browser, Place};
use super::{ALL, EMAIL, Issuer, PASSWORD, World, encoded, over_both_issuers};

over_both_issuers!(
    a_person_signs_out_on_the_issuer_s_page,
    signing_out_on_the_page_ends_all_sessions_of_the_user_in_this_browser,
    signing_out_by_rpc_ends_all_sessions_of_the_user_in_this_browser,
    the_hint_of_an_earlier_login_signs_out_only_after_a_question,
);

async fn a_person_signs_out_on_the_issuer_s_page(issuer: Issuer) {
    let world = World::start(issuer).await;
    let mut browser = Browser::default();
    world.sign_up(EMAIL, PASSWORD).await;
    let back = browser.sign_in(&world, "openid offline_access", &ALL).await;
    let tokens = world.exchange(&back["code"]).await;
    let hint = tokens["id_token"].as_str().expect("an ID token").to_owned();
    let link = encoded(&[
        ("id_token_hint", &hint),
        ("post_logout_redirect_uri", "https://shop.example/bye"),
        ("state", "bye"),
    ]);
    let link = format!("{}/oauth2/sessions/logout?{link}", world.issuer_url);

    let page = browser.open(&world, &link).await.page("/oauth2/logout");
    let page = browser
        .send(&world, &page, &[("action", "no")])
        .await
        .page("/oauth2/logout");
    assert!(page.contains("still signed in"), "{page}");
    assert_eq!(world.own(&tokens).await.status, 200, "nothing has ended");

    let page = browser.open(&world, &link).await.page("/oauth2/logout");
    match browser.send(&world, &page, &[]).await {
        Place::Outside(url) => assert_eq!(url, "https://shop.example/bye?state=bye"),
        Place::Page(path, text) => panic!("the application was expected, not {path}: {text}"),
    }
    assert_eq!(world.own(&tokens).await.status, 401, "the old token is refused");
    assert!(world.refresh(&tokens).await.status.is_client_error());
    browser.begin(&world, "openid", "").await.page("/oauth2/login");
}

/// A world in which one browser has signed in three times: Mina, Noor, and Mina again; and Mina once in another browser.
struct SharedBrowser {
    world: World,
    browser: Browser,
    first: Value,
    noor: Value,
    second: Value,
    elsewhere: Value,
}

impl SharedBrowser {
    async fn start(issuer: Issuer) -> Self {
        let world = World::start(issuer).await;
        for email in [EMAIL, "noor@example.com"] {
            world.sign_up(email, PASSWORD).await;
        }
        let mut browser = Browser::default();
        Self {
            first: browser.sign_in_anew(&world, EMAIL).await,
            noor: browser.sign_in_anew(&world, "noor@example.com").await,
            second: browser.sign_in_anew(&world, EMAIL).await,
            elsewhere: Browser::default().sign_in_anew(&world, EMAIL).await,
            world,
            browser,
        }
    }

    /// Asserts that Mina's tokens of this browser are refused, and all others are accepted.
    async fn only_minas_sessions_here_have_ended(&self) {
        for (whose, tokens, is_over) in [
            ("Mina's second login", &self.second, true),
            ("Mina's first login", &self.first, true),
            ("Noor's login in the same browser", &self.noor, false),
            ("Mina's login in another browser", &self.elsewhere, false),
        ] {
            let accessed = self.world.own(tokens).await.status;
            assert_eq!(accessed == 401, is_over, "access token of {whose}: {accessed}");
            let refreshed = self.world.refresh(tokens).await.status;
            assert_eq!(
                refreshed.is_client_error(),
                is_over,
                "refresh token of {whose}: {refreshed}"
            );
        }
    }
}

async fn signing_out_on_the_page_ends_all_sessions_of_the_user_in_this_browser(issuer: Issuer) {
    let mut shared = SharedBrowser::start(issuer).await;
    let hint = shared.second["id_token"].as_str().expect("an ID token");
    let link = encoded(&[("id_token_hint", hint)]);
    let link = format!("{}/oauth2/sessions/logout?{link}", shared.world.issuer_url);
    let page = shared
        .browser
        .open(&shared.world, &link)
        .await
        .page("/oauth2/logout");
    let left = shared.browser.send(&shared.world, &page, &[]).await;
    left.page("/oauth2/signed-out");
    shared.only_minas_sessions_here_have_ended().await;
}

async fn signing_out_by_rpc_ends_all_sessions_of_the_user_in_this_browser(issuer: Issuer) {
    let shared = SharedBrowser::start(issuer).await;
    let signed_out = shared.world.call(&shared.second, "SignOut", json!({})).await;
    signed_out.message();
    shared.only_minas_sessions_here_have_ended().await;
}

async fn the_hint_of_an_earlier_login_signs_out_only_after_a_question(issuer: Issuer) {
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    let scope = "openid offline_access";
    let mut browser = Browser::default();
    let back = browser.sign_in(&world, scope, &ALL).await;
    let earlier = world.exchange(&back["code"]).await;
    world.call(&earlier, "SignOut", json!({})).await.message();
    let back = browser.sign_in(&world, scope, &ALL).await;
    let tokens = world.exchange(&back["code"]).await;

    let link = encoded(&[
        (
            "id_token_hint",
            earlier["id_token"].as_str().expect("an ID token"),
        ),
        ("post_logout_redirect_uri", "https://shop.example/bye"),
    ]);
    let link = format!("{}/oauth2/sessions/logout?{link}", world.issuer_url);
    let place = browser.open(&world, &link).await;
    match issuer {
        Issuer::Component => {
            let page = place.page("/oauth2/logout");
            assert_eq!(world.own(&tokens).await.status, 200, "the user has not said yes");
            browser.send(&world, &page, &[]).await;
            world.assert_ended(&tokens).await;
        }
        // ory/hydra#3820: the browser goes back to the application, and is still signed in.
        Issuer::Hydra => {
            assert!(matches!(place, Place::Outside(url) if url.starts_with("https://shop.example/bye")));
            assert_eq!(world.own(&tokens).await.status, 200, "nothing has ended");
        }
    }
}
