//! Ports: the store, the catalogue, the stock, the stream of events and the users, as the use cases need them.

use std::time::Duration;

use kernel::{AccessScope, EventId, OrderId, PageToken, ProductId, StoreError, UserId};

use crate::domain::{
    CartLines, Key, Line, NewOrder, Order, Product, Quantity, RequestHash, Shortage, Status,
};

/// The outcome of an addition to a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// The pieces were added.
    Done,
    /// The key was used before; nothing changed.
    Repeated,
    /// The cart has the maximum number of products; nothing changed.
    CartFull,
    /// The line would exceed the maximum number of pieces; nothing changed.
    LineFull,
    /// The cart is closed, because its user is deleted; nothing changed.
    Closed,
}

/// The storage of carts. Each function is one statement.
pub(crate) trait Carts {
    /// The cart of a user; an empty cart for a user without one.
    async fn cart(&self, user: UserId) -> Result<CartLines, StoreError>;

    /// Adds pieces of a product to a line, or a line to the cart; at most once for a key.
    async fn add(
        &self,
        user: UserId,
        product: &Product,
        quantity: Quantity,
        key: Option<&Key>,
    ) -> Result<Added, StoreError>;

    /// The addition that was made with a key.
    async fn addition(&self, user: UserId, key: &Key) -> Result<Option<Line>, StoreError>;

    /// Sets the quantity of a line. Returns whether there is such a line.
    async fn set_quantity(&self, user: UserId, line: Line) -> Result<bool, StoreError>;

    /// Removes a line, if there is one.
    async fn remove(&self, user: UserId, product: ProductId) -> Result<(), StoreError>;

    /// Removes all lines.
    async fn clear(&self, user: UserId) -> Result<(), StoreError>;

    /// Closes the carts of deleted users, also of users without a cart. A closed cart looks empty and refuses additions.
    /// Returns the number of carts that were not closed before.
    async fn close_carts(&self, users: &[UserId]) -> Result<u64, StoreError>;

    /// Removes the lines of those carts that are closed: all of them, if this statement begins after the carts were closed.
    async fn empty_closed_carts(&self, users: &[UserId]) -> Result<(), StoreError>;
}

/// The outcome of inserting an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// The order is inserted, and pending.
    Done,
    /// Another order has its key, or its cart.
    Taken,
    /// The cart has another version now.
    CartChanged,
}

/// The storage of orders. Each function is one statement. A change of status takes effect only from the status that may precede
/// it, so every function can be repeated.
pub(crate) trait Orders {
    /// The order of a user's key, and the hash of its request.
    async fn find_by_key(&self, user: UserId, key: &Key) -> Result<Option<(Order, RequestHash)>, StoreError>;

    /// Whether there is an order of this version of a user's cart that was not rejected, or a pending one of any version.
    async fn cart_is_taken(&self, user: UserId, version: u64) -> Result<bool, StoreError>;

    /// Inserts a pending order, unless its key or its cart has an order already.
    async fn insert_pending(&self, order: &NewOrder) -> Result<Inserted, StoreError>;

    /// Confirms a pending order, removes its lines from its cart, and inserts an event. Returns the order if this call
    /// confirmed it.
    async fn confirm(&self, id: OrderId) -> Result<Option<Order>, StoreError>;

    /// Rejects a pending order, stores its shortages, and inserts an event.
    async fn reject(&self, id: OrderId, reason: &str, short: &[Shortage]) -> Result<(), StoreError>;

    /// Cancels a confirmed order in the access scope, notes that its stock has to be returned, and inserts an event.
    async fn cancel(&self, scope: AccessScope, id: OrderId) -> Result<(), StoreError>;

    /// Notes that the stock of a cancelled order was returned.
    async fn mark_restocked(&self, id: OrderId) -> Result<(), StoreError>;

    /// An order in the access scope, and whether its stock has to be returned.
    async fn find(&self, scope: AccessScope, id: OrderId) -> Result<Option<(Order, RestockDue)>, StoreError>;

    /// An order in the access scope, if it has a later version than this one.
    async fn find_newer(
        &self,
        scope: AccessScope,
        id: OrderId,
        version: u64,
    ) -> Result<Option<Order>, StoreError>;

    /// Orders in the access scope, newest first, after the order that the token names and at most `limit` of them.
    async fn list(
        &self,
        scope: AccessScope,
        status: Option<Status>,
        after: Option<PageToken>,
        limit: u32,
    ) -> Result<Vec<Order>, StoreError>;
}

/// Unfinished work, for the reconciler. Each function is one statement. A claimed row is not claimed again for some seconds.
pub(crate) trait Backlog {
    /// Claims pending orders that are older than this, the longest waiting first.
    async fn claim_pending(&self, older_than: Duration, limit: u32) -> Result<Vec<OrderId>, StoreError>;

    /// Claims cancelled orders whose stock has to be returned.
    async fn claim_restocks(&self, limit: u32) -> Result<Vec<OrderId>, StoreError>;

    /// Claims events that are not relayed: only the earliest event of each order, unless another reconciler has claimed it.
    async fn claim_events(&self, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// Notes that these events were relayed.
    async fn mark_relayed(&self, events: &[Event]) -> Result<(), StoreError>;

    /// Removes old rows, at most `limit` of each kind. Returns their number.
    async fn sweep(&self, limit: u32) -> Result<u64, StoreError>;
}

/// Whether the stock of a cancelled order has to be returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RestockDue(pub(crate) bool);

/// An event: a change of an order, for other services.
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

/// The stream of events.
pub(crate) trait Events {
    /// Appends events in this order, except those that are not newer than the last appended event of their order. After an
    /// error, which is for the log, it is unknown whether they were appended.
    async fn append(&self, events: &[Event]) -> Result<(), String>;
}

/// The deletion of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deletion {
    /// The id to acknowledge.
    pub(crate) event: EventId,
    pub(crate) user: UserId,
}

/// The deleted users. Both functions can be repeated, and their errors are for the log.
pub(crate) trait Users {
    /// Deletions that were not acknowledged, oldest first and at most `limit` of them.
    async fn deletions(&self, limit: u32) -> Result<Vec<Deletion>, String>;

    /// Acknowledges deletions whose carts are closed and emptied. They are not listed again.
    async fn acknowledge(&self, deletions: &[Deletion]) -> Result<(), String>;
}

/// The catalogue does not answer. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the catalogue does not answer: {0}")]
pub(crate) struct CatalogueError(pub(crate) String);

/// The products for sale.
pub(crate) trait Catalogue {
    /// These products, at most 100, in any order, without those that are not for sale.
    async fn products(&self, ids: &[ProductId]) -> Result<Vec<Product>, CatalogueError>;
}

/// A call of the stock failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InventoryError {
    /// A product has too little stock, and nothing was reserved.
    #[error("there is too little in stock")]
    Short(Vec<Shortage>),
    /// The reservation is released, and the order cannot reserve any more.
    #[error("the reservation is closed")]
    Closed,
    /// Any other error: it is unknown whether the call took effect. The text is for the log.
    #[error("{0}")]
    Unknown(String),
}

/// The status of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The items are reserved.
    Reserved,
    /// The items have left the stock.
    Committed,
    /// The items were released, and the reservation is closed.
    Released,
    /// The items had left the stock, and were put back.
    Restocked,
}

/// The stock, which decides every order. All functions can be repeated: the order's id is the idempotency key.
pub(crate) trait Inventory {
    /// Reserves all of the lines for an order, or none.
    async fn reserve(&self, order: OrderId, lines: &[Line], ttl: Duration) -> Result<(), InventoryError>;

    /// Takes the reserved items out of the stock.
    async fn commit(&self, order: OrderId) -> Result<(), InventoryError>;

    /// Releases the reserved items. The order cannot reserve any more afterwards. Items that have left the stock stay out of
    /// it. The result says which of the two is the case.
    async fn release(&self, order: OrderId) -> Result<Outcome, InventoryError>;

    /// The status of the reservation, if there is one.
    async fn reservation(&self, order: OrderId) -> Result<Option<Outcome>, InventoryError>;

    /// Puts an order's committed items back.
    async fn restock(&self, order: OrderId) -> Result<(), InventoryError>;

    /// Releases overdue reservations of at most `limit` orders. Returns their number.
    async fn expire(&self, limit: u32) -> Result<u32, InventoryError>;
}
