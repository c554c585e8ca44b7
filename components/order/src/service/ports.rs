//! What the use cases need of others: a store, the catalogue, the stock, and whoever is told of changes.

use std::time::Duration;

use kernel::{AccessScope, EventId, OrderId, PageToken, ProductId, StoreError, UserId};

use crate::domain::{
    CartLines, Key, Line, NewOrder, Order, Product, Quantity, RequestHash, Shortage, Status,
};

/// What became of an addition to a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is in.
    Done,
    /// There was one of this key before; nothing was done.
    Repeated,
    /// The cart has as many products as it can have; nothing was done.
    CartFull,
    /// The line has as many pieces as it can have; nothing was done.
    LineFull,
    /// The cart is closed, because its user is deleted; nothing was done.
    Closed,
}

/// Where carts are kept. Each function is one statement.
pub(crate) trait Carts {
    /// The cart of a user; an empty one for a user without.
    async fn cart(&self, user: UserId) -> Result<CartLines, StoreError>;

    /// Adds pieces of a product to a line, or a line to the cart; at most once for a key.
    async fn add(
        &self,
        user: UserId,
        product: &Product,
        quantity: Quantity,
        key: Option<&Key>,
    ) -> Result<Added, StoreError>;

    /// What was added with a key.
    async fn addition(&self, user: UserId, key: &Key) -> Result<Option<Line>, StoreError>;

    /// Sets the pieces of a line; says whether there is one.
    async fn set_quantity(&self, user: UserId, line: Line) -> Result<bool, StoreError>;

    /// Takes a line out, if there is one.
    async fn remove(&self, user: UserId, product: ProductId) -> Result<(), StoreError>;

    /// Takes all lines out.
    async fn clear(&self, user: UserId) -> Result<(), StoreError>;

    /// Closes the carts of users who are deleted, also of those who have none: what is closed looks empty, and nothing can be
    /// added to it. Says how many were not closed before.
    async fn close_carts(&self, users: &[UserId]) -> Result<u64, StoreError>;

    /// Removes what is left in those of the carts that are closed. All that there is goes if this begins after they were
    /// closed.
    async fn empty_closed_carts(&self, users: &[UserId]) -> Result<(), StoreError>;
}

/// What became of a new order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It is there, pending.
    Done,
    /// Another order has its key, or its cart.
    Taken,
    /// The cart is at another version by now.
    CartChanged,
}

/// Where orders are kept. Each function is one statement, and those that change a status change it only from the one that
/// may come before: repeating them does no harm.
pub(crate) trait Orders {
    /// The order of a user's key, and the hash of the request that it was made by.
    async fn find_by_key(&self, user: UserId, key: &Key) -> Result<Option<(Order, RequestHash)>, StoreError>;

    /// Whether there is an order of this version of a user's cart that was not rejected, or a pending one of any version.
    async fn cart_is_taken(&self, user: UserId, version: u64) -> Result<bool, StoreError>;

    /// Begins an order, unless its key or its cart has one.
    async fn insert_pending(&self, order: &NewOrder) -> Result<Inserted, StoreError>;

    /// Confirms a pending order, takes what was ordered out of the cart that it is of, and leaves an event. The order, if
    /// it was this call that did so.
    async fn confirm(&self, id: OrderId) -> Result<Option<Order>, StoreError>;

    /// Rejects a pending order, keeps of what there was too little, and leaves an event.
    async fn reject(&self, id: OrderId, reason: &str, short: &[Shortage]) -> Result<(), StoreError>;

    /// Cancels a confirmed order within reach, notes that its stock is due, and leaves an event.
    async fn cancel(&self, scope: AccessScope, id: OrderId) -> Result<(), StoreError>;

    /// Notes that the stock of a cancelled order is back.
    async fn mark_restocked(&self, id: OrderId) -> Result<(), StoreError>;

    /// An order within reach, and whether its stock is due.
    async fn find(&self, scope: AccessScope, id: OrderId) -> Result<Option<(Order, RestockDue)>, StoreError>;

    /// An order within reach, if it has changed since this version.
    async fn find_newer(
        &self,
        scope: AccessScope,
        id: OrderId,
        version: u64,
    ) -> Result<Option<Order>, StoreError>;

    /// Orders within reach, newest first, after the one that the token names and at most `limit` of them.
    async fn list(
        &self,
        scope: AccessScope,
        status: Option<Status>,
        after: Option<PageToken>,
        limit: u32,
    ) -> Result<Vec<Order>, StoreError>;
}

/// What is left to do, for the reconciler. Each function is one statement, and what one of them takes in hand nobody else
/// gets for some seconds.
pub(crate) trait Backlog {
    /// Takes pending orders in hand that are older than this, those that waited longest first.
    async fn claim_pending(&self, older_than: Duration, limit: u32) -> Result<Vec<Order>, StoreError>;

    /// Takes cancelled orders in hand whose stock is due.
    async fn claim_restocks(&self, limit: u32) -> Result<Vec<OrderId>, StoreError>;

    /// Takes events in hand that nobody was told of: of each order the earliest, and only if it is in nobody else's hand.
    async fn claim_events(&self, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// Notes that these events were told.
    async fn mark_relayed(&self, events: &[Event]) -> Result<(), StoreError>;

    /// Removes what is of no use any more, at most `limit` rows of each kind; says how many.
    async fn sweep(&self, limit: u32) -> Result<u64, StoreError>;
}

/// Whether the stock of an order has yet to be returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RestockDue(pub(crate) bool);

/// A change of an order that others are to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// A UUID.
    pub(crate) id: String,
    pub(crate) order: OrderId,
    /// The order's, after the change.
    pub(crate) version: u64,
    /// Such as `order.confirmed`.
    pub(crate) kind: String,
    /// A JSON object.
    pub(crate) payload: String,
}

/// Who is told of changes.
pub(crate) trait Events {
    /// Tells of these, in this order; those that are not newer than what was told of their order are left out. The error is
    /// for the log, and whether they were told is open then.
    async fn append(&self, events: &[Event]) -> Result<(), String>;
}

/// The news that a user was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deletion {
    /// By which it is acknowledged.
    pub(crate) event: EventId,
    pub(crate) user: UserId,
}

/// Who knows which users were deleted. Both can be repeated, and the errors are for the log.
pub(crate) trait Users {
    /// Deletions that were not acknowledged, oldest first and at most so many.
    async fn deletions(&self, limit: u32) -> Result<Vec<Deletion>, String>;

    /// Says that these need not be told again: everything that follows from them is done.
    async fn acknowledge(&self, deletions: &[Deletion]) -> Result<(), String>;
}

/// The catalogue does not answer. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the catalogue does not answer: {0}")]
pub(crate) struct CatalogueError(pub(crate) String);

/// What is for sale.
pub(crate) trait Catalogue {
    /// These products, at most 100, in any order; those that are not for sale are missing.
    async fn products(&self, ids: &[ProductId]) -> Result<Vec<Product>, CatalogueError>;
}

/// Why the stock did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InventoryError {
    /// There is too little of something, and nothing was reserved.
    #[error("there is too little in stock")]
    Short(Vec<Shortage>),
    /// What was reserved is released, and the order can reserve nothing any more.
    #[error("the reservation is closed")]
    Closed,
    /// Anything else: whether it was done is open. The text is for the log.
    #[error("{0}")]
    Unknown(String),
}

/// Where a reservation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Held.
    Reserved,
    /// It has left the stock.
    Committed,
    /// Given back, and closed.
    Released,
    /// It had left the stock, and came back.
    Restocked,
}

/// The stock: the judge of every order. All of it can be repeated, the order is the key.
pub(crate) trait Inventory {
    /// Holds all of the lines for an order, or nothing.
    async fn reserve(&self, order: OrderId, lines: &[Line], ttl: Duration) -> Result<(), InventoryError>;

    /// Takes what is held out of the stock.
    async fn commit(&self, order: OrderId) -> Result<(), InventoryError>;

    /// Gives back what is held, and lets the order reserve nothing afterwards; what has left the stock stays so. Says which
    /// of the two it is.
    async fn release(&self, order: OrderId) -> Result<Outcome, InventoryError>;

    /// Where the reservation stands, if there is one.
    async fn reservation(&self, order: OrderId) -> Result<Option<Outcome>, InventoryError>;

    /// Puts back what an order took.
    async fn restock(&self, order: OrderId) -> Result<(), InventoryError>;

    /// Gives back what has been held for too long, of at most so many orders; says of how many.
    async fn expire(&self, limit: u32) -> Result<u32, InventoryError>;
}
