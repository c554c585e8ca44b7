//! Authentication and authorization at the edge.

mod access;
mod revocation;
mod tokens;

use harness::{Answer, Issuer, Platform, Setup};
use serde_json::{Value, json};

const GET_USER: &str = "/user.v1.UserService/GetUser";
const LIST_USERS: &str = "/user.v1.UserService/ListUsers";
const LIST_PRODUCTS: &str = "/product.v1.ProductService/ListProducts";

/// A platform with its own issuer of tokens.
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

    /// Creates an account. Returns its id.
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
