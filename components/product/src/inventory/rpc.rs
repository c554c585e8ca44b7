//! Connect adapter of the inventory: messages to use cases, and results to messages.

use std::time::Duration;

use api::product::v1::{
    CommitReservationRequest, CommitReservationResponse, ExpireReservationsRequest,
    ExpireReservationsResponse, GetReservationRequest, GetReservationResponse, InventoryService,
    ReleaseReservationRequest, ReleaseReservationResponse, Reservation as ReservationMessage,
    ReservationItem, ReservationStatus, ReserveStockRequest, ReserveStockResponse, RestockRequest,
    RestockResponse, StockShortage, stock_shortage,
};
use connect::ConnectError;
use rpc_adapters::messages::{invalid_argument, store_error, timestamp};

use super::{
    domain::{Item, Reservation, Shortage, Status},
    service::{Error, Inventory, ReserveStock},
    store::Postgres,
};

/// `product.v1.InventoryService`.
pub(crate) struct Rpc(pub(crate) Inventory<Postgres>);

impl InventoryService for Rpc {
    rpc_adapters::unary! { |self, context, caller|
        reserve_stock(request: ReserveStockRequest) -> ReserveStockResponse {
            let items = request.items.iter().map(|item| (item.product_id.as_str(), item.quantity));
            let items: Vec<_> = items.collect();
            let reserve = ReserveStock {
                order_id: &request.order_id,
                items: &items,
                // A negative time is refused like an absent one.
                ttl: request.ttl.and_then(|ttl| Duration::try_from(ttl).ok()),
            };
            self.0.reserve_stock(&caller, reserve).await
        }

        commit_reservation(request: CommitReservationRequest) -> CommitReservationResponse {
            self.0.commit_reservation(&caller, &request.order_id).await
        }

        release_reservation(request: ReleaseReservationRequest) -> ReleaseReservationResponse {
            self.0.release_reservation(&caller, &request.order_id).await
        }

        get_reservation(request: GetReservationRequest) -> GetReservationResponse {
            self.0.get_reservation(&caller, &request.order_id).await
        }

        restock(request: RestockRequest) -> RestockResponse {
            self.0.restock(&caller, &request.order_id).await
        }

        expire_reservations(request: ExpireReservationsRequest) -> ExpireReservationsResponse {
            let expired = self.0.expire_reservations(&caller, request.limit).await;
            expired.map(|expired| ExpireReservationsResponse { expired })
        }
    }
}

rpc_adapters::responses! {
    Reservation => reservation in ReserveStockResponse, CommitReservationResponse, ReleaseReservationResponse,
        GetReservationResponse, RestockResponse;
}

rpc_adapters::same_variants! {
    Status => ReservationStatus { Reserved, Committed, Released, Restocked }
}

impl From<Reservation> for ReservationMessage {
    fn from(reservation: Reservation) -> Self {
        let item = |item: Item| ReservationItem {
            product_id: item.product.to_string(),
            quantity: item.quantity,
        };
        Self {
            order_id: reservation.order.to_string(),
            status: ReservationStatus::from(reservation.status).into(),
            items: reservation.items.into_iter().map(item).collect(),
            expires_at: reservation.expires_at.map(timestamp),
            created_at: Some(timestamp(reservation.created_at)),
            updated_at: Some(timestamp(reservation.updated_at)),
        }
    }
}

/// The one table of the inventory's errors. The WIT adapter uses it, too.
impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => invalid_argument(&violations),
            Error::NotFound => Self::not_found("this order has no reservation"),
            Error::Short(shortages) => {
                Self::failed_precondition("there is too little in stock; nothing was reserved")
                    .with_detail(&stock_shortage(shortages))
            }
            Error::Closed => Self::failed_precondition(
                "the order's reservation was released; it cannot be reserved or committed any more",
            ),
            Error::NotCommitted => Self::failed_precondition(
                "the order took nothing out of the stock, so nothing can be put back",
            ),
            Error::Store(error) => {
                store_error(&error, "the stock cannot be reached at the moment; try again")
            }
        }
    }
}

fn stock_shortage(shortages: Vec<Shortage>) -> StockShortage {
    let item = |short: Shortage| stock_shortage::Item {
        product_id: short.product.to_string(),
        requested: short.requested,
        available: short.available,
    };
    StockShortage {
        items: shortages.into_iter().map(item).collect(),
    }
}
