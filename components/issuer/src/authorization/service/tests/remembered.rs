use super::super::BrowserCookies;
use crate::authorization::domain::{AcceptedConsent, AcceptedLogin};
use crate::domain::parameters::Parameters;
use crate::testing::{
    USER, World, consent, ended, exchange, login, parameters, public, remembered, request, run,
};

/// A world, and a browser that is remembered for an hour.
fn signed_in() -> (World, BrowserCookies) {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    world.to_consent(&mut browser, &request(&[]), remembered());
    (world, browser)
}

fn is_skipped(world: &World, browser: &mut BrowserCookies, form: &Parameters) -> bool {
    let challenge = world.to_login(browser, form);
    let asked = run(world.authorization().login_request(&challenge)).unwrap();
    assert_eq!(asked.flow.subject.is_some(), asked.flow.login_skip);
    asked.flow.login_skip
}

#[test]
fn remembered_browser_skips_the_login_until_its_time_is_over() {
    let (world, mut browser) = signed_in();
    assert!(is_skipped(&world, &mut browser, &request(&[])));
    assert!(
        !is_skipped(&world, &mut BrowserCookies::default(), &request(&[])),
        "another browser"
    );
    assert!(!is_skipped(
        &world,
        &mut browser,
        &request(&[("prompt", "login")])
    ));
    world.store.pass(3600);
    assert!(!is_skipped(&world, &mut browser, &request(&[])));
}

#[test]
fn login_that_is_older_than_max_age_is_not_skipped() {
    let (world, mut browser) = signed_in();
    world.store.pass(60);
    assert!(is_skipped(&world, &mut browser, &request(&[("max_age", "61")])));
    assert!(!is_skipped(&world, &mut browser, &request(&[("max_age", "60")])));
    assert!(!is_skipped(&world, &mut browser, &request(&[("max_age", "0")])));
}

#[test]
fn another_user_than_the_remembered_one_signs_in_from_the_beginning() {
    let (world, mut browser) = signed_in();
    let challenge = world.to_login(&mut browser, &request(&[]));
    let other = AcceptedLogin {
        subject: "noor".into(),
        ..login()
    };
    let url = run(world.authorization().accept_login(&challenge, other)).unwrap();
    let form = parameters(&url);
    assert_eq!(form.get("prompt"), Some("login"));
    assert_eq!(form.get("login_verifier"), None, "nothing is decided");
    assert!(!is_skipped(&world, &mut browser, &form));
}

#[test]
fn id_token_hint_of_another_user_ends_the_remembered_login_s_use() {
    let world = World::new();
    let mut browser = BrowserCookies::default();
    let code = world.code(&mut browser, &request(&[]), remembered(), consent(&["openid"]));
    let tokens = world.issue(public("shop"), &exchange(&code, &[])).unwrap();
    let hint = tokens.id_token.unwrap();
    let hinted = request(&[("id_token_hint", &hint)]);
    assert!(is_skipped(&world, &mut browser, &hinted));

    let other = AcceptedLogin {
        subject: "noor".into(),
        ..remembered()
    };
    world.to_consent(&mut browser, &request(&[("prompt", "login")]), other.clone());
    let challenge = world.to_login(&mut browser, &hinted);
    let url = run(world.authorization().accept_login(&challenge, other)).unwrap();
    let result = world.open(&mut browser, &parameters(&url));
    assert_eq!(ended(result), "client: login_required", "{USER} was expected");
}

#[test]
fn login_that_ends_while_it_is_skipped_leads_to_no_consent() {
    let (world, mut browser) = signed_in();
    let challenge = world.to_login(&mut browser, &request(&[]));
    let url = run(world.authorization().accept_login(&challenge, login())).unwrap();
    run(world.sessions().end_all(USER)).unwrap();
    let result = world.open(&mut browser, &parameters(&url));
    assert_eq!(ended(result), "client: access_denied");
}

#[test]
fn new_login_replaces_the_remembered_one_and_its_cookie() {
    let (world, mut browser) = signed_in();
    let old = browser.session.clone();
    world.to_consent(&mut browser, &request(&[("prompt", "login")]), remembered());
    assert!(browser.session.is_some() && browser.session != old);
    let mut with_old_cookie = BrowserCookies {
        session: old,
        ..browser.clone()
    };
    assert!(!is_skipped(&world, &mut with_old_cookie, &request(&[])));
    assert!(is_skipped(&world, &mut browser, &request(&[])));

    world.to_consent(&mut browser, &request(&[("prompt", "login")]), login());
    assert_eq!(browser.session, None, "this one is not to be remembered");
}

#[test]
fn skipped_login_is_prolonged_if_the_page_requests_it() {
    let (world, mut browser) = signed_in();
    world.store.pass(3000);
    let prolonged = AcceptedLogin {
        extend_session_lifespan: true,
        ..remembered()
    };
    world.to_consent(&mut browser, &request(&[]), prolonged);
    world.store.pass(3000);
    assert!(is_skipped(&world, &mut browser, &request(&[])));
    world.to_consent(&mut browser, &request(&[]), login());
    world.store.pass(3000);
    assert!(
        !is_skipped(&world, &mut browser, &request(&[])),
        "that answer prolongs nothing"
    );
}

#[test]
fn silent_request_needs_a_remembered_login_and_remembered_consent() {
    let (world, mut browser) = signed_in();
    let silent = request(&[("prompt", "none"), ("scope", "openid")]);
    let challenge = world.to_login(&mut browser, &silent);
    let url = run(world.authorization().accept_login(&challenge, login())).unwrap();
    let result = world.open(&mut browser, &parameters(&url));
    assert_eq!(ended(result), "client: consent_required");

    let kept = AcceptedConsent {
        remember: true,
        ..consent(&["openid"])
    };
    world.code(&mut browser, &request(&[]), login(), kept.clone());
    world.code(&mut browser, &silent, login(), kept);
}
