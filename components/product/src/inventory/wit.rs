//! WIT adapter of the inventory: the use cases for a caller in the same process. Record in, domain call, record out.

use std::time::Duration;

use rpc_adapters::wit::{
    invalid_argument, parse_caller,
    types::{self, Caller},
};

use super::{
    domain::{Item, Reservation, Shortage, Status},
    service::{Error, Inventory, ReserveStock},
    store::Postgres,
};
use crate::wit::{Component, inventory, no_answer};

impl inventory::Guest for Component {
    async fn reserve_stock(
        caller: Caller,
        order_id: String,
        items: Vec<inventory::ReservationItem>,
        ttl: u64,
    ) -> Result<inventory::Reservation, inventory::ReserveError> {
        let items: Vec<(&str, i32)> = items
            .iter()
            .map(|item| (item.product_id.as_str(), item.quantity))
            .collect();
        let request = ReserveStock {
            order_id: &order_id,
            items: &items,
            ttl: Some(Duration::from_micros(ttl)),
        };
        let reservation = answer(caller, async |inventory, caller| {
            inventory.reserve_stock(&caller, request).await
        });
        Ok(reservation.await?.into())
    }

    async fn commit_reservation(
        caller: Caller,
        order_id: String,
    ) -> Result<inventory::Reservation, types::Error> {
        let reservation = answer(caller, async |inventory, caller| {
            inventory.commit_reservation(&caller, &order_id).await
        });
        Ok(reservation.await?.into())
    }

    async fn release_reservation(
        caller: Caller,
        order_id: String,
    ) -> Result<inventory::Reservation, types::Error> {
        let reservation = answer(caller, async |inventory, caller| {
            inventory.release_reservation(&caller, &order_id).await
        });
        Ok(reservation.await?.into())
    }

    async fn get_reservation(
        caller: Caller,
        order_id: String,
    ) -> Result<inventory::Reservation, types::Error> {
        let reservation = answer(caller, async |inventory, caller| {
            inventory.get_reservation(&caller, &order_id).await
        });
        Ok(reservation.await?.into())
    }

    async fn restock(caller: Caller, order_id: String) -> Result<inventory::Reservation, types::Error> {
        let reservation = answer(caller, async |inventory, caller| {
            inventory.restock(&caller, &order_id).await
        });
        Ok(reservation.await?.into())
    }

    async fn expire_reservations(caller: Caller, limit: i32) -> Result<i32, types::Error> {
        let expired = answer(caller, async |inventory, caller| {
            inventory.expire_reservations(&caller, limit).await
        });
        Ok(expired.await?)
    }
}

/// Runs a use case for this caller.
async fn answer<T>(
    caller: Caller,
    use_case: impl AsyncFnOnce(Inventory<Postgres>, kernel::Caller) -> Result<T, Error>,
) -> Result<T, Error> {
    let caller = parse_caller(caller).map_err(Error::Invalid)?;
    use_case(crate::inventory().await?, caller).await
}

impl From<Reservation> for inventory::Reservation {
    fn from(reservation: Reservation) -> Self {
        Self {
            order_id: reservation.order.to_string(),
            status: reservation.status.into(),
            items: reservation.items.into_iter().map(From::from).collect(),
            expires_at: reservation.expires_at.map(|at| at.unix_micros()),
            created_at: reservation.created_at.unix_micros(),
            updated_at: reservation.updated_at.unix_micros(),
        }
    }
}

impl From<Item> for inventory::ReservationItem {
    fn from(item: Item) -> Self {
        Self {
            product_id: item.product.to_string(),
            quantity: item.quantity,
        }
    }
}

impl From<Status> for inventory::ReservationStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Reserved => Self::Reserved,
            Status::Committed => Self::Committed,
            Status::Released => Self::Released,
            Status::Restocked => Self::Restocked,
        }
    }
}

impl From<Shortage> for inventory::Shortage {
    fn from(shortage: Shortage) -> Self {
        Self {
            product_id: shortage.product.to_string(),
            requested: shortage.requested,
            available: shortage.available,
        }
    }
}

/// What a caller sees of an error; what it hides goes to the log.
impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => invalid_argument(&violations),
            Error::NotFound => Self::NotFound,
            Error::Short(_) | Error::Closed | Error::NotCommitted => Self::FailedPrecondition,
            Error::Store(error) => no_answer(&error),
        }
    }
}

impl From<Error> for inventory::ReserveError {
    fn from(error: Error) -> Self {
        match error {
            Error::Short(shortages) => Self::Short(shortages.into_iter().map(From::from).collect()),
            other => Self::Other(other.into()),
        }
    }
}
