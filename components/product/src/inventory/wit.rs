//! WIT adapter of the inventory: records to use cases, and results to records.

use std::time::Duration;

use rpc_adapters::wit::{answer, invalid_argument, parse_caller, refuse, types, types::Caller};

use super::{
    domain::{Item, Reservation, Shortage, Status},
    service::{Error, ReserveStock},
};
use crate::wit::{
    Component, Provide as _,
    inventory::{self, ReservationItem, ReservationStatus, ReserveError},
};

type Result<T, E = types::Error> = std::result::Result<T, E>;

impl inventory::Guest for Component {
    async fn reserve_stock(
        caller: Caller,
        order_id: String,
        items: Vec<ReservationItem>,
        ttl: u64,
    ) -> Result<inventory::Reservation, ReserveError> {
        let caller = parse_caller(caller);
        let caller = caller.map_err(|violations| ReserveError::Other(invalid_argument(&violations)))?;
        let items: Vec<_> = items
            .iter()
            .map(|item| (item.product_id.as_str(), item.quantity))
            .collect();
        let request = ReserveStock {
            order_id: &order_id,
            items: &items,
            ttl: Some(Duration::from_micros(ttl)),
        };
        Ok(Self::inventory().reserve_stock(&caller, request).await?.into())
    }

    async fn commit_reservation(caller: Caller, order_id: String) -> Result<inventory::Reservation> {
        answer(caller, async |caller| {
            Self::inventory().commit_reservation(&caller, &order_id).await
        })
        .await
    }

    async fn release_reservation(caller: Caller, order_id: String) -> Result<inventory::Reservation> {
        answer(caller, async |caller| {
            Self::inventory().release_reservation(&caller, &order_id).await
        })
        .await
    }

    async fn get_reservation(caller: Caller, order_id: String) -> Result<inventory::Reservation> {
        answer(caller, async |caller| {
            Self::inventory().get_reservation(&caller, &order_id).await
        })
        .await
    }

    async fn restock(caller: Caller, order_id: String) -> Result<inventory::Reservation> {
        answer(caller, async |caller| {
            Self::inventory().restock(&caller, &order_id).await
        })
        .await
    }

    async fn expire_reservations(caller: Caller, limit: i32) -> Result<i32> {
        answer(caller, async |caller| {
            Self::inventory().expire_reservations(&caller, limit).await
        })
        .await
    }
}

rpc_adapters::same_variants! {
    Status => ReservationStatus { Reserved, Committed, Released, Restocked }
}

impl From<Reservation> for inventory::Reservation {
    fn from(reservation: Reservation) -> Self {
        let item = |item: Item| ReservationItem {
            product_id: item.product.to_string(),
            quantity: item.quantity,
        };
        Self {
            order_id: reservation.order.to_string(),
            status: reservation.status.into(),
            items: reservation.items.into_iter().map(item).collect(),
            expires_at: reservation.expires_at.map(|at| at.unix_micros()),
            created_at: reservation.created_at.unix_micros(),
            updated_at: reservation.updated_at.unix_micros(),
        }
    }
}

impl From<Error> for ReserveError {
    fn from(error: Error) -> Self {
        let shortage = |short: Shortage| inventory::Shortage {
            product_id: short.product.to_string(),
            requested: short.requested,
            available: short.available,
        };
        match error {
            Error::Short(shortages) => Self::Short(shortages.into_iter().map(shortage).collect()),
            other => Self::Other(refuse(other)),
        }
    }
}
