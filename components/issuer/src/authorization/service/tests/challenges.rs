//! Challenges: each is valid once, for its own page and its own browser.

use super::super::{BrowserCookies, ChallengeError, NextStop};
use crate::authorization::domain::{AcceptedLogin, PageRejection};
use crate::testing::{World, consent, ended, login, parameters, request, run, unanswered};

#[test]
fn challenge_is_answered_once() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let pages = world.authorization();
    let challenge = world.to_login(&mut browser, &request(&[]));
    let url = run(pages.accept_login(&challenge, login())).unwrap();
    match run(pages.accept_login(&challenge, login())) {
        Err(ChallengeError::Answered(url)) => {
            assert!(url.starts_with("https://id.example/oauth2/auth?"), "{url}");
            assert_eq!(parameters(&url).get("login_verifier"), None, "it begins again");
        }
        other => panic!("the page has answered before: {other:?}"),
    }
    let rejected = run(pages.reject_login(&challenge, PageRejection::default()));
    assert_eq!(unanswered(rejected), "answered before");
    assert_eq!(
        unanswered(run(pages.login_request(&challenge))),
        "answered before"
    );

    let Ok(NextStop::Consent { challenge, .. }) = world.open(&mut browser, &parameters(&url)) else {
        panic!("the first answer counts");
    };
    let challenge = challenge.reveal();
    run(pages.accept_consent(challenge, consent(&["openid"]))).unwrap();
    let again = run(pages.accept_consent(challenge, consent(&["openid"])));
    assert_eq!(unanswered(again), "answered before");
    assert_eq!(
        unanswered(run(pages.consent_request(challenge))),
        "answered before"
    );
}

#[test]
fn verifier_works_once_and_only_in_its_browser() {
    let (world, mut victim, mut attacker) =
        (World::new(), BrowserCookies::default(), BrowserCookies::default());
    world.to_login(&mut attacker, &request(&[]));
    let challenge = world.to_login(&mut victim, &request(&[]));
    let url = run(world.authorization().accept_login(&challenge, login())).unwrap();
    let form = parameters(&url);
    for stranger in [&mut attacker, &mut BrowserCookies::default()] {
        assert_eq!(ended(world.open(stranger, &form)), "user: request_forbidden");
    }
    let moved = world.open(&mut victim, &form);
    let Ok(NextStop::Consent { challenge, .. }) = moved else {
        panic!("the strangers have not used it up");
    };
    assert_eq!(ended(world.open(&mut victim, &form)), "client: access_denied");

    let consent = consent(&["openid"]);
    let url = run(world.authorization().accept_consent(challenge.reveal(), consent)).unwrap();
    let form = parameters(&url);
    assert_eq!(ended(world.open(&mut attacker, &form)), "user: request_forbidden");
    let code = world.open(&mut victim, &form);
    assert!(matches!(code, Ok(NextStop::Client { .. })), "{code:?}");
    assert_eq!(ended(world.open(&mut victim, &form)), "client: access_denied");
}

#[test]
fn verifier_of_one_page_is_none_of_the_other_and_of_no_other_client() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let challenge = world.to_login(&mut browser, &request(&[]));
    let url = run(world.authorization().accept_login(&challenge, login())).unwrap();
    let verifier = parameters(&url).get("login_verifier").unwrap().to_owned();
    let as_consent = request(&[("consent_verifier", &verifier)]);
    assert_eq!(
        ended(world.open(&mut browser, &as_consent)),
        "client: access_denied"
    );
    let as_other = request(&[("login_verifier", &verifier), ("client_id", "other")]);
    assert_eq!(
        ended(world.open(&mut browser, &as_other)),
        "client: access_denied"
    );
    let moved = world.open(&mut browser, &parameters(&url));
    assert!(matches!(moved, Ok(NextStop::Consent { .. })), "{moved:?}");
}

#[test]
fn stored_request_counts_and_not_the_one_that_comes_back() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let challenge = world.to_login(&mut browser, &request(&[("scope", "openid")]));
    let url = run(world.authorization().accept_login(&challenge, login())).unwrap();
    let verifier = parameters(&url).get("login_verifier").unwrap().to_owned();
    let more = request(&[("login_verifier", &verifier), ("scope", "openid admin")]);
    let Ok(NextStop::Consent { challenge, .. }) = world.open(&mut browser, &more) else {
        panic!("the browser goes to the consent page");
    };
    let asked = run(world.authorization().consent_request(challenge.reveal())).unwrap();
    assert_eq!(asked.0.request.scopes, ["openid"]);
}

#[test]
fn request_is_over_after_30_minutes() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let pages = world.authorization();
    let late = world.to_login(&mut browser, &request(&[]));
    let answered = world.to_login(&mut browser, &request(&[]));
    let url = run(pages.accept_login(&answered, login())).unwrap();
    let consent_challenge = world.to_consent(&mut browser, &request(&[]), login());
    world.store.pass(30 * 60);
    assert_eq!(unanswered(run(pages.login_request(&late))), "not found");
    assert_eq!(unanswered(run(pages.accept_login(&late, login()))), "not found");
    assert_eq!(
        unanswered(run(pages.consent_request(&consent_challenge))),
        "not found"
    );
    let result = world.open(&mut browser, &parameters(&url));
    assert_eq!(ended(result), "client: access_denied");
    assert_eq!(unanswered(run(pages.login_request("guessed"))), "not found");
}

#[test]
fn subject_has_1_to_255_bytes_and_no_control_character() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let challenge = world.to_login(&mut browser, &request(&[]));
    for subject in [String::new(), "a".repeat(256), "a\nb".into()] {
        let login = AcceptedLogin { subject, ..login() };
        let result = run(world.authorization().accept_login(&challenge, login));
        assert_eq!(unanswered(result), "invalid");
    }
}

#[test]
fn rejection_of_a_page_reaches_the_client() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let pages = world.authorization();
    let no = PageRejection {
        error: String::new(),
        error_description: "The user said no".into(),
    };
    let challenge = world.to_login(&mut browser, &request(&[]));
    let url = run(pages.reject_login(&challenge, no.clone())).unwrap();
    let result = world.open(&mut browser, &parameters(&url));
    assert_eq!(ended(result), "client: access_denied");
    let again = world.open(&mut browser, &parameters(&url));
    assert_eq!(ended(again), "client: access_denied");

    let challenge = world.to_consent(&mut browser, &request(&[]), login());
    let no = PageRejection {
        error: "temporarily_unavailable".into(),
        ..no
    };
    let url = run(pages.reject_consent(&challenge, no)).unwrap();
    let result = world.open(&mut browser, &parameters(&url));
    assert_eq!(ended(result), "client: temporarily_unavailable");
}
