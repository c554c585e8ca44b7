//! Hosts that are killed while they serve an order or reconcile.

use harness::Dice;

use crate::histories::{Answers, Window, compare, seed};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn order_is_finished_after_a_host_is_killed_at_any_step() {
    let shop = Shop::start().await;
    let products = Products::of(&shop).await;
    for (point, action, ends) in BOUNDARIES {
        let requests = UserRequest::two(&shop, action, products).await;
        kill_at(&shop, point, &requests).await;
        finish(&shop, &requests, ends, point).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_is_finished_after_a_reconciler_is_killed_at_any_step() {
    let shop = Shop::start().await;
    let products = Products::of(&shop).await;
    let mut left = Vec::new();
    for (left_at, action, killed_at) in [
        (
            Point::after("ReserveStock"),
            Action::Buy,
            Point::after("GetReservation"),
        ),
        (
            Point::after("ReserveStock"),
            Action::Buy,
            Point::before("CommitReservation"),
        ),
        (
            Point::after("ReserveStock"),
            Action::Buy,
            Point::after("CommitReservation"),
        ),
        (
            Point::before("ReserveStock"),
            Action::Buy,
            Point::before("ReleaseReservation"),
        ),
        (
            Point::before("ReserveStock"),
            Action::Buy,
            Point::after("ReleaseReservation"),
        ),
        (Point::before("Restock"), Action::Cancel, Point::before("Restock")),
        (Point::before("Restock"), Action::Cancel, Point::after("Restock")),
    ] {
        let request = [UserRequest::new(&shop, action, products).await];
        kill_at(&shop, left_at, &request).await;
        let port = free_port().expect("a port");
        let host = Host::start(shop.another_host().await, port, Some((killed_at, 1))).await;
        assert_eq!(
            host.api.reconcile().await,
            None,
            "the host is killed at {killed_at:?}"
        );
        host.wait_until_killed().await;
        let [_, end] = ends(left_at, action);
        left.push((request, killed_at, end));
    }
    tokio::time::sleep(CLAIM_DURATION).await;
    shop.reconcile_and_check().await;
    for ([request], killed_at, end) in left {
        let status = shop.status(&request.user, KEY).await;
        assert_eq!(
            status.as_deref(),
            end,
            "the final status after a reconciler was killed at {killed_at:?}"
        );
    }
}

/// How long hosts are killed at random moments.
const KILLING_DURATION: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn hosts_killed_at_random_lose_no_order() {
    let seed = seed(99);
    println!("random kills of seed {seed}");
    let shop = Shop::start().await;
    let mut products = Vec::new();
    for name in ["抹茶", "煎茶", "茶碗"] {
        products.push(shop.product(name, 500).await);
    }
    let (port, end) = (free_port().expect("a port"), Instant::now() + KILLING_DURATION);
    let api = Api(Client::new(format!("http://127.0.0.1:{port}")));
    let windows = (0..8).map(|number| {
        let window = Window::new(api.clone(), &shop.user(), &products, seed + number);
        window.run(|_| Instant::now() < end)
    });
    let windows: Vec<_> = windows.collect();
    let killing = async {
        let mut dice = Dice::new(seed);
        let mut kills = 0;
        while Instant::now() < end {
            let host = Host::start(shop.another_host().await, port, None).await;
            tokio::time::sleep(Duration::from_millis(200 + dice.throw(2500))).await;
            host.kill().await;
            kills += 1;
        }
        kills
    };
    let reconciling = async {
        while Instant::now() < end {
            api.reconcile().await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };

    let (answers, kills, ()) = tokio::join!(join_all(windows), killing, reconciling);

    println!("{kills} hosts were killed");
    tokio::time::sleep(CLAIM_DURATION).await;
    // A run relays a limited number of events, so several runs may be necessary.
    while shop.api().reconcile().await.expect("the reconciler answers")["relayed"] != 0 {}
    shop.reconcile_and_check().await;
    compare(&shop, &answers.into_iter().collect::<Answers>()).await;
}
