//! The use cases of sessions, over a store in memory.

use super::SignOut;
use crate::authorization::service::BrowserCookies;
use crate::testing::{
    BYE, USER, World, consent, denied, exchange, form, login, parameters, public, refresh_token, remembered,
    request, run, unanswered,
};
use crate::tokens::service::IssuedTokens;

const SIGNED_OUT: &str = "https://pages.example/signed-out";

fn signed_in(world: &World, browser: &mut BrowserCookies, is_remembered: bool) -> IssuedTokens {
    let login = match is_remembered {
        true => remembered(),
        false => login(),
    };
    let consent = consent(&["openid", "offline_access"]);
    let code = world.code(browser, &request(&[("prompt", "login")]), login, consent);
    world.issue(public("shop"), &exchange(&code, &[])).unwrap()
}

fn hint(tokens: &IssuedTokens) -> &str {
    tokens.id_token.as_deref().expect("openid was granted")
}

/// Opens the logout endpoint, and removes the cookie if the answer does.
fn open(world: &World, browser: &mut BrowserCookies, changes: &[(&str, &str)]) -> String {
    let SignOut {
        redirect_to,
        removes_cookie,
    } = run(world.sessions().sign_out(&form(&[], changes), browser)).expect("the request is valid");
    if removes_cookie {
        browser.session = None;
    }
    redirect_to
}

/// The challenge in the address of the logout page.
fn asked(url: &str) -> String {
    assert!(url.starts_with("https://pages.example/logout?"), "{url}");
    let challenge = parameters(url).get("logout_challenge").map(str::to_owned);
    challenge.expect("the page gets a challenge")
}

/// Continues after the user has agreed.
fn agree(world: &World, browser: &mut BrowserCookies, url: &str) -> String {
    let url = run(world.sessions().accept_logout(&asked(url))).unwrap();
    let verifier = parameters(&url).get("logout_verifier").unwrap().to_owned();
    open(world, browser, &[("logout_verifier", &verifier)])
}

#[test]
fn user_signs_out_of_the_remembered_login_after_a_question() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let tokens = signed_in(&world, &mut browser, true);
    let url = open(&world, &mut browser, &[]);
    let (logout, client) = run(world.sessions().logout_request(&asked(&url))).unwrap();
    assert_eq!((logout.subject.as_str(), client.is_none()), (USER, true));
    assert!(
        world.is_active(&tokens.access_token),
        "the user has not agreed yet"
    );
    assert_eq!(agree(&world, &mut browser, &url), SIGNED_OUT);
    assert_eq!(browser.session, None);
    assert!(!world.is_active(&tokens.access_token) && !world.is_active(refresh_token(&tokens)));
    assert_eq!(open(&world, &mut browser, &[]), SIGNED_OUT, "no login is left");
}

#[test]
fn client_signs_its_user_out_and_gets_the_browser_back() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let tokens = signed_in(&world, &mut browser, true);
    let by_client = [
        ("id_token_hint", hint(&tokens)),
        ("post_logout_redirect_uri", BYE),
        ("state", "x"),
    ];
    let url = open(&world, &mut browser, &by_client);
    let (logout, client) = run(world.sessions().logout_request(&asked(&url))).unwrap();
    assert_eq!(client.map(|client| client.client.id).as_deref(), Some("shop"));
    assert!(
        !logout.request_url.contains("id_token_hint"),
        "the page may log the address"
    );
    let back = format!("{BYE}?state=x");
    assert_eq!(agree(&world, &mut browser, &url), back);
    assert!(!world.is_active(&tokens.access_token));
    assert_eq!(
        open(&world, &mut browser, &by_client),
        back,
        "no login is left to ask about"
    );
}

#[test]
fn browser_goes_back_only_to_a_registered_address() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let tokens = signed_in(&world, &mut browser, true);
    let hint = hint(&tokens);
    let bye_slash = format!("{BYE}/");
    for wrong in [
        &[
            ("id_token_hint", hint),
            ("post_logout_redirect_uri", "https://evil.example/"),
        ][..],
        &[("id_token_hint", hint), ("post_logout_redirect_uri", &bye_slash)],
        &[("id_token_hint", hint), ("client_id", "other")],
        &[("id_token_hint", &tokens.access_token)],
        &[("id_token_hint", "nonsense")],
        &[("post_logout_redirect_uri", BYE)],
        &[("state", "x")],
    ] {
        let result = run(world.sessions().sign_out(&form(&[], wrong), &browser));
        assert_eq!(denied(result), "invalid_request", "{wrong:?}");
    }
}

#[test]
fn logout_page_answers_once() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let tokens = signed_in(&world, &mut browser, true);
    let sessions = world.sessions();
    let challenge = asked(&open(&world, &mut browser, &[]));
    run(sessions.reject_logout(&challenge)).unwrap();
    assert_eq!(
        unanswered(run(sessions.reject_logout(&challenge))),
        "answered before"
    );
    assert_eq!(
        unanswered(run(sessions.accept_logout(&challenge))),
        "answered before"
    );
    assert_eq!(unanswered(run(sessions.accept_logout("guessed"))), "not found");
    assert!(world.is_active(&tokens.access_token), "the user stays signed in");

    let challenge = asked(&open(&world, &mut browser, &[]));
    let url = run(sessions.accept_logout(&challenge)).unwrap();
    let verifier = form(
        &[(
            "logout_verifier",
            parameters(&url).get("logout_verifier").unwrap(),
        )],
        &[],
    );
    run(sessions.sign_out(&verifier, &browser)).unwrap();
    assert_eq!(
        denied(run(sessions.sign_out(&verifier, &browser))),
        "invalid_request"
    );
}

#[test]
fn sign_out_is_over_after_30_minutes() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    signed_in(&world, &mut browser, true);
    let challenge = asked(&open(&world, &mut browser, &[]));
    world.store.pass(30 * 60);
    assert_eq!(
        unanswered(run(world.sessions().logout_request(&challenge))),
        "not found"
    );
}

#[test]
fn login_of_the_browser_ends_even_if_the_hint_names_another_login() {
    let (world, mut browser, mut other) =
        (World::new(), BrowserCookies::default(), BrowserCookies::default());
    let elsewhere = signed_in(&world, &mut other, true);
    let current = signed_in(&world, &mut browser, true);
    let url = open(&world, &mut browser, &[("id_token_hint", hint(&elsewhere))]);
    agree(&world, &mut browser, &url);
    assert!(!world.is_active(&current.access_token));
    assert!(world.is_active(&elsewhere.access_token));
}

#[test]
fn login_that_is_not_remembered_lasts_in_what_was_granted_in_it() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let tokens = signed_in(&world, &mut browser, false);
    let by_client = [("id_token_hint", hint(&tokens))];
    let url = open(&world, &mut browser, &by_client);
    assert_eq!(agree(&world, &mut browser, &url), SIGNED_OUT);
    assert!(!world.is_active(&tokens.access_token));
    assert_eq!(open(&world, &mut browser, &by_client), SIGNED_OUT, "it is over");
}

#[test]
fn user_who_has_signed_in_again_meanwhile_stays_signed_in() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    signed_in(&world, &mut browser, true);
    let url = open(&world, &mut browser, &[]);
    let again = signed_in(&world, &mut browser, true);
    agree(&world, &mut browser, &url);
    assert!(browser.session.is_some());
    assert!(world.is_active(&again.access_token));
}

#[test]
fn ending_a_login_forgets_the_browser_and_keeps_the_tokens() {
    let world = World::new();
    let skips = |browser: &mut BrowserCookies| {
        let challenge = world.to_login(browser, &request(&[]));
        run(world.authorization().login_request(&challenge)).unwrap().flow
    };
    let (mut one, mut other) = (BrowserCookies::default(), BrowserCookies::default());
    let tokens = signed_in(&world, &mut one, true);
    signed_in(&world, &mut other, true);
    let flow = skips(&mut one);
    assert!(flow.login_skip && skips(&mut other).login_skip);
    run(world.sessions().end(&flow.session_id)).unwrap();
    assert!(!skips(&mut one).login_skip && skips(&mut other).login_skip);
    run(world.sessions().end_all(USER)).unwrap();
    assert!(!skips(&mut other).login_skip);
    assert!(world.is_active(&tokens.access_token));
}
