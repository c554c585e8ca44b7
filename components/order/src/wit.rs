//! WIT adapter: maps each function of the interface `orders` to a use case.

use futures::{StreamExt as _, TryFutureExt as _};
use http::HeaderMap;
use kernel::Caller;
use rpc_adapters::{
    Convert as _,
    wit::{self, types, types::PageRequest},
    wit_methods,
};
use spin_sdk::wit_bindgen::{StreamReader, spawn};
use web::request_id::RequestIds;

use crate::{
    product::Remote,
    rpc::{NewShop, log_restock},
    service::{AddToCart, CreateOrder, ListOrders, Shop},
    store::Postgres,
    watch,
};

rpc_adapters::wit_bindings!("order-service", export = Component);

pub(crate) use bindings::exports::akinai::commerce::orders as record;
use record::{Cart, NewOrder, Order, OrderPage, OrderStatus};

/// Exports the interface.
pub(crate) struct Component;

/// The use cases that the exported functions call. `lib.rs` provides them: an exported function has no `self` to hold them.
pub(crate) trait Provide {
    /// Makes the use cases for one call.
    const NEW_SHOP: NewShop;
}

fn shop(caller: &Caller) -> Shop<Postgres, Remote> {
    Component::NEW_SHOP(caller, &HeaderMap::new(), None)
}

impl record::Guest for Component {
    wit_methods! {
        |caller| shop = shop(caller);
        add_to_cart(product_id: String, quantity: i32, request_key: Option<String>) -> Cart = {
            let (product, request_key) = (product_id.as_str(), request_key.as_deref());
            shop.add_to_cart(caller, AddToCart { product, quantity, request_key })
        };
        update_cart_item(product_id: String, quantity: i32) -> Cart =
            shop.update_cart_item(caller, &product_id, quantity);
        remove_from_cart(product_id: String) -> Cart = shop.remove_from_cart(caller, &product_id);
        get_cart() -> Cart = shop.get_cart(caller);
        clear_cart() -> Cart = shop.clear_cart(caller);
        create_order(new_order: NewOrder) -> Order = async {
            let items = new_order.items.iter().map(|item| (item.product_id.as_str(), item.quantity));
            let order = CreateOrder {
                idempotency_key: &new_order.idempotency_key,
                address: (&new_order.shipping_address).convert(),
                items: &items.collect::<Vec<_>>(),
                expected_total: (&new_order.expected_total).convert(),
            };
            shop.create_order(caller, order).await
        };
        get_order(id: String) -> Order = shop.get_order(caller, &id);
        list_orders(page: PageRequest, status: Option<OrderStatus>) -> OrderPage {
            orders: items, next_page_token: next
        } = {
            let page = ListOrders { page_size: page.size, page_token: &page.token, status: status.convert() };
            shop.list_orders(caller, page)
        };
        cancel_order(id: String) -> Order = shop.cancel_order(caller, &id)
            .map_ok(|cancelled| log_restock(cancelled, RequestIds::NONE));
    }

    async fn watch_order(
        caller: types::Caller,
        id: String,
    ) -> Result<StreamReader<Result<Order, types::Error>>, types::Error> {
        let caller = wit::caller(caller)?;
        let begun = watch::begin(shop(&caller), caller, &id).await;
        let mut states = begun.map_err(wit::refuse)?;
        let (mut writer, reader) = bindings::wit_stream::new();
        spawn(async move {
            while let Some(state) = states.next().await {
                let state = state.map(|order| order.convert()).map_err(wit::refuse);
                let has_no_reader = writer.write_one(state).await.is_some();
                if has_no_reader {
                    break;
                }
            }
        });
        Ok(reader)
    }
}
