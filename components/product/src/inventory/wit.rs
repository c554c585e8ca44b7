//! WIT adapter of the inventory: it maps each function of the interface `inventory` to its use case.

use std::time::Duration;

use rpc_adapters::{
    Convert as _,
    wit::{self, types::Caller},
    wit_methods,
};

use super::service::{Error, ReserveStock};
use crate::wit::{
    Component, Provide as _,
    inventory::{Guest, Reservation, ReservationItem, ReserveError},
};

impl Guest for Component {
    wit_methods! {
        |caller| inventory = Self::inventory();
        commit_reservation(order_id: String) -> Reservation = inventory.commit_reservation(caller, &order_id);
        release_reservation(order_id: String) -> Reservation = inventory.release_reservation(caller, &order_id);
        get_reservation(order_id: String) -> Reservation = inventory.get_reservation(caller, &order_id);
        restock(order_id: String) -> Reservation = inventory.restock(caller, &order_id);
        expire_reservations(limit: i32) -> i32 = inventory.expire_reservations(caller, limit);
    }

    async fn reserve_stock(
        caller: Caller,
        order_id: String,
        items: Vec<ReservationItem>,
        ttl: u64,
    ) -> Result<Reservation, ReserveError> {
        let caller = wit::caller(caller).map_err(ReserveError::Other)?;
        let items = items.iter().map(|item| (item.product_id.as_str(), item.quantity));
        let request = ReserveStock {
            order_id: &order_id,
            items: &items.collect::<Vec<_>>(),
            ttl: Some(Duration::from_micros(ttl)),
        };
        let reserved = Self::inventory().reserve_stock(&caller, request).await;
        reserved
            .map(|reservation| reservation.convert())
            .map_err(|error| match error {
                Error::Short(shortages) => ReserveError::Short(shortages.convert()),
                other => ReserveError::Other(wit::refuse(other)),
            })
    }
}
