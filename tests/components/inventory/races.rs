//! Calls at the same time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures::future::join_all;
use harness::Dice;

use super::*;

/// The latest errors in the log of this process: of this test, or of a concurrent one.
fn last_errors() -> Vec<String> {
    let log = harness::logged();
    let errors = log.lines().rev().filter(|line| line.contains("message=ERROR"));
    errors.take(5).map(str::to_owned).collect()
}

// Postgres checks the constraints of a new row before it detects that the old row has changed since the statement began.
#[tokio::test(flavor = "multi_thread")]
async fn call_that_waited_for_a_stock_row_sees_its_new_values() {
    let tea = stocked("tea", 10);
    let world = Warehouse::start(std::slice::from_ref(&tea)).await;
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
async fn sixty_four_concurrent_buyers_never_oversell() {
    let products: Vec<Product> = (0..12)
        .map(|number| stocked(&format!("tea {number}"), 20))
        .collect();
    let world = Warehouse::start(&products).await;
    let ids: Vec<Uuid> = products.iter().map(|product| product.id).collect();
    let sold = AtomicUsize::new(0);
    let buyers = (1..=64).map(|buyer| {
        let (order, ids, sold) = (&world.order, &ids, &sold);
        async move {
            let mut dice = Dice::new(buyer);
            // The buyer stops after so many refusals that the stock is probably empty.
            let mut refused = 0;
            while refused < 8 {
                let first = dice.throw(12);
                let items = [0, 1 + dice.throw(5), 6 + dice.throw(6)].map(|step| {
                    let product = ids[(first + step) as usize % 12];
                    (product, 1 + dice.throw(2) as i32)
                });
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
async fn a_hundred_concurrent_repeats_make_one_reservation() {
    let tea = stocked("tea", 3);
    let world = Warehouse::start(std::slice::from_ref(&tea)).await;
    for round in 0..5 {
        let order = Uuid::now_v7();
        // The whole stock: the second call finds no pieces, and has to find the cause.
        let items = [(tea.id, 3)];
        let answers = join_all((0..100).map(|_| world.order.reserve(order, &items))).await;
        let first = reservation(&answers[0]);
        for answer in &answers {
            assert_eq!(reservation(answer), first, "round {round}: all answers are equal");
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
async fn concurrent_commit_release_and_expiry_have_one_outcome() {
    let tea = stocked("tea", 1000);
    let world = Warehouse::start(std::slice::from_ref(&tea)).await;
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
            "a repeat in between is answered {repeated}"
        );
        *seen.entry(is).or_insert(0) += 1;
        world.adds_up(1000).await;
    }
    println!("how the races ended: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_reserve_and_release_leave_nothing_reserved() {
    let tea = stocked("tea", 10);
    let world = Warehouse::start(std::slice::from_ref(&tea)).await;
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
async fn stock_adds_up_under_random_concurrent_calls() {
    /// The duration of the random calls.
    const TIME: Duration = Duration::from_secs(10);
    let products: Vec<Product> = (0..6)
        .map(|number| stocked(&format!("tea {number}"), 60))
        .collect();
    let world = Warehouse::start(&products).await;
    let ids: Vec<Uuid> = products.iter().map(|product| product.id).collect();
    let began = Instant::now();
    let calls = AtomicUsize::new(0);
    // Only a few orders at a time, so that calls about one order run at the same time. Later other orders, because orders end.
    let order_of = |number: u64| {
        let era = began.elapsed().as_secs() * 4 + u64::from(began.elapsed().subsec_millis() / 250);
        Uuid::from_u64_pair(era, number + 1)
    };
    let items_of = |order: Uuid| {
        let (era, number) = order.as_u64_pair();
        let mut dice = Dice::new(era * 1000 + number);
        let first = dice.throw(6);
        let count = 1 + dice.throw(3);
        let item = |step| (ids[(first + step) as usize % 6], 1 + step as i32);
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
