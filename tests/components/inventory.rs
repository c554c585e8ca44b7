//! The inventory of the product component, called over HTTP as the order component calls it: by its service token.
//!
//! Much of it is about what happens at once. Whatever does, the stock has to add up, and the answers to be ones that the order
//! component can go on with: never `internal`, never `unavailable`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

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
use uuid::Uuid;

const METHODS: [&str; 6] = [
    "ReserveStock",
    "CommitReservation",
    "ReleaseReservation",
    "GetReservation",
    "Restock",
    "ExpireReservations",
];

/// `product.v1.StockShortage`, written anew here so that a mistake in the platform's own messages would show.
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

/// The product component with a route of its own, and a client with a service token for it.
struct World {
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

impl World {
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

    /// What `call` is answered when it has to wait for a change of the stock, which is `change`.
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

    /// What has to hold at any time, for products that began with `quantity` pieces each.
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

/// What went wrong last in this process: this test's, or one's beside it.
fn last_errors() -> Vec<String> {
    let log = harness::logged();
    let errors = log.lines().rev().filter(|line| line.contains("message=ERROR"));
    errors.take(5).map(str::to_owned).collect()
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

/// Numbers that look random, the same in every run: xorshift64.
struct Dice(u64);

impl Dice {
    /// Others for each seed.
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("less than `sides`")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_holds_takes_and_returns_stock_once_however_often_it_is_said() {
    let products = [stocked("tea", 5), stocked("cup", 9)];
    let world = World::start(&products).await;
    let order = Uuid::now_v7();
    let (tea, cup) = (&products[0], &products[1]);
    // In another order than that of the keys, which the answer is in.
    let items = [(cup.id, 1), (tea.id, 3)];

    let made = reservation(&world.order.reserve(order, &items).await);
    assert_eq!(made["orderId"], order.to_string());
    assert_eq!(made["status"], "RESERVATION_STATUS_RESERVED");
    let expected = json!([{ "productId": tea.id, "quantity": 3 }, { "productId": cup.id, "quantity": 1 }]);
    assert_eq!(made["items"], expected, "the items, by product");
    let at = |field: &str| {
        let text = made[field].as_str().unwrap_or_default();
        chrono::DateTime::parse_from_rfc3339(text).unwrap_or_else(|error| panic!("{field} {text:?}: {error}"))
    };
    let ttl = at("expiresAt") - at("createdAt");
    assert_eq!(ttl.num_milliseconds(), 60_000, "held for as long as was asked");

    let repeated = world.order.reserve(order, &[(tea.id, 3), (cup.id, 1)]).await;
    assert_eq!(reservation(&repeated), made, "a repeat is answered the same");
    assert_eq!(
        reservation(&world.order.about("GetReservation", order).await),
        made
    );
    assert_eq!(
        (world.stock(tea).await, world.stock(cup).await),
        ((5, 3, 1), (9, 1, 1))
    );

    for _ in 0..2 {
        assert_eq!(
            outcome(&world.order.about("CommitReservation", order).await),
            "COMMITTED"
        );
        assert_eq!(
            (world.stock(tea).await, world.stock(cup).await),
            ((2, 0, 2), (8, 0, 2))
        );
    }
    assert_eq!(
        outcome(&world.order.about("ReleaseReservation", order).await),
        "COMMITTED"
    );
    assert_eq!(
        outcome(&world.order.reserve(order, &items).await),
        "COMMITTED",
        "a late repeat"
    );
    for _ in 0..2 {
        let restocked = reservation(&world.order.about("Restock", order).await);
        assert_eq!(restocked["status"], "RESERVATION_STATUS_RESTOCKED");
        assert_eq!(restocked["items"], expected);
        assert_eq!(
            (world.stock(tea).await, world.stock(cup).await),
            ((5, 0, 3), (9, 0, 3))
        );
    }
    assert_eq!(
        outcome(&world.order.about("CommitReservation", order).await),
        "RESTOCKED"
    );
    world
        .execute("update product_service.reservations set expires_at = now()")
        .await;
    let expired = world
        .order
        .inventory("ExpireReservations", json!({ "limit": 10 }))
        .await;
    assert_eq!(expired.message(), json!({}), "what was settled does not expire");
    assert_eq!(world.stock(tea).await, (5, 0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_order_is_closed() {
    let tea = stocked("tea", 5);
    let world = World::start(std::slice::from_ref(&tea)).await;
    let (held, unknown) = (Uuid::now_v7(), Uuid::now_v7());
    world.order.reserve(held, &[(tea.id, 3)]).await.message();

    for order in [held, unknown] {
        for _ in 0..2 {
            assert_eq!(
                outcome(&world.order.about("ReleaseReservation", order).await),
                "RELEASED"
            );
            assert_eq!(world.stock(&tea).await, (5, 0, 1), "given back, once");
        }
        for _ in 0..2 {
            let late = world.order.reserve(order, &[(tea.id, 3)]).await;
            assert_eq!(late.failure().code, "failed_precondition", "the door is closed");
            assert!(
                !late.text().contains("StockShortage"),
                "this is no shortage: {}",
                late.text()
            );
        }
        assert_eq!(
            outcome(&world.order.about("GetReservation", order).await),
            "RELEASED"
        );
        for method in ["CommitReservation", "Restock"] {
            let refused = world.order.about(method, order).await.failure();
            assert_eq!(
                refused.code, "failed_precondition",
                "{method} of what was released"
            );
        }
    }
    let tombstone = reservation(&world.order.about("GetReservation", unknown).await);
    assert_eq!(
        (&tombstone["items"], &tombstone["expiresAt"]),
        (&Value::Null, &Value::Null)
    );
    world.adds_up(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_of_anything_reserves_nothing() {
    let mut products = vec![
        stocked("tea", 5),
        stocked("cup", 2),
        stocked("pot", 7),
        stocked("gone", 9),
    ];
    products[3].is_deleted = true;
    let world = World::start(&products).await;
    let [tea, cup, pot, gone] = [0, 1, 2, 3].map(|number| products[number].id);
    world.order.reserve(Uuid::now_v7(), &[(tea, 2)]).await.message();
    let unknown = Uuid::now_v7();

    let items = [(unknown, 1), (gone, 1), (pot, 7), (cup, 3), (tea, 4)];
    for _ in 0..2 {
        let refused = world.order.reserve(Uuid::now_v7(), &items).await;
        let expected = [(unknown, 1, 0), (gone, 1, 0), (cup, 3, 2), (tea, 4, 3)];
        assert_eq!(
            shortage(&refused),
            expected,
            "each that is short, in the order asked for, with what is left"
        );
    }
    let reserved: Vec<i32> = world
        .rows("select reserved from product_service.inventory order by product_id")
        .await;
    assert_eq!(reserved, [2, 0, 0, 0], "nothing was held");
    let orders: Vec<i64> = world
        .rows("select count(*) from product_service.reservations")
        .await;
    assert_eq!(orders, [1], "nothing was kept");

    let last = world
        .order
        .reserve(Uuid::now_v7(), &[(tea, 3), (cup, 2), (pot, 7)])
        .await;
    assert_eq!(outcome(&last), "RESERVED", "the last pieces can be had");
}

// Postgres holds a new row against the constraints before it finds that the old one has changed since the statement began.
#[tokio::test(flavor = "multi_thread")]
async fn who_waited_for_the_stock_is_judged_by_what_it_is_then() {
    let tea = stocked("tea", 10);
    let world = World::start(std::slice::from_ref(&tea)).await;
    world
        .order
        .reserve(Uuid::now_v7(), &[(tea.id, 9)])
        .await
        .message();

    let items = [(tea.id, 5)];
    let reserve = world.order.reserve(Uuid::now_v7(), &items);
    let reserved = world.while_changing("reserved = 0", reserve).await;
    assert_eq!(
        outcome(&reserved),
        "RESERVED",
        "nine of ten came back: {}",
        reserved.text()
    );
    assert_eq!(world.stock(&tea).await, (10, 5, 1));

    let admin = world.admin();
    let three = json!({ "productId": tea.id, "quantity": 3, "expectedVersion": 1 });
    let count = admin.call("ProductService/UpdateStock", three);
    let counted = world.while_changing("reserved = 2", count).await;
    assert_eq!(
        counted.message()["product"]["quantity"],
        3,
        "two are held, so three can be: {}",
        counted.text()
    );
    assert_eq!(world.stock(&tea).await, (3, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_an_admin_deletes_cannot_be_reserved_but_what_is_held_can_be_had() {
    let tea = stocked("tea", 5);
    let world = World::start(std::slice::from_ref(&tea)).await;
    let order = Uuid::now_v7();
    world.order.reserve(order, &[(tea.id, 2)]).await.message();
    let admin = world.admin();
    for _ in 0..2 {
        let deleted = admin
            .call("ProductService/DeleteProduct", json!({ "id": tea.id }))
            .await;
        assert_eq!(deleted.message(), json!({}), "a repeat answers the same");
    }

    let refused = world.order.reserve(Uuid::now_v7(), &[(tea.id, 1)]).await;
    assert_eq!(
        shortage(&refused),
        [(tea.id, 1, 0)],
        "none is left of what is gone"
    );
    let count = json!({ "productId": tea.id, "quantity": 9, "expectedVersion": 1 });
    let counted = admin.call("ProductService/UpdateStock", count).await;
    assert_eq!(counted.failure().code, "not_found");
    assert_eq!(
        outcome(&world.order.about("CommitReservation", order).await),
        "COMMITTED"
    );
    assert_eq!(outcome(&world.order.about("Restock", order).await), "RESTOCKED");
    assert_eq!(world.stock(&tea).await, (5, 0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_are_refused_with_all_their_fields() {
    let tea = stocked("tea", 5);
    let world = World::start(std::slice::from_ref(&tea)).await;
    let (order, item) = (Uuid::now_v7(), json!({ "productId": tea.id, "quantity": 1 }));
    let many: Vec<Value> = (0..101)
        .map(|_| json!({ "productId": Uuid::now_v7(), "quantity": 1 }))
        .collect();
    let cases = [
        (json!({}), vec!["orderId", "items", "ttl"]),
        (
            json!({ "orderId": order, "items": [item], "ttl": "0.999s" }),
            vec!["ttl"],
        ),
        (
            json!({ "orderId": order, "items": [item], "ttl": "3600.001s" }),
            vec!["ttl"],
        ),
        (
            json!({ "orderId": order, "items": [item], "ttl": "-60s" }),
            vec!["ttl"],
        ),
        (
            json!({ "orderId": order, "items": [item, item], "ttl": "60s" }),
            vec!["items[1].productId"],
        ),
        (
            json!({ "orderId": order, "items": many, "ttl": "60s" }),
            vec!["items"],
        ),
        (
            json!({ "orderId": order, "items": [{ "productId": tea.id, "quantity": 0 }], "ttl": "60s" }),
            vec!["items[0].quantity"],
        ),
        (
            json!({ "orderId": order, "items": [{ "productId": tea.id, "quantity": 1000 }], "ttl": "60s" }),
            vec!["items[0].quantity"],
        ),
        (
            json!({ "orderId": "42", "items": [{ "productId": "42", "quantity": 1 }], "ttl": "60s" }),
            vec!["orderId", "items[0].productId"],
        ),
        (
            json!({ "orderId": order, "items": [{ "productId": "42", "quantity": 0 }, item, item], "ttl": "60s" }),
            vec!["items[0].productId", "items[0].quantity", "items[2].productId"],
        ),
    ];
    for (message, fields) in cases {
        let refused = world
            .order
            .inventory("ReserveStock", message.clone())
            .await
            .failure();
        assert_eq!(
            (refused.code.as_str(), refused.fields()),
            ("invalid_argument", fields),
            "{message}"
        );
    }
    for method in &METHODS[1..5] {
        let refused = world
            .order
            .inventory(method, json!({ "orderId": "42" }))
            .await
            .failure();
        assert_eq!(
            (refused.code.as_str(), refused.fields()),
            ("invalid_argument", vec!["orderId"]),
            "{method}"
        );
    }
    for limit in [0, -1, 1001] {
        let refused = world
            .order
            .inventory("ExpireReservations", json!({ "limit": limit }))
            .await
            .failure();
        assert_eq!(
            (refused.code.as_str(), refused.fields()),
            ("invalid_argument", vec!["limit"]),
            "{limit}"
        );
    }
    for method in ["CommitReservation", "GetReservation", "Restock"] {
        let refused = world.order.about(method, order).await.failure();
        assert_eq!(
            refused.code, "not_found",
            "{method} of an order that reserved nothing"
        );
    }

    world.order.reserve(order, &[(tea.id, 1)]).await.message();
    assert_eq!(
        world.order.about("Restock", order).await.failure().code,
        "failed_precondition"
    );
    let other = world.order.reserve(order, &[(tea.id, 2)]).await.failure();
    assert_eq!(
        (other.code.as_str(), other.fields()),
        ("invalid_argument", vec!["items"]),
        "other items"
    );
    assert_eq!(
        world.stock(&tea).await,
        (5, 1, 1),
        "what is refused changes nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_is_for_the_order_component_alone() {
    let world = World::start(&[]).await;
    let mut bff = Peer::new(world.order.client.clone(), "bff", &service_key("product"));
    for principal in [
        Principal::Anonymous,
        Principal::User(SignedIn {
            user: UserCaller {
                id: Uuid::now_v7().into(),
                scopes: vec![Scope::Admin],
                session: None,
            },
            epoch: None,
        }),
    ] {
        bff.principal = principal;
        for method in METHODS {
            let refused = bff.about(method, Uuid::now_v7()).await.failure();
            assert_eq!(refused.code, "permission_denied", "{method} by the bff");
        }
    }
    let forged = Peer::new(world.order.client.clone(), "order", &service_key("product"));
    let bare = world.order.client.clone();
    for method in METHODS {
        assert_eq!(
            forged.about(method, Uuid::now_v7()).await.failure().code,
            "unauthenticated",
            "{method}"
        );
        let answer = bare
            .call(&format!("product.v1.InventoryService/{method}"), json!({}))
            .await;
        assert_eq!(
            answer.failure().code,
            "unauthenticated",
            "{method} without a token"
        );
    }
    for peer in [&bff, &world.order] {
        peer.call("ProductService/ListProducts", json!({}))
            .await
            .message();
    }
    let rows: Vec<i64> = world
        .rows("select count(*) from product_service.reservations")
        .await;
    assert_eq!(rows, [0], "no call closed or reserved anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_overdue_expires_once_and_can_be_committed_until_then() {
    let tea = stocked("tea", 1000);
    let world = World::start(std::slice::from_ref(&tea)).await;
    let orders: Vec<Uuid> = (0..50).map(|_| Uuid::now_v7()).collect();
    for order in &orders {
        world.order.reserve(*order, &[(tea.id, 3)]).await.message();
    }
    let expire = |limit: i32| {
        world
            .order
            .inventory("ExpireReservations", json!({ "limit": limit }))
    };
    assert_eq!(expire(1000).await.message(), json!({}), "nothing is overdue yet");

    let overdue = format!(
        "update product_service.reservations set expires_at = now() - interval '1 second' where order_id <> '{}'",
        orders[49]
    );
    world.execute(&overdue).await;
    assert_eq!(
        outcome(&world.order.about("CommitReservation", orders[0]).await),
        "COMMITTED",
        "past expiry"
    );
    assert_eq!(
        expire(10).await.message(),
        json!({ "expired": 10 }),
        "as many as asked"
    );
    assert_eq!(world.stock(&tea).await, (997, 39 * 3, 2));
    let at_once = join_all((0..8).map(|_| expire(1000))).await;
    let expired: i64 = at_once
        .iter()
        .map(|answer| answer.message()["expired"].as_i64().unwrap_or(0))
        .sum();
    assert_eq!(expired, 38, "eight at once expire each of the rest once");
    assert_eq!(
        world.stock(&tea).await,
        (997, 3, 2),
        "only the one that is not overdue is held"
    );
    for order in &orders[1..49] {
        assert_eq!(
            outcome(&world.order.about("GetReservation", *order).await),
            "RELEASED"
        );
    }
    let late = world.order.about("CommitReservation", orders[1]).await.failure();
    assert_eq!(
        late.code, "failed_precondition",
        "what has expired cannot be committed"
    );
    world.adds_up(1000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_buyers_at_once_never_oversell() {
    let products: Vec<Product> = (0..12)
        .map(|number| stocked(&format!("tea {number}"), 20))
        .collect();
    let world = World::start(&products).await;
    let ids: Vec<Uuid> = products.iter().map(|product| product.id).collect();
    let sold = AtomicUsize::new(0);
    let buyers = (1..=64).map(|buyer| {
        let (order, ids, sold) = (&world.order, &ids, &sold);
        async move {
            let mut dice = Dice::new(buyer);
            // Until it has been refused so often that hardly anything can be left.
            let mut refused = 0;
            while refused < 8 {
                let first = dice.throw(12);
                let items: Vec<(Uuid, i32)> = [0, 1 + dice.throw(5), 6 + dice.throw(6)]
                    .map(|step| {
                        (
                            ids[(first + step) % 12],
                            1 + i32::try_from(dice.throw(2)).expect("0 or 1"),
                        )
                    })
                    .into();
                let answer = order.reserve(Uuid::now_v7(), &items).await;
                match outcome(&answer).as_str() {
                    "RESERVED" => {
                        let pieces: i32 = items.iter().map(|item| item.1).sum();
                        sold.fetch_add(usize::try_from(pieces).expect("positive"), Ordering::Relaxed);
                    }
                    _ => {
                        assert!(!shortage(&answer).is_empty(), "a refusal names what is short");
                        refused += 1;
                    }
                }
            }
        }
    });
    join_all(buyers).await;

    world.adds_up(20).await;
    let reserved: Vec<i64> = world
        .rows("select sum(reserved) from product_service.inventory")
        .await;
    let sold = i64::try_from(sold.into_inner()).expect("not that many");
    assert_eq!(reserved, [sold], "what buyers were promised is what is held");
    assert!(sold > 150, "most of the 240 pieces are gone, but only {sold} are");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_order_said_a_hundred_times_at_once_is_one_reservation() {
    let tea = stocked("tea", 3);
    let world = World::start(std::slice::from_ref(&tea)).await;
    for round in 0..5 {
        let order = Uuid::now_v7();
        // All that there is: the second call finds nothing left, and has to find the cause.
        let items = [(tea.id, 3)];
        let answers = join_all((0..100).map(|_| world.order.reserve(order, &items))).await;
        let first = reservation(&answers[0]);
        for answer in &answers {
            assert_eq!(reservation(answer), first, "round {round}: all are told the same");
        }
        assert_eq!(world.stock(&tea).await.1, 3, "round {round}: held once");
        let answers = join_all((0..50).map(|_| world.order.about("CommitReservation", order))).await;
        assert!(answers.iter().all(|answer| outcome(answer) == "COMMITTED"));
        assert_eq!(world.stock(&tea).await.0, 0, "round {round}: taken once");
        let answers = join_all((0..50).map(|_| world.order.about("Restock", order))).await;
        assert!(answers.iter().all(|answer| outcome(answer) == "RESTOCKED"));
        assert_eq!(world.stock(&tea).await.0, 3, "round {round}: put back once");
    }
    world.adds_up(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_commit_release_and_expiry_at_once_one_wins_and_all_are_told() {
    let tea = stocked("tea", 1000);
    let world = World::start(std::slice::from_ref(&tea)).await;
    let items = [(tea.id, 5)];
    let mut seen = BTreeMap::new();
    for _ in 0..40 {
        let order = Uuid::now_v7();
        world.order.reserve(order, &items).await.message();
        world
            .execute("update product_service.reservations set expires_at = now() where status = 'reserved'")
            .await;
        let (commit, release, expire, reserve) = tokio::join!(
            world.order.about("CommitReservation", order),
            world.order.about("ReleaseReservation", order),
            world.order.inventory("ExpireReservations", json!({ "limit": 5 })),
            world.order.reserve(order, &items),
        );
        expire.message();
        let is = outcome(&world.order.about("GetReservation", order).await);
        let expected = match is.as_str() {
            "COMMITTED" => ("COMMITTED", "COMMITTED"),
            "RELEASED" => ("failed_precondition", "RELEASED"),
            other => panic!("{other} is no end of this race"),
        };
        assert_eq!((outcome(&commit).as_str(), outcome(&release).as_str()), expected);
        let repeated = outcome(&reserve);
        let known = ["RESERVED", "COMMITTED", "failed_precondition"];
        assert!(
            known.contains(&repeated.as_str()),
            "a repeat in between is told {repeated}"
        );
        *seen.entry(is).or_insert(0) += 1;
        world.adds_up(1000).await;
    }
    println!("how the races ended: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_and_a_release_at_once_leave_nothing_held() {
    let tea = stocked("tea", 10);
    let world = World::start(std::slice::from_ref(&tea)).await;
    let items = [(tea.id, 10)];
    for _ in 0..60 {
        let order = Uuid::now_v7();
        let (reserve, release) = tokio::join!(
            world.order.reserve(order, &items),
            world.order.about("ReleaseReservation", order),
        );
        assert_eq!(outcome(&release), "RELEASED", "nothing was committed");
        let reserved = outcome(&reserve);
        assert!(
            ["RESERVED", "failed_precondition"].contains(&reserved.as_str()),
            "got {reserved}"
        );
        assert_eq!(
            world.stock(&tea).await,
            (10, 0, 1),
            "nothing is reserved, whichever call came first"
        );
        let late = world.order.reserve(order, &items).await;
        assert_eq!(late.failure().code, "failed_precondition", "the door is closed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_at_once_the_stock_adds_up() {
    /// The duration of the random calls.
    const TIME: Duration = Duration::from_secs(10);
    let products: Vec<Product> = (0..6)
        .map(|number| stocked(&format!("tea {number}"), 60))
        .collect();
    let world = World::start(&products).await;
    let ids: Vec<Uuid> = products.iter().map(|product| product.id).collect();
    let began = Instant::now();
    let calls = AtomicUsize::new(0);
    // A few orders at a time, so that calls meet; then others, because an order comes to its end.
    let order_of = |number: usize| {
        let era = began.elapsed().as_secs() * 4 + u64::from(began.elapsed().subsec_millis() / 250);
        Uuid::from_u64_pair(era, number as u64 + 1)
    };
    let items_of = |order: Uuid| {
        let (era, number) = order.as_u64_pair();
        let mut dice = Dice::new(era * 1000 + number);
        let first = dice.throw(6);
        let count = 1 + dice.throw(3);
        let item = |step| (ids[(first + step) % 6], 1 + i32::try_from(step).expect("small"));
        (0..count).map(item).collect::<Vec<_>>()
    };
    let actors = (1..=24).map(|actor| {
        let (world, calls, order_of, items_of) = (&world, &calls, &order_of, &items_of);
        async move {
            let mut dice = Dice::new(actor);
            while began.elapsed() < TIME {
                let order = order_of(dice.throw(12));
                let answer = match dice.throw(12) {
                    0..=4 => world.order.reserve(order, &items_of(order)).await,
                    5..=7 => world.order.about("CommitReservation", order).await,
                    8 => world.order.about("ReleaseReservation", order).await,
                    9 | 10 => world.order.about("Restock", order).await,
                    _ => {
                        let overdue = format!(
                            "update product_service.reservations set expires_at = now() where order_id = '{order}'"
                        );
                        world.execute(&overdue).await;
                        let answer = world.order.inventory("ExpireReservations", json!({ "limit": 20 })).await;
                        answer.message();
                        continue;
                    }
                };
                calls.fetch_add(1, Ordering::Relaxed);
                let outcome = outcome(&answer);
                let known = [
                    "RESERVED",
                    "COMMITTED",
                    "RELEASED",
                    "RESTOCKED",
                    "not_found",
                    "failed_precondition",
                ];
                assert!(
                    known.contains(&outcome.as_str()),
                    "{order} was answered {}; the log has: {:#?}",
                    answer.text(),
                    last_errors()
                );
            }
        }
    });
    let watching = async {
        while began.elapsed() < TIME {
            world.adds_up(60).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::join!(join_all(actors), watching);

    world.adds_up(60).await;
    let calls = calls.into_inner();
    let statuses: Vec<String> = world
        .rows("select format('%s: %s', status, count(*)) from product_service.reservations group by status order by status")
        .await;
    println!("{calls} calls; {statuses:?}");
    assert!(calls > 500, "they met often enough, but only in {calls} calls");
    assert!(statuses.len() > 1, "orders came to different ends: {statuses:?}");
}
