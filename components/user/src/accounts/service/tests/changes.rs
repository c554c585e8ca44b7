//! Changing and deleting accounts.

use super::{USE_CASES_OF_ONE_ACCOUNT, call};
use crate::accounts::{
    service::UpdateUser,
    testing::{World, admin, run, user, word},
};

#[test]
fn update_changes_only_the_fields_that_are_present() {
    let world = World::default();
    let mina = world.create("mina@example.com");
    let id = mina.to_string();
    world.create("hana@example.com");
    let long = "x".repeat(101);
    let cases = [
        (None, None, "done", "mina@example.com", "Mina"),
        (None, Some(" 美奈\n"), "done", "mina@example.com", "美奈"),
        (None, Some(""), "done", "mina@example.com", ""),
        (
            Some(" MINA@example.com"),
            Some("M"),
            "done",
            "MINA@example.com",
            "M",
        ),
        (Some("m@example.com"), None, "done", "m@example.com", "M"),
        (
            Some("HANA@example.com"),
            None,
            "already exists",
            "m@example.com",
            "M",
        ),
        (Some(""), None, "invalid: email", "m@example.com", "M"),
        (
            Some("x"),
            Some(&*long),
            "invalid: email, name",
            "m@example.com",
            "M",
        ),
    ];
    for (email, name, expected, email_then, name_then) in cases {
        let request = UpdateUser { id: &id, email, name };
        let answer = word(run(world.accounts().update_user(&user(mina), request)));
        assert_eq!(answer, expected, "an update with {email:?} and {name:?}");
        let then = run(world.accounts().get_user(&user(mina), &id)).unwrap();
        assert_eq!(
            (then.email.as_str(), then.name.as_str()),
            (email_then, name_then),
            "after an update with {email:?} and {name:?}"
        );
    }
    assert_eq!(world.revoked(), [], "an update revokes nothing");
    assert_eq!(world.memory.epoch(mina), 0, "an update leaves tokens as they are");
}

#[test]
fn deleted_account_loses_its_tokens_and_frees_its_address() {
    let world = World::default();
    let mina = world.create("mina@example.com");
    let id = mina.to_string();

    assert_eq!(call(&world, "DeleteUser", &user(mina), &id), "done");
    assert_eq!(world.revoked(), [mina], "the revocation is announced");
    assert_eq!(world.memory.epoch(mina), 1, "the epoch is raised");
    assert_eq!(
        world.check(mina, 1, None, false),
        (false, false),
        "no token is valid"
    );

    for (name, _) in USE_CASES_OF_ONE_ACCOUNT {
        let got = call(&world, name, &admin(), &id);
        assert_eq!(got, "not found", "{name} of a deleted account");
    }
    assert_eq!(world.revoked(), [], "an account that is not found is not revoked");
    assert_ne!(
        world.create("mina@example.com"),
        mina,
        "the address opens another account"
    );
}
