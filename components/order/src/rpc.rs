//! Connect adapter: maps each method to a use case.

use std::time::Instant;

use api::order::v1::*;
use connect::{ConnectError, Context, MessageStream};
use futures::{StreamExt as _, TryFutureExt as _};
use http::HeaderMap;
use kernel::{Caller, Violations};
use rpc_adapters::{
    Convert as _, connect_methods,
    messages::{answer, caller, refuse},
};
use spin_adapters::log;
use web::request_id::RequestIds;

use crate::{
    domain::{self, Key, Status},
    product::Remote,
    service::{AddToCart, CreateOrder, ListOrders, Shop},
    store::Postgres,
    watch,
};

/// The header that may carry the idempotency key (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Makes the use cases for one request. Calls of the product component carry the caller, headers and deadline of the request.
pub(crate) type NewShop = fn(&Caller, &HeaderMap, Option<Instant>) -> Shop<Postgres, Remote>;

/// `order.v1.OrderService`.
pub(crate) struct Rpc(pub(crate) NewShop);

impl OrderService for Rpc {
    connect_methods! {
        |self, context, caller, request| shop = (self.0)(caller, &context.headers, context.deadline());
        add_to_cart(AddToCartRequest) -> AddToCartResponse { cart } = shop.add_to_cart(caller, AddToCart {
            product: &request.product_id,
            quantity: request.quantity,
            request_key: request.request_key.as_deref(),
        });
        update_cart_item(UpdateCartItemRequest) -> UpdateCartItemResponse { cart } =
            shop.update_cart_item(caller, &request.product_id, request.quantity);
        remove_from_cart(RemoveFromCartRequest) -> RemoveFromCartResponse { cart } =
            shop.remove_from_cart(caller, &request.product_id);
        get_cart(GetCartRequest) -> GetCartResponse { cart } = shop.get_cart(caller);
        clear_cart(ClearCartRequest) -> ClearCartResponse { cart } = shop.clear_cart(caller);
        create_order(CreateOrderRequest) -> CreateOrderResponse { order } = async {
            let items = request.items.iter().map(|item| (item.product_id.as_str(), item.quantity));
            let order = CreateOrder {
                idempotency_key: idempotency_key(context, &request.idempotency_key)?,
                address: request.shipping_address.convert().unwrap_or_default(),
                items: &items.collect::<Vec<_>>(),
                expected_total: (&request.expected_total).convert(),
            };
            shop.create_order(caller, order).await
        };
        get_order(GetOrderRequest) -> GetOrderResponse { order } = shop.get_order(caller, &request.id);
        list_orders(ListOrdersRequest) -> ListOrdersResponse { orders: items, next_page_token: next } = async {
            let (page_size, page_token) = (request.page_size, request.page_token.as_str());
            let status = status(request.status)?;
            shop.list_orders(caller, ListOrders { page_size, page_token, status }).await
        };
        cancel_order(CancelOrderRequest) -> CancelOrderResponse { order } =
            shop.cancel_order(caller, &request.id)
                .map_ok(|cancelled| log_restock(cancelled, RequestIds::of(&context.headers)));
    }

    async fn watch_order(
        &self,
        context: &mut Context,
        request: WatchOrderRequest,
    ) -> Result<MessageStream<WatchOrderResponse>, ConnectError> {
        let caller = caller(context);
        let shop = (self.0)(&caller, &context.headers, context.deadline());
        let states = answer(context, watch::begin(shop, caller, &request.id).await)?;
        let headers = context.headers.clone();
        let state = move |state: watch::State| match state {
            Ok(order) => Ok(WatchOrderResponse {
                order: order.convert(),
            }),
            Err(error) => Err(refuse(RequestIds::of(&headers), error)),
        };
        Ok(states.map(state).boxed_local())
    }
}

/// The key of the message or the header. If both have a key, quoted or not, the two must be equal.
fn idempotency_key<'a>(context: &'a Context, field: &'a str) -> Result<&'a str, Violations> {
    let wrong = |description: &str| Violations::one("idempotencyKey", description);
    let mut given = context.headers.get_all(IDEMPOTENCY_KEY).iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(field),
        (Some(_), Some(_)) => Err(wrong("must be given once")),
        (Some(header), None) => match header.to_str() {
            Ok(header) if field.is_empty() || field.parse::<Key>() == header.parse() => Ok(header),
            Ok(_) => Err(wrong(
                "must be the same as the header Idempotency-Key, where both are given",
            )),
            Err(_) => Err(wrong("must have visible ASCII characters only")),
        },
    }
}

/// The status by which a list is filtered; `None` for all orders.
fn status(number: Option<i32>) -> Result<Option<Status>, Violations> {
    match OrderStatus::try_from(number.unwrap_or_default()) {
        Ok(OrderStatus::Unspecified) => Ok(None),
        Ok(OrderStatus::Pending) => Ok(Some(Status::Pending)),
        Ok(OrderStatus::Confirmed) => Ok(Some(Status::Confirmed)),
        Ok(OrderStatus::Cancelled) => Ok(Some(Status::Cancelled)),
        Ok(OrderStatus::Rejected) => Ok(Some(Status::Rejected)),
        Err(_) => Err(Violations::one("status", "must be a status of an order")),
    }
}

/// A cancelled order. The log gets the cause if the order's stock could not be returned at once.
pub(crate) fn log_restock(
    (order, failure): (domain::Order, Option<String>),
    ids: RequestIds<'_>,
) -> domain::Order {
    if let Some(cause) = failure {
        log::error(
            ids,
            format_args!("the reconciler will return the stock of a cancelled order: {cause}"),
        );
    }
    order
}
