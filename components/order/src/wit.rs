//! WIT adapter: the use cases for a caller in the same process. Record in, domain call, record out.

use futures::StreamExt as _;
use rpc_adapters::wit::{
    invalid_argument, parse_caller,
    types::{self, Caller, Money, PageRequest},
};

use spin_sdk::wit_bindgen::{StreamReader, spawn};

use crate::{
    domain::{Address, AddressInput, Cart, CartItem, Note, Order, OrderItem, Status},
    product::Remote,
    service::{AddToCart, CreateOrder, Error, ListOrders, StoreError},
    watch::Watch,
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

use bindings::exports::akinai::commerce::orders::{self, Guest};

struct Component;

/// The use cases for this caller.
async fn shop(caller: Caller) -> Result<(crate::Shop, kernel::Caller), Error> {
    let caller = parse_caller(caller).map_err(Error::Invalid)?;
    let shop = crate::shop(Remote::for_caller(&caller)).await?;
    Ok((shop, caller))
}

impl Guest for Component {
    async fn add_to_cart(
        caller: Caller,
        product_id: String,
        quantity: i32,
        request_key: Option<String>,
    ) -> Result<orders::Cart, types::Error> {
        let (shop, caller) = shop(caller).await?;
        let request = AddToCart {
            product: &product_id,
            quantity,
            request_key: request_key.as_deref(),
        };
        Ok(shop.add_to_cart(&caller, request).await?.into())
    }

    async fn update_cart_item(
        caller: Caller,
        product_id: String,
        quantity: i32,
    ) -> Result<orders::Cart, types::Error> {
        let (shop, caller) = shop(caller).await?;
        let cart = shop.update_cart_item(&caller, &product_id, quantity).await?;
        Ok(cart.into())
    }

    async fn remove_from_cart(caller: Caller, product_id: String) -> Result<orders::Cart, types::Error> {
        let (shop, caller) = shop(caller).await?;
        Ok(shop.remove_from_cart(&caller, &product_id).await?.into())
    }

    async fn get_cart(caller: Caller) -> Result<orders::Cart, types::Error> {
        let (shop, caller) = shop(caller).await?;
        Ok(shop.get_cart(&caller).await?.into())
    }

    async fn clear_cart(caller: Caller) -> Result<orders::Cart, types::Error> {
        let (shop, caller) = shop(caller).await?;
        Ok(shop.clear_cart(&caller).await?.into())
    }

    async fn create_order(
        caller: Caller,
        new_order: orders::NewOrder,
    ) -> Result<orders::Order, types::Error> {
        let (shop, caller) = shop(caller).await?;
        let expected = new_order.expected_total.as_ref();
        let items = new_order.items.iter();
        let items: Vec<_> = items
            .map(|item| (item.product_id.as_str(), item.quantity))
            .collect();
        let request = CreateOrder {
            idempotency_key: &new_order.idempotency_key,
            address: address(&new_order.shipping_address),
            items: &items,
            expected_total: expected.map(|total| (total.amount.as_str(), total.currency_code.as_str())),
        };
        Ok(shop.create_order(&caller, request).await?.into())
    }

    async fn get_order(caller: Caller, id: String) -> Result<orders::Order, types::Error> {
        let (shop, caller) = shop(caller).await?;
        Ok(shop.get_order(&caller, &id).await?.into())
    }

    async fn list_orders(
        caller: Caller,
        page: PageRequest,
        status: Option<orders::OrderStatus>,
    ) -> Result<orders::OrderPage, types::Error> {
        let (shop, caller) = shop(caller).await?;
        let request = ListOrders {
            page_size: page.size,
            page_token: &page.token,
            status: status.map(Status::from),
        };
        let page = shop.list_orders(&caller, request).await?;
        Ok(orders::OrderPage {
            orders: page.items.into_iter().map(orders::Order::from).collect(),
            next_page_token: page.next.map(|token| token.encode()).unwrap_or_default(),
        })
    }

    async fn cancel_order(caller: Caller, id: String) -> Result<orders::Order, types::Error> {
        let (shop, caller) = shop(caller).await?;
        let (order, left) = shop.cancel_order(&caller, &id).await?;
        if let Some(cause) = left {
            let cause = format_args!("the stock of a cancelled order is left to the reconciler: {cause}");
            spin_adapters::log::error(web::request_id::RequestIds::NONE, cause);
        }
        Ok(order.into())
    }

    async fn watch_order(
        caller: Caller,
        id: String,
    ) -> Result<StreamReader<Result<orders::Order, types::Error>>, types::Error> {
        let (shop, caller) = shop(caller).await?;
        let mut states = Watch::begin(shop, caller, &id).await?;
        let (mut told, reader) = bindings::wit_stream::new();
        spawn(async move {
            while let Some(state) = states.next().await {
                let state = state.map(orders::Order::from).map_err(types::Error::from);
                let is_unread = told.write_one(state).await.is_some();
                if is_unread {
                    break;
                }
            }
        });
        Ok(reader)
    }
}

fn money(money: kernel::Money) -> Money {
    Money {
        amount: money.amount(),
        currency_code: money.currency().code().into(),
    }
}

fn address(address: &orders::ShippingAddress) -> AddressInput<'_> {
    AddressInput {
        name: &address.name,
        postal_code: &address.postal_code,
        country: &address.country,
        region: &address.region,
        city: &address.city,
        line1: &address.line1,
        line2: &address.line2,
        phone: &address.phone,
    }
}

impl From<Cart> for orders::Cart {
    fn from(cart: Cart) -> Self {
        Self {
            items: cart.items.into_iter().map(orders::CartItem::from).collect(),
            total_amount: cart.total.map(money),
        }
    }
}

impl From<CartItem> for orders::CartItem {
    fn from(item: CartItem) -> Self {
        let note = |note: Note| match note {
            Note::PriceChanged => orders::CartItemNote::PriceChanged,
            Note::InsufficientStock => orders::CartItemNote::InsufficientStock,
            Note::OutOfStock => orders::CartItemNote::OutOfStock,
            Note::Deleted => orders::CartItemNote::Deleted,
        };
        Self {
            product_id: item.product.to_string(),
            name: item.name,
            unit_price: money(item.unit_price),
            quantity: item.quantity.get(),
            available: item.available,
            notes: item.notes.into_iter().map(note).collect(),
        }
    }
}

impl From<orders::OrderStatus> for Status {
    fn from(status: orders::OrderStatus) -> Self {
        match status {
            orders::OrderStatus::Pending => Self::Pending,
            orders::OrderStatus::Confirmed => Self::Confirmed,
            orders::OrderStatus::Cancelled => Self::Cancelled,
            orders::OrderStatus::Rejected => Self::Rejected,
        }
    }
}

impl From<Status> for orders::OrderStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Confirmed => Self::Confirmed,
            Status::Cancelled => Self::Cancelled,
            Status::Rejected => Self::Rejected,
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
            total_amount: money(order.total),
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
            unit_price: money(item.unit_price),
            quantity: item.quantity.get(),
        }
    }
}

impl From<Address> for orders::ShippingAddress {
    fn from(address: Address) -> Self {
        Self {
            name: address.name,
            postal_code: address.postal_code,
            country: address.country,
            region: address.region,
            city: address.city,
            line1: address.line1,
            line2: address.line2,
            phone: address.phone,
        }
    }
}

/// What a caller sees of an error; what it hides goes to the log.
impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => invalid_argument(&violations),
            Error::Unauthenticated | Error::CartClosed => Self::Unauthenticated,
            Error::NotFound | Error::NoProduct | Error::NotInCart => Self::NotFound,
            Error::CartFull
            | Error::LineFull
            | Error::NothingToOrder
            | Error::CartTaken
            | Error::NoTotal(_)
            | Error::TotalChanged { .. }
            | Error::Short(_)
            | Error::Rejected(_)
            | Error::StillPending
            | Error::NothingToCancel => Self::FailedPrecondition,
            Error::CartChanging => Self::Aborted,
            Error::Unfinished(_) | Error::Catalogue(_) | Error::Store(StoreError::Unavailable(_)) => {
                spin_adapters::log::error(web::request_id::RequestIds::NONE, &error);
                Self::Unavailable
            }
            Error::Store(StoreError::Failed(_)) => {
                spin_adapters::log::error(web::request_id::RequestIds::NONE, &error);
                Self::Internal
            }
        }
    }
}
