//! The inventory of the product component, called over HTTP as the order component calls it: with its service token.
//!
//! Many tests make calls at the same time. The stock must add up after every such race, and no call may be answered with
//! `internal` or `unavailable`: the order component has to be able to continue.

mod races;
mod refusals;
mod steps;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use futures::future::join_all;
use harness::{Answer, Client, Platform, Product, Setup, now, order_service_key, service_key};
use http::{HeaderValue, header};
use identity::caller::{Principal, SignedIn};
use identity::service_token::{CallClaims, Minter, MintingKey};
use kernel::{Scope, UserCaller};
use prost::Message;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// `product.v1.StockShortage`. It is a second definition, which reveals mistakes in the platform's own messages.
#[derive(Clone, PartialEq, Message)]
struct StockShortage {
    #[prost(message, repeated, tag = "1")]
    items: Vec<Short>,
}

#[derive(Clone, PartialEq, Message)]
struct Short {
    #[prost(string, tag = "1")]
    product_id: String,
    #[prost(int32, tag = "2")]
    requested: i32,
    #[prost(int32, tag = "3")]
    available: i32,
}

/// The product component with its own route, and a client with a service token for it.
struct Warehouse {
    platform: Arc<Platform>,
    order: Peer,
}

/// A component that calls the product component.
#[derive(Clone)]
struct Peer {
    client: Client,
    minter: Minter,
    principal: Principal,
}

impl Warehouse {
    async fn start(products: &[Product]) -> Self {
        let routes =
            ["InventoryService", "ProductService"].map(|service| format!("/product.v1.{service}/..."));
        let routes = routes.each_ref().map(|route| (route.as_str(), "product"));
        let platform = Setup::new().await.routes(&routes).start().await;
        platform.database().insert(products).await;
        let client = platform.client().clone();
        Self {
            platform: Arc::new(platform),
            order: Peer::new(client, "order", &order_service_key("product")),
        }
    }

    async fn rows<T: for<'a> tokio_postgres::types::FromSql<'a>>(&self, sql: &str) -> Vec<T> {
        let rows = self.platform.database().sql().query(sql, &[]).await;
        rows.expect("the statement fits the schema")
            .iter()
            .map(|row| row.get(0))
            .collect()
    }

    async fn execute(&self, sql: &str) {
        let done = self.platform.database().sql().batch_execute(sql).await;
        done.expect("the statement fits the schema");
    }

    /// An admin, who calls through the edge.
    fn admin(&self) -> Peer {
        let mut admin = Peer::new(self.order.client.clone(), "bff", &service_key("product"));
        admin.principal = Principal::User(SignedIn {
            user: UserCaller {
                id: Uuid::now_v7().into(),
                scopes: vec![Scope::Admin],
                session: None,
            },
            epoch: None,
        });
        admin
    }

    /// Runs this change of the stock while `call` waits for it. Returns the answer of the call.
    async fn while_changing(&self, change: &str, call: impl Future<Output = Answer>) -> Answer {
        self.execute(&format!("begin; update product_service.inventory set {change}"))
            .await;
        let commit = async {
            let waiting =
                "select 1 from pg_locks where not granted and transactionid = pg_current_xact_id()::xid";
            while self.rows::<i32>(waiting).await.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            self.execute("commit").await;
        };
        tokio::join!(call, commit).0
    }

    /// A product's quantity, reserved pieces and version.
    async fn stock(&self, product: &Product) -> (i32, i32, i64) {
        let sql = "select quantity, reserved, version from product_service.inventory where product_id = $1";
        let row = self
            .platform
            .database()
            .sql()
            .query_one(sql, &[&product.id])
            .await;
        let row = row.expect("the product has an inventory");
        (row.get(0), row.get(1), row.get(2))
    }

    /// The invariant of the stock, for products that began with `quantity` pieces each.
    async fn adds_up(&self, quantity: i32) {
        let wrong: Vec<String> = self
            .rows(&format!(
                "select format('%s: %s in stock, %s reserved, %s sold, %s held', product_id, i.quantity, reserved, sold, held) \
                 from product_service.inventory i left join lateral ( \
                     select coalesce(sum(l.quantity) filter (where status = 'committed'), 0) as sold, \
                            coalesce(sum(l.quantity) filter (where status = 'reserved'), 0) as held \
                     from product_service.reservation_items l join product_service.reservations using (order_id) \
                     where l.product_id = i.product_id) as orders on true \
                 where i.quantity + sold <> {quantity} or reserved <> held or reserved < 0 or reserved > i.quantity"
            ))
            .await;
        assert!(wrong.is_empty(), "the stock must add up, but: {wrong:#?}");
    }
}

impl Peer {
    fn new(client: Client, name: &str, key: &str) -> Self {
        Self {
            client,
            minter: Minter::new(name, "product", MintingKey::parse(key).expect("a key")),
            principal: Principal::Anonymous,
        }
    }

    async fn call(&self, method: &str, message: Value) -> Answer {
        let call = CallClaims {
            principal: &self.principal,
            request_id: &"test".parse().expect("a request's name"),
            client_address: None,
        };
        let path = format!("/product.v1.{method}");
        let mut request = self.client.post(&path, message.to_string());
        let token = format!("Bearer {}", self.minter.mint(&call, now()));
        let token = HeaderValue::try_from(token).expect("a token");
        request.headers_mut().insert(header::AUTHORIZATION, token);
        self.client.send(request).await
    }

    async fn inventory(&self, method: &str, message: Value) -> Answer {
        self.call(&format!("InventoryService/{method}"), message).await
    }

    async fn about(&self, method: &str, order: Uuid) -> Answer {
        self.inventory(method, json!({ "orderId": order })).await
    }

    async fn reserve(&self, order: Uuid, items: &[(Uuid, i32)]) -> Answer {
        let items: Vec<Value> = items
            .iter()
            .map(|(product, quantity)| json!({ "productId": product, "quantity": quantity }))
            .collect();
        self.inventory(
            "ReserveStock",
            json!({ "orderId": order, "items": items, "ttl": "60s" }),
        )
        .await
    }
}

fn stocked(name: &str, quantity: i32) -> Product {
    Product {
        quantity,
        ..Product::named(name)
    }
}

fn reservation(answer: &Answer) -> Value {
    answer.message()["reservation"].clone()
}

/// The status of the reservation in an answer, or the code of the error.
fn outcome(answer: &Answer) -> String {
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let status = json["reservation"]["status"].as_str().or(json["code"].as_str());
    let status = status.unwrap_or_else(|| panic!("neither a reservation nor an error: {}", answer.text()));
    status.trim_start_matches("RESERVATION_STATUS_").to_owned()
}

fn shortage(answer: &Answer) -> Vec<(Uuid, i32, i32)> {
    assert_eq!(answer.failure().code, "failed_precondition");
    let json: Value = serde_json::from_slice(&answer.body).expect("an error in JSON");
    let details = json["details"].as_array().map(Vec::as_slice).unwrap_or_default();
    let detail = details
        .iter()
        .find(|detail| detail["type"] == "product.v1.StockShortage");
    let detail = detail.unwrap_or_else(|| panic!("a StockShortage must be there: {json}"));
    let bytes = STANDARD_NO_PAD
        .decode(detail["value"].as_str().expect("a detail has a value"))
        .expect("base64");
    let shortage = StockShortage::decode(&*bytes).expect("a StockShortage");
    let items = shortage.items.into_iter();
    items
        .map(|item| {
            (
                item.product_id.parse().expect("a UUID"),
                item.requested,
                item.available,
            )
        })
        .collect()
}
