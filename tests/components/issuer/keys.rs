//! Signing keys.

use serde_json::{Value, json};

use super::{KEYS, World, parsed};

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_replaced_while_their_tokens_live() {
    let world = World::start().await;
    let old = world.tokens("").await;
    let count = async || {
        serde_json::from_slice::<Value>(&world.jwks().await).expect("JSON")["keys"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(count().await, Some(1));
    let key = world.import_key().await;
    assert_eq!(count().await, Some(2));
    let new = parsed(&world.refresh(&old["refresh_token"]).await);
    let header = |token: &Value| {
        token
            .as_str()
            .and_then(|token| token.split('.').next())
            .map(str::to_owned)
    };
    assert_ne!(
        header(&old["access_token"]),
        header(&new["access_token"]),
        "the new key signs"
    );
    for token in [&old, &new] {
        assert!(world.verify(&token["access_token"]).await.is_ok(), "both count");
        assert!(world.is_active(&token["access_token"]).await);
    }
    world
        .sql("update signing_keys set retired_at = now() - interval '25 hours' where retired_at is not null")
        .await;
    assert_eq!(
        count().await,
        Some(1),
        "the key is removed after its last token has expired"
    );

    let pem = key.to_pem().expect("a PEM").to_string();
    let put = async |body: String| {
        world
            .http()
            .send(world.http().request("PUT", &format!("{KEYS}/x"), body.into()))
            .await
    };
    assert_eq!(put(pem.clone()).await.status, 409, "it signs already");
    for wrong in [
        "{}",
        "nonsense",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ] {
        assert_eq!(put(wrong.to_owned()).await.status, 400, "{wrong}");
    }
    let signing = format!("{KEYS}/{}", key.id());
    assert_eq!(
        world.admin("DELETE", &signing, Value::Null).await.status,
        409,
        "exactly one key signs"
    );
    assert_eq!(
        world
            .admin("POST", KEYS, json!({"alg": "RS256", "kid": "k", "use": "sig"}))
            .await
            .status,
        501
    );
    assert_eq!(world.http().get("/admin/keys/another").await.status, 404);
    let shown = parsed(&world.http().get(&signing).await);
    assert_eq!(
        (&shown["keys"][0]["kid"], shown["keys"][0].get("d")),
        (&json!(key.id()), None)
    );
}
