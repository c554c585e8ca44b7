//! Codes and refresh tokens.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{Browser, World, claims, exchange, parsed, refreshing, text};

#[tokio::test(flavor = "multi_thread")]
async fn reused_refresh_token_revokes_its_family() {
    let world = World::start().await;
    let first = world.tokens("").await;
    let second = parsed(&world.refresh(&first["refresh_token"]).await);
    assert_eq!(claims(&second["id_token"])["nonce"], "the nonce");
    assert!(world.verify(&second["access_token"]).await.is_ok());
    let third = parsed(&world.refresh(&second["refresh_token"]).await);
    assert!(world.is_active(&third["refresh_token"]).await && world.is_active(&third["access_token"]).await);

    // Only seconds later, but its successor was used: the token was stolen.
    assert_eq!(
        world.refused(&refreshing(&first["refresh_token"])).await,
        "invalid_grant"
    );
    assert_eq!(
        world.refused(&refreshing(&third["refresh_token"])).await,
        "invalid_grant",
        "its whole family is revoked"
    );
    for dead in [
        &first["access_token"],
        &third["access_token"],
        &third["refresh_token"],
    ] {
        assert!(!world.is_active(dead).await);
    }
    assert_eq!(world.userinfo(&text(&third, "access_token")).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_may_refresh_with_one_token_within_ten_seconds() {
    let world = World::start().await;
    let first = world.tokens("").await;
    let answers = join_all((0..8).map(|_| world.refresh(&first["refresh_token"]))).await;
    let siblings: Vec<Value> = answers.iter().map(parsed).collect();
    for sibling in &siblings {
        assert!(
            world.is_active(&sibling["refresh_token"]).await,
            "each of them got one: {sibling}"
        );
    }
    world.granted(&refreshing(&siblings[0]["refresh_token"])).await;
    world.granted(&refreshing(&siblings[1]["refresh_token"])).await;
    assert_eq!(
        world.refused(&refreshing(&first["refresh_token"])).await,
        "invalid_grant",
        "a successor was used"
    );

    let late = world.tokens("").await;
    let successor = parsed(&world.refresh(&late["refresh_token"]).await);
    world
        .sql("update refresh_tokens set used_at = used_at - interval '11 seconds' where used_at is not null")
        .await;
    assert_eq!(
        world.refused(&refreshing(&late["refresh_token"])).await,
        "invalid_grant",
        "after 11 seconds it is not a second tab"
    );
    assert_eq!(
        world.refused(&refreshing(&successor["refresh_token"])).await,
        "invalid_grant",
        "successors are revoked, too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_token_works_only_for_its_client_and_within_its_grant() {
    let world = World::start().await;
    let tokens = world.tokens("").await;
    let token = text(&tokens, "refresh_token");
    let other = [
        ("grant_type", "refresh_token"),
        ("client_id", "other"),
        ("refresh_token", &token),
    ];
    assert_eq!(world.refused(&other).await, "invalid_grant");
    let more = [
        ("grant_type", "refresh_token"),
        ("client_id", "shop"),
        ("refresh_token", &token),
        ("scope", "openid admin"),
    ];
    assert_eq!(world.refused(&more).await, "invalid_scope");
    let less = [more[0], more[1], more[2], ("scope", "offline_access")];
    let narrowed = world.granted(&less).await;
    assert_eq!(
        (&narrowed["scope"], narrowed.get("id_token")),
        (&json!("offline_access"), None)
    );

    world.sql("update grants set ends_at = now()").await;
    assert_eq!(
        world.refused(&refreshing(&narrowed["refresh_token"])).await,
        "invalid_grant",
        "the token has expired"
    );
    let online = world.tokens("scope=openid").await;
    assert_eq!(
        online.get("refresh_token"),
        None,
        "the client has not requested one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn code_works_once_for_its_client_address_and_verifier() {
    let world = World::start().await;
    let code = world.code(&mut Browser::default(), "").await;
    let changed = |name: &'static str, value: &'static str| {
        let form = exchange(&code);
        form.map(|(known, old)| (known, if known == name { value } else { old }))
    };
    let (wrong, one_off) = (
        "another-verifier-of-the-right-length-and-letters",
        "https://shop.example/cc",
    );
    assert_eq!(
        world.refused(&changed("client_id", "other")).await,
        "invalid_grant",
        "another client's"
    );
    assert_eq!(
        world.refused(&changed("client_id", "unknown")).await,
        "invalid_client"
    );
    assert_eq!(
        world.refused(&changed("code_verifier", wrong)).await,
        "invalid_grant"
    );
    assert_eq!(
        world.refused(&changed("code_verifier", "short")).await,
        "invalid_grant"
    );
    assert_eq!(
        world.refused(&changed("code_verifier", "")).await,
        "invalid_request"
    );
    assert_eq!(
        world.refused(&changed("redirect_uri", one_off)).await,
        "invalid_grant"
    );
    assert_eq!(world.refused(&changed("code", "guessed")).await, "invalid_grant");

    let tokens = world.granted(&exchange(&code)).await;
    assert!(world.is_active(&tokens["access_token"]).await);
    assert_eq!(world.refused(&exchange(&code)).await, "invalid_grant", "once");
    assert!(
        !world.is_active(&tokens["access_token"]).await,
        "a replayed code revokes its tokens"
    );
    assert_eq!(
        world.refused(&refreshing(&tokens["refresh_token"])).await,
        "invalid_grant"
    );

    let late = world.code(&mut Browser::default(), "").await;
    world.sql("update codes set expires_at = now()").await;
    assert_eq!(
        world.refused(&exchange(&late)).await,
        "invalid_grant",
        "a minute has passed"
    );

    let raced = world.code(&mut Browser::default(), "").await;
    let form = exchange(&raced);
    let answers = join_all((0..6).map(|_| world.token(&form))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1, "of six at the same time one wins");
}

/// As with Hydra, a token has no scope and no audience that its client may not request.
#[tokio::test(flavor = "multi_thread")]
async fn grant_is_refreshed_while_its_client_is_registered_for_it() {
    let world = World::start().await;
    let tokens = world.tokens("").await;
    let register = async |path: &str, value: Value| {
        let change = json!([{ "op": "replace", "path": path, "value": value }]);
        let patched = world.admin("PATCH", "/admin/clients/shop", change).await;
        assert_eq!(patched.status, 200, "{}", patched.text());
    };
    let (scope, audience) = (json!("openid offline_access admin"), json!(["akinai"]));
    for (path, less, all) in [
        ("/scope", json!("offline_access"), &scope),
        ("/audience", json!([]), &audience),
    ] {
        register(path, less).await;
        let refused = world.refused(&refreshing(&tokens["refresh_token"])).await;
        assert_eq!(refused, "invalid_scope", "{path}");
        register(path, all.clone()).await;
    }
    world.granted(&refreshing(&tokens["refresh_token"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_stays_valid_while_the_issuer_has_no_key() {
    let world = World::start().await;
    let code = world.code(&mut Browser::default(), "").await;
    world
        .sql("create table kept as table signing_keys; delete from signing_keys")
        .await;
    let answer = world.token(&exchange(&code)).await;
    assert_eq!(
        (answer.status.as_u16(), text(&parsed(&answer), "error").as_str()),
        (503, "server_error")
    );
    world.sql("insert into signing_keys select * from kept").await;
    world.granted(&exchange(&code)).await;
}

/// The user component has no such path, so it answers 404.
#[tokio::test(flavor = "multi_thread")]
async fn refresh_token_stays_valid_if_the_hook_fails() {
    let world = World::with(|setup| setup.variable("refresh_hook_path", "/nowhere")).await;
    let tokens = world.tokens("").await;
    let answer = world.refresh(&tokens["refresh_token"]).await;
    assert_eq!(
        (answer.status.as_u16(), text(&parsed(&answer), "error").as_str()),
        (500, "server_error")
    );
    assert!(
        world.is_active(&tokens["refresh_token"]).await,
        "it can be tried again"
    );
    let dead = json!("dead");
    assert_eq!(
        world.refused(&refreshing(&dead)).await,
        "invalid_grant",
        "the hook is not called for an unknown token"
    );
}
