//! Who is calling, as seen from outside: who gets in, with which token, to whose data; and what ends it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use harness::{Answer, Issuer, Platform, Setup, now};
use http::{HeaderValue, header};
use serde_json::{Value, json};
use uuid::Uuid;

const GET_USER: &str = "/user.v1.UserService/GetUser";
const LIST_USERS: &str = "/user.v1.UserService/ListUsers";
const LIST_PRODUCTS: &str = "/product.v1.ProductService/ListProducts";

/// A platform whose tokens come from an issuer of its own.
struct World {
    platform: Platform,
    issuer: Issuer,
}

impl World {
    async fn start() -> Self {
        Self::with(|setup| setup).await
    }

    async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let issuer = Issuer::start().await;
        let setup = Setup::new()
            .await
            .variable("issuer", issuer.url())
            .variable("issuer_origin", issuer.url());
        Self {
            platform: change(setup).start().await,
            issuer,
        }
    }

    /// Opens an account; its id.
    async fn user(&self, name: &str) -> String {
        let request =
            json!({ "email": format!("{name}@example.com"), "password": "correct horse", "name": name });
        let answer = self
            .platform
            .client()
            .call("user.v1.UserService/CreateUser", request)
            .await;
        let id = answer.message()["user"]["id"].clone();
        id.as_str().expect("a new account has an id").to_owned()
    }

    async fn call(&self, path: &str, message: Value, token: Option<&str>) -> Answer {
        let method = path.trim_start_matches('/');
        self.platform.client().call_as(token, method, message).await
    }

    async fn get_user(&self, id: &str, token: Option<&str>) -> Answer {
        self.call(GET_USER, json!({ "id": id }), token).await
    }

    /// Gives an account the role admin, as an operator does.
    async fn make_admin(&self, id: &str) {
        let statement = format!("update user_service.users set roles = '{{admin}}' where id = '{id}'");
        let sql = self.platform.database().sql();
        sql.batch_execute(&statement).await.expect("the role is given");
    }
}

fn code(answer: &Answer) -> String {
    let error: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    format!(
        "{} {}",
        answer.status.as_u16(),
        error["code"].as_str().unwrap_or("ok")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_shown_to_its_owner_and_to_admins() {
    let world = World::start().await;
    let (mina, ken) = (world.user("mina").await, world.user("ken").await);
    world.make_admin(&ken).await;
    let nobody = Uuid::now_v7().to_string();
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
            "an id that nobody has",
            Some(token(&mina)),
            &nobody,
            "403 permission_denied",
        ),
        (
            "one's own id, no such user",
            Some(token(&nobody)),
            &nobody,
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
        // Twice: the second time the token was seen before.
        for time in ["first", "second"] {
            let answer = world.get_user(id, token.as_deref()).await;
            assert_eq!(code(&answer), expected, "{what}, {time} time: {}", answer.text());
        }
    }
}

/// The ways to call a method that only reads.
const PROTOCOLS: [&str; 5] = ["JSON", "binary", "GET", "gRPC-Web", "gRPC-Web in text"];

/// GetUser in one of these ways; the code that it ends with.
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

/// Base64 whose pieces may each end in padding.
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
    let nobody = Uuid::now_v7().to_string();
    let cases = [
        ("no token", None, &mina, "401", "16"),
        ("a bad token", Some("not.a.token".to_owned()), &mina, "401", "16"),
        ("her own id", Some(world.issuer.token(&mina)), &mina, "200", "0"),
        ("another's id", Some(world.issuer.token(&mina)), &ken, "403", "7"),
        (
            "one's own id, no such user",
            Some(world.issuer.token(&nobody)),
            &nobody,
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
async fn a_refusal_says_how_to_sign_in() {
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

/// Claims that make a genuine token one that does not count here.
fn wrong_claims(issuer: &Issuer, user: &str) -> Vec<(&'static str, Value)> {
    let claims = issuer.claims(user);
    let change = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().expect("an object").remove(name);
        claims
    };
    vec![
        ("expired", change("exp", (now() - 60).into())),
        ("not valid yet", change("nbf", (now() + 120).into())),
        ("from the future", change("iat", (now() + 120).into())),
        ("of another issuer", change("iss", "http://issuer.example".into())),
        (
            "of almost our issuer",
            change("iss", format!("{}/", issuer.url()).into()),
        ),
        ("for another API", change("aud", "other".into())),
        ("for a client", change("aud", "shop".into())),
        ("an ID token", change("nonce", "n".into())),
        ("an ID token with at_hash", change("at_hash", "h".into())),
        ("without a client", without("client_id")),
        ("without an end", without("exp")),
        ("without a subject", without("sub")),
        ("bound to a sender", change("cnf", json!({ "jkt": "x" }))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_not_for_us_are_refused() {
    // A world's address is closed after ten of them.
    const FEW: usize = 7;
    for skipped in (0..14).step_by(FEW) {
        let world = World::start().await;
        let mina = world.user("mina").await;
        let wrong = wrong_claims(&world.issuer, &mina);
        for (what, claims) in wrong.into_iter().skip(skipped).take(FEW) {
            let answer = world.get_user(&mina, Some(&world.issuer.sign(&claims))).await;
            assert_eq!(code(&answer), "401 unauthenticated", "a token {what}");
            let text = answer.text();
            assert!(!text.contains("eyJ"), "the answer quotes the token: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_no_user_and_no_admin() {
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
        "what anybody may, a machine may"
    );
}

/// A message about an account.
type Message = fn(&str) -> Value;

/// What ends tokens counts on the next request.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_counts_on_the_next_request() {
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
async fn signing_out_ends_one_session() {
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
        "the other goes on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_taken_away_counts_on_the_next_request() {
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
async fn a_new_signing_key_needs_no_restart() {
    let world = World::start().await;
    let mina = world.user("mina").await;
    let old = world.issuer.token(&mina);
    assert_eq!(code(&world.get_user(&mina, Some(&old)).await), "200 ok");
    let fetches = world.issuer.fetches();
    world.issuer.rotate();
    // The last fetch has to be ten seconds ago.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let tokens: Vec<_> = (0..16).map(|_| world.issuer.token(&mina)).collect();
    let answers =
        futures::future::join_all(tokens.iter().map(|token| world.get_user(&mina, Some(token)))).await;
    for answer in answers {
        assert_eq!(
            code(&answer),
            "200 ok",
            "a token of the new key: {}",
            answer.text()
        );
    }
    assert_eq!(world.issuer.fetches(), fetches + 1, "one fetch for all of them");
    assert_eq!(
        code(&world.get_user(&mina, Some(&old)).await),
        "200 ok",
        "the old key still counts"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_issuer_is_away_its_keys_go_on_counting() {
    let world = World::start().await;
    let mina = world.user("mina").await;
    assert_eq!(
        code(&world.get_user(&mina, Some(&world.issuer.token(&mina))).await),
        "200 ok"
    );
    world.issuer.set_away(true);
    let new = world.issuer.token(&mina);
    assert_eq!(
        code(&world.get_user(&mina, Some(&new)).await),
        "200 ok",
        "a new token of a known key"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_keys_the_answer_is_unavailable() {
    let world = World::start().await;
    world.issuer.set_away(true);
    let mina = world.user("mina").await;
    let answer = world.get_user(&mina, Some(&world.issuer.token(&mina))).await;
    assert_eq!(code(&answer), "503 unavailable", "{}", answer.text());
    assert_eq!(
        code(&world.call(LIST_PRODUCTS, json!({}), None).await),
        "200 ok",
        "the rest goes on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_users_get_in_and_admins_wait() {
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
            "a role that was taken away could not be seen"
        );
    }
    let signed_out = json!({ "everywhere": true });
    let signed_out = world
        .call("/user.v1.UserService/SignOut", signed_out, Some(&minas))
        .await;
    assert_eq!(
        code(&signed_out),
        "200 ok",
        "signing out works: {}",
        signed_out.text()
    );
    let began = std::time::Instant::now();
    while world.get_user(&mina, Some(&minas)).await.status.as_u16() != 401 {
        assert!(
            began.elapsed() < Duration::from_secs(61),
            "and counts within a minute"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_in_one_instance_never_see_each_other() {
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
