//! Connect adapter of the inventory: it maps each method to its use case.

use std::time::Duration;

use api::product::v1::*;
use rpc_adapters::connect_methods;

use super::{
    service::{Inventory, ReserveStock},
    store::Postgres,
};

/// `product.v1.InventoryService`.
pub(crate) struct Rpc(pub(crate) Inventory<Postgres>);

impl InventoryService for Rpc {
    connect_methods! {
        |self, context, caller, request| inventory = &self.0;
        reserve_stock(ReserveStockRequest) -> ReserveStockResponse { reservation } = async {
            let items = request.items.iter().map(|item| (item.product_id.as_str(), item.quantity));
            let reserve = ReserveStock {
                order_id: &request.order_id,
                items: &items.collect::<Vec<_>>(),
                // A negative time is refused like a missing one.
                ttl: request.ttl.and_then(|ttl| Duration::try_from(ttl).ok()),
            };
            inventory.reserve_stock(caller, reserve).await
        };
        commit_reservation(CommitReservationRequest) -> CommitReservationResponse { reservation } =
            inventory.commit_reservation(caller, &request.order_id);
        release_reservation(ReleaseReservationRequest) -> ReleaseReservationResponse { reservation } =
            inventory.release_reservation(caller, &request.order_id);
        get_reservation(GetReservationRequest) -> GetReservationResponse { reservation } =
            inventory.get_reservation(caller, &request.order_id);
        restock(RestockRequest) -> RestockResponse { reservation } =
            inventory.restock(caller, &request.order_id);
        expire_reservations(ExpireReservationsRequest) -> ExpireReservationsResponse { expired } =
            inventory.expire_reservations(caller, request.limit);
    }
}
