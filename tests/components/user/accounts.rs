//! Accounts: reading, changing and deleting them.

use futures::future::join_all;
use uuid::Uuid;

use super::bindings::akinai::commerce::types::{Caller, Error, Scope};
use super::bindings::exports::akinai::commerce::users::UserEventKind;
use super::{Service, admin, caller, token, word};

#[tokio::test(flavor = "multi_thread")]
async fn only_its_owner_and_admins_read_an_account() {
    let mut service = Service::start().await;
    let created = service
        .create("Hana@example.com", "correct horse", " 花 ")
        .await
        .expect("the account is made");
    assert_eq!(
        (created.email.as_str(), created.name.as_str()),
        ("Hana@example.com", "花"),
        "as typed, trimmed"
    );
    let stranger = Uuid::now_v7().to_string();

    for reader in [caller(&created.id, &[]), caller(&stranger, &[Scope::Admin])] {
        let read = service
            .get(reader, &created.id)
            .await
            .expect("owner and admin may read the account");
        assert_eq!(
            format!("{read:?}"),
            format!("{created:?}"),
            "the account that is read must be the created one"
        );
    }
    let anonymous = service.get(Caller::Anonymous, &created.id).await;
    assert!(
        matches!(anonymous, Err(Error::Unauthenticated)),
        "an anonymous caller must sign in first, but got {anonymous:?}"
    );
    // Other users do not learn whether an account exists.
    for id in [&created.id, &Uuid::now_v7().to_string()] {
        let denied = service.get(caller(&stranger, &[]), id).await;
        assert!(
            matches!(denied, Err(Error::PermissionDenied)),
            "another user must be denied {id}, but got {denied:?}"
        );
    }
    let own = service.get(caller(&stranger, &[]), &stranger).await;
    assert!(
        matches!(own, Err(Error::NotFound)),
        "a user without an account must get not_found, but got {own:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_fields_and_taken_addresses_are_refused() {
    let mut service = Service::start().await;

    match service.create("no-address", "short", &"x".repeat(101)).await {
        Err(Error::InvalidArgument(violations)) => {
            let fields: Vec<_> = violations
                .iter()
                .map(|violation| violation.field.as_str())
                .collect();
            assert_eq!(
                fields,
                ["email", "password", "name"],
                "all wrong fields must be named"
            );
        }
        other => panic!("three wrong fields must be an invalid argument, but the answer was {other:?}"),
    }
    service
        .create("a@example.com", "correct horse", "")
        .await
        .expect("the address is free");
    let again = service.create("A@Example.com", "correct horse", "").await;
    assert!(
        matches!(again, Err(Error::AlreadyExists)),
        "the address is taken, but the answer was {again:?}"
    );

    let row = service
        .setup
        .database
        .sql()
        .query_one("select count(*) from user_service.users", &[])
        .await;
    assert_eq!(
        row.expect("a count").get::<_, i64>(0),
        1,
        "only the one account must have left a row"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn update_changes_only_present_fields_and_a_repeat_changes_nothing() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    service.open("mina@example.com").await;
    let own = || caller(&hana.id, &[]);

    let renamed = service
        .update(own(), &hana.id, None, Some(" 花 "))
        .await
        .expect("the owner may");
    assert_eq!(
        (renamed.email.as_str(), renamed.name.as_str()),
        ("hana@example.com", "花"),
        "only the name must have changed"
    );
    assert!(
        renamed.updated_at > hana.updated_at && renamed.created_at == hana.created_at,
        "the time of the change must be kept, but is {renamed:?} after {hana:?}"
    );
    let again = service.update(own(), &hana.id, None, Some("花")).await;
    assert_eq!(
        again.expect("a repeat is no error").updated_at,
        renamed.updated_at,
        "a repeat must change nothing"
    );
    let moved = service
        .update(admin(), &hana.id, Some("HANA@example.net"), None)
        .await
        .expect("an admin may");
    assert_eq!(
        (moved.email.as_str(), moved.name.as_str()),
        ("HANA@example.net", "花"),
        "only the address must have changed"
    );
    service.open("hana@example.com").await;

    let stranger = || caller(&Uuid::now_v7().to_string(), &[]);
    let taken = service
        .update(own(), &hana.id, Some("MINA@example.com"), None)
        .await;
    assert!(
        matches!(taken, Err(Error::AlreadyExists)),
        "it is taken, but: {taken:?}"
    );
    let denied = service.update(stranger(), &hana.id, None, Some("stolen")).await;
    assert!(
        matches!(denied, Err(Error::PermissionDenied)),
        "another user may not, but: {denied:?}"
    );
    let wrong = service.update(own(), &hana.id, Some(""), Some("a\0b")).await;
    assert_eq!(
        word(wrong),
        "invalid: email, name",
        "all wrong fields must be named"
    );
    let unchanged = service.get(own(), &hana.id).await.expect("the account is there");
    assert_eq!(
        format!("{unchanged:?}"),
        format!("{moved:?}"),
        "a refused request must change nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_deletion_frees_the_address_and_ends_the_tokens() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    let own = || caller(&hana.id, &[]);

    let denied = service
        .delete(caller(&Uuid::now_v7().to_string(), &[]), &hana.id)
        .await;
    assert!(
        matches!(denied, Err(Error::PermissionDenied)),
        "another user may not, but: {denied:?}"
    );
    service.delete(own(), &hana.id).await.expect("the owner may");

    let again = service.delete(own(), &hana.id).await;
    assert!(
        matches!(again, Err(Error::NotFound)),
        "the account is deleted, but: {again:?}"
    );
    let read = service.get(own(), &hana.id).await;
    assert!(matches!(read, Err(Error::NotFound)), "it is gone, but: {read:?}");
    for epoch in [0, 1] {
        assert_eq!(
            service.check(token(&hana.id, epoch)).await,
            (false, false),
            "no token of a deleted account may be valid, in any epoch"
        );
    }
    let other = service.open("hana@example.com").await;
    assert_ne!(other.id, hana.id, "the address must open another account");
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_event_of_a_deletion_is_listed_until_it_is_acknowledged() {
    let mut service = Service::start().await;
    let mut users = Vec::new();
    for name in ["hana", "mina", "kei"] {
        users.push(service.open(&format!("{name}@example.com")).await.id);
    }
    let own = caller(&users[0], &[]);
    service.delete(own, &users[0]).await.expect("the owner may");
    service.delete(admin(), &users[1]).await.expect("an admin may");
    for (by, id) in [(admin(), &users[1]), (caller(&users[0], &[]), &users[2])] {
        let refused = service.delete(by, id).await;
        assert!(refused.is_err(), "gone already, or another's: {refused:?}");
    }

    let told = service.events(10).await.expect("a list");
    let who: Vec<&str> = told.iter().map(|event| event.user_id.as_str()).collect();
    assert_eq!(who, users[..2], "who was deleted, in that order, once");
    assert!(
        told.iter().all(|event| event.kind == UserEventKind::Deleted),
        "{told:?}"
    );
    assert_eq!(
        service.events(1).await.expect("a list")[0].id,
        told[0].id,
        "the oldest first, and again"
    );
    let unknown = Uuid::now_v7().to_string();
    for attempt in ["once", "again"] {
        let done = service.acknowledge(&[&told[0].id, &unknown]).await;
        assert!(done.is_ok(), "{attempt}: {done:?}");
        let left = service.events(10).await.expect("a list");
        let left: Vec<&str> = left.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(left, [told[1].id.as_str()], "{attempt}: what is left");
    }
    let many = vec![unknown.as_str(); 1001];
    for (wrong, field) in [
        (&[][..], "ids"),
        (&[unknown.as_str(), "42"], "ids[1]"),
        (&many[..], "ids"),
    ] {
        assert_eq!(
            word(service.acknowledge(wrong).await),
            format!("invalid: {field}")
        );
    }
    for limit in [0, -1, 1001] {
        assert_eq!(word(service.events(limit).await), "invalid: limit", "{limit}");
    }

    let sql = service.setup.database.sql();
    sql.batch_execute(
        "update user_service.outbox set acknowledged_at = now() - interval '8 days' where acknowledged_at is not null",
    )
    .await
    .expect("a week goes by");
    service.acknowledge(&[&told[1].id]).await.expect("acknowledged");
    let sql = service.setup.database.sql();
    let left = sql
        .query_one("select array_agg(id)::text from user_service.outbox", &[])
        .await;
    assert_eq!(
        left.expect("rows").get::<_, String>(0),
        format!("{{{}}}", told[1].id),
        "events that were acknowledged a week ago are deleted, and newer ones are not"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_sixteen_concurrent_deletions_succeeds() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    let users = service.component.akinai_commerce_users();
    let answers = service
        .store
        .run_concurrent(async |accessor| {
            join_all(
                (0..16).map(|_| users.call_delete_user(accessor, caller(&hana.id, &[]), hana.id.clone())),
            )
            .await
        })
        .await
        .expect("the component does not trap");
    let (mut done, mut gone) = (0, 0);
    for answer in answers {
        match answer.expect("the component does not trap") {
            Ok(()) => done += 1,
            Err(Error::NotFound) => gone += 1,
            Err(other) => panic!("it must be deleted or gone, but: {other:?}"),
        }
    }
    assert_eq!(
        (done, gone),
        (1, 15),
        "one must delete it, the others must not find it"
    );
    let told = service.events(10).await.expect("a list");
    assert_eq!(told.len(), 1, "the event is listed once: {told:?}");
}
