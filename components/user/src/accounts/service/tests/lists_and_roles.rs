//! The use cases of admins: list accounts, revoke tokens and set roles.

use kernel::{Caller, UserId};

use super::call;
use crate::accounts::testing::{World, admin, run, user, word};

#[test]
fn only_admins_list_accounts_and_see_each_living_account_once() {
    let world = World::default();
    let ids: Vec<UserId> = (0..8)
        .map(|number| world.create(&format!("{number}@example.com")))
        .collect();
    run(world.accounts().delete_user(&admin(), &ids[3].to_string())).unwrap();
    let mut listed = Vec::new();
    let mut token = String::new();
    loop {
        let page = run(world.accounts().list_users(&admin(), 3, &token)).unwrap();
        assert!(page.items.len() <= 3, "a page of 3 has {}", page.items.len());
        listed.extend(page.items.into_iter().map(|user| user.id));
        match page.next {
            Some(next) => token = next.encode(),
            None => break,
        }
    }
    let living: Vec<UserId> = ids.iter().copied().filter(|id| *id != ids[3]).collect();
    assert_eq!(listed, living, "oldest first");

    let cases = [
        (Caller::Anonymous, 0, "", "unauthenticated"),
        (user(ids[0]), 0, "", "admins only"),
        (user(ids[0]), -1, "?", "admins only"),
        (admin(), 101, "nonsense", "invalid: pageSize, pageToken"),
    ];
    for (caller, size, token, expected) in cases {
        let answer = run(world.accounts().list_users(&caller, size, token));
        assert_eq!(word(answer), expected, "{caller:?}, {size}, {token:?}");
    }
}

#[test]
fn revoked_tokens_end_and_the_account_stays() {
    let world = World::default();
    let mina = world.create("mina@example.com");
    assert_eq!(call(&world, "RevokeUser", &admin(), &mina.to_string()), "done");
    assert_eq!(world.revoked(), [mina], "the revocation is announced");
    assert_eq!(
        world.check(mina, 0, None, false),
        (false, false),
        "a token from before ends"
    );
    assert_eq!(
        world.check(mina, 1, None, false),
        (true, false),
        "a token from after is valid"
    );
    assert_eq!(call(&world, "GetUser", &user(mina), &mina.to_string()), "done");
}

#[test]
fn tokens_lose_a_role_that_is_removed() {
    let world = World::default();
    let mina = world.create("mina@example.com");
    let set = |roles: &[&str]| {
        let roles: Vec<String> = roles.iter().map(|&role| role.into()).collect();
        run(world.accounts().set_roles(&admin(), &mina.to_string(), &roles))
    };
    assert_eq!(world.check(mina, 0, None, true), (true, false), "never had it");
    assert_eq!(set(&["admin", "admin"]).unwrap().roles, ["admin"]);
    assert_eq!(world.check(mina, 0, None, true), (true, true), "has it");
    assert_eq!(
        world.check(mina, 0, None, false),
        (true, false),
        "does not claim it"
    );
    assert_eq!(set(&[]).unwrap().roles, [""; 0]);
    assert_eq!(world.check(mina, 0, None, true), (true, false), "has it no more");
    assert_eq!(world.revoked(), [mina, mina], "each change is announced");

    assert_eq!(word(set(&["admin", "root"])), "invalid: roles");
    let both = run(world.accounts().set_roles(&admin(), "42", &["root".to_owned()]));
    assert_eq!(word(both), "invalid: id, roles");
    assert_eq!(world.revoked(), [], "a refused request revokes no token");
}
