//! Tools that get the contract from the platform by reflection: grpcurl, and `buf curl` without a schema.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::process::Command;
use xtask::workspace::Workspace;

use super::go::is_missing;
use super::{Shop, buf, client, command, output, printed};

/// The public services, and the services for health and reflection.
const SERVICES: [&str; 5] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "order.v1.OrderService",
    "product.v1.ProductService",
    "user.v1.UserService",
];

/// Internal services, whose contracts are in the same packages.
const HIDDEN: [&str; 3] = [
    "product.v1.InventoryService",
    "user.v1.SessionService",
    "user.v1.UserEventService",
];

#[tokio::test(flavor = "multi_thread")]
async fn grpcurl_lists_describes_and_calls_the_public_api() {
    if is_missing() {
        return;
    }
    let shop = Shop::open().await;
    let listed = printed(&mut grpcurl(&shop, &[], &["list"])).await;
    assert_eq!(
        listed.lines().collect::<Vec<_>>(),
        SERVICES,
        "every public service, and no other"
    );

    for service in SERVICES {
        let described = printed(&mut grpcurl(&shop, &[], &["describe", service])).await;
        assert!(
            described.contains(&format!("{service} is a service")),
            "{described}"
        );
    }
    for service in HIDDEN {
        let answer = output(&mut grpcurl(&shop, &[], &["describe", service])).await;
        let log = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert!(
            !answer.status.success(),
            "{service} must not be shown, but: {log}"
        );
        assert!(log.contains("not found"), "{log}");
    }
    let message = printed(&mut grpcurl(
        &shop,
        &[],
        &["describe", "product.v1.GetProductRequest"],
    ))
    .await;
    assert!(
        message.contains("string id = 1;"),
        "messages are described, too: {message}"
    );

    let page = called(
        &shop,
        &[],
        "product.v1.ProductService/ListProducts",
        json!({ "pageSize": 100 }),
    )
    .await;
    assert_eq!(
        page["products"], shop.catalogue,
        "the list must hold exactly the rows of the database"
    );
    let health = called(&shop, &[], "grpc.health.v1.Health/Check", json!({})).await;
    assert_eq!(health, json!({ "status": "SERVING" }));
    let token = format!("authorization: Bearer {}", shop.token("mina").await);
    let cart = called(&shop, &["-H", &token], "order.v1.OrderService/GetCart", json!({})).await;
    assert_eq!(
        cart,
        json!({ "cart": {} }),
        "a token gives access to methods for users"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcurl_shows_the_details_of_an_error() {
    if is_missing() {
        return;
    }
    let shop = Shop::open().await;
    let request = json!({ "id": "not-a-uuid" }).to_string();
    let options = ["-format-error", "-d", &request];
    let answer = output(&mut grpcurl(
        &shop,
        &options,
        &["product.v1.ProductService/GetProduct"],
    ))
    .await;
    let log = String::from_utf8_lossy(&answer.stderr).into_owned();

    // 64 and the number of the code.
    assert_eq!(
        answer.status.code(),
        Some(64 + 3),
        "the call must end with invalid_argument: {log}"
    );
    let error: Value = log
        .find('{')
        .and_then(|at| serde_json::from_str(&log[at..]).ok())
        .unwrap_or_else(|| panic!("the error must be printed as JSON: {log}"));
    let detail = &error["details"][0];
    assert_eq!(
        detail["@type"], "type.googleapis.com/google.rpc.BadRequest",
        "{error}"
    );
    assert_eq!(
        detail["fieldViolations"][0]["field"], "id",
        "the wrong field is named: {error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn buf_curl_lists_and_calls_without_a_schema() {
    let shop = Shop::open().await;
    let url = shop.platform.url();
    for protocol in ["connect", "grpc", "grpcweb"] {
        let options = ["curl", "--http2-prior-knowledge", "--protocol", protocol];
        let mut list = buf(Workspace::here().root()).await;
        let listed = printed(list.args(options).arg("--list-services").arg(&url)).await;
        assert_eq!(listed.lines().collect::<Vec<_>>(), SERVICES, "by {protocol}");

        let mut call = buf(Workspace::here().root()).await;
        call.args(options)
            .args(["--data", "{\"pageSize\": 100}"])
            .arg(format!("{url}/product.v1.ProductService/ListProducts"));
        let page: Value = serde_json::from_str(&printed(&mut call).await).expect("an answer is JSON");
        assert_eq!(page["products"], shop.catalogue, "by {protocol}");
    }
}

/// grpcurl with these options, for the platform, about these subjects. It is compiled when it runs for the first time.
fn grpcurl(shop: &Shop, options: &[&str], subjects: &[&str]) -> Command {
    grpcurl_for(shop.platform.address(), options, subjects)
}

/// The same for a server at this address.
pub(super) fn grpcurl_for(address: SocketAddr, options: &[&str], subjects: &[&str]) -> Command {
    let mut grpcurl = command("go", &client("grpcurl"));
    grpcurl
        .args(["tool", "grpcurl", "-plaintext"])
        .args(options)
        .arg(address.to_string())
        .args(subjects);
    grpcurl
}

/// The answer to a call that must succeed.
async fn called(shop: &Shop, options: &[&str], method: &str, request: Value) -> Value {
    let request = request.to_string();
    let options = [options, &["-d", request.as_str()][..]].concat();
    let printed = printed(&mut grpcurl(shop, &options, &[method])).await;
    serde_json::from_str(&printed)
        .unwrap_or_else(|error| panic!("an answer must be JSON ({error}): {printed}"))
}
