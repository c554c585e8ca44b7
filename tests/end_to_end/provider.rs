//! A real OpenID provider of another project as the issuer: `oidc-provider` from npm, which is certified.
//!
//! Its configuration is in `clients/oidc-provider`.

use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Answer, Client, Platform, Setup};
use http::{HeaderValue, header};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::clients::{client, command, must};

/// The running provider. It ends with the test.
struct Provider {
    _process: Child,
    http: Client,
    url: String,
}

impl Provider {
    async fn start() -> Self {
        let folder = client("oidc-provider");
        // `ci` installs exactly the versions in the lock file.
        must(command("npm", &folder).arg("ci")).await;
        let mut process = command("node", &folder)
            .arg("provider.js")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Node.js runs the provider");
        let output = process.stdout.take().expect("its output");
        let first = BufReader::new(output).lines().next_line().await;
        let url = first
            .expect("a line")
            .expect("the provider says where it listens");
        Self {
            _process: process,
            http: Client::new(url.clone()),
            url,
        }
    }

    /// An access token for a machine, with the scope `admin`, from the token endpoint.
    async fn token(&self) -> String {
        let form = "grant_type=client_credentials&scope=admin";
        let mut request = self.http.request("POST", "/token", form.into());
        let login = format!("Basic {}", STANDARD.encode("machine:only-in-this-test"));
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, login.parse().expect("a header's value"));
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let answer: Value = serde_json::from_str(&self.http.send(request).await.text()).expect("JSON");
        let token = answer["access_token"].as_str();
        token
            .unwrap_or_else(|| panic!("a token, not {answer}"))
            .to_owned()
    }
}

async fn call(platform: &Platform, method: &str, token: &str) -> Answer {
    platform.client().call_as(Some(token), method, json!({})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_certified_provider_are_accepted_before_and_after_a_rotation() {
    let provider = Provider::start().await;
    let platform = Setup::new()
        .await
        .variable("issuer", provider.url.clone())
        .variable("issuer_origin", provider.url.clone())
        .start()
        .await;
    let old = provider.token().await;
    let list = "product.v1.ProductService/ListProducts";
    assert_eq!(
        call(&platform, list, &old).await.status,
        200,
        "a genuine token passes"
    );
    let machine = call(&platform, "user.v1.UserService/ListUsers", &old).await;
    assert_eq!(
        machine.failure().code,
        "permission_denied",
        "its scope does not make a machine an admin"
    );

    provider.http.get("/rotate").await;
    // The keys were fetched a moment ago, and are not fetched again for ten seconds.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let new = provider.token().await;
    assert_eq!(
        call(&platform, list, &new).await.status,
        200,
        "a token of the new key"
    );
    assert_eq!(
        call(&platform, list, &old).await.status,
        200,
        "the old key is still valid"
    );
}
