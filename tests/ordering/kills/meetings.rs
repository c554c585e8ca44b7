//! Two calls about one order that are held until they happen at the same time.

use super::*;

/// How often calls meet that should not.
const MEETINGS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn late_reservation_after_a_release_is_refused() {
    let gate = Gate::new();
    let shop = Shop::with(|setup| setup.chaining(Arc::new(gate.clone()))).await;
    let products = Products::of(&shop).await;
    let counter = shop.counter();
    let mut sold = 0;
    for meeting in 0..MEETINGS {
        let request = UserRequest::new(&shop, Action::Buy, products).await;
        gate.close(&[Point::before("ReserveStock")]);
        let releasing = async {
            gate.holds(1).await;
            if meeting % 2 == 0 {
                counter.reconcile().await.expect("the reconciler answers");
                gate.open();
            } else {
                // At the same moment.
                let both = [Point::before("ReserveStock"), Point::before("ReleaseReservation")];
                gate.close(&both);
                let opening = async {
                    gate.holds(1).await;
                    gate.open();
                };
                tokio::join!(counter.reconcile(), opening);
            }
        };
        let (said, ()) = tokio::join!(request.run(&counter), releasing);
        // At the same moment the order may just as well be taken before the release comes, as a whole.
        let end = match said {
            Said::Done(_) if meeting % 2 == 1 => {
                sold += 2;
                CONFIRMED
            }
            _ => {
                assert_eq!(
                    said,
                    Said::Refused("failed_precondition".into()),
                    "meeting {meeting}"
                );
                REJECTED
            }
        };
        shop.settle().await;
        let status = shop.status(&request.user, KEY).await;
        assert_eq!(status.as_deref(), end, "meeting {meeting}");
    }
    assert_eq!(
        shop.stock(products.many).await,
        999 - sold,
        "and nothing else has left the stock"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_checkout_and_reconciler_sell_once() {
    let gate = Gate::new();
    let shop = Shop::with(|setup| setup.chaining(Arc::new(gate.clone()))).await;
    let products = Products::of(&shop).await;
    let counter = shop.counter();
    for meeting in 0..MEETINGS {
        let request = UserRequest::new(&shop, Action::Buy, products).await;
        gate.close(&[Point::before("CommitReservation")]);
        let reconciling = async {
            gate.holds(1).await;
            let opening = async {
                gate.holds(2).await;
                gate.open();
            };
            tokio::join!(counter.reconcile(), opening);
        };
        let (said, ()) = tokio::join!(request.run(&counter), reconciling);
        assert!(matches!(said, Said::Done(_)), "meeting {meeting}: {said:?}");
        shop.settle().await;
        assert_eq!(
            shop.status(&request.user, KEY).await.as_deref(),
            CONFIRMED,
            "meeting {meeting}"
        );
    }
    assert_eq!(
        shop.stock(products.many).await,
        999 - 2 * MEETINGS as i32,
        "each was sold once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_cancellation_and_confirmation_have_one_outcome() {
    let gate = Gate::new();
    let shop = Shop::with(|setup| setup.chaining(Arc::new(gate.clone()))).await;
    let products = Products::of(&shop).await;
    let counter = shop.counter();
    for meeting in 0..MEETINGS {
        let request = UserRequest::new(&shop, Action::Buy, products).await;
        gate.close(&[Point::after("CommitReservation")]);
        let cancelling = async {
            gate.holds(1).await;
            let listed = counter.call(&request.user, "ListOrders", json!({})).await;
            let Said::Done(listed) = listed else {
                panic!("the order is there, pending, but: {listed:?}")
            };
            let message = json!({ "id": listed["orders"][0]["id"] });
            let early = counter.call(&request.user, "CancelOrder", message.clone()).await;
            assert_eq!(
                early,
                Said::Refused("failed_precondition".into()),
                "it is still being placed"
            );
            gate.open();
            let pause = Duration::from_millis(meeting as u64);
            tokio::time::sleep(pause).await;
            counter.call(&request.user, "CancelOrder", message).await
        };
        let (placed, cancelled) = tokio::join!(request.run(&counter), cancelling);
        assert!(matches!(placed, Said::Done(_)), "meeting {meeting}: {placed:?}");
        let end = match cancelled {
            Said::Done(_) => CANCELLED,
            _ => CONFIRMED,
        };
        shop.settle().await;
        assert_eq!(
            shop.status(&request.user, KEY).await.as_deref(),
            end,
            "meeting {meeting}: {cancelled:?}"
        );
    }
}
