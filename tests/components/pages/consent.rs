//! Consent.

use serde_json::json;
use uuid::Uuid;

use super::{Browser, EMAIL, World, client, consent_request, leads_to};

#[tokio::test(flavor = "multi_thread")]
async fn consent_grants_the_checked_scopes_that_are_allowed() {
    let world = World::start().await;
    let user = world.open().await;
    let (path, name) = ("/oauth2/consent", "consent_challenge");
    let fields = [
        ("scope", "openid"),
        ("scope", "other<"),
        ("scope", "admin"),
        ("scope", "never asked for"),
        ("audience", "akinai"),
        ("audience", "elsewhere"),
        ("remember", "yes"),
    ];
    for (roles, granted) in [
        ("{}", json!(["openid", "other<"])),
        ("{admin}", json!(["openid", "admin", "other<"])),
    ] {
        world.sql(&format!("update users set roles = '{roles}'")).await;
        world.all(&user);
        let mut browser = Browser::default();
        let page = browser
            .get(&world, "/oauth2/consent?consent_challenge=c")
            .await
            .text();
        let offers_admin = page.contains("value=\"admin\"");
        assert_eq!(offers_admin, roles != "{}", "{page}");
        assert!(!page.contains("value=\"admin\" checked"), "not by default");
        assert!(page.contains("value=\"other&lt;\" checked"), "{page}");
        let answer = browser.fill(&world, path, name, &fields).await;
        leads_to(&answer, "consent");
        let accepted = world.stub.only_request("PUT", "consent/accept");
        let expected = json!({
            "grant_scope": granted, "grant_access_token_audience": ["akinai"], "remember": true,
            "remember_for": 2_592_000,
            "session": {
                "access_token": { "epoch": 0, "sid": "s1" },
                "id_token": { "name": "山田 花", "email": EMAIL, "email_verified": false },
            },
        });
        assert_eq!(accepted, expected);
    }
    world.all(&user);
    let answer = Browser::default().fill(&world, path, name, &[]).await;
    leads_to(&answer, "nothing ticked");
    assert_eq!(
        world.stub.only_request("PUT", "consent/accept")["grant_scope"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn remembered_consent_is_checked_again() {
    let world = World::start().await;
    let user = world.open().await;
    let open = async || {
        let path = "/oauth2/consent?consent_challenge=c";
        let answer = Browser::default().get(&world, path).await;
        leads_to(&answer, "without a question");
        let received = world.stub.received();
        assert_eq!(received.len(), 1, "{received:?}");
        (received[0].1.clone(), received[0].2.clone())
    };
    let mut trusted = client();
    trusted["skip_consent"] = true.into();
    for skip in [json!({ "skip": true }), json!({ "client": trusted })] {
        world
            .stub
            .put("consent", "c", 200, consent_request(&user, skip.clone()));
        let (what, accepted) = open().await;
        assert_eq!(what, "consent/accept");
        assert_eq!(
            accepted["grant_scope"],
            json!(["openid", "offline_access", "other<"]),
            "the role is not there (any more)"
        );
    }
    let stale = [
        json!({ "skip": true, "context": { "epoch": 1 } }),
        json!({ "skip": true, "context": null }),
        json!({ "context": {} }),
        json!({ "skip": true, "subject": Uuid::now_v7() }),
        json!({ "skip": true, "subject": "unknown" }),
        json!({ "skip": true, "login_session_id": "" }),
    ];
    for more in stale {
        world
            .stub
            .put("consent", "c", 200, consent_request(&user, more.clone()));
        let (what, rejected) = open().await;
        assert_eq!(
            (what.as_str(), &rejected["error"]),
            ("consent/reject", &json!("login_required")),
            "{more}"
        );
    }
    for end in [
        "insert into ended_sessions select 's1', id from users",
        "update users set is_deleted = true, deleted_at = now()",
    ] {
        world.sql(end).await;
        world.stub.put(
            "consent",
            "c",
            200,
            consent_request(&user, json!({ "skip": true })),
        );
        assert_eq!(open().await.0, "consent/reject", "{end}");
    }
}
