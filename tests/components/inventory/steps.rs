//! The steps of a reservation: reserve, commit, release, restock, expire.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn repeated_calls_reserve_commit_and_restock_an_order_once() {
    let products = [stocked("tea", 5), stocked("cup", 9)];
    let world = Warehouse::start(&products).await;
    let order = Uuid::now_v7();
    let (tea, cup) = (&products[0], &products[1]);
    // The answer is in the order of the keys, and the request is not.
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
async fn released_order_can_reserve_nothing() {
    let tea = stocked("tea", 5);
    let world = Warehouse::start(std::slice::from_ref(&tea)).await;
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
                "this is not a shortage: {}",
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
                "{method} of a released reservation"
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
async fn shortage_of_one_item_reserves_no_item() {
    let mut products = vec![
        stocked("tea", 5),
        stocked("cup", 2),
        stocked("pot", 7),
        stocked("gone", 9),
    ];
    products[3].is_deleted = true;
    let world = Warehouse::start(&products).await;
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
            "each short product, in the order of the request, with the available number"
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

#[tokio::test(flavor = "multi_thread")]
async fn deleted_product_cannot_be_reserved_but_its_reservations_can_be_committed() {
    let tea = stocked("tea", 5);
    let world = Warehouse::start(std::slice::from_ref(&tea)).await;
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
        "a deleted product has no stock"
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
async fn overdue_reservation_can_be_committed_until_it_expires_and_expires_once() {
    let tea = stocked("tea", 1000);
    let world = Warehouse::start(std::slice::from_ref(&tea)).await;
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
        "the requested number"
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
        "an expired reservation cannot be committed"
    );
    world.adds_up(1000).await;
}
