//! Access to an account, by token and protocol.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use http::{HeaderValue, header};
use serde_json::json;
use uuid::Uuid;

use super::{GET_USER, LIST_PRODUCTS, LIST_USERS, World, code};

#[tokio::test(flavor = "multi_thread")]
async fn account_is_shown_to_its_owner_and_to_admins() {
    let world = World::start().await;
    let (mina, ken) = (world.user("mina").await, world.user("ken").await);
    world.make_admin(&ken).await;
    let unknown = Uuid::now_v7().to_string();
    let token = |user: &str| world.issuer.token(user);
    let cases = [
        ("no token", None, &mina, "401 unauthenticated"),
        (
            "a bad token",
            Some("not.a.token".to_owned()),
            &mina,
            "401 unauthenticated",
        ),
        (
            "a forged token",
            Some(world.issuer.forge(&world.issuer.claims(&mina))),
            &mina,
            "401 unauthenticated",
        ),
        ("her own id", Some(token(&mina)), &mina, "200 ok"),
        ("another's id", Some(token(&mina)), &ken, "403 permission_denied"),
        (
            "an id without an account",
            Some(token(&mina)),
            &unknown,
            "403 permission_denied",
        ),
        (
            "her own id, without an account",
            Some(token(&unknown)),
            &unknown,
            "404 not_found",
        ),
        (
            "an admin, without the scope",
            Some(token(&ken)),
            &mina,
            "403 permission_denied",
        ),
        ("an admin", Some(world.issuer.admin_token(&ken)), &mina, "200 ok"),
        (
            "the scope without the role",
            Some(world.issuer.admin_token(&mina)),
            &ken,
            "403 permission_denied",
        ),
    ];
    for (what, token, id, expected) in cases {
        // Twice: the second time the token has a status.
        for time in ["first", "second"] {
            let answer = world.get_user(id, token.as_deref()).await;
            assert_eq!(code(&answer), expected, "{what}, {time} time: {}", answer.text());
        }
    }
}

/// The ways to call a method that only reads.
const PROTOCOLS: [&str; 5] = ["JSON", "binary", "GET", "gRPC-Web", "gRPC-Web in text"];

/// Calls GetUser in one of these ways. Returns the code of the answer.
async fn get_user_by(world: &World, protocol: &str, id: &str, token: Option<&str>) -> String {
    let client = world.platform.client();
    let json = json!({ "id": id }).to_string();
    let binary = [&[0x0a, id.len() as u8], id.as_bytes()].concat();
    let envelope = |message: &[u8]| [&[0, 0, 0, 0, message.len() as u8], message].concat();
    let (media, body) = match protocol {
        "JSON" | "GET" => ("application/json", json.clone().into_bytes()),
        "binary" => ("application/proto", binary),
        "gRPC-Web" => ("application/grpc-web+proto", envelope(&binary)),
        _ => (
            "application/grpc-web-text+json",
            STANDARD.encode(envelope(json.as_bytes())).into_bytes(),
        ),
    };
    let mut request = match protocol {
        "GET" => {
            let message = URL_SAFE.encode(&json);
            let path = format!("{GET_USER}?connect=v1&encoding=json&base64=1&message={message}");
            client.request("GET", &path, Default::default())
        }
        _ => client.post(GET_USER, body),
    };
    request
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    if let Some(token) = token {
        let value = HeaderValue::try_from(format!("Bearer {token}")).expect("a token");
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    let answer = client.send(request).await;
    if !media.contains("grpc-web") {
        return answer.status.as_u16().to_string();
    }
    let body = match media.contains("text") {
        true => unpadded(&answer.text()),
        false => answer.body.to_vec(),
    };
    let body = String::from_utf8_lossy(&body).into_owned();
    let status = body
        .split("grpc-status: ")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next());
    format!("grpc-status {}", status.expect("gRPC-Web ends with its status"))
}

/// Decodes base64 in which each piece may end in padding.
fn unpadded(text: &str) -> Vec<u8> {
    let pieces = text.as_bytes().chunks(4);
    pieces
        .flat_map(|piece| STANDARD.decode(piece).expect("base64"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_protocol_gives_the_same_answer() {
    let world = World::start().await;
    let (mina, ken) = (world.user("mina").await, world.user("ken").await);
    let unknown = Uuid::now_v7().to_string();
    let cases = [
        ("no token", None, &mina, "401", "16"),
        ("a bad token", Some("not.a.token".to_owned()), &mina, "401", "16"),
        ("her own id", Some(world.issuer.token(&mina)), &mina, "200", "0"),
        ("another's id", Some(world.issuer.token(&mina)), &ken, "403", "7"),
        (
            "her own id, without an account",
            Some(world.issuer.token(&unknown)),
            &unknown,
            "404",
            "5",
        ),
    ];
    for (what, token, id, http, grpc) in cases {
        for protocol in PROTOCOLS {
            let got = get_user_by(&world, protocol, id, token.as_deref()).await;
            let expected = match protocol.starts_with("gRPC") {
                true => format!("grpc-status {grpc}"),
                false => http.to_owned(),
            };
            assert_eq!(got, expected, "{what} by {protocol}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_has_a_challenge_for_a_bearer_token() {
    let world = World::start().await;
    let without = world.get_user("x", None).await;
    assert_eq!(
        without.header("www-authenticate"),
        Some("Bearer realm=\"akinai\"")
    );
    let with = world.get_user("x", Some("a.b.c")).await;
    assert_eq!(
        with.header("www-authenticate"),
        Some("Bearer error=\"invalid_token\"")
    );
    let public = world.call(LIST_PRODUCTS, json!({}), Some("a.b.c")).await;
    assert_eq!(
        code(&public),
        "401 unauthenticated",
        "a bad token is refused everywhere"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn machine_token_gives_no_access_to_accounts() {
    let world = World::start().await;
    let mina = world.user("mina").await;
    let mut claims = world.issuer.claims("shop");
    claims["scope"] = "admin".into();
    let machine = world.issuer.sign(&claims);
    assert_eq!(
        code(&world.get_user(&mina, Some(&machine)).await),
        "403 permission_denied"
    );
    assert_eq!(
        code(&world.call(LIST_USERS, json!({}), Some(&machine)).await),
        "403 permission_denied"
    );
    assert_eq!(
        code(&world.call(LIST_PRODUCTS, json!({}), Some(&machine)).await),
        "200 ok",
        "a public method is also open to machines"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn users_in_one_instance_get_only_their_own_account() {
    let world = World::start().await;
    let mut users = Vec::new();
    for number in 0..16 {
        let id = world.user(&format!("user{number}")).await;
        let token = world.issuer.token(&id);
        users.push((id, token));
    }
    let rounds = (0..10).flat_map(|_| users.iter());
    let world = &world;
    let calls = rounds.map(|(id, token)| async move {
        let answer = world.get_user(id, Some(token)).await;
        assert_eq!(answer.message()["user"]["id"], json!(id), "{}", answer.text());
    });
    futures::future::join_all(calls).await;
}
