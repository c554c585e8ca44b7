//! Passwords, sessions, and the validity of tokens.

use uuid::Uuid;

use super::bindings::akinai::commerce::types::{Caller, Error};
use super::bindings::exports::akinai::commerce::users::{Token, User};
use super::{Service, admin, caller, in_session, token, word};
use crate::service::call;

#[tokio::test(flavor = "multi_thread")]
async fn stored_password_is_replaced_only_with_the_current_one() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    let own = || caller(&hana.id, &[]);

    let wrong = service
        .change_password(own(), "correct horsE", "battery staple")
        .await;
    assert!(
        matches!(wrong, Err(Error::PermissionDenied)),
        "the password is wrong, but: {wrong:?}"
    );
    assert_eq!(
        service.check(token(&hana.id, 0)).await,
        (true, false),
        "a wrong password must end nothing"
    );
    let short = service.change_password(own(), "correct horse", "short").await;
    assert_eq!(word(short), "invalid: newPassword");
    service
        .change_password(own(), "correct horse", "battery staple")
        .await
        .expect("the password is right");
    assert_eq!(
        service.check(token(&hana.id, 0)).await,
        (false, false),
        "earlier tokens must not be valid"
    );
    assert_eq!(
        service.check(token(&hana.id, 1)).await,
        (true, false),
        "later tokens must be valid"
    );
    let old = service
        .change_password(own(), "correct horse", "something else")
        .await;
    assert!(
        matches!(old, Err(Error::PermissionDenied)),
        "the old password must not count, but: {old:?}"
    );
    let anonymous = service
        .change_password(Caller::Anonymous, "battery staple", "something else")
        .await;
    assert!(
        matches!(anonymous, Err(Error::Unauthenticated)),
        "an anonymous caller must sign in first, but: {anonymous:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_sessions_are_stored_one_or_all() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    let mina = service.open("mina@example.com").await;
    let of_session = |user: &User, session: &str| Token {
        session: Some(session.to_owned()),
        ..token(&user.id, 0)
    };

    for attempt in ["once", "again"] {
        let done = service.sign_out(in_session(&hana.id, "phone"), false).await;
        assert!(done.is_ok(), "{attempt}: {done:?}");
    }
    for (token, holds, which) in [
        (of_session(&hana, "phone"), false, "the session that ended"),
        (of_session(&hana, "desk"), true, "another session"),
        (
            of_session(&mina, "phone"),
            true,
            "another user's session of that name",
        ),
        (token(&hana.id, 0), true, "no session"),
    ] {
        assert_eq!(
            service.check(token).await.0,
            holds,
            "whether a token of {which} is valid"
        );
    }
    let nameless = service.sign_out(caller(&hana.id, &[]), false).await;
    assert!(
        matches!(nameless, Err(Error::FailedPrecondition)),
        "a token without a session can only be ended with all others, but: {nameless:?}"
    );
    service
        .sign_out(caller(&hana.id, &[]), true)
        .await
        .expect("a user may sign out everywhere");
    assert!(
        !service.check(of_session(&hana, "desk")).await.0,
        "no earlier token may be valid"
    );
    assert!(
        service.check(token(&mina.id, 0)).await.0,
        "another user's tokens must be valid"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn token_without_an_epoch_is_checked_by_its_issue_time() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    let issued = |micros| Token {
        epoch: None,
        issued_at: Some(micros),
        ..token(&hana.id, 0)
    };
    let hour = 3_600_000_000;

    assert!(
        service.check(issued(hana.created_at - hour)).await.0,
        "nothing was revoked yet, so every token is valid"
    );
    service.revoke(admin(), &hana.id).await.expect("an admin may");
    for (micros, holds) in [(hana.created_at - hour, false), (hana.created_at + hour, true)] {
        assert_eq!(
            service.check(issued(micros)).await.0,
            holds,
            "whether a token of {micros} is valid after a revocation just after {}",
            hana.created_at
        );
    }
    let never = Uuid::now_v7().to_string();
    assert_eq!(
        service.check(token(&never, 7)).await,
        (true, false),
        "a subject that never was a user has nothing to revoke"
    );
    let timeless = Token {
        epoch: None,
        ..token(&never, 0)
    };
    let timeless = call!(
        service
            .akinai_commerce_users()
            .call_check_session(Caller::Anonymous, timeless)
    );
    assert_eq!(word(timeless), "invalid: issuedAt");
}
