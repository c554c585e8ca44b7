//! Events that end tokens and roles, and the time until they take effect.

use std::time::Duration;

use serde_json::{Value, json};

use super::{LIST_USERS, World, code};

/// A message about an account.
type Message = fn(&str) -> Value;

#[tokio::test(flavor = "multi_thread")]
async fn revocation_takes_effect_on_the_next_request() {
    let world = World::start().await;
    let admin = world.user("admin").await;
    world.make_admin(&admin).await;
    let by_admin = world.issuer.admin_token(&admin);
    let ends: [(&str, &str, bool, Message); 4] = [
        (
            "signing out everywhere",
            "SignOut",
            false,
            |_| json!({ "everywhere": true }),
        ),
        (
            "a new password",
            "ChangePassword",
            false,
            |_| json!({ "currentPassword": "correct horse", "newPassword": "battery staple" }),
        ),
        ("an admin", "RevokeUser", true, |id| json!({ "id": id })),
        (
            "the end of the account",
            "DeleteUser",
            false,
            |id| json!({ "id": id }),
        ),
    ];
    for (number, (what, method, is_admins, message)) in ends.into_iter().enumerate() {
        let id = world.user(&format!("user{number}")).await;
        let token = world.issuer.token(&id);
        assert_eq!(
            code(&world.get_user(&id, Some(&token)).await),
            "200 ok",
            "before {what}"
        );

        let by = if is_admins { &by_admin } else { &token };
        let ended = world
            .call(&format!("/user.v1.UserService/{method}"), message(&id), Some(by))
            .await;
        assert_eq!(code(&ended), "200 ok", "{what}: {}", ended.text());

        let after = world.get_user(&id, Some(&token)).await;
        assert_eq!(code(&after), "401 unauthenticated", "after {what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_one_session_and_no_other() {
    let world = World::start().await;
    let mina = world.user("mina").await;
    let token = |session: &str| {
        let mut claims = world.issuer.claims(&mina);
        claims["sid"] = session.into();
        world.issuer.sign(&claims)
    };
    let (phone, laptop) = (token("phone"), token("laptop"));
    for token in [&phone, &laptop] {
        assert_eq!(code(&world.get_user(&mina, Some(token)).await), "200 ok");
    }
    let signed_out = world
        .call("/user.v1.UserService/SignOut", json!({}), Some(&phone))
        .await;
    assert_eq!(code(&signed_out), "200 ok", "{}", signed_out.text());
    assert_eq!(
        code(&world.get_user(&mina, Some(&phone)).await),
        "401 unauthenticated"
    );
    assert_eq!(
        code(&world.get_user(&mina, Some(&laptop)).await),
        "200 ok",
        "the other session stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_role_is_lost_on_the_next_request() {
    let world = World::start().await;
    let (chief, admin) = (world.user("chief").await, world.user("admin").await);
    for id in [&chief, &admin] {
        world.make_admin(id).await;
    }
    let token = world.issuer.admin_token(&admin);
    assert_eq!(
        code(&world.call(LIST_USERS, json!({}), Some(&token)).await),
        "200 ok"
    );
    let message = json!({ "id": admin, "roles": [] });
    let by_chief = world.issuer.admin_token(&chief);
    let taken = world
        .call("/user.v1.UserService/SetRoles", message, Some(&by_chief))
        .await;
    assert_eq!(code(&taken), "200 ok", "{}", taken.text());
    assert_eq!(
        code(&world.call(LIST_USERS, json!({}), Some(&token)).await),
        "403 permission_denied"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_users_are_served_and_admins_are_not() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let world = World::with(|setup| setup.variable("redis_port", port.to_string())).await;
    let (mina, ken) = (world.user("mina").await, world.user("ken").await);
    world.make_admin(&ken).await;
    let (minas, kens) = (world.issuer.token(&mina), world.issuer.admin_token(&ken));
    for time in ["first", "second"] {
        assert_eq!(
            code(&world.get_user(&mina, Some(&minas)).await),
            "200 ok",
            "{time} time"
        );
        assert_eq!(
            code(&world.get_user(&ken, Some(&minas)).await),
            "403 permission_denied"
        );
        let forged = world.issuer.forge(&world.issuer.claims(&mina));
        assert_eq!(
            code(&world.get_user(&mina, Some(&forged)).await),
            "401 unauthenticated"
        );
        assert_eq!(
            code(&world.call(LIST_USERS, json!({}), Some(&kens)).await),
            "503 unavailable",
            "a removed role could not be detected"
        );
        assert_eq!(
            code(&world.get_user(&mina, Some(&kens)).await),
            "503 unavailable",
            "{time} time: an admin has no access to the account of another user"
        );
        assert_eq!(
            code(&world.get_user(&ken, Some(&kens)).await),
            "200 ok",
            "{time} time: an admin has access to their own account"
        );
    }
    let signed_out = json!({ "everywhere": true });
    let signed_out = world
        .call("/user.v1.UserService/SignOut", signed_out, Some(&minas))
        .await;
    assert_eq!(
        code(&signed_out),
        "200 ok",
        "signing out must work: {}",
        signed_out.text()
    );
    let began = std::time::Instant::now();
    while world.get_user(&mina, Some(&minas)).await.status.as_u16() != 401 {
        assert!(
            began.elapsed() < Duration::from_secs(61),
            "the token must be refused within a minute"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
