//! Connect adapter: messages to use cases, and results to messages.

pub(crate) mod messages;

use std::time::Instant;

use api::order::v1::{
    AddToCartRequest, AddToCartResponse, CancelOrderRequest, CancelOrderResponse, ClearCartRequest,
    ClearCartResponse, CreateOrderRequest, CreateOrderResponse, GetCartRequest, GetCartResponse,
    GetOrderRequest, GetOrderResponse, ListOrdersRequest, ListOrdersResponse, Order as OrderMessage,
    OrderService, RemoveFromCartRequest, RemoveFromCartResponse, UpdateCartItemRequest,
    UpdateCartItemResponse, WatchOrderRequest, WatchOrderResponse,
};
use connect::{ConnectError, Context, MessageStream};
use futures::StreamExt as _;
use http::HeaderMap;
use kernel::{Caller, Violations};
use rpc_adapters::messages::{amount_and_currency, answer, caller, next_page_token, refuse};
use web::request_id::RequestIds;

use crate::{
    domain::Key,
    product::Remote,
    service::{AddToCart, CreateOrder, Error, ListOrders, Shop},
    store::Postgres,
    watch,
};

/// The header that may carry the idempotency key (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Makes the use cases for one request: its caller, headers and deadline go with the calls of the product component.
pub(crate) type NewShop = fn(&Caller, &HeaderMap, Option<Instant>) -> Shop<Postgres, Remote>;

/// `order.v1.OrderService`.
pub(crate) struct Rpc(pub(crate) NewShop);

impl Rpc {
    fn shop(&self, context: &Context) -> Shop<Postgres, Remote> {
        (self.0)(&caller(context), &context.headers, context.deadline())
    }
}

impl OrderService for Rpc {
    rpc_adapters::unary! { |self, context, caller|
        add_to_cart(request: AddToCartRequest) -> AddToCartResponse {
            let addition = AddToCart {
                product: &request.product_id,
                quantity: request.quantity,
                request_key: request.request_key.as_deref(),
            };
            self.shop(context).add_to_cart(&caller, addition).await
        }

        update_cart_item(request: UpdateCartItemRequest) -> UpdateCartItemResponse {
            self.shop(context).update_cart_item(&caller, &request.product_id, request.quantity).await
        }

        remove_from_cart(request: RemoveFromCartRequest) -> RemoveFromCartResponse {
            self.shop(context).remove_from_cart(&caller, &request.product_id).await
        }

        get_cart(_: GetCartRequest) -> GetCartResponse {
            self.shop(context).get_cart(&caller).await
        }

        clear_cart(_: ClearCartRequest) -> ClearCartResponse {
            self.shop(context).clear_cart(&caller).await
        }

        create_order(request: CreateOrderRequest) -> CreateOrderResponse {
            let items = request.items.iter().map(|item| (item.product_id.as_str(), item.quantity));
            let items: Vec<_> = items.collect();
            let order = CreateOrder {
                idempotency_key: idempotency_key(context, &request.idempotency_key)?,
                address: request.shipping_address.as_ref().map(Into::into).unwrap_or_default(),
                items: &items,
                expected_total: request.expected_total.as_ref().map(amount_and_currency),
            };
            self.shop(context).create_order(&caller, order).await
        }

        get_order(request: GetOrderRequest) -> GetOrderResponse {
            self.shop(context).get_order(&caller, &request.id).await
        }

        list_orders(request: ListOrdersRequest) -> ListOrdersResponse {
            let list = ListOrders {
                page_size: request.page_size,
                page_token: &request.page_token,
                status: messages::status(request.status)?,
            };
            let page = self.shop(context).list_orders(&caller, list).await;
            page.map(|page| ListOrdersResponse {
                orders: page.items.into_iter().map(OrderMessage::from).collect(),
                next_page_token: next_page_token(page.next),
            })
        }

        cancel_order(request: CancelOrderRequest) -> CancelOrderResponse {
            let cancelled = self.shop(context).cancel_order(&caller, &request.id).await;
            cancelled.map(|cancelled| messages::log_restock(cancelled, RequestIds::of(&context.headers)))
        }
    }

    async fn watch_order(
        &self,
        context: &mut Context,
        request: WatchOrderRequest,
    ) -> Result<MessageStream<WatchOrderResponse>, ConnectError> {
        let begun = watch::begin(self.shop(context), caller(context), &request.id).await;
        let states: watch::States = answer(context, begun)?;
        let headers = context.headers.clone();
        let state = move |state: Result<_, Error>| {
            let refuse = |error| refuse(RequestIds::of(&headers), error);
            state.map(WatchOrderResponse::from).map_err(refuse)
        };
        Ok(states.map(state).boxed_local())
    }
}

/// The key of the message or the header. Where both have one, quoted or not, the two must be equal.
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
