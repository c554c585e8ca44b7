//! Client of the product component: the catalogue and the stock.

use std::time::{Duration, Instant};

use api::product::v1::{
    BatchGetProductsRequest, CommitReservationRequest, ExpireReservationsRequest, GetReservationRequest,
    InventoryServiceClient, Product as ProductMessage, ProductServiceClient, ReleaseReservationRequest,
    Reservation, ReservationItem, ReservationStatus, ReserveStockRequest, RestockRequest, StockShortage,
};
use connect::{CallOptions, Code, ConnectError, wkt};
use http::HeaderMap;
use kernel::{Caller, Money, OrderId, ProductId};
use resilience::ComponentTransport;

use crate::{
    calls::{Callee, Origin},
    domain::{Line, Product, Shortage},
    service::{Catalogue, CatalogueError, Inventory, InventoryError, Outcome},
};

/// The product component.
const CALLEE: Callee = Callee {
    name: "product",
    key: "product_service_key",
};

/// Its transport. A call has at most 5 s: an order makes three calls, and its caller waits for all of them.
const PRODUCT: ComponentTransport = ComponentTransport::to(CALLEE.name)
    .timeout("product_timeout")
    .at_most(Duration::from_secs(5));

/// The product component, for one request.
pub(crate) struct Remote(Origin);

impl Remote {
    /// For a request with these headers, on behalf of its caller and within its time.
    pub(crate) fn for_request(caller: &Caller, headers: &HeaderMap, deadline: Option<Instant>) -> Self {
        Self(Origin::new(caller, headers, deadline))
    }

    async fn stock(
        &self,
    ) -> Result<(InventoryServiceClient<ComponentTransport>, CallOptions), InventoryError> {
        let options = self.0.options(CALLEE).await.map_err(InventoryError::Unknown)?;
        Ok((InventoryServiceClient::new(PRODUCT), options))
    }
}

impl Catalogue for Remote {
    async fn products(&self, ids: &[ProductId]) -> Result<Vec<Product>, CatalogueError> {
        let options = self.0.options(CALLEE).await.map_err(CatalogueError)?;
        let request = BatchGetProductsRequest {
            ids: ids.iter().map(ToString::to_string).collect(),
        };
        let client = ProductServiceClient::new(PRODUCT);
        let answer = client.batch_get_products(options, request).await;
        let products = answer
            .map_err(|error| CatalogueError(describe(&error)))?
            .message
            .products;
        products.into_iter().map(product).collect()
    }
}

fn product(message: ProductMessage) -> Result<Product, CatalogueError> {
    let wrong = |cause: &dyn std::fmt::Display| CatalogueError(format!("a product in its answer {cause}"));
    let price = message.price.unwrap_or_default();
    Ok(Product {
        id: message.id.parse().map_err(|error| wrong(&error))?,
        name: message.name,
        price: Money::kept(&price.amount, &price.currency_code).map_err(|error| wrong(&error))?,
        available: message.available.try_into().unwrap_or_default(),
    })
}

impl Inventory for Remote {
    async fn reserve(&self, order: OrderId, lines: &[Line], ttl: Duration) -> Result<(), InventoryError> {
        let (client, options) = self.stock().await?;
        let item = |line: &Line| ReservationItem {
            product_id: line.product.to_string(),
            // At most 999.
            quantity: line.quantity.get() as i32,
        };
        let request = ReserveStockRequest {
            order_id: order.to_string(),
            items: lines.iter().map(item).collect(),
            ttl: Some(wkt::Duration {
                seconds: ttl.as_secs().try_into().unwrap_or(i64::MAX),
                nanos: 0,
            }),
        };
        let answer = client.reserve_stock(options, request).await.map_err(refusal)?;
        match outcome(answer.message.reservation)? {
            Outcome::Released => Err(InventoryError::Closed),
            Outcome::Reserved | Outcome::Committed | Outcome::Restocked => Ok(()),
        }
    }

    async fn commit(&self, order: OrderId) -> Result<(), InventoryError> {
        let (client, options) = self.stock().await?;
        let request = CommitReservationRequest {
            order_id: order.to_string(),
        };
        let answer = client
            .commit_reservation(options, request)
            .await
            .map_err(refusal)?;
        match outcome(answer.message.reservation)? {
            Outcome::Committed | Outcome::Restocked => Ok(()),
            Outcome::Released => Err(InventoryError::Closed),
            Outcome::Reserved => Err(InventoryError::Unknown("what was committed is still held".into())),
        }
    }

    async fn release(&self, order: OrderId) -> Result<Outcome, InventoryError> {
        let (client, options) = self.stock().await?;
        let request = ReleaseReservationRequest {
            order_id: order.to_string(),
        };
        let answer = client.release_reservation(options, request).await;
        outcome(answer.map_err(|error| unknown(&error))?.message.reservation)
    }

    async fn reservation(&self, order: OrderId) -> Result<Option<Outcome>, InventoryError> {
        let (client, options) = self.stock().await?;
        let request = GetReservationRequest {
            order_id: order.to_string(),
        };
        match client.get_reservation(options, request).await {
            Ok(answer) => outcome(answer.message.reservation).map(Some),
            Err(error) if error.code() == Code::NotFound => Ok(None),
            Err(error) => Err(unknown(&error)),
        }
    }

    async fn expire(&self, limit: u32) -> Result<u32, InventoryError> {
        let (client, options) = self.stock().await?;
        let request = ExpireReservationsRequest {
            limit: limit.try_into().unwrap_or(i32::MAX),
        };
        let answer = client.expire_reservations(options, request).await;
        let expired = answer.map_err(|error| unknown(&error))?.message.expired;
        Ok(expired.try_into().unwrap_or_default())
    }

    async fn restock(&self, order: OrderId) -> Result<(), InventoryError> {
        let (client, options) = self.stock().await?;
        let request = RestockRequest {
            order_id: order.to_string(),
        };
        let answer = client.restock(options, request).await;
        match outcome(answer.map_err(|error| unknown(&error))?.message.reservation)? {
            Outcome::Restocked => Ok(()),
            other => Err(InventoryError::Unknown(format!("what was returned is {other:?}"))),
        }
    }
}

/// The status of a reservation. An answer without a known status is an error.
fn outcome(reservation: Option<Reservation>) -> Result<Outcome, InventoryError> {
    let status = reservation.map(|reservation| reservation.status());
    match status {
        Some(ReservationStatus::Reserved) => Ok(Outcome::Reserved),
        Some(ReservationStatus::Committed) => Ok(Outcome::Committed),
        Some(ReservationStatus::Released) => Ok(Outcome::Released),
        Some(ReservationStatus::Restocked) => Ok(Outcome::Restocked),
        Some(ReservationStatus::Unspecified) | None => Err(InventoryError::Unknown(
            "the answer does not say where the reservation stands".into(),
        )),
    }
}

/// The reason why a call of the stock failed. Only `failed_precondition` is a refusal: after any other error, the call may have
/// taken effect.
fn refusal(error: ConnectError) -> InventoryError {
    if error.code() != Code::FailedPrecondition {
        return unknown(&error);
    }
    let shortage: Option<StockShortage> = error.detail();
    let items = shortage.map(|shortage| shortage.items).unwrap_or_default();
    if items.is_empty() {
        return InventoryError::Closed;
    }
    let short = items.iter().map(|item| {
        Some(Shortage {
            product: item.product_id.parse().ok()?,
            requested: item.requested.try_into().ok()?,
            available: item.available.try_into().ok()?,
        })
    });
    match short.collect() {
        Some(short) => InventoryError::Short(short),
        None => InventoryError::Unknown("the answer names no products".into()),
    }
}

fn unknown(error: &ConnectError) -> InventoryError {
    InventoryError::Unknown(describe(error))
}

fn describe(error: &ConnectError) -> String {
    format!("product: {:?}: {}", error.code(), error.message())
}

#[cfg(test)]
mod tests {
    use api::product::v1::stock_shortage;

    use super::*;

    #[test]
    fn only_a_failed_precondition_is_a_refusal() {
        let product = ProductId::generate();
        let item = |id: String| stock_shortage::Item {
            product_id: id,
            requested: 3,
            available: 2,
        };
        let shortage = |id| StockShortage {
            items: vec![item(id)],
        };
        let short = ConnectError::failed_precondition("").with_detail(&shortage(product.to_string()));
        assert_eq!(
            refusal(short),
            InventoryError::Short(vec![Shortage {
                product,
                requested: 3,
                available: 2
            }])
        );
        let closed = refusal(ConnectError::failed_precondition("it was released"));
        assert_eq!(closed, InventoryError::Closed);
        let nonsense = ConnectError::failed_precondition("").with_detail(&shortage("tea".into()));
        let open = [
            nonsense,
            ConnectError::unavailable(""),
            ConnectError::deadline_exceeded(""),
            ConnectError::internal(""),
            ConnectError::unknown(""),
            ConnectError::not_found(""),
            ConnectError::aborted(""),
            ConnectError::invalid_argument(""),
            ConnectError::unauthenticated(""),
            ConnectError::resource_exhausted(""),
        ];
        for error in open {
            let code = error.code();
            let answer = refusal(error);
            assert!(
                matches!(answer, InventoryError::Unknown(_)),
                "{code:?}: {answer:?}"
            );
        }
    }

    #[test]
    fn reservation_without_a_status_is_an_error() {
        for reservation in [None, Some(Reservation::default())] {
            let answer = outcome(reservation);
            assert!(
                matches!(answer, Err(InventoryError::Unknown(_))),
                "got {answer:?}"
            );
        }
    }
}
