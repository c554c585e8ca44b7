//! Clients: their registration, their credentials and their own tokens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use identity::caller::SignedIn;
use serde_json::{Value, json};

use super::{SECRET, World, parsed, refreshing, text};

#[tokio::test(flavor = "multi_thread")]
async fn service_gets_an_access_token_for_itself() {
    let world = World::start().await;
    let basic = format!("Basic {}", STANDARD.encode(format!("batch:{SECRET}")));
    let ask = async |more: &[(&str, &str)], login: &str| {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(more);
        world
            .form("/oauth2/token", &form, &[("authorization", login)])
            .await
    };
    let tokens = parsed(&ask(&[("scope", "admin"), ("audience", "akinai")], &basic).await);
    assert_eq!(
        (&tokens["expires_in"], tokens.get("refresh_token")),
        (&json!(900), None)
    );
    let token = world
        .verify(&tokens["access_token"])
        .await
        .expect("the bff accepts it");
    assert_eq!((token.subject(), token.client_id()), ("batch", "batch"));
    assert!(
        SignedIn::try_from(&token).is_err() && !token.scopes().contains("admin"),
        "a machine is not an admin"
    );
    assert_eq!(
        world.userinfo(&text(&tokens, "access_token")).await.status,
        403,
        "and not a user"
    );
    let long = parsed(&ask(&[("audience", "nightly")], &basic).await);
    assert_eq!(
        long["expires_in"], 86400,
        "the lifetime of this audience's tokens"
    );
    let both = parsed(&ask(&[("audience", "nightly akinai")], &basic).await);
    assert_eq!(both["expires_in"], 900, "but not as a token for another");

    for (more, login, status, error) in [
        (&[][..], "", 400, "invalid_request"),
        (&[("client_id", "batch")], "", 401, "invalid_client"),
        (
            &[("client_id", "batch"), ("client_secret", SECRET)],
            "",
            401,
            "invalid_client",
        ),
        (&[("client_secret", SECRET)], &basic, 400, "invalid_request"),
        (&[], "Basic YmF0Y2g6d3Jvbmc=", 401, "invalid_client"),
        (&[], "Basic bm9ib2R5Ong=", 401, "invalid_client"),
        (&[("scope", "openid")], &basic, 400, "invalid_scope"),
        (&[("audience", "elsewhere")], &basic, 400, "invalid_request"),
    ] {
        let answer = ask(more, login).await;
        assert_eq!(
            (answer.status.as_u16(), text(&parsed(&answer), "error").as_str()),
            (status, error),
            "{more:?} {login}"
        );
        let challenged = answer
            .header("www-authenticate")
            .is_some_and(|value| value.starts_with("Basic realm="));
        assert_eq!(
            challenged,
            status == 401,
            "{more:?} {login}: RFC 9110, section 15.5.2"
        );
    }
    let shop = [("grant_type", "client_credentials"), ("client_id", "shop")];
    assert_eq!(world.refused(&shop).await, "unauthorized_client");

    let rotate = world
        .admin("POST", "/admin/clients/batch/secrets/rotate", Value::Null)
        .await;
    assert_eq!(
        ask(&[], &basic).await.status,
        401,
        "the old secret is no longer valid"
    );
    let new = format!(
        "Basic {}",
        STANDARD.encode(format!("batch:{}", text(&parsed(&rotate), "client_secret")))
    );
    assert_eq!(ask(&[], &new).await.status, 200);

    assert!(world.is_active(&tokens["access_token"]).await);
    let token = text(&tokens, "access_token");
    let revoke = async |client: &[(&str, &str)], login: &str| {
        let form: Vec<_> = [("token", token.as_str())]
            .into_iter()
            .chain(client.iter().copied())
            .collect();
        world
            .form("/oauth2/revoke", &form, &[("authorization", login)])
            .await
            .status
            .as_u16()
    };
    assert_eq!(
        revoke(&[("client_id", "shop")], "").await,
        400,
        "another's token (RFC 7009, section 2.1)"
    );
    assert!(world.is_active(&tokens["access_token"]).await, "it lives on");
    assert_eq!((revoke(&[], &basic).await, revoke(&[], &new).await), (401, 200));
    assert!(!world.is_active(&tokens["access_token"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn client_revokes_only_its_own_tokens() {
    let world = World::start().await;
    for kind in ["refresh_token", "access_token"] {
        let tokens = world.tokens("").await;
        let token = text(&tokens, kind);
        for (form, status, alive) in [
            (&[("client_id", "shop")][..], 400, true),
            (&[("token", &token)], 400, true),
            (&[("client_id", "other"), ("token", &token)], 400, true),
            (&[("client_id", "shop"), ("token", "nonsense")], 200, true),
            (
                &[
                    ("client_id", "shop"),
                    ("token", &token),
                    ("token_type_hint", "made up"),
                ],
                200,
                false,
            ),
            (&[("client_id", "shop"), ("token", &token)], 200, false),
            (&[("client_id", "other"), ("token", &token)], 200, false),
        ] {
            let answer = world.form("/oauth2/revoke", form, &[]).await;
            assert_eq!(answer.status.as_u16(), status, "{form:?}: {}", answer.text());
            let is_anothers = status == 400 && form[0].1 == "other";
            let error = is_anothers.then(|| text(&parsed(&answer), "error"));
            assert_eq!(
                error.as_deref(),
                is_anothers.then_some("invalid_grant"),
                "{form:?}"
            );
            assert_eq!(world.is_active(&tokens["refresh_token"]).await, alive, "{form:?}");
        }
        assert!(
            !world.is_active(&tokens["access_token"]).await,
            "a {kind} revokes both"
        );
        assert_eq!(
            world.refused(&refreshing(&tokens["refresh_token"])).await,
            "invalid_grant"
        );
    }
}

/// RFC 6749, section 2.3; RFC 6750, section 2.
#[tokio::test(flavor = "multi_thread")]
async fn request_is_authenticated_in_exactly_one_way() {
    let world = World::start().await;
    let tokens = world.tokens("").await;
    let token = text(&tokens, "access_token");
    let bearer = format!("Bearer {token}");
    let form = [("access_token", token.as_str())];
    let query = format!("/userinfo?access_token={token}");
    let cases = [
        (
            "by header",
            world.form("/userinfo", &[], &[("authorization", &bearer)]).await,
            200,
        ),
        ("by form", world.form("/userinfo", &form, &[]).await, 200),
        ("by query", world.get(&query, &[]).await, 401),
        (
            "by header and form",
            world
                .form("/userinfo", &form, &[("authorization", &bearer)])
                .await,
            400,
        ),
        (
            "by header and query",
            world.get(&query, &[("authorization", &bearer)]).await,
            400,
        ),
        ("by form and query", world.form(&query, &form, &[]).await, 400),
        (
            "by two headers",
            world
                .get(
                    "/userinfo",
                    &[("authorization", &bearer), ("authorization", &bearer)],
                )
                .await,
            400,
        ),
    ];
    for (how, answer, status) in cases {
        assert_eq!(answer.status.as_u16(), status, "{how}: {}", answer.text());
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert_eq!(
            challenge.starts_with("Bearer realm="),
            status != 200,
            "{how}: {challenge}"
        );
        assert_eq!(
            challenge.contains("error=\"invalid_request\""),
            status == 400,
            "{how}: {challenge}"
        );
    }

    let basic = format!("Basic {}", STANDARD.encode(format!("batch:{SECRET}")));
    let secret = [("client_id", "batch"), ("client_secret", SECRET)];
    let in_query = format!("?client_id=batch&client_secret={SECRET}");
    for path in ["/oauth2/token", "/oauth2/revoke"] {
        let purpose = [("grant_type", "client_credentials"), ("token", "x")];
        let of = |more: &[(&'static str, &'static str)]| [purpose.as_slice(), more].concat();
        let basic = ("authorization", basic.as_str());
        let two = [
            ("Basic and form", world.form(path, &of(&secret), &[basic]).await),
            (
                "Basic and another id",
                world.form(path, &of(&[("client_id", "shop")]), &[basic]).await,
            ),
            (
                "Basic and assertion",
                world
                    .form(path, &of(&[("client_assertion", "x")]), &[basic])
                    .await,
            ),
            ("two headers", world.form(path, &of(&[]), &[basic, basic]).await),
            (
                "two headers and form",
                world.form(path, &of(&secret), &[basic, basic]).await,
            ),
            (
                "Basic and query",
                world.form(&format!("{path}{in_query}"), &of(&[]), &[basic]).await,
            ),
            (
                "query",
                world
                    .form(&format!("{path}{in_query}"), &of(&[("client_id", "batch")]), &[])
                    .await,
            ),
        ];
        for (how, answer) in two {
            assert_eq!(
                (answer.status.as_u16(), text(&parsed(&answer), "error").as_str()),
                (400, "invalid_request"),
                "{how} at {path}"
            );
        }
        assert_eq!(
            world
                .form(path, &of(&[("client_id", "batch")]), &[basic])
                .await
                .status,
            200,
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_stored_listed_and_changed() {
    let world = World::empty().await;
    let created = world
        .created("/admin/clients", json!({ "client_name": "One" }))
        .await;
    let (id, secret) = (text(&created, "client_id"), text(&created, "client_secret"));
    assert!(secret.len() >= 40, "a secret of ours is long");
    let one = format!("/admin/clients/{id}");
    let shown = parsed(&world.http().get(&one).await);
    assert_eq!(
        (&shown["client_name"], shown.get("client_secret")),
        (&json!("One"), None),
        "never shown again"
    );
    let again = world
        .admin("POST", "/admin/clients", json!({ "client_id": id }))
        .await;
    assert_eq!(
        (again.status.as_u16(), &parsed(&again)["error"]),
        (409, &json!("Conflict"))
    );
    let bad = world
        .admin(
            "POST",
            "/admin/clients",
            json!({ "redirect_uris": ["javascript:x"] }),
        )
        .await;
    assert_eq!(
        (bad.status.as_u16(), &parsed(&bad)["status_code"]),
        (400, &json!(400))
    );
    assert_eq!(world.admin("POST", "/admin/clients", json!([])).await.status, 400);

    let patch = json!([{ "op": "replace", "path": "/client_name", "value": "Two" }]);
    assert_eq!(
        parsed(&world.admin("PATCH", &one, patch).await)["client_name"],
        "Two"
    );
    let mut put = shown.clone();
    put["scope"] = "openid".into();
    let replaced = parsed(&world.admin("PUT", &one, put).await);
    assert_eq!(
        (&replaced["scope"], &replaced["client_name"]),
        (&json!("openid"), &json!("One"))
    );

    for number in 0..5 {
        world
            .created(
                "/admin/clients",
                json!({ "client_id": format!("c{number}"), "owner": "us" }),
            )
            .await;
    }
    let mut next = Some("/admin/clients?page_size=2&owner=us".to_owned());
    let mut found = Vec::new();
    while let Some(path) = next {
        let answer = world.http().get(&path).await;
        found.extend(
            parsed(&answer)
                .as_array()
                .into_iter()
                .flatten()
                .map(|client| text(client, "client_id")),
        );
        let link = answer.header("link").map(str::to_owned);
        next = link.and_then(|link| Some(link.strip_prefix('<')?.split_once('>')?.0.to_owned()));
    }
    assert_eq!(found, ["c0", "c1", "c2", "c3", "c4"]);
    assert_eq!(world.admin("DELETE", &one, Value::Null).await.status, 204);
    assert_eq!(world.admin("DELETE", &one, Value::Null).await.status, 404);
    assert_eq!(world.http().get(&one).await.status, 404);
}
