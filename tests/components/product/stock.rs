//! The interface `inventory`.

use bindings::exports::akinai::commerce::inventory::{ReservationItem, ReservationStatus, ReserveError};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn reservation_goes_through_all_its_steps() {
    let tea = Product::named("tea");
    let mut service = Service::start(std::slice::from_ref(&tea)).await;
    let (order, minute) = (Uuid::now_v7().to_string(), 60_000_000);
    let items = |quantity| {
        vec![ReservationItem {
            product_id: tea.id.to_string(),
            quantity,
        }]
    };
    macro_rules! inventory {
        ($function:ident($($argument:expr),*)) => {
            call!(service.akinai_commerce_inventory().$function(Caller::Anonymous, $($argument),*))
        };
    }
    match inventory!(call_reserve_stock(order.clone(), items(6), minute)) {
        Err(ReserveError::Short(short)) => {
            assert_eq!((short.len(), short[0].requested, short[0].available), (1, 6, 5));
        }
        other => panic!("there are only 5, but the answer was {other:?}"),
    }
    let wrong = inventory!(call_reserve_stock(order.clone(), items(1), 999_999));
    match wrong {
        Err(ReserveError::Other(error)) => assert_eq!(fields(error), ["ttl"]),
        other => panic!("less than a second is no time, but the answer was {other:?}"),
    }
    let held = inventory!(call_reserve_stock(order.clone(), items(3), minute)).expect("there are 5");
    assert_eq!(
        (held.status, held.items[0].quantity),
        (ReservationStatus::Reserved, 3)
    );
    assert_eq!(held.expires_at.expect("it expires") - held.created_at, 60_000_000);
    let found = inventory!(call_get_reservation(order.clone())).expect("it is there");
    assert_eq!(
        (found.status, found.expires_at),
        (ReservationStatus::Reserved, held.expires_at)
    );
    let taken = inventory!(call_commit_reservation(order.clone())).expect("it is held");
    assert_eq!(taken.status, ReservationStatus::Committed);
    let kept = inventory!(call_release_reservation(order.clone())).expect("an answer");
    assert_eq!(
        kept.status,
        ReservationStatus::Committed,
        "a committed reservation stays committed"
    );
    let back = inventory!(call_restock(order.clone())).expect("it was taken");
    assert_eq!(back.status, ReservationStatus::Restocked);
    assert_eq!(inventory!(call_expire_reservations(10)).expect("a count"), 0);
    let unknown = inventory!(call_restock(Uuid::now_v7().to_string()));
    assert!(matches!(unknown, Err(Error::NotFound)), "got {unknown:?}");
}
