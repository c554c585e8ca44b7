//! The order component alone, called through the WIT interface that it exports, with its database and without a product
//! component that would answer for the stock.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::StreamExt as _;
use futures::channel::mpsc;
use futures::future::join_all;
use harness::Setup;
use host::State;
use uuid::Uuid;
use wasmtime::StoreContextMut;
use wasmtime::component::{Lift, Source, StreamConsumer, StreamResult};

use crate::service::call;
use bindings::akinai::commerce::types::{Caller, Error, PageRequest, Scope, UserCaller};
use bindings::exports::akinai::commerce::orders::{
    Cart, NewOrder, Order, OrderPage, OrderStatus, ShippingAddress, Wanted,
};

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

    /// Follows an order to the end of the stream. After each state that comes, the next of these changes is made to it.
    async fn watch(&mut self, caller: Caller, id: &str, changes: &[&str]) -> Result<Vec<Order>, Error> {
        let (orders, id) = (self.component.akinai_commerce_orders(), id.to_owned());
        let sql = self.setup.database.sql();
        let watched = self.store.run_concurrent(async |accessor| {
            let states = match orders.call_watch_order(accessor, caller, id).await? {
                Ok(states) => states,
                Err(error) => return Ok(Err(error)),
            };
            let (told, mut states_told) = mpsc::unbounded();
            accessor.with(|store| states.pipe(store, Told(told)))?;
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

    /// Puts a line into a user's cart, as one that was added before.
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

    /// Adds an order that stands there.
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

/// Hands on what comes through a stream of the component.
struct Told<T>(mpsc::UnboundedSender<T>);

impl<T: Lift + Send + 'static> StreamConsumer<State> for Told<T> {
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

fn new_order(items: Vec<Wanted>) -> NewOrder {
    let text = |text: &str| text.to_owned();
    NewOrder {
        idempotency_key: text("k"),
        shipping_address: ShippingAddress {
            name: text("山田 花"),
            postal_code: text("604-8571"),
            country: text("JP"),
            region: text("京都府"),
            city: text("京都市"),
            line1: text("寺町通御池上る"),
            line2: text(""),
            phone: text(""),
        },
        items,
        expected_total: None,
    }
}

fn ids(page: &OrderPage) -> Vec<&str> {
    page.orders.iter().map(|order| order.id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_what_is_in_postgres() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    let id = service.place(owner, "confirmed").await;

    for reader in [user(owner), admin()] {
        let order = service.get(reader, &id).await.expect("its user and admins may");
        assert_eq!(
            (order.id.as_str(), order.user_id),
            (id.as_str(), owner.to_string())
        );
        assert_eq!(order.status, OrderStatus::Confirmed);
        assert_eq!(order.total_amount.amount, "3960", "the total must be exact");
        assert_eq!(
            (
                order.shipping_address.name.as_str(),
                order.shipping_address.line1.as_str()
            ),
            ("山田 花", "寺町通")
        );
        let [item] = order.items.as_slice() else {
            panic!("one line was ordered, but there are {:?}", order.items)
        };
        assert_eq!((item.name.as_str(), item.quantity), ("抹茶", 2));
        assert_eq!(item.unit_price.amount, "1980");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_cart_is_as_good_as_none() {
    let mut service = Service::start().await;
    let (gone, product) = (Uuid::now_v7(), Uuid::now_v7());
    service.put(gone, product, 2).await;
    // Its line is still there: the reconciler that closed it was cut off before it emptied it.
    let sql = service.setup.database.sql();
    sql.batch_execute("update order_service.carts set product_ids = '{}', deleted_at = now()")
        .await
        .expect("the cart is closed");
    let held = sql
        .batch_execute("update order_service.carts set product_ids = array[user_id]")
        .await;
    assert!(held.is_err(), "and the schema lets it hold nothing");

    let cart = service.cart(user(gone)).await.expect("an empty cart");
    assert!(cart.items.is_empty(), "{cart:?}");
    let bought = service.create(user(gone), new_order(Vec::new())).await;
    assert!(
        matches!(bought, Err(Error::FailedPrecondition)),
        "there is nothing to order, but: {bought:?}"
    );
    assert_eq!(service.count("orders").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_followed_to_its_end() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    let id = service.place(owner, "pending").await;

    let changes = ["status = 'confirmed'", "status = 'cancelled'"];
    let seen = service.watch(user(owner), &id, &changes).await;

    let seen: Vec<_> = seen
        .expect("its user may")
        .iter()
        .map(|order| order.status)
        .collect();
    assert_eq!(
        seen,
        [
            OrderStatus::Pending,
            OrderStatus::Confirmed,
            OrderStatus::Cancelled
        ],
        "each state comes, and nothing follows the last"
    );
    let over = service.watch(admin(), &id, &[]).await.expect("an admin may");
    assert_eq!(over.len(), 1, "an order that is over has one state: {over:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_s_order_does_not_exist() {
    let mut service = Service::start().await;
    let (owner, another) = (Uuid::now_v7(), Uuid::now_v7());
    let id = service.place(owner, "confirmed").await;

    let read = service.get(user(another), &id).await;
    assert!(matches!(read, Err(Error::NotFound)), "read: {read:?}");
    let watched = service.watch(user(another), &id, &[]).await;
    assert!(matches!(watched, Err(Error::NotFound)), "watched: {watched:?}");
    let cancelled = service.cancel(user(another), &id).await;
    assert!(
        matches!(cancelled, Err(Error::NotFound)),
        "cancelled: {cancelled:?}"
    );
    let anonymous = service.get(Caller::Anonymous, &id).await;
    assert!(
        matches!(anonymous, Err(Error::Unauthenticated)),
        "an anonymous caller: {anonymous:?}"
    );
    assert_eq!(
        service
            .count("orders where status = 'confirmed' and version = 1")
            .await,
        1,
        "and nothing has changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_of_one_s_own_newest_first() {
    let mut service = Service::start().await;
    let (owner, another) = (Uuid::now_v7(), Uuid::now_v7());
    let mut mine = Vec::new();
    for status in ["confirmed", "rejected", "confirmed"] {
        mine.push(service.place(owner, status).await);
    }
    let theirs = service.place(another, "pending").await;

    let first = service.list(user(owner), "", None).await.expect("a page");
    assert_eq!(ids(&first), [mine[2].as_str(), mine[1].as_str()]);
    let second = service
        .list(user(owner), &first.next_page_token, None)
        .await
        .expect("a page");
    assert_eq!(
        (ids(&second), second.next_page_token.as_str()),
        (vec![mine[0].as_str()], "")
    );
    for (caller, status) in [(another, None), (owner, Some(OrderStatus::Confirmed))] {
        let other = service.list(user(caller), &first.next_page_token, status).await;
        assert!(
            matches!(other, Err(Error::InvalidArgument(_))),
            "a token is of one list of one user, but: {other:?}"
        );
    }
    let confirmed = service
        .list(user(owner), "", Some(OrderStatus::Confirmed))
        .await
        .expect("a page");
    assert_eq!(ids(&confirmed), [mine[2].as_str(), mine[0].as_str()]);
    let all = service.list(admin(), "", None).await.expect("a page");
    assert_eq!(
        ids(&all),
        [theirs.as_str(), mine[2].as_str()],
        "admins see the orders of all users"
    );
    let pending = service
        .list(admin(), "", Some(OrderStatus::Pending))
        .await
        .expect("a page");
    assert_eq!(ids(&pending), [theirs.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_stands_while_the_stock_cannot_be_returned() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    let id = service.place(owner, "confirmed").await;

    for attempt in 1..=2 {
        let order = service.cancel(user(owner), &id).await;
        let order = order.unwrap_or_else(|error| panic!("attempt {attempt}: {error:?}"));
        assert_eq!(order.status, OrderStatus::Cancelled, "attempt {attempt}");
    }

    assert_eq!(
        service.count("orders where restock_due and version = 2").await,
        1,
        "its stock is due, and it was cancelled once"
    );
    assert_eq!(
        service
            .count("outbox where kind = 'order.cancelled' and order_version = 2")
            .await,
        1,
        "others are told once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_confirmed_can_be_cancelled() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    for status in ["pending", "rejected"] {
        let id = service.place(owner, status).await;
        let refused = service.cancel(user(owner), &id).await;
        assert!(
            matches!(refused, Err(Error::FailedPrecondition)),
            "{status}: {refused:?}"
        );
    }
    assert_eq!(service.count("outbox").await, 0, "and there is no event");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_cancellations_at_once_one_is_done() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    let id = service.place(owner, "confirmed").await;
    let orders = service.component.akinai_commerce_orders();
    let answers = service
        .store
        .run_concurrent(async |accessor| {
            join_all((0..16).map(|_| orders.call_cancel_order(accessor, user(owner), id.clone()))).await
        })
        .await
        .expect("the component does not trap");
    for answer in answers {
        let order = answer
            .expect("the component does not trap")
            .expect("it is cancelled");
        assert_eq!(order.status, OrderStatus::Cancelled);
    }
    assert_eq!(service.count("outbox").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_without_lines_needs_no_catalogue() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    let product = Uuid::now_v7();
    let empty = service.cart(user(owner)).await.expect("an empty cart");
    assert!(
        empty.items.is_empty() && empty.total_amount.is_none(),
        "got {empty:?}"
    );

    service.put(owner, product, 2).await;
    let id = product.to_string();
    let removed = call!(
        service
            .akinai_commerce_orders()
            .call_remove_from_cart(user(owner), id.clone())
    );
    assert!(removed.is_ok_and(|cart| cart.items.is_empty()), "it is taken out");
    let absent = call!(
        service
            .akinai_commerce_orders()
            .call_update_cart_item(user(owner), id, 3)
    );
    assert!(matches!(absent, Err(Error::NotFound)), "got {absent:?}");
    assert_eq!(
        service
            .count("carts where product_ids = '{}' and version = 2")
            .await,
        1,
        "the cart was changed once"
    );

    service.put(owner, Uuid::now_v7(), 2).await;
    let cleared = call!(service.akinai_commerce_orders().call_clear_cart(user(owner)));
    assert!(cleared.is_ok_and(|cart| cart.items.is_empty()), "it is emptied");
    assert_eq!(service.count("cart_items where deleted_at is null").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_s_cart_is_another_cart() {
    let mut service = Service::start().await;
    let (owner, another) = (Uuid::now_v7(), Uuid::now_v7());
    service.put(owner, Uuid::now_v7(), 2).await;
    for caller in [user(another), admin()] {
        let cart = call!(service.akinai_commerce_orders().call_clear_cart(caller.clone()));
        assert!(cart.is_ok(), "got {cart:?}");
        let cart = service.cart(caller).await.expect("an empty cart");
        assert!(cart.items.is_empty(), "got {cart:?}");
    }
    assert_eq!(service.count("cart_items where deleted_at is null").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_used_is_looked_up_before_all_else() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    service.place(owner, "confirmed").await;
    let sql = service.setup.database.sql();
    sql.execute("update order_service.orders set idempotency_key = 'k'", &[])
        .await
        .expect("the key is free");

    let other = service.create(user(owner), new_order(Vec::new())).await;

    let Err(Error::InvalidArgument(violations)) = other else {
        panic!("the key is another request's, but the answer was {other:?}")
    };
    assert_eq!(violations[0].field, "idempotencyKey");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_order_is_refused_with_all_its_fields() {
    let mut service = Service::start().await;
    let mut wrong = new_order(vec![Wanted {
        product_id: "42".to_owned(),
        quantity: 0,
    }]);
    wrong.shipping_address.country = "Japan".to_owned();

    let refused = service.create(user(Uuid::now_v7()), wrong).await;

    let Err(Error::InvalidArgument(violations)) = refused else {
        panic!("three fields are wrong, but the answer was {refused:?}")
    };
    let fields: Vec<_> = violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "shippingAddress.country",
            "items[0].productId",
            "items[0].quantity"
        ]
    );
    let empty = service.create(user(Uuid::now_v7()), new_order(Vec::new())).await;
    assert!(
        matches!(empty, Err(Error::FailedPrecondition)),
        "an empty cart cannot be ordered: {empty:?}"
    );
    assert_eq!(service.count("orders").await, 0, "and nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_it_says_unavailable() {
    let closed_port = xtask::services::free_port().expect("a port without a listener");
    let mut service = Service::of(Setup::new().await.variable("db_port", closed_port.to_string())).await;

    let answer = service.cart(user(Uuid::now_v7())).await;

    assert!(
        matches!(answer, Err(Error::Unavailable)),
        "without a listener it must be unavailable, but was {answer:?}"
    );
}
