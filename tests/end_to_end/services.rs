//! Calls of the services without the bff in front, as an attacker in the network could make them.
//!
//! The manifest is the real one, with additional routes to the services, which exist only in these tests.

use harness::{Answer, Issuer, Platform, Setup, now, order_service_key, service_key};
use http::HeaderValue;
use identity::caller::{Principal, SignedIn};
use identity::service_token::{CallClaims, LIFETIME, Minter, MintingKey};
use kernel::{Scope, UserCaller};
use serde_json::{Value, json};
use uuid::Uuid;

const LIST_USERS: &str = "/user.v1.UserService/ListUsers";
const CHECK_SESSION: &str = "/user.v1.SessionService/CheckSession";
const LIST_PRODUCTS: &str = "/product.v1.ProductService/ListProducts";

/// The real application, with routes that do not pass the bff.
pub(crate) struct Inside {
    pub(crate) platform: Platform,
    pub(crate) issuer: Issuer,
}

impl Inside {
    pub(crate) async fn start() -> Self {
        Self::with(|setup| setup).await
    }

    pub(crate) async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let issuer = Issuer::start().await;
        let setup = Setup::new()
            .await
            .routes(&PAST_THE_BFF)
            .variable("issuer", issuer.url())
            .variable("issuer_origin", issuer.url());
        Self {
            platform: change(setup).start().await,
            issuer,
        }
    }

    async fn call(&self, path: &str, token: Option<&str>) -> Answer {
        self.call_with(path, &json!({}), token).await
    }

    async fn call_with(&self, path: &str, message: &Value, token: Option<&str>) -> Answer {
        let method = path.trim_start_matches('/');
        self.platform
            .client()
            .call_as(token, method, message.clone())
            .await
    }
}

/// Routes that do not pass the bff.
const PAST_THE_BFF: [(&str, &str); 4] = [
    ("/user.v1.UserService/...", "user"),
    ("/user.v1.SessionService/...", "user"),
    ("/user.v1.UserEventService/...", "user"),
    ("/product.v1.ProductService/...", "product"),
];

fn minter(issuer: &str, audience: &str, key: &str) -> Minter {
    Minter::new(issuer, audience, MintingKey::parse(key).expect("a key"))
}

fn admin() -> Principal {
    Principal::User(SignedIn {
        user: UserCaller {
            id: Uuid::now_v7().into(),
            scopes: vec![Scope::Admin],
            session: None,
        },
        epoch: None,
    })
}

fn mint(minter: &Minter, principal: &Principal, at: u64) -> String {
    let call = CallClaims {
        principal,
        request_id: &"test".parse().expect("a request's name"),
        client_address: None,
    };
    minter.mint(&call, at)
}

#[tokio::test(flavor = "multi_thread")]
async fn service_accepts_the_tokens_of_its_callers() {
    let inside = Inside::start().await;
    let to_user = mint(&minter("bff", "user", &service_key("user")), &admin(), now());
    assert_eq!(inside.call(LIST_USERS, Some(&to_user)).await.status.as_u16(), 200);
    let to_product = minter("bff", "product", &service_key("product"));
    let to_product = mint(&to_product, &Principal::Anonymous, now());
    assert_eq!(
        inside
            .call(LIST_PRODUCTS, Some(&to_product))
            .await
            .status
            .as_u16(),
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn service_refuses_other_tokens() {
    let inside = Inside::start().await;
    let user = Uuid::now_v7().to_string();
    let own_key = "1:c2VsZi1tYWRlLXNlbGYtbWFkZS1zZWxmLW1hZGUtc2VsZg";
    let to_user = minter("bff", "user", &service_key("user"));
    let wrong = [
        ("nothing", None),
        ("a user's access token", Some(inside.issuer.admin_token(&user))),
        ("no token at all", Some("nonsense".to_owned())),
        (
            "an expired token",
            Some(mint(&to_user, &admin(), now() - LIFETIME - 60)),
        ),
        (
            "a token from the future",
            Some(mint(&to_user, &admin(), now() + 86_400)),
        ),
        (
            "a token for another service",
            Some(mint(
                &minter("bff", "product", &service_key("user")),
                &admin(),
                now(),
            )),
        ),
        (
            "a token with another service's key",
            Some(mint(
                &minter("bff", "user", &service_key("product")),
                &admin(),
                now(),
            )),
        ),
        (
            "a token of the service that has that key",
            Some(mint(
                &minter("product", "user", &service_key("product")),
                &admin(),
                now(),
            )),
        ),
        (
            "a self-made token",
            Some(mint(&minter("bff", "user", own_key), &admin(), now())),
        ),
    ];
    for (what, token) in wrong {
        for path in [LIST_USERS, CHECK_SESSION] {
            let answer = inside.call(path, token.as_deref()).await;
            assert_eq!(answer.failure().code, "unauthenticated", "{what} at {path}");
            let expected = match token {
                Some(_) => "Bearer error=\"invalid_token\"",
                None => "Bearer realm=\"akinai\"",
            };
            assert_eq!(
                answer.header("www-authenticate"),
                Some(expected),
                "{what} at {path}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_component_reads_deletions_and_has_no_other_access_to_users() {
    let inside = Inside::start().await;
    // The largest claim of the order component: its call is on behalf of an admin.
    let of = |caller: &str, key: &str| mint(&minter(caller, "user", key), &admin(), now());
    let order = of("order", &order_service_key("user"));
    let bff = of("bff", &service_key("user"));
    let (list, acknowledge) = (
        "/user.v1.UserEventService/ListUserEvents",
        "/user.v1.UserEventService/AcknowledgeUserEvents",
    );
    let id = Uuid::now_v7().to_string();
    for (path, message, theirs) in [
        (list, json!({ "limit": 1 }), &order),
        (acknowledge, json!({ "ids": [id] }), &order),
        (LIST_USERS, json!({}), &bff),
        (CHECK_SESSION, json!({ "userId": id, "epoch": "0" }), &bff),
    ] {
        for (caller, token) in [("order", &order), ("bff", &bff)] {
            let answer = inside.call_with(path, &message, Some(token)).await;
            match token == theirs {
                true => assert_eq!(
                    answer.status.as_u16(),
                    200,
                    "{caller} at {path}: {}",
                    answer.text()
                ),
                false => assert_eq!(answer.failure().code, "permission_denied", "{caller} at {path}"),
            }
        }
    }
    let (user, product) = (order_service_key("user"), order_service_key("product"));
    for (what, token) in [
        ("order's key for product", of("order", &product)),
        ("the bff in order's name", of("order", &service_key("user"))),
        ("order in the bff's name", of("bff", &user)),
    ] {
        for path in [list, acknowledge, LIST_USERS] {
            let answer = inside.call(path, Some(&token)).await;
            assert_eq!(answer.failure().code, "unauthenticated", "{what} at {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_clients_give_no_identity() {
    let inside = Inside::start().await;
    for name in [
        "x-akinai-user",
        "x-akinai-caller",
        "x-akinai-scopes",
        "spin-client-addr",
    ] {
        let client = inside.platform.client();
        let mut request = client.post(LIST_USERS, "{}");
        let value = HeaderValue::from_static("admin");
        request.headers_mut().insert(name, value);
        assert_eq!(
            client.send(request).await.failure().code,
            "unauthenticated",
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_is_replaced_without_an_interruption() {
    let (old, new) = (
        service_key("user"),
        "2:bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldy1uZXc",
    );
    let inside = Inside::with(|setup| {
        setup
            .variable("bff_user_service_key", new)
            .variable("bff_user_service_key_old", old.clone())
    })
    .await;
    for key in [&old[..], new] {
        let token = mint(&minter("bff", "user", key), &admin(), now());
        assert_eq!(
            inside.call(LIST_USERS, Some(&token)).await.status.as_u16(),
            200,
            "both are valid"
        );
    }
    let inside = Inside::with(|setup| setup.variable("bff_user_service_key", new)).await;
    let token = mint(&minter("bff", "user", &old), &admin(), now());
    assert_eq!(
        inside.call(LIST_USERS, Some(&token)).await.failure().code,
        "unauthenticated",
        "the old one was removed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_cannot_check_sessions() {
    let platform = Platform::start().await;
    let answer = platform
        .client()
        .call("user.v1.SessionService/CheckSession", json!({}))
        .await;
    assert_eq!(
        answer.status.as_u16(),
        404,
        "the bff has no route to it: {}",
        answer.text()
    );
}
