//! Accounts through the bff.

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use futures::future::join_all;
use harness::{Platform, logged};
use serde_json::{Value, json};

const CREATE: &str = "user.v1.UserService/CreateUser";
const GET: &str = "user.v1.UserService/GetUser";

async fn create(platform: &Platform, request: Value) -> Value {
    platform.client().call(CREATE, request).await.message()["user"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn account_is_stored_as_it_is_returned() {
    let platform = Platform::start().await;
    let request =
        json!({ "email": " Hana.Yamada@Example.com ", "password": "correct horse", "name": "  山田 花 " });

    let user = create(&platform, request).await;

    let row = platform
        .database()
        .sql()
        .query_one(
            "select id::text, email, name, roles, extract(epoch from created_at)::float8, is_deleted \
             from user_service.users",
            &[],
        )
        .await
        .expect("there is exactly one account");
    let created_at = chrono::DateTime::parse_from_rfc3339(user["createdAt"].as_str().unwrap_or_default())
        .expect("createdAt is RFC 3339");
    assert_eq!(
        user["id"],
        row.get::<_, String>(0),
        "the id in the answer must be the row's"
    );
    assert_eq!(
        user["email"], "Hana.Yamada@Example.com",
        "the e-mail must be as typed, trimmed"
    );
    assert_eq!(user["email"], row.get::<_, String>(1), "and so must the row's");
    assert_eq!(user["name"], "山田 花", "the name must be trimmed");
    assert_eq!(user["name"], row.get::<_, String>(2), "and so must the row's");
    assert_eq!(
        row.get::<_, Vec<String>>(3),
        [""; 0],
        "a new account has no roles"
    );
    assert!(
        user["createdAt"].as_str().unwrap_or_default().ends_with('Z'),
        "times must be in UTC: {user}"
    );
    let difference = created_at.timestamp_micros() as f64 / 1e6 - row.get::<_, f64>(4);
    assert!(
        difference.abs() < 1e-3,
        "createdAt must be the row's, but is {difference} s off"
    );
    assert!(!row.get::<_, bool>(5), "a new account is a living one");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_kept_as_an_argon2id_hash_and_nowhere_else() {
    let platform = Platform::start().await;
    let password = "geheim-なつ-7c1f";
    let request = json!({ "email": "a@example.com", "password": password });

    let answer = platform.client().call(CREATE, request.clone()).await;

    assert_eq!(answer.status, 200, "the account must be made: {}", answer.text());
    assert!(
        !answer.text().contains(password),
        "the answer must not hold the password: {}",
        answer.text()
    );
    assert!(
        !answer.text().contains("argon2"),
        "the answer must not hold the hash: {}",
        answer.text()
    );
    let row = platform
        .database()
        .sql()
        .query_one("select password_hash, users::text from user_service.users", &[]);
    let row = row.await.expect("there is exactly one account");
    let hash: String = row.get(0);
    assert!(
        hash.starts_with("$argon2id$v=19$"),
        "the hash must be an Argon2id PHC string, but is {hash}"
    );
    let parsed = PasswordHash::new(&hash).expect("the hash is a PHC string");
    let verified = Argon2::default().verify_password(password.as_bytes(), &parsed);
    assert_eq!(verified, Ok(()), "the hash must be the password's");
    assert!(
        !row.get::<_, String>(1).contains(password),
        "the row must not hold the password"
    );

    // Refused requests are the most likely to be logged: a taken address, a wrong field, a broken body.
    platform.client().call(CREATE, request).await.failure();
    platform
        .client()
        .call(CREATE, json!({ "email": "x", "password": password }))
        .await
        .failure();
    let broken = format!(r#"{{"email": "b@example.com", "password": "{password}", "name": 7"#);
    let answer = platform
        .client()
        .send(platform.client().post(&format!("/{CREATE}"), broken))
        .await;
    assert!(
        !answer.failure().message.contains(password),
        "an error must not repeat the password: {}",
        answer.text()
    );
    let log = logged();
    assert!(!log.contains(password), "the log must not hold the password");
    assert!(!log.contains(&hash), "the log must not hold the hash");
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_passwords_have_different_hashes() {
    let platform = Platform::start().await;
    for email in ["a@example.com", "b@example.com"] {
        create(&platform, json!({ "email": email, "password": "correct horse" })).await;
    }

    let row = platform.database().sql().query_one(
        "select count(distinct password_hash) from user_service.users",
        &[],
    );

    assert_eq!(
        row.await.expect("a count").get::<_, i64>(0),
        2,
        "each hash must have a salt of its own"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn email_address_is_taken_in_any_of_its_spellings() {
    let platform = Platform::start().await;
    let request = |email: &str| json!({ "email": email, "password": "correct horse" });
    create(&platform, request("Jos\u{e9}@Example.com")).await;

    for email in [
        "Jos\u{e9}@Example.com",
        "JOS\u{c9}@EXAMPLE.COM",
        "jose\u{301}@example.com",
        "  jos\u{e9}@example.com\n",
    ] {
        let failure = platform.client().call(CREATE, request(email)).await.failure();
        assert_eq!(
            failure.code, "already_exists",
            "{email:?} is the same address: {failure:?}"
        );
    }
    create(&platform, request("jose@example.com")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn email_address_of_a_deleted_account_can_be_used_again() {
    let platform = Platform::start().await;
    let request = json!({ "email": "a@example.com", "password": "correct horse" });
    let first = create(&platform, request.clone()).await;
    let delete = "update user_service.users set is_deleted = true, deleted_at = now()";
    platform
        .database()
        .sql()
        .execute(delete, &[])
        .await
        .expect("an account can be deleted");

    let second = create(&platform, request).await;

    assert_ne!(first["id"], second["id"], "the second account is another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_sixteen_concurrent_sign_ups_gets_the_address() {
    let platform = Platform::start().await;
    let attempts = (0..16).map(|number| {
        let email = if number % 2 == 0 {
            "race@example.com"
        } else {
            "RACE@Example.com"
        };
        platform.client().call(
            CREATE,
            json!({ "email": email, "password": "correct horse", "name": format!("{number}") }),
        )
    });

    let answers = join_all(attempts).await;

    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1, "exactly one of sixteen must get the address");
    for answer in lost {
        let failure = answer.failure();
        assert_eq!(
            failure.code, "already_exists",
            "the others must get the error that it is taken: {failure:?}"
        );
    }
    let row = platform
        .database()
        .sql()
        .query_one("select count(*) from user_service.users", &[]);
    assert_eq!(
        row.await.expect("a count").get::<_, i64>(0),
        1,
        "there must be one row"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_wrong_fields_are_named_at_once() {
    let platform = Platform::start().await;
    let right = json!({ "email": "a@example.com", "password": "correct horse", "name": "Hana" });
    let long = format!("{}@example.com", "x".repeat(243));
    let cases: [(&str, Value); 16] = [
        ("email", json!("")),
        ("email", json!("no-address")),
        ("email", json!("@example.com")),
        ("email", json!("a@")),
        ("email", json!("a@b@example.com")),
        ("email", json!("a b@example.com")),
        ("email", json!("a\0@example.com")),
        ("email", json!(long)),
        ("password", json!("")),
        ("password", json!("1234567")),
        ("password", json!("密".repeat(7))),
        ("password", json!("x".repeat(129))),
        ("password", json!("密".repeat(129))),
        ("name", json!("x".repeat(101))),
        ("name", json!("a\0b")),
        ("name", json!("a\u{1b}[31mb")),
    ];
    for (field, value) in cases {
        let mut request = right.clone();
        request[field] = value.clone();
        let failure = platform.client().call(CREATE, request).await.failure();
        assert_eq!(
            failure.code, "invalid_argument",
            "{field} = {value} must be refused: {failure:?}"
        );
        assert_eq!(
            failure.fields(),
            [field],
            "and the error must name the field: {failure:?}"
        );
        assert_ne!(
            failure.violations[0].description, "",
            "and describe the fault: {failure:?}"
        );
    }

    let failure = platform
        .client()
        .call(CREATE, json!({ "name": "x".repeat(101) }))
        .await
        .failure();
    assert_eq!(
        failure.fields(),
        ["email", "password", "name"],
        "all wrong fields must be named at once"
    );

    let row = platform
        .database()
        .sql()
        .query_one("select count(*) from user_service.users", &[]);
    assert_eq!(
        row.await.expect("a count").get::<_, i64>(0),
        0,
        "a refused request must insert no row"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_are_counted_in_characters() {
    let platform = Platform::start().await;
    let passwords = [
        "密".repeat(8),
        "🍵".repeat(128),
        "12345678".to_owned(),
        " \t\u{3000} 1234".to_owned(),
    ];

    for (number, password) in passwords.iter().enumerate() {
        let request = json!({ "email": format!("{number}@example.com"), "password": password, "name": "花".repeat(100) });
        let user = create(&platform, request).await;
        assert_eq!(
            user["name"],
            "花".repeat(100),
            "a name of 100 characters must be kept whole"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn getting_an_account_needs_a_token() {
    let platform = Platform::start().await;
    let user = create(
        &platform,
        json!({ "email": "a@example.com", "password": "correct horse" }),
    )
    .await;

    for id in [&user["id"], &json!("00000000-0000-7000-8000-000000000000")] {
        let answer = platform.client().call(GET, json!({ "id": id })).await;
        let failure = answer.failure();
        assert_eq!(
            failure.code, "unauthenticated",
            "no user is signed in: {failure:?}"
        );
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"akinai\""),
            "the answer must name the kind of token"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_listing_and_revoking_accounts_need_a_token() {
    let platform = Platform::start().await;
    let request = json!({ "email": "a@example.com", "password": "correct horse", "name": "Hana" });
    let user = create(&platform, request).await;
    let id = &user["id"];
    let cases = [
        ("UpdateUser", json!({ "id": id, "name": "stolen" })),
        ("DeleteUser", json!({ "id": id })),
        (
            "ChangePassword",
            json!({ "currentPassword": "correct horse", "newPassword": "battery staple" }),
        ),
        ("SignOut", json!({ "everywhere": true })),
        ("ListUsers", json!({})),
        ("RevokeUser", json!({ "id": id })),
        ("SetRoles", json!({ "id": id, "roles": ["admin"] })),
    ];
    for (method, request) in cases {
        let method = format!("user.v1.UserService/{method}");
        let failure = platform.client().call(&method, request).await.failure();
        assert_eq!(
            failure.code, "unauthenticated",
            "{method} without a token: {failure:?}"
        );
    }

    let row = platform.database().sql().query_one(
        "select count(*) from user_service.users
         where name = 'Hana' and roles = '{}' and epoch = 0 and not is_deleted",
        &[],
    );
    assert_eq!(
        row.await.expect("a count").get::<_, i64>(0),
        1,
        "the account must be unchanged"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn product_methods_for_admins_need_a_token() {
    let platform = Platform::start().await;
    for method in ["CreateProduct", "UpdateProduct", "DeleteProduct", "UpdateStock"] {
        let method = format!("product.v1.ProductService/{method}");
        let answer = platform.client().call(&method, json!({})).await;
        assert_eq!(answer.failure().code, "unauthenticated", "{method}");
    }
}
