//! Connect adapter: message in, domain call, message out.

mod messages;

use api::{
    order::v1::{
        AddToCartRequest, AddToCartResponse, CancelOrderRequest, CancelOrderResponse, ClearCartRequest,
        ClearCartResponse, CreateOrderRequest, CreateOrderResponse, GetCartRequest, GetCartResponse,
        GetOrderRequest, GetOrderResponse, ListOrdersRequest, ListOrdersResponse, Order as OrderMessage,
        OrderService, RemoveFromCartRequest, RemoveFromCartResponse, TotalChanged, UpdateCartItemRequest,
        UpdateCartItemResponse, WatchOrderRequest, WatchOrderResponse,
    },
    product::v1::StockShortage,
};
use connect::{ConnectError, Context, MessageStream};
use futures::StreamExt as _;
use kernel::{Caller, Violations};
use rpc_adapters::messages::{caller, invalid_argument};
use spin_adapters::log;
use web::{challenge, request_id::RequestIds};

use self::messages::{address, item_short, money, status};
use crate::{
    Shop,
    domain::{Key, Order},
    product::Remote,
    service::{AddToCart, CreateOrder, Error, ListOrders, StoreError},
    watch::Watch,
};

/// The header that may carry the idempotency key (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// `order.v1.OrderService`.
pub(crate) struct Rpc;

impl OrderService for Rpc {
    async fn add_to_cart(
        &self,
        context: &mut Context,
        request: AddToCartRequest,
    ) -> Result<AddToCartResponse, ConnectError> {
        let request = AddToCart {
            product: &request.product_id,
            quantity: request.quantity,
            request_key: request.request_key.as_deref(),
        };
        let cart = answer(context, async |shop, caller| {
            shop.add_to_cart(&caller, request).await
        });
        Ok(AddToCartResponse {
            cart: Some(cart.await?.into()),
        })
    }

    async fn update_cart_item(
        &self,
        context: &mut Context,
        request: UpdateCartItemRequest,
    ) -> Result<UpdateCartItemResponse, ConnectError> {
        let cart = answer(context, async |shop, caller| {
            shop.update_cart_item(&caller, &request.product_id, request.quantity)
                .await
        });
        Ok(UpdateCartItemResponse {
            cart: Some(cart.await?.into()),
        })
    }

    async fn remove_from_cart(
        &self,
        context: &mut Context,
        request: RemoveFromCartRequest,
    ) -> Result<RemoveFromCartResponse, ConnectError> {
        let cart = answer(context, async |shop, caller| {
            shop.remove_from_cart(&caller, &request.product_id).await
        });
        Ok(RemoveFromCartResponse {
            cart: Some(cart.await?.into()),
        })
    }

    async fn get_cart(
        &self,
        context: &mut Context,
        _: GetCartRequest,
    ) -> Result<GetCartResponse, ConnectError> {
        let cart = answer(context, async |shop, caller| shop.get_cart(&caller).await);
        Ok(GetCartResponse {
            cart: Some(cart.await?.into()),
        })
    }

    async fn clear_cart(
        &self,
        context: &mut Context,
        _: ClearCartRequest,
    ) -> Result<ClearCartResponse, ConnectError> {
        let cart = answer(context, async |shop, caller| shop.clear_cart(&caller).await);
        Ok(ClearCartResponse {
            cart: Some(cart.await?.into()),
        })
    }

    async fn create_order(
        &self,
        context: &mut Context,
        request: CreateOrderRequest,
    ) -> Result<CreateOrderResponse, ConnectError> {
        let expected = request.expected_total.as_ref();
        let items = request.items.iter();
        let items: Vec<_> = items
            .map(|item| (item.product_id.as_str(), item.quantity))
            .collect();
        let order = answer(context, async |shop, caller| {
            let request = CreateOrder {
                idempotency_key: idempotency_key(context, &request.idempotency_key)?,
                address: address(request.shipping_address.as_ref()),
                items: &items,
                expected_total: expected.map(|total| (total.amount.as_str(), total.currency_code.as_str())),
            };
            shop.create_order(&caller, request).await
        });
        Ok(CreateOrderResponse {
            order: Some(order.await?.into()),
        })
    }

    async fn get_order(
        &self,
        context: &mut Context,
        request: GetOrderRequest,
    ) -> Result<GetOrderResponse, ConnectError> {
        let order = answer(context, async |shop, caller| {
            shop.get_order(&caller, &request.id).await
        });
        Ok(GetOrderResponse {
            order: Some(order.await?.into()),
        })
    }

    async fn list_orders(
        &self,
        context: &mut Context,
        request: ListOrdersRequest,
    ) -> Result<ListOrdersResponse, ConnectError> {
        let page = answer(context, async |shop, caller| {
            let status =
                status(request.status).map_err(|error| Error::Invalid(Violations::one("status", error)))?;
            let request = ListOrders {
                page_size: request.page_size,
                page_token: &request.page_token,
                status,
            };
            shop.list_orders(&caller, request).await
        });
        let page = page.await?;
        Ok(ListOrdersResponse {
            orders: page.items.into_iter().map(OrderMessage::from).collect(),
            next_page_token: page.next.map(|token| token.encode()).unwrap_or_default(),
        })
    }

    async fn cancel_order(
        &self,
        context: &mut Context,
        request: CancelOrderRequest,
    ) -> Result<CancelOrderResponse, ConnectError> {
        let cancelled = answer(context, async |shop, caller| {
            shop.cancel_order(&caller, &request.id).await
        });
        let (order, left) = cancelled.await?;
        if let Some(cause) = left {
            let cause = format_args!("the stock of a cancelled order is left to the reconciler: {cause}");
            log::error(RequestIds::of(&context.headers), cause);
        }
        Ok(CancelOrderResponse {
            order: Some(order.into()),
        })
    }

    async fn watch_order(
        &self,
        context: &mut Context,
        request: WatchOrderRequest,
    ) -> Result<MessageStream<WatchOrderResponse>, ConnectError> {
        let states = answer(context, async |shop, caller| {
            Watch::begin(shop, caller, &request.id).await
        });
        let states = states.await?;
        let headers = context.headers.clone();
        let message = move |state: Result<Order, Error>| match state {
            Ok(order) => Ok(WatchOrderResponse {
                order: Some(order.into()),
            }),
            Err(error) => Err(refuse(RequestIds::of(&headers), error)),
        };
        Ok(states.map(message).boxed_local())
    }
}

/// Runs a use case for whoever is calling.
async fn answer<T>(
    context: &Context,
    use_case: impl AsyncFnOnce(Shop, Caller) -> Result<T, Error>,
) -> Result<T, ConnectError> {
    let caller = caller(context);
    let product = Remote::for_request(&caller, &context.headers, context.deadline());
    let answer = async { use_case(crate::shop(product).await?, caller).await };
    answer
        .await
        .map_err(|error| refuse(RequestIds::of(&context.headers), error))
}

/// The key, from the message or the header; from both only if they agree, in quotes or not.
fn idempotency_key<'a>(context: &'a Context, field: &'a str) -> Result<&'a str, Error> {
    let wrong = |description: &str| Error::Invalid(Violations::one("idempotencyKey", description));
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

/// The one table from errors to Connect codes. What a caller must not see goes to the log.
fn refuse(names: RequestIds<'_>, error: Error) -> ConnectError {
    match error {
        Error::Invalid(violations) => invalid_argument(&violations),
        Error::Unauthenticated => challenge::sign_in(),
        Error::NotFound => ConnectError::not_found("there is no such order"),
        Error::NoProduct => ConnectError::not_found("there is no such product"),
        Error::NotInCart => ConnectError::not_found("the cart does not hold that product; add it instead"),
        Error::CartFull => ConnectError::failed_precondition("a cart holds 100 products at the most"),
        Error::LineFull => {
            ConnectError::failed_precondition("a cart holds 999 pieces of a product at the most")
        }
        // What everything else says of such a token, a minute later.
        Error::CartClosed => challenge::invalid("this account was deleted"),
        Error::NothingToOrder => ConnectError::failed_precondition("the cart is empty"),
        Error::CartTaken => ConnectError::failed_precondition(
            "the cart is in another order already; wait for that one, or repeat it with its own key",
        ),
        Error::CartChanging => ConnectError::aborted("the cart keeps changing; try again"),
        Error::NoTotal(reason) => ConnectError::failed_precondition(reason.to_string()),
        Error::TotalChanged { expected, actual } => ConnectError::failed_precondition(
            "the total is another one than expected",
        )
        .with_detail(&TotalChanged {
            expected: Some(money(expected)),
            actual: Some(money(actual)),
        }),
        Error::Short(short) => {
            ConnectError::failed_precondition("there is too little in stock").with_detail(&StockShortage {
                items: short.into_iter().map(item_short).collect(),
            })
        }
        Error::Rejected(reason) => {
            ConnectError::failed_precondition(format!("the order was rejected: {reason}; take a new key"))
        }
        Error::StillPending => {
            ConnectError::failed_precondition("the order is still being placed; try again in a moment")
        }
        Error::NothingToCancel => {
            ConnectError::failed_precondition("the order was rejected: there is nothing to cancel")
        }
        Error::Unfinished(_) => {
            log::error(names, &error);
            ConnectError::unavailable("the order is not finished; repeat the request with the same key")
        }
        Error::Catalogue(_) => {
            log::error(names, &error);
            ConnectError::unavailable("the catalogue cannot be read at the moment; try again")
        }
        Error::Store(StoreError::Unavailable(_)) => {
            log::error(names, &error);
            ConnectError::unavailable(
                "orders cannot be reached at the moment; try again, with the same key if there is one",
            )
        }
        Error::Store(StoreError::Failed(_)) => {
            log::error(names, &error);
            ConnectError::internal("something went wrong; the request id leads to it in the log")
        }
    }
}
