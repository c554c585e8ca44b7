//! Connect adapter of the inventory: message in, domain call, message out.

use std::time::Duration;

use api::product::v1::{
    CommitReservationRequest, CommitReservationResponse, ExpireReservationsRequest,
    ExpireReservationsResponse, GetReservationRequest, GetReservationResponse, InventoryService,
    ReleaseReservationRequest, ReleaseReservationResponse, Reservation as ReservationMessage,
    ReservationItem, ReservationStatus, ReserveStockRequest, ReserveStockResponse, RestockRequest,
    RestockResponse, StockShortage, stock_shortage,
};
use connect::{ConnectError, Context};
use kernel::Caller;
use rpc_adapters::messages::{caller, invalid_argument, timestamp};
use web::request_id::RequestIds;

use super::{
    domain::{Item, Reservation, Shortage, Status},
    service::{Error, Inventory, ReserveStock},
    store::Postgres,
};
use crate::store::StoreError;

/// `product.v1.InventoryService`.
pub(crate) struct Rpc;

impl InventoryService for Rpc {
    async fn reserve_stock(
        &self,
        context: &mut Context,
        request: ReserveStockRequest,
    ) -> Result<ReserveStockResponse, ConnectError> {
        let items: Vec<(&str, i32)> = request
            .items
            .iter()
            .map(|item| (item.product_id.as_str(), item.quantity))
            .collect();
        let request = ReserveStock {
            order_id: &request.order_id,
            items: &items,
            // A negative time is as good as none.
            ttl: request.ttl.and_then(|ttl| Duration::try_from(ttl).ok()),
        };
        let reservation = answer(context, async |inventory, caller| {
            inventory.reserve_stock(&caller, request).await
        });
        Ok(ReserveStockResponse {
            reservation: Some(reservation.await?.into()),
        })
    }

    async fn commit_reservation(
        &self,
        context: &mut Context,
        request: CommitReservationRequest,
    ) -> Result<CommitReservationResponse, ConnectError> {
        let reservation = answer(context, async |inventory, caller| {
            inventory.commit_reservation(&caller, &request.order_id).await
        });
        Ok(CommitReservationResponse {
            reservation: Some(reservation.await?.into()),
        })
    }

    async fn release_reservation(
        &self,
        context: &mut Context,
        request: ReleaseReservationRequest,
    ) -> Result<ReleaseReservationResponse, ConnectError> {
        let reservation = answer(context, async |inventory, caller| {
            inventory.release_reservation(&caller, &request.order_id).await
        });
        Ok(ReleaseReservationResponse {
            reservation: Some(reservation.await?.into()),
        })
    }

    async fn get_reservation(
        &self,
        context: &mut Context,
        request: GetReservationRequest,
    ) -> Result<GetReservationResponse, ConnectError> {
        let reservation = answer(context, async |inventory, caller| {
            inventory.get_reservation(&caller, &request.order_id).await
        });
        Ok(GetReservationResponse {
            reservation: Some(reservation.await?.into()),
        })
    }

    async fn restock(
        &self,
        context: &mut Context,
        request: RestockRequest,
    ) -> Result<RestockResponse, ConnectError> {
        let reservation = answer(context, async |inventory, caller| {
            inventory.restock(&caller, &request.order_id).await
        });
        Ok(RestockResponse {
            reservation: Some(reservation.await?.into()),
        })
    }

    async fn expire_reservations(
        &self,
        context: &mut Context,
        request: ExpireReservationsRequest,
    ) -> Result<ExpireReservationsResponse, ConnectError> {
        let expired = answer(context, async |inventory, caller| {
            inventory.expire_reservations(&caller, request.limit).await
        });
        Ok(ExpireReservationsResponse {
            expired: expired.await?,
        })
    }
}

/// Runs a use case for whoever is calling.
async fn answer<T>(
    context: &Context,
    use_case: impl AsyncFnOnce(Inventory<Postgres>, Caller) -> Result<T, Error>,
) -> Result<T, ConnectError> {
    let answer = async { use_case(crate::inventory().await?, caller(context)).await };
    answer.await.map_err(|error| refuse(context, error))
}

/// The one table from errors to Connect codes. What a caller must not see goes to the log.
fn refuse(context: &Context, error: Error) -> ConnectError {
    match error {
        Error::Invalid(violations) => invalid_argument(&violations),
        Error::NotFound => ConnectError::not_found("the order reserved nothing"),
        Error::Short(shortages) => {
            let detail = StockShortage {
                items: shortages.into_iter().map(shortage).collect(),
            };
            ConnectError::failed_precondition("there is too little in stock; nothing was reserved")
                .with_detail(&detail)
        }
        Error::Closed => ConnectError::failed_precondition(
            "the order's reservation was released; it cannot be reserved or committed any more",
        ),
        Error::NotCommitted => ConnectError::failed_precondition(
            "the order took nothing out of the stock, so nothing can be put back",
        ),
        Error::Store(StoreError::Unavailable(_)) => {
            spin_adapters::log::error(RequestIds::of(&context.headers), &error);
            ConnectError::unavailable("the stock cannot be reached at the moment; try again")
        }
        Error::Store(StoreError::Failed(_)) => {
            spin_adapters::log::error(RequestIds::of(&context.headers), &error);
            ConnectError::internal("something went wrong; the request id leads to it in the log")
        }
    }
}

fn shortage(shortage: Shortage) -> stock_shortage::Item {
    stock_shortage::Item {
        product_id: shortage.product.to_string(),
        requested: shortage.requested,
        available: shortage.available,
    }
}

impl From<Reservation> for ReservationMessage {
    fn from(reservation: Reservation) -> Self {
        Self {
            order_id: reservation.order.to_string(),
            status: ReservationStatus::from(reservation.status).into(),
            items: reservation.items.into_iter().map(ReservationItem::from).collect(),
            expires_at: reservation.expires_at.map(timestamp),
            created_at: Some(timestamp(reservation.created_at)),
            updated_at: Some(timestamp(reservation.updated_at)),
        }
    }
}

impl From<Item> for ReservationItem {
    fn from(item: Item) -> Self {
        Self {
            product_id: item.product.to_string(),
            quantity: item.quantity,
        }
    }
}

impl From<Status> for ReservationStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Reserved => Self::Reserved,
            Status::Committed => Self::Committed,
            Status::Released => Self::Released,
            Status::Restocked => Self::Restocked,
        }
    }
}
