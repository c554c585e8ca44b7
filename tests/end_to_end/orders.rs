//! Orders through the bff, and the endpoint of the reconciler behind it. Calls that take stock are tested with the product
//! service.

use std::time::Duration;

use bytes::Bytes;
use harness::{Answer, Client, Platform, environment};
use http::{HeaderValue, Request, header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::services::Inside;

const RECONCILE: &str = "/internal/reconcile";

/// Inserts an order that was created some time ago.
async fn place(platform: &Platform, user: Uuid, status: &str) -> Uuid {
    const SQL: &str = "
        with placed as (
            insert into order_service.orders
                (id, user_id, status, rejection_reason, total_amount, currency, shipping_address, idempotency_key,
                 request_hash, created_at)
            values ($1, $2, $3::text, case when $3::text = 'rejected' then 'too late' end, 3960, 'JPY',
                    '{\"name\": \"山田 花\", \"postalCode\": \"\", \"country\": \"JP\", \"region\": \"\",
                      \"city\": \"京都市\", \"line1\": \"寺町通\", \"line2\": \"\", \"phone\": \"\"}',
                    'key ' || $1::uuid, repeat('0', 64), now() - interval '1 hour')
            returning id)
        insert into order_service.order_items (order_id, position, product_id, name, unit_price, quantity)
        select id, 1, id, '抹茶', 1980, 2 from placed";
    let id = Uuid::now_v7();
    let sql = platform.database().sql();
    sql.execute(SQL, &[&id, &user, &status])
        .await
        .expect("an order fits the schema");
    id
}

/// A call of a method of the order service, with this token.
async fn call(inside: &Inside, method: &str, message: Value, token: &str) -> Answer {
    let client = inside.platform.client();
    let path = format!("/order.v1.OrderService/{method}");
    let mut request = client.post(&path, message.to_string());
    let token = HeaderValue::try_from(format!("Bearer {token}")).expect("a token");
    request.headers_mut().insert(header::AUTHORIZATION, token);
    client.send(request).await
}

/// Every message of a stream of an order's states, and its end.
async fn watch(inside: &Inside, id: Uuid, token: &str) -> Vec<Value> {
    let client = inside.platform.client();
    let mut request = streaming(client, "/order.v1.OrderService/WatchOrder", &json!({ "id": id }));
    let token = HeaderValue::try_from(format!("Bearer {token}")).expect("a token");
    request.headers_mut().insert(header::AUTHORIZATION, token);
    messages(&client.send(request).await)
}

/// A request of a method that answers with a stream.
pub(crate) fn streaming(client: &Client, path: &str, message: &Value) -> Request<Bytes> {
    let message = message.to_string();
    let mut body = vec![0];
    body.extend((message.len() as u32).to_be_bytes());
    body.extend(message.as_bytes());
    let mut request = client.post(path, body);
    let streaming = HeaderValue::from_static("application/connect+json");
    request.headers_mut().insert(header::CONTENT_TYPE, streaming);
    request
}

/// The messages of a stream, including its end.
pub(crate) fn messages(answer: &Answer) -> Vec<Value> {
    let (mut rest, mut messages) = (&answer.body[..], Vec::new());
    while let [_, a, b, c, d, after @ ..] = rest {
        let (one, left) = after.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        messages.push(serde_json::from_slice(one).expect("each message is JSON"));
        rest = left;
    }
    messages
}

/// Calls the endpoint of the reconciler with this secret.
async fn reconcile(inside: &Inside, secret: Option<&str>) -> Answer {
    let client = inside.platform.client();
    let mut request = client.post(RECONCILE, "");
    if let Some(secret) = secret {
        let value = HeaderValue::try_from(format!("Bearer {secret}")).expect("a secret");
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    client.send(request).await
}

const SECRET: &str = "the-secret-that-the-reconciler-is-called-with";

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_read_listed_and_cancelled_only_by_their_user() {
    let inside = Inside::start().await;
    let (owner, another) = (Uuid::now_v7(), Uuid::now_v7());
    let id = place(&inside.platform, owner, "confirmed").await;
    let mine = inside.issuer.token(&owner.to_string());
    let theirs = inside.issuer.token(&another.to_string());

    for method in ["GetOrder", "CancelOrder", "WatchOrder"] {
        let failure = match method {
            "WatchOrder" => watch(&inside, id, &theirs).await[0]["error"]["code"].clone(),
            _ => {
                let answer = call(&inside, method, json!({ "id": id }), &theirs).await;
                json!(answer.failure().code)
            }
        };
        assert_eq!(failure, "not_found", "{method} of another's order");
    }
    let listed = call(&inside, "ListOrders", json!({}), &theirs).await.message();
    assert_eq!(listed, json!({}), "another's list is empty");

    let got = call(&inside, "GetOrder", json!({ "id": id }), &mine)
        .await
        .message();
    assert_eq!(got["order"]["status"], "ORDER_STATUS_CONFIRMED", "got {got}");
    assert_eq!(
        got["order"]["totalAmount"],
        json!({ "amount": "3960", "currencyCode": "JPY" })
    );
    let listed = call(&inside, "ListOrders", json!({}), &mine).await.message();
    assert_eq!(listed["orders"][0], got["order"]);
    let cancelled = call(&inside, "CancelOrder", json!({ "id": id }), &mine).await;
    assert_eq!(cancelled.message()["order"]["status"], "ORDER_STATUS_CANCELLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_has_the_current_state_and_each_change_also_without_redis() {
    let closed = xtask::services::free_port().expect("a port without a listener");
    for redis in [None, Some(closed)] {
        let inside = Inside::with(|setup| match redis {
            None => setup,
            Some(port) => setup.variable("redis_port", port.to_string()),
        })
        .await;
        let owner = Uuid::now_v7();
        let id = place(&inside.platform, owner, "pending").await;
        let token = inside.issuer.token(&owner.to_string());
        let change = async {
            for status in ["confirmed", "cancelled"] {
                tokio::time::sleep(Duration::from_millis(1500)).await;
                let sql = inside.platform.database().sql();
                let change =
                    "update order_service.orders set status = $2, version = version + 1 where id = $1";
                sql.execute(change, &[&id, &status])
                    .await
                    .expect("the status changes");
            }
        };

        let (messages, ()) = tokio::join!(watch(&inside, id, &token), change);

        let states: Vec<_> = messages
            .iter()
            .filter_map(|message| message["order"]["status"].as_str())
            .collect();
        assert_eq!(
            states,
            [
                "ORDER_STATUS_PENDING",
                "ORDER_STATUS_CONFIRMED",
                "ORDER_STATUS_CANCELLED"
            ],
            "with Redis at {redis:?}: {messages:?}"
        );
        assert_eq!(messages.last(), Some(&json!({})), "and it ends well");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_key_may_be_a_header() {
    let inside = Inside::start().await;
    let token = inside.issuer.token(&Uuid::now_v7().to_string());
    let address = json!({ "name": "山田 花", "country": "JP", "city": "京都市", "line1": "寺町通" });
    let send = async |field: &str, headers: &[&'static str]| {
        let client = inside.platform.client();
        let message = json!({ "idempotencyKey": field, "shippingAddress": address });
        let mut request = client.post("/order.v1.OrderService/CreateOrder", message.to_string());
        let token = HeaderValue::try_from(format!("Bearer {token}")).expect("a token");
        request.headers_mut().insert(header::AUTHORIZATION, token);
        for key in headers {
            let key = HeaderValue::from_static(key);
            request.headers_mut().append("idempotency-key", key);
        }
        client.send(request).await.failure().code
    };
    // With a key the next error is the empty cart.
    for (field, headers, code) in [
        ("", &[][..], "invalid_argument"),
        ("a", &[], "failed_precondition"),
        ("", &["a"], "failed_precondition"),
        ("a", &["a"], "failed_precondition"),
        ("a", &["b"], "invalid_argument"),
        ("", &["a", "a"], "invalid_argument"),
        ("", &["a b"], "invalid_argument"),
        ("a", &[r#""a""#], "failed_precondition"),
        (r#""a""#, &["a"], "failed_precondition"),
        ("a", &[r#""b""#], "invalid_argument"),
        ("", &[r#""a"#], "invalid_argument"),
    ] {
        assert_eq!(send(field, headers).await, code, "{field:?} and {headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_of_an_unknown_status_is_refused_with_its_field() {
    let inside = Inside::start().await;
    let owner = Uuid::now_v7();
    place(&inside.platform, owner, "confirmed").await;
    let token = inside.issuer.token(&owner.to_string());
    for status in [
        json!("ORDER_STATUS_SHIPPED"),
        json!(""),
        json!("order_status_confirmed"),
        json!("CONFIRMED"),
        json!(99),
        json!(-1),
        json!(4_000_000_000_u32),
        json!(1.5),
        json!(true),
    ] {
        let failure = call(&inside, "ListOrders", json!({ "status": status }), &token)
            .await
            .failure();
        assert_eq!(failure.code, "invalid_argument", "{status}: {failure:?}");
        assert!(
            failure.message.contains("status") || failure.fields() == ["status"],
            "the field is named for {status}: {failure:?}"
        );
    }
    for status in [
        json!("ORDER_STATUS_CONFIRMED"),
        json!(2),
        json!("ORDER_STATUS_UNSPECIFIED"),
        Value::Null,
    ] {
        let listed = call(&inside, "ListOrders", json!({ "status": status }), &token)
            .await
            .message();
        assert_eq!(listed["orders"].as_array().map(Vec::len), Some(1), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reconciler_needs_its_secret() {
    let inside = Inside::with(|setup| setup.variable("order_reconciler_secret", SECRET)).await;
    let token = inside.issuer.admin_token(&Uuid::now_v7().to_string());
    for secret in [
        None,
        Some(""),
        Some("x"),
        Some(&SECRET[1..]),
        Some(token.as_str()),
    ] {
        let answer = reconcile(&inside, secret).await;
        assert_eq!(answer.status.as_u16(), 401, "{secret:?}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some("Bearer realm=\"akinai\""), "{secret:?}");
    }
    let client = inside.platform.client();
    assert_eq!(client.get(RECONCILE).await.status.as_u16(), 405);
    assert_eq!(reconcile(&inside, Some(SECRET)).await.status.as_u16(), 200);

    let short = Inside::with(|setup| setup.variable("order_reconciler_secret", "")).await;
    assert_eq!(
        reconcile(&short, Some("")).await.status.as_u16(),
        500,
        "without a secret there is no access"
    );
    let outside = Platform::start().await;
    let answer = outside.client().send(outside.client().post(RECONCILE, "")).await;
    assert_eq!(
        answer.status.as_u16(),
        401,
        "a call from outside also needs the secret: {}",
        answer.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reconciler_relays_each_change_once_and_in_order() {
    let prefix = format!("akinai:{}", Uuid::now_v7().simple());
    let inside = Inside::with(|setup| {
        setup
            .variable("order_reconciler_secret", SECRET)
            .variable("redis_prefix", &prefix)
    })
    .await;
    let id = place(&inside.platform, Uuid::now_v7(), "cancelled").await;
    let sql = inside.platform.database().sql();
    const EVENT: &str = "insert into order_service.outbox (order_id, order_version, kind, payload) \
                         values ($1, $2, $3, '{\"a\": \"茶\"}')";
    for (version, kind) in [(3_i64, "order.cancelled"), (2, "order.confirmed")] {
        sql.execute(EVENT, &[&id, &version, &kind])
            .await
            .expect("an event");
    }

    let (first, second) = tokio::join!(reconcile(&inside, Some(SECRET)), reconcile(&inside, Some(SECRET)));
    let relayed = |answer: &Answer| answer.message()["relayed"].as_u64().expect("a number");
    assert_eq!(
        relayed(&first) + relayed(&second),
        2,
        "two concurrent runs relay it once"
    );
    sql.execute(
        "update order_service.outbox set relayed_at = null, claimed_until = '-infinity'",
        &[],
    )
    .await
    .expect("as if the answers had been lost");
    assert_eq!(
        relayed(&reconcile(&inside, Some(SECRET)).await),
        2,
        "the events are relayed again"
    );

    let environment = environment();
    let (host, port) = &environment.redis;
    let url = format!(
        "redis://admin:{}@{host}:{port}",
        environment.password("redis.admin")
    );
    let client = redis::Client::open(url).expect("a URL of Redis");
    let mut redis = client
        .get_multiplexed_async_connection()
        .await
        .expect("Redis answers");
    let key = format!("{prefix}:order.events");
    let mut entries = redis::cmd("XRANGE");
    entries.arg(&key).arg("-").arg("+");
    let entries: Vec<(String, Vec<String>)> = entries.query_async(&mut redis).await.expect("a stream");
    let kinds: Vec<&str> = entries.iter().map(|(_, fields)| fields[3].as_str()).collect();
    assert_eq!(kinds, ["order.confirmed", "order.cancelled"], "{entries:?}");
    assert_eq!(entries[0].1[9], "{\"a\": \"茶\"}", "the payload is unchanged");
    for key in [key.clone(), format!("{key}:version:{id}")] {
        let left: i64 = redis::cmd("TTL")
            .arg(&key)
            .query_async(&mut redis)
            .await
            .expect("a TTL");
        assert!(left > 0, "{key} must end by itself");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_stay_pending_while_the_stock_does_not_answer() {
    let inside = Inside::with(|setup| {
        setup
            .variable("order_reconciler_secret", SECRET)
            // The product component does not have this key: it refuses the call, and its answer says nothing about a
            // reservation.
            .variable("order_product_service_key", format!("1:{}A", "x".repeat(42)))
    })
    .await;
    let id = place(&inside.platform, Uuid::now_v7(), "pending").await;

    let done = reconcile(&inside, Some(SECRET)).await.message();

    assert_eq!(
        (&done["confirmed"], &done["closed"]),
        (&json!(0), &json!(0)),
        "{done}"
    );
    // Two calls fail: the one for the order, and the one that expires reservations.
    assert_eq!(done["problems"], 2, "{done}");
    let sql = inside.platform.database().sql();
    let row = sql
        .query_one("select status from order_service.orders where id = $1", &[&id])
        .await
        .expect("the order");
    assert_eq!(row.get::<_, String>(0), "pending");
}
