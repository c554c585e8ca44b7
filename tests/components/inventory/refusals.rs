//! Calls that are refused: invalid requests, and callers other than the order component.

use super::*;

const METHODS: [&str; 6] = [
    "ReserveStock",
    "CommitReservation",
    "ReleaseReservation",
    "GetReservation",
    "Restock",
    "ExpireReservations",
];

#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_are_refused_with_all_their_fields() {
    let tea = stocked("tea", 5);
    let world = Warehouse::start(std::slice::from_ref(&tea)).await;
    let (order, item) = (Uuid::now_v7(), json!({ "productId": tea.id, "quantity": 1 }));
    let cases = [
        (json!({}), vec!["orderId", "items", "ttl"]),
        (
            json!({ "orderId": order, "items": [item], "ttl": "-60s" }),
            vec!["ttl"],
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
    let refused = world
        .order
        .inventory("ExpireReservations", json!({ "limit": 1001 }))
        .await
        .failure();
    assert_eq!(
        (refused.code.as_str(), refused.fields()),
        ("invalid_argument", vec!["limit"])
    );
    for method in ["CommitReservation", "GetReservation", "Restock"] {
        let refused = world.order.about(method, order).await.failure();
        assert_eq!(
            refused.code, "not_found",
            "{method} of an order without a reservation"
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
        "a refused call changes nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_order_component_may_call_the_inventory() {
    let world = Warehouse::start(&[]).await;
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
    let list = ("ProductService/ListProducts", json!({}));
    let batch = (
        "ProductService/BatchGetProducts",
        json!({ "ids": [Uuid::now_v7().to_string()] }),
    );
    bff.call(list.0, list.1.clone()).await.message();
    bff.call(batch.0, batch.1.clone()).await.message();
    world.order.call(batch.0, batch.1).await.message();
    let refused = world.order.call(list.0, list.1).await.failure();
    assert_eq!(
        refused.code, "permission_denied",
        "of the catalogue, order may only read the products of a cart"
    );
    let rows: Vec<i64> = world
        .rows("select count(*) from product_service.reservations")
        .await;
    assert_eq!(rows, [0], "no call closed or reserved anything");
}
