//! Limits on attempts to sign in.

use super::{Browser, EMAIL, PASSWORD, World, leads_to};

/// Types wrong passwords until the limit of an account is reached.
async fn sixth_attempt_is_refused(world: &World) {
    world.open().await;
    world.login("c");
    let mut browser = Browser::default();
    for attempt in 1..=5 {
        let answer = browser.sign_in(world, EMAIL, "wrong horse").await;
        assert_eq!(answer.status, 422, "attempt {attempt}: {}", answer.text());
    }
    let answer = browser.sign_in(world, "MINA@Example.com", PASSWORD).await;
    assert_eq!(answer.status, 429, "the sixth is not looked at");
    let seconds: u64 = answer
        .header("retry-after")
        .and_then(|text| text.parse().ok())
        .expect("seconds");
    assert!((1..=900).contains(&seconds), "{seconds}");
    assert!(world.stub.received().is_empty());

    for attempt in 1..=5 {
        let answer = browser.sign_in(world, "unknown@example.com", "wrong horse").await;
        assert_eq!(
            answer.status, 422,
            "an unknown account has as many attempts: {attempt}"
        );
    }
    let answer = browser.sign_in(world, "unknown@example.com", "wrong horse").await;
    assert_eq!(answer.status, 429, "and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixth_attempt_is_refused_with_redis() {
    let world = World::start().await;
    sixth_attempt_is_refused(&world).await;
    let sql = world.platform.database().sql();
    let kept = sql
        .query_one("select count(*) from user_service.login_attempts", &[])
        .await;
    assert_eq!(
        kept.expect("a count").get::<_, i64>(0),
        0,
        "Postgres was not asked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sixth_attempt_is_refused_without_redis() {
    let world = World::with(|setup| setup.variable("redis_port", "1")).await;
    sixth_attempt_is_refused(&world).await;
    let sql = world.platform.database().sql();
    let row = sql
        .query_one(
            "select count(*), min(bucket) from user_service.login_attempts",
            &[],
        )
        .await;
    let row = row.expect("a count");
    assert_eq!(row.get::<_, i64>(0), 3, "two accounts, and the address");
    assert!(!row.get::<_, String>(1).contains('@'), "no address is kept");
    world
        .sql("update login_attempts set ends_at = now() - interval '1 second'")
        .await;
    let answer = Browser::default().sign_in(&world, EMAIL, PASSWORD).await;
    leads_to(&answer, "the time is up");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_first_attempt_of_a_client_address_is_refused() {
    let world = World::start().await;
    world.open().await;
    world.login("c");
    let mut browser = Browser::default();
    for attempt in 0..60 {
        let email = format!("u{attempt}@example.com");
        let answer = browser.sign_in(&world, &email, "wrong horse").await;
        assert_eq!(answer.status, 422, "attempt {attempt}: {}", answer.text());
    }
    let answer = browser.sign_in(&world, EMAIL, PASSWORD).await;
    assert_eq!(answer.status, 429, "the right password is not looked at, either");
    assert!(answer.header("retry-after").is_some(), "it says for how long");
    assert!(world.stub.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn right_password_resets_the_attempts_of_its_account() {
    let world = World::start().await;
    world.open().await;
    let mut browser = Browser::default();
    for round in 0..3 {
        world.login("c");
        for _ in 0..4 {
            assert_eq!(browser.sign_in(&world, EMAIL, "wrong horse").await.status, 422);
        }
        let answer = browser.sign_in(&world, EMAIL, PASSWORD).await;
        leads_to(&answer, &format!("round {round}"));
    }
}
