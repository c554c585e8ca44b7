//! Events of deleted accounts.

use kernel::{Caller, EventId};

use super::call;
use crate::accounts::testing::{World, admin, run, user, word};

#[test]
fn deletion_is_listed_as_an_event_until_it_is_acknowledged() {
    let world = World::default();
    let [mina, hana, kept] =
        ["mina", "hana", "kept"].map(|name| world.create(&format!("{name}@example.com")));
    let listed = |limit| {
        let events = run(world.accounts().list_user_events(&Caller::Anonymous, limit)).unwrap();
        events
            .into_iter()
            .map(|event| (event.id.to_string(), event.user))
            .collect::<Vec<_>>()
    };
    let acknowledge = |ids: &[String]| {
        word(run(world
            .accounts()
            .acknowledge_user_events(&Caller::Anonymous, ids)))
    };
    assert_eq!(listed(10), [], "no account was deleted yet");

    // By its owner, by an admin, once more, and by another user.
    assert_eq!(call(&world, "DeleteUser", &user(mina), &mina.to_string()), "done");
    assert_eq!(call(&world, "DeleteUser", &admin(), &hana.to_string()), "done");
    assert_eq!(
        call(&world, "DeleteUser", &admin(), &hana.to_string()),
        "not found"
    );
    assert_eq!(
        call(&world, "DeleteUser", &user(hana), &kept.to_string()),
        "not yours"
    );

    let events = listed(10);
    let users: Vec<_> = events.iter().map(|(_, user)| *user).collect();
    assert_eq!(users, [mina, hana], "one event for each, the oldest first");
    assert_eq!(listed(10), events, "they are listed until they are acknowledged");
    assert_eq!(listed(1), events[..1], "at most as many as the limit");
    for _ in 0..2 {
        assert_eq!(
            acknowledge(&[events[0].0.clone()]),
            "done",
            "a repeat does no harm"
        );
        assert_eq!(
            listed(10),
            events[1..],
            "an acknowledged event is not listed again"
        );
    }
    assert_eq!(
        acknowledge(&[EventId::generate().to_string()]),
        "done",
        "an unknown event has no effect"
    );
    assert_eq!(acknowledge(&[]), "invalid: ids");
    assert_eq!(acknowledge(&["42".into()]), "invalid: ids[0]");
    for limit in [0, -1, 1001] {
        let result = run(world.accounts().list_user_events(&Caller::Anonymous, limit));
        assert_eq!(word(result), "invalid: limit", "a limit of {limit}");
    }
}
