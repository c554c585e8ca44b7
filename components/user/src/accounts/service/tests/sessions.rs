//! Signing out, and the sessions that end.

use kernel::{Caller, UserId};

use crate::accounts::{
    service::ChangePassword,
    testing::{World, admin, run, signed_in, user, word},
};

#[test]
fn signing_out_ends_this_session_or_all_sessions() {
    let here = Some("here");
    // Session, everywhere → result, and whether tokens of this session, of another and of none are valid.
    let cases = [
        (here, false, "done", [false, true, true]),
        (here, true, "done", [false, false, false]),
        (None, true, "done", [false, false, false]),
        (None, false, "no session", [true, true, true]),
    ];
    for (session, everywhere, expected, expected_valid) in cases {
        let world = World::default();
        let (mina, hana) = (world.create("mina@example.com"), world.create("hana@example.com"));
        let caller = signed_in(mina, &[], session);
        for attempt in ["once", "again"] {
            let answer = run(world.accounts().sign_out(&caller, everywhere));
            assert_eq!(
                word(answer),
                expected,
                "{session:?}, everywhere: {everywhere}, {attempt}"
            );
        }
        let revoked = if expected == "done" { vec![mina; 2] } else { vec![] };
        assert_eq!(world.revoked(), revoked, "{session:?}, everywhere: {everywhere}");
        let valid = [here, Some("there"), None].map(|session| world.check(mina, 0, session, false).0);
        assert_eq!(valid, expected_valid, "{session:?}, everywhere: {everywhere}");
        assert_eq!(
            world.check(hana, 0, here, false),
            (true, false),
            "another user's session of that name stays valid"
        );
    }
}

#[test]
fn signing_out_needs_an_account() {
    let world = World::default();
    for everywhere in [false, true] {
        let sign_out = |caller| word(run(world.accounts().sign_out(&caller, everywhere)));
        assert_eq!(sign_out(Caller::Anonymous), "unauthenticated");
        let unknown = signed_in(UserId::generate(), &[], Some("here"));
        assert_eq!(sign_out(unknown), "not found", "everywhere: {everywhere}");
    }
    assert_eq!(world.revoked(), [], "no token was revoked");
}

#[test]
fn revocation_names_the_sessions_that_the_issuer_has_to_end() {
    let world = World::default();
    let mina = world.create("mina@example.com");
    let accounts = world.accounts();
    run(accounts.sign_out(&signed_in(mina, &[], Some("s")), false)).unwrap();
    run(accounts.set_roles(&admin(), &mina.to_string(), &[])).unwrap();
    run(accounts.end_session(mina, &"t".parse().unwrap())).unwrap();
    run(accounts.sign_out(&user(mina), true)).unwrap();
    run(accounts.revoke_user(&admin(), &mina.to_string())).unwrap();
    run(accounts.change_password(
        &user(mina),
        ChangePassword {
            current: "correct horse",
            new: "another horse",
        },
    ))
    .unwrap();
    run(accounts.delete_user(&user(mina), &mina.to_string())).unwrap();
    let ended = world.recorder.sessions.take();
    assert_eq!(ended, ["s", "", "", "all", "all", "all", "all"]);
}
