//! Two calls about one order. A gate holds them so that they run at the same time.

use super::*;

/// How often each test repeats its two calls.
const ROUNDS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn late_reservation_after_a_release_is_refused() {
    let gate = Gate::new();
    let shop = Shop::with(|setup| setup.chaining(Arc::new(gate.clone()))).await;
    let products = Products::of(&shop).await;
    let api = shop.api();
    let mut sold = 0;
    for round in 0..ROUNDS {
        let request = UserRequest::new(&shop, Action::Buy, products).await;
        gate.close(&[Point::before("ReserveStock")]);
        let releasing = async {
            gate.holds(1).await;
            if round % 2 == 0 {
                api.reconcile().await.expect("the reconciler answers");
                gate.open();
            } else {
                // Opens for both calls at the same moment.
                let both = [Point::before("ReserveStock"), Point::before("ReleaseReservation")];
                gate.close(&both);
                let opening = async {
                    gate.holds(1).await;
                    gate.open();
                };
                tokio::join!(api.reconcile(), opening);
            }
        };
        let (outcome, ()) = tokio::join!(request.run(&api), releasing);
        // In the rounds with both calls at the same moment, the whole order can also be confirmed before the release
        // arrives.
        let end = match outcome {
            Outcome::Done(_) if round % 2 == 1 => {
                sold += 2;
                CONFIRMED
            }
            _ => {
                assert_eq!(
                    outcome,
                    Outcome::Refused("failed_precondition".into()),
                    "round {round}"
                );
                REJECTED
            }
        };
        shop.reconcile_and_check().await;
        let status = shop.status(&request.user, KEY).await;
        assert_eq!(status.as_deref(), end, "round {round}");
    }
    assert_eq!(
        shop.stock(products.many).await,
        999 - sold,
        "nothing else has left the stock"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_checkout_and_reconciler_sell_once() {
    let gate = Gate::new();
    let shop = Shop::with(|setup| setup.chaining(Arc::new(gate.clone()))).await;
    let products = Products::of(&shop).await;
    let api = shop.api();
    for round in 0..ROUNDS {
        let request = UserRequest::new(&shop, Action::Buy, products).await;
        gate.close(&[Point::before("CommitReservation")]);
        let reconciling = async {
            gate.holds(1).await;
            let opening = async {
                gate.holds(2).await;
                gate.open();
            };
            tokio::join!(api.reconcile(), opening);
        };
        let (outcome, ()) = tokio::join!(request.run(&api), reconciling);
        assert!(matches!(outcome, Outcome::Done(_)), "round {round}: {outcome:?}");
        shop.reconcile_and_check().await;
        assert_eq!(
            shop.status(&request.user, KEY).await.as_deref(),
            CONFIRMED,
            "round {round}"
        );
    }
    assert_eq!(
        shop.stock(products.many).await,
        999 - 2 * ROUNDS as i32,
        "each order was sold once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_cancellation_and_confirmation_have_one_outcome() {
    let gate = Gate::new();
    let shop = Shop::with(|setup| setup.chaining(Arc::new(gate.clone()))).await;
    let products = Products::of(&shop).await;
    let api = shop.api();
    for round in 0..ROUNDS {
        let request = UserRequest::new(&shop, Action::Buy, products).await;
        gate.close(&[Point::after("CommitReservation")]);
        let cancelling = async {
            gate.holds(1).await;
            let listed = api.call(&request.user, "ListOrders", json!({})).await;
            let Outcome::Done(listed) = listed else {
                panic!("the list must contain the pending order, but the answer was {listed:?}")
            };
            let message = json!({ "id": listed["orders"][0]["id"] });
            let early = api.call(&request.user, "CancelOrder", message.clone()).await;
            assert_eq!(
                early,
                Outcome::Refused("failed_precondition".into()),
                "the order is still pending"
            );
            gate.open();
            let pause = Duration::from_millis(round as u64);
            tokio::time::sleep(pause).await;
            api.call(&request.user, "CancelOrder", message).await
        };
        let (placed, cancelled) = tokio::join!(request.run(&api), cancelling);
        assert!(matches!(placed, Outcome::Done(_)), "round {round}: {placed:?}");
        let end = match cancelled {
            Outcome::Done(_) => CANCELLED,
            _ => CONFIRMED,
        };
        shop.reconcile_and_check().await;
        assert_eq!(
            shop.status(&request.user, KEY).await.as_deref(),
            end,
            "round {round}: {cancelled:?}"
        );
    }
}
