//! WIT adapter: records to use cases, and results to records.

use futures::StreamExt as _;
use http::HeaderMap;
use rpc_adapters::{
    messages::next_page_token,
    wit::{self, amount_and_currency, types, types::Caller, types::PageRequest},
};
use spin_sdk::wit_bindgen::{StreamReader, spawn};
use web::request_id::RequestIds;

use crate::{
    domain::{Address, AddressInput, Cart, CartItem, Note, Order, OrderItem, Status},
    product::Remote,
    rpc::{NewShop, messages::log_restock},
    service::{AddToCart, CreateOrder, Error, ListOrders, Shop},
    store::Postgres,
    watch,
};

// Generated code: its items are documented in `wit/`.
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "order-service",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        with: { "akinai:commerce/types@0.1.0": rpc_adapters::wit::types },
    });

    export!(Component with_types_in self);

    use super::Component;
}

use bindings::exports::akinai::commerce::orders::{
    self, CartItemNote, Guest, NewOrder, OrderPage, OrderStatus, ShippingAddress,
};

type Result<T> = std::result::Result<T, types::Error>;

/// Exports the interface.
pub(crate) struct Component;

/// The use cases that the exported functions call. `lib.rs` provides them: an exported function has no `self` to hold them.
pub(crate) trait Provide {
    /// Makes the use cases for one call.
    const NEW_SHOP: NewShop;
}

/// Runs a use case for the caller that the record names.
async fn answer<T, R: From<T>>(
    caller: Caller,
    use_case: impl AsyncFnOnce(Shop<Postgres, Remote>, kernel::Caller) -> std::result::Result<T, Error>,
) -> Result<R> {
    wit::answer(caller, async |caller| {
        let shop = Component::NEW_SHOP(&caller, &HeaderMap::new(), None);
        use_case(shop, caller).await
    })
    .await
}

impl Guest for Component {
    async fn add_to_cart(
        caller: Caller,
        product_id: String,
        quantity: i32,
        request_key: Option<String>,
    ) -> Result<orders::Cart> {
        let addition = AddToCart {
            product: &product_id,
            quantity,
            request_key: request_key.as_deref(),
        };
        answer(caller, async |shop, caller| {
            shop.add_to_cart(&caller, addition).await
        })
        .await
    }

    async fn update_cart_item(caller: Caller, product_id: String, quantity: i32) -> Result<orders::Cart> {
        answer(caller, async |shop, caller| {
            shop.update_cart_item(&caller, &product_id, quantity).await
        })
        .await
    }

    async fn remove_from_cart(caller: Caller, product_id: String) -> Result<orders::Cart> {
        answer(caller, async |shop, caller| {
            shop.remove_from_cart(&caller, &product_id).await
        })
        .await
    }

    async fn get_cart(caller: Caller) -> Result<orders::Cart> {
        answer(caller, async |shop, caller| shop.get_cart(&caller).await).await
    }

    async fn clear_cart(caller: Caller) -> Result<orders::Cart> {
        answer(caller, async |shop, caller| shop.clear_cart(&caller).await).await
    }

    async fn create_order(caller: Caller, new_order: NewOrder) -> Result<orders::Order> {
        let items = new_order
            .items
            .iter()
            .map(|item| (item.product_id.as_str(), item.quantity));
        let items: Vec<_> = items.collect();
        let order = CreateOrder {
            idempotency_key: &new_order.idempotency_key,
            address: (&new_order.shipping_address).into(),
            items: &items,
            expected_total: new_order.expected_total.as_ref().map(amount_and_currency),
        };
        answer(caller, async |shop, caller| {
            shop.create_order(&caller, order).await
        })
        .await
    }

    async fn get_order(caller: Caller, id: String) -> Result<orders::Order> {
        answer(caller, async |shop, caller| shop.get_order(&caller, &id).await).await
    }

    async fn list_orders(
        caller: Caller,
        page: PageRequest,
        status: Option<OrderStatus>,
    ) -> Result<OrderPage> {
        let list = ListOrders {
            page_size: page.size,
            page_token: &page.token,
            status: status.map(Status::from),
        };
        answer(caller, async |shop, caller| {
            let page = shop.list_orders(&caller, list).await;
            page.map(|page| OrderPage {
                orders: page.items.into_iter().map(orders::Order::from).collect(),
                next_page_token: next_page_token(page.next),
            })
        })
        .await
    }

    async fn cancel_order(caller: Caller, id: String) -> Result<orders::Order> {
        answer(caller, async |shop, caller| {
            let cancelled = shop.cancel_order(&caller, &id).await;
            cancelled.map(|cancelled| log_restock(cancelled, RequestIds::NONE))
        })
        .await
    }

    async fn watch_order(caller: Caller, id: String) -> Result<StreamReader<Result<orders::Order>>> {
        let begun = answer(caller, async |shop, caller| watch::begin(shop, caller, &id).await);
        let mut states: watch::States = begun.await?;
        let (mut writer, reader) = bindings::wit_stream::new();
        spawn(async move {
            while let Some(state) = states.next().await {
                let state = state.map(orders::Order::from).map_err(wit::refuse);
                let has_no_reader = writer.write_one(state).await.is_some();
                if has_no_reader {
                    break;
                }
            }
        });
        Ok(reader)
    }
}

rpc_adapters::same_variants! {
    Status => OrderStatus { Pending, Confirmed, Cancelled, Rejected }
    OrderStatus => Status { Pending, Confirmed, Cancelled, Rejected }
    Note => CartItemNote { PriceChanged, InsufficientStock, OutOfStock, Deleted }
}

rpc_adapters::same_fields! {
    Address => ShippingAddress { name, postal_code, country, region, city, line1, line2, phone }
    &ShippingAddress => AddressInput { name, postal_code, country, region, city, line1, line2, phone }
}

impl From<Cart> for orders::Cart {
    fn from(cart: Cart) -> Self {
        Self {
            items: cart.items.into_iter().map(orders::CartItem::from).collect(),
            total_amount: cart.total.map(Into::into),
        }
    }
}

impl From<CartItem> for orders::CartItem {
    fn from(item: CartItem) -> Self {
        Self {
            product_id: item.product.to_string(),
            name: item.name,
            unit_price: item.unit_price.into(),
            quantity: item.quantity.get(),
            available: item.available,
            notes: item.notes.into_iter().map(CartItemNote::from).collect(),
        }
    }
}

impl From<Order> for orders::Order {
    fn from(order: Order) -> Self {
        Self {
            id: order.id.to_string(),
            user_id: order.user.to_string(),
            status: order.status.into(),
            rejection_reason: order.rejection_reason,
            items: order.items.into_iter().map(orders::OrderItem::from).collect(),
            total_amount: order.total.into(),
            shipping_address: order.address.into(),
            created_at: order.created_at.unix_micros(),
            updated_at: order.updated_at.unix_micros(),
        }
    }
}

impl From<OrderItem> for orders::OrderItem {
    fn from(item: OrderItem) -> Self {
        Self {
            product_id: item.product.to_string(),
            name: item.name,
            unit_price: item.unit_price.into(),
            quantity: item.quantity.get(),
        }
    }
}
