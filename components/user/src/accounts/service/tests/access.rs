//! Which callers may read and change an account.

use kernel::{Caller, UserId};

use super::{USE_CASES_OF_ONE_ACCOUNT, call};
use crate::accounts::testing::{World, admin, run, user};

#[test]
fn account_is_for_its_owner_and_for_admins() {
    for (name, admins_only) in USE_CASES_OF_ONE_ACCOUNT {
        let unknown = UserId::generate();
        let own = if admins_only { "admins only" } else { "done" };
        let others = if admins_only { "admins only" } else { "not yours" };
        let own_unknown = if admins_only { "admins only" } else { "not found" };
        let world = World::default();
        let (mina, hana) = (world.create("mina@example.com"), world.create("hana@example.com"));
        let admin = admin();
        let cases = [
            (Caller::Anonymous, mina, "unauthenticated"),
            (Caller::Anonymous, unknown, "unauthenticated"),
            (user(hana), mina, others),
            (user(hana), unknown, others),
            (user(unknown), unknown, own_unknown),
            (admin.clone(), unknown, "not found"),
            (user(hana), hana, own),
            (admin, mina, "done"),
        ];
        for (caller, id, expected) in cases {
            let got = call(&world, name, &caller, &id.to_string());
            assert_eq!(got, expected, "{name}: {caller:?} and the account {id}");
        }
    }
}

#[test]
fn denied_request_does_not_reach_the_store() {
    let world = World::default();
    let (mina, hana) = (world.create("mina@example.com"), world.create("hana@example.com"));
    for (name, _) in USE_CASES_OF_ONE_ACCOUNT {
        for caller in [Caller::Anonymous, user(hana)] {
            call(&world, name, &caller, &mina.to_string());
        }
        call(&world, name, &Caller::Anonymous, "42");
    }
    for caller in [Caller::Anonymous, user(hana)] {
        run(world.accounts().list_users(&caller, 0, "")).unwrap_err();
    }
    assert_eq!(world.memory.calls.get(), 0, "the store was called");
    assert_eq!(world.revoked(), [], "revocations were announced");
}

#[test]
fn malformed_id_is_a_violation_of_the_field_id() {
    let world = World::default();
    for (name, _) in USE_CASES_OF_ONE_ACCOUNT {
        for id in ["", "42", "0190163d8694739baea5966c26f8ad91"] {
            assert_eq!(
                call(&world, name, &admin(), id),
                "invalid: id",
                "{name} of {id:?}"
            );
        }
    }
}
