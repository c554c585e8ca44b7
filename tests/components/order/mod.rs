//! The order component alone, called through the WIT interface that it exports. It has its database, but no product component.

mod carts;
mod orders;

use crate::service::call;
use bindings::akinai::commerce::types::{Caller, Error, PageRequest, Scope, UserCaller};
use bindings::exports::akinai::commerce::orders::{
    Cart, NewOrder, Order, OrderPage, OrderStatus, ShippingAddress, Wanted,
};
use futures::StreamExt as _;
use futures::channel::mpsc;
use futures::future::join_all;
use harness::Setup;
use host::State;
use std::pin::Pin;
use std::task::{Context, Poll};
use uuid::Uuid;
use wasmtime::StoreContextMut;
use wasmtime::component::{Lift, Source, StreamConsumer, StreamResult};

mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "order-service" });
}

/// An instance of the component, over a database without orders.
type Service = crate::service::Service<bindings::OrderService>;

impl Service {
    async fn start() -> Self {
        Self::of(Setup::new().await).await
    }

    async fn of(setup: Setup) -> Self {
        let bind = |store: &mut _, instance: &_| bindings::OrderService::new(store, instance);
        Self::named("order", setup, bind).await
    }

    async fn cart(&mut self, caller: Caller) -> Result<Cart, Error> {
        call!(self.akinai_commerce_orders().call_get_cart(caller))
    }

    async fn get(&mut self, caller: Caller, id: &str) -> Result<Order, Error> {
        let id = id.to_owned();
        call!(self.akinai_commerce_orders().call_get_order(caller, id))
    }

    async fn cancel(&mut self, caller: Caller, id: &str) -> Result<Order, Error> {
        let id = id.to_owned();
        call!(self.akinai_commerce_orders().call_cancel_order(caller, id))
    }

    /// Reads the stream of an order's states to its end. After each state, it makes the next of these changes to the order.
    async fn watch(&mut self, caller: Caller, id: &str, changes: &[&str]) -> Result<Vec<Order>, Error> {
        let (orders, id) = (self.component.akinai_commerce_orders(), id.to_owned());
        let sql = self.setup.database.sql();
        let watched = self.store.run_concurrent(async |accessor| {
            let states = match orders.call_watch_order(accessor, caller, id).await? {
                Ok(states) => states,
                Err(error) => return Ok(Err(error)),
            };
            let (told, mut states_told) = mpsc::unbounded();
            accessor.with(|store| states.pipe(store, Forwarder(told)))?;
            let (mut seen, mut changes) = (Vec::new(), changes.iter());
            while let Some(state) = states_told.next().await {
                seen.push(state.expect("the database is there"));
                if let Some(change) = changes.next() {
                    let change = format!("update order_service.orders set version = version + 1, {change}");
                    sql.batch_execute(&change)
                        .await
                        .expect("a change fits the schema");
                }
            }
            wasmtime::error::Ok(Ok(seen))
        });
        let watched = watched.await.flatten();
        watched.expect("the component does not trap")
    }

    async fn create(&mut self, caller: Caller, new: NewOrder) -> Result<Order, Error> {
        call!(self.akinai_commerce_orders().call_create_order(caller, new))
    }

    async fn list(
        &mut self,
        caller: Caller,
        token: &str,
        status: Option<OrderStatus>,
    ) -> Result<OrderPage, Error> {
        let page = PageRequest {
            size: 2,
            token: token.to_owned(),
        };
        call!(
            self.akinai_commerce_orders()
                .call_list_orders(caller, page, status)
        )
    }

    /// Inserts a line into a user's cart.
    async fn put(&self, user: Uuid, product: Uuid, quantity: i32) {
        const SQL: &str = "
            with cart as (
                insert into order_service.carts (user_id, product_ids) values ($1, array[$2::uuid])
                on conflict (user_id) do update set product_ids = carts.product_ids || excluded.product_ids
                returning user_id)
            insert into order_service.cart_items (user_id, product_id, quantity, name, unit_price, currency)
            select user_id, $2, $3, '抹茶', 1980, 'JPY' from cart";
        let sql = self.setup.database.sql();
        sql.execute(SQL, &[&user, &product, &quantity])
            .await
            .expect("a line fits the schema");
    }

    /// Inserts an order.
    async fn place(&self, user: Uuid, status: &str) -> String {
        const SQL: &str = "
            with placed as (
                insert into order_service.orders
                    (id, user_id, status, rejection_reason, total_amount, currency, shipping_address,
                     idempotency_key, request_hash)
                values ($1, $2, $3::text, case when $3::text = 'rejected' then 'too late' end, 3960, 'JPY',
                        '{\"name\": \"山田 花\", \"postalCode\": \"\", \"country\": \"JP\", \"region\": \"\",
                          \"city\": \"京都市\", \"line1\": \"寺町通\", \"line2\": \"\", \"phone\": \"\"}',
                        'key ' || $1::uuid, repeat('0', 64))
                returning id)
            insert into order_service.order_items (order_id, position, product_id, name, unit_price, quantity)
            select id, 1, id, '抹茶', 1980, 2 from placed";
        let id = Uuid::now_v7();
        let sql = self.setup.database.sql();
        sql.execute(SQL, &[&id, &user, &status])
            .await
            .expect("an order fits the schema");
        id.to_string()
    }

    async fn count(&self, what: &str) -> i64 {
        let sql = format!("select count(*) from order_service.{what}");
        let row = self.setup.database.sql().query_one(&sql, &[]).await;
        row.expect("a count").get(0)
    }
}

/// Forwards the items of a stream of the component.
struct Forwarder<T>(mpsc::UnboundedSender<T>);

impl<T: Lift + Send + 'static> StreamConsumer<State> for Forwarder<T> {
    type Item = T;

    fn poll_consume(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, State>,
        mut source: Source<'_, T>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut item = None;
        source.read(store, &mut item)?;
        let is_heard = item.is_none_or(|item| self.0.unbounded_send(item).is_ok());
        Poll::Ready(Ok(if is_heard {
            StreamResult::Completed
        } else {
            StreamResult::Dropped
        }))
    }
}

fn caller(id: Uuid, scopes: &[Scope]) -> Caller {
    Caller::User(UserCaller {
        id: id.to_string(),
        scopes: scopes.to_vec(),
        session: None,
    })
}

fn user(id: Uuid) -> Caller {
    caller(id, &[])
}

fn admin() -> Caller {
    caller(Uuid::now_v7(), &[Scope::Admin])
}
