//! Changing and checking passwords.

use kernel::{Caller, Scope, UserId};

use crate::accounts::{
    domain::{Password, PasswordHash, TypedPassword},
    service::{Accounts, ChangePassword, PasswordHasher, Ports},
    testing::{Memory, Recorder, World, admin, run, signed_in, user, word},
};

#[test]
fn new_password_needs_the_current_one_and_revokes_all_tokens() {
    let long = "x".repeat(129);
    let cases = [
        ("correct horse", "battery staple", "done", 2),
        ("correct horsE", "battery staple", "wrong password", 1),
        ("x", "battery staple", "wrong password", 1),
        ("correct horse", "short", "invalid: newPassword", 0),
        ("", "battery staple", "invalid: currentPassword", 0),
        (&long, &long, "invalid: currentPassword, newPassword", 0),
    ];
    for (current, new, expected, hashes) in cases {
        let world = World::default();
        let mina = world.create("mina@example.com");
        world.hashes();
        let request = ChangePassword { current, new };
        let answer = run(world.accounts().change_password(&user(mina), request));
        assert_eq!(word(answer), expected, "from {current:?} to {new:?}");
        assert_eq!(
            world.hashes(),
            hashes,
            "the hashes that it cost, from {current:?} to {new:?}"
        );

        let done = expected == "done";
        assert_eq!(
            world.memory.epoch(mina),
            i64::from(done),
            "the epoch after {expected}"
        );
        assert_eq!(
            world.revoked().len(),
            usize::from(done),
            "the revocations after {expected}"
        );
        let (opens, no_more) = if done {
            (new, current)
        } else {
            ("correct horse", new)
        };
        for (password, right) in [(no_more, false), (opens, true)] {
            let request = ChangePassword {
                current: password,
                new: "something else",
            };
            let changed = run(world.accounts().change_password(&user(mina), request)).is_ok();
            assert_eq!(
                changed, right,
                "whether {password:?} is the password after {expected}"
            );
        }
    }
}

#[test]
fn only_the_user_changes_a_password() {
    let world = World::default();
    let mina = world.create("mina@example.com");
    let cases = [
        (Caller::Anonymous, "unauthenticated"),
        (user(UserId::generate()), "not found"),
        // Admins change their own password only, too.
        (admin(), "not found"),
        (signed_in(mina, &[Scope::Admin], None), "done"),
    ];
    for (caller, expected) in cases {
        let request = ChangePassword {
            current: "correct horse",
            new: "battery staple",
        };
        let answer = run(world.accounts().change_password(&caller, request));
        assert_eq!(word(answer), expected, "{caller:?}");
    }
}

#[test]
fn password_that_was_changed_meanwhile_is_not_replaced() {
    /// Makes another change between the check of the current password and its replacement.
    struct Meddler<'a>(&'a Memory);

    struct WithMeddler<'a>(std::marker::PhantomData<&'a ()>);

    impl<'a> Ports for WithMeddler<'a> {
        type Store = &'a Memory;
        type Hasher = Meddler<'a>;
        type Revocations = &'a Recorder;
    }

    impl PasswordHasher for Meddler<'_> {
        fn hash(&self, _: &Password) -> Result<PasswordHash, String> {
            Ok(PasswordHash("the second change".into()))
        }

        fn verify(&self, _: &TypedPassword, _: &PasswordHash) -> Result<bool, String> {
            self.0.accounts.borrow_mut()[0].hash = PasswordHash("the first change".into());
            Ok(true)
        }

        fn verify_without_account(&self, _: &TypedPassword) -> Result<(), String> {
            Ok(())
        }
    }

    let world = World::default();
    let mina = world.create("mina@example.com");
    let accounts = Accounts::<WithMeddler<'_>>::new(&world.memory, Meddler(&world.memory), &world.recorder);
    let request = ChangePassword {
        current: "correct horse",
        new: "battery staple",
    };
    let answer = run(accounts.change_password(&user(mina), request));
    assert_eq!(word(answer), "wrong password", "another change came first");
    let kept = world.memory.accounts.borrow()[0].hash.clone();
    assert_eq!(kept.0, "the first change", "the first change stands");
    assert_eq!(world.revoked(), [], "no token was revoked");
}

#[test]
fn one_hash_is_verified_whether_or_not_the_account_exists() {
    let world = World::default();
    let mina = world.create("mina@example.com");
    let deleted = world.create("deleted@example.com");
    let gone = run(world.accounts().delete_user(&user(deleted), &deleted.to_string()));
    assert_eq!(word(gone), "done");
    world.hashes();
    let cases = [
        ("mina@example.com", "correct horse", Some((mina, 0))),
        ("MINA@example.com", "correct horse", Some((mina, 0))),
        ("mina@example.com", "Correct horse", None),
        ("unknown@example.com", "correct horse", None),
        ("deleted@example.com", "correct horse", None),
    ];
    for (email, password, expected) in cases {
        let (email, typed) = (email.parse().unwrap(), password.parse().unwrap());
        let known = run(world.accounts().authenticate(&email, &typed)).unwrap();
        assert_eq!(known, expected, "{email:?}");
        assert_eq!(world.hashes(), 1, "{email:?} costs one hash");
    }
}
