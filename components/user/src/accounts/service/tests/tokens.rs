//! The status of tokens.

use kernel::{Caller, Timestamp, UserId};

use crate::accounts::{
    service::CheckSession,
    testing::{World, run, word},
};

#[test]
fn token_of_a_subject_without_an_account_is_valid() {
    let world = World::default();
    let unknown = UserId::generate();
    assert_eq!(world.check(unknown, 7, Some("here"), true), (true, false));
}

#[test]
fn check_needs_an_epoch_or_a_time() {
    let world = World::default();
    let id = UserId::generate().to_string();
    let now = Some(Timestamp::from_unix_micros(0));
    let cases = [
        (&*id, Some(0), None, None, "done"),
        (&*id, None, None, now, "done"),
        (&*id, None, Some("here"), now, "done"),
        (&*id, None, None, None, "invalid: issuedAt"),
        (
            "machine",
            None,
            Some("two words"),
            None,
            "invalid: userId, sessionId, issuedAt",
        ),
    ];
    for (user_id, epoch, session_id, issued_at, expected) in cases {
        let request = CheckSession {
            user_id,
            epoch,
            session_id,
            issued_at,
            admin: false,
        };
        let answer = run(world.accounts().check_session(&Caller::Anonymous, request));
        assert_eq!(
            word(answer),
            expected,
            "{user_id}, {epoch:?}, {session_id:?}, {issued_at:?}"
        );
    }
}
