//! Calls that fail: which calls are repeated, when the breaker opens, and which requests are served while a server or a
//! component is unavailable.

mod absences;
mod attempts;

use harness::{Answer, Between, Fate, Issuer, Platform, Product, Setup};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use xtask::process::Scratch;
use xtask::services::Redis;

const GET_PRODUCT: &str = "product.v1.ProductService/GetProduct";

const CREATE_USER: &str = "user.v1.UserService/CreateUser";

const GET_USER: &str = "user.v1.UserService/GetUser";

/// The maximum time from the end of a fault until all calls are served again.
const HEALED: Duration = Duration::from_secs(15);

/// A platform with a proxy between its components, and with its own Redis.
struct FaultyPlatform {
    platform: Platform,
    between: Between,
    issuer: Issuer,
    redis: Redis,
    _folder: Scratch,
}

impl FaultyPlatform {
    async fn start() -> Self {
        Self::with(|setup| setup).await
    }

    async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let folder = Scratch::new("faults").expect("a folder for a server");
        let redis = Redis::start(folder.path()).await.expect("a Redis of our own");
        let issuer = Issuer::start().await;
        let between = Between::new();
        let setup = Setup::new()
            .await
            .redis(&redis)
            .chaining(Arc::new(between.clone()))
            .variable("redis_prefix", "akinai:faults")
            .variable("issuer", issuer.url())
            .variable("issuer_origin", issuer.url());
        Self {
            platform: change(setup).start().await,
            between,
            issuer,
            redis,
            _folder: folder,
        }
    }

    async fn call(&self, token: Option<&str>, method: &str, message: Value) -> Answer {
        self.platform.client().call_as(token, method, message).await
    }

    async fn product(&self) -> Value {
        let product = Product::named("tea");
        self.platform
            .database()
            .insert(std::slice::from_ref(&product))
            .await;
        json!({ "id": product.id })
    }

    /// Creates an account. Returns its id.
    async fn user(&self, name: &str) -> String {
        let message = json!({ "email": format!("{name}@example.com"), "password": "correct horse" });
        let answer = self.call(None, CREATE_USER, message).await;
        let id = answer.message()["user"]["id"].clone();
        id.as_str().expect("a new account has an id").to_owned()
    }

    async fn admin(&self) -> String {
        let id = self.user("admin").await;
        let statement = format!("update user_service.users set roles = '{{admin}}' where id = '{id}'");
        let sql = self.platform.database().sql();
        sql.batch_execute(&statement).await.expect("the role is given");
        id
    }

    async fn get_user(&self, id: &str, token: &str) -> Answer {
        self.call(Some(token), GET_USER, json!({ "id": id })).await
    }

    /// Waits until a call gets the expected answer.
    async fn heals(&self, token: Option<&str>, method: &str, message: &Value) {
        let began = Instant::now();
        loop {
            let answer = self.call(token, method, message.clone()).await;
            if answer.status == 200 && answer.header("cache-status").is_none() {
                return;
            }
            assert!(
                began.elapsed() < HEALED,
                "{method} must be served again within {HEALED:?}: {}",
                answer.text()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
