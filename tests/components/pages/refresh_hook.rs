//! The hook that the issuer calls before it refreshes tokens.

use harness::refresh_hook_key;
use http::{HeaderValue, header};
use serde_json::{Value, json};

use super::{EMAIL, World};

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_refreshed_while_their_login_is_valid() {
    let world = World::start().await;
    let user = world.open().await;
    let key = format!("Bearer {}", refresh_hook_key());
    let ask = async |key: &str, epoch: i64, scopes: Value| {
        let question = json!({
            "subject": user, "client_id": "shop", "granted_scopes": scopes, "granted_audience": ["akinai"],
            "session": { "client_id": "shop", "extra": { "epoch": epoch, "sid": "s1" }, "id_token": {} },
            "requester": { "client_id": "shop", "granted_scopes": scopes, "grant_types": ["refresh_token"] },
        });
        let mut request = world.http().post("/oauth2/hooks/refresh", question.to_string());
        if !key.is_empty() {
            let value = HeaderValue::try_from(key).expect("a header");
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        world.http().send(request).await
    };
    let answer = ask(&key, 0, json!(["openid"])).await;
    let expected = json!({ "session": {
        "access_token": { "epoch": 0, "sid": "s1" },
        "id_token": { "name": "山田 花", "email": EMAIL, "email_verified": false },
    }});
    assert_eq!(answer.message(), expected);
    for wrong in [
        "",
        "Bearer ",
        "Bearer x",
        &key.replace("Bearer", "Basic"),
        &format!("{key}x"),
    ] {
        let answer = ask(wrong, 0, json!([])).await;
        assert_eq!(answer.status, 401, "{wrong}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some("Bearer realm=\"akinai\""), "{wrong}");
    }
    assert_eq!(ask(&key, 1, json!([])).await.status, 403, "another epoch");
    assert_eq!(
        ask(&key, 0, json!(["admin"])).await.status,
        403,
        "not an admin (any more)"
    );
    world.sql("update users set roles = '{admin}'").await;
    assert_eq!(ask(&key, 0, json!(["admin"])).await.status, 200);
    world
        .sql("insert into ended_sessions select 's1', id from users")
        .await;
    assert_eq!(ask(&key, 0, json!([])).await.status, 403, "signed out");
}
