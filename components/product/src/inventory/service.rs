//! The use cases of the inventory, for the order component: changes of the stock for an order.
//!
//! The order's id is the idempotency key, and the reservation's row decides. A call that is repeated, late or overtaken
//! by another call finds the outcome in the row and returns it. The caller's user does not matter here: `ServiceTokens`
//! admits only the order component to this service.

use std::time::Duration;

use kernel::{Caller, OrderId, StoreError, Violations};

use super::domain::{Items, Limit, Reservation, Shortage, Status, Ttl};

/// The storage of stock and reservations. Each function is one statement, which takes effect completely or not at all.
pub(crate) trait Store {
    /// Reserves all the items for an order that has no reservation yet, or none of them.
    async fn reserve(&self, order: OrderId, items: &Items, ttl: Ttl) -> Result<Reserved, StoreError>;

    /// Makes a `Reserved` reservation `Committed`, and takes its items out of the stock. Returns `None` if the reservation is not
    /// `Reserved`.
    async fn commit(&self, order: OrderId) -> Result<Option<Reservation>, StoreError>;

    /// Makes a `Reserved` reservation `Released`, and gives its items back; inserts a `Released` reservation without items for an
    /// order that has none. Returns `None` for a reservation in another status, or one that is being inserted at this moment.
    async fn release(&self, order: OrderId) -> Result<Option<Reservation>, StoreError>;

    /// Makes a `Committed` reservation `Restocked`, and puts its items back into the stock. Returns `None` if the reservation is
    /// not `Committed`.
    async fn restock(&self, order: OrderId) -> Result<Option<Reservation>, StoreError>;

    /// An order's reservation.
    async fn find(&self, order: OrderId) -> Result<Option<Reservation>, StoreError>;

    /// Releases overdue reservations, the longest overdue first and at most `limit` of them. Returns their number.
    async fn expire(&self, limit: Limit) -> Result<i32, StoreError>;
}

/// The outcome of an attempt to reserve.
#[derive(Debug)]
pub(crate) enum Reserved {
    /// All items are reserved.
    Made(Reservation),
    /// Nothing is reserved, because these products have too little stock. They are in any order.
    Short(Vec<Shortage>),
    /// This attempt reserved nothing: the order has a reservation already.
    Known,
}

/// A use case failed. The text of an error is for the client, except for that of the store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Invalid(#[from] Violations),
    #[error("this order has no reservation")]
    NotFound,
    #[error("there is too little in stock; nothing was reserved")]
    Short(Vec<Shortage>),
    #[error("the order's reservation was released; it cannot be reserved or committed any more")]
    Closed,
    #[error("the order took nothing out of the stock, so nothing can be put back")]
    NotCommitted,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An unparsed request for a reservation.
pub(crate) struct ReserveStock<'a> {
    pub(crate) order_id: &'a str,
    /// Product ids and quantities.
    pub(crate) items: &'a [(&'a str, i32)],
    pub(crate) ttl: Option<Duration>,
}

/// The inventory over a store.
pub(crate) struct Inventory<S> {
    pub(super) store: S,
}

impl<S: Store> Inventory<S> {
    pub(crate) const fn new(store: S) -> Self {
        Self { store }
    }

    /// Reserves all the items for an order, or none of them.
    pub(crate) async fn reserve_stock(
        &self,
        _: &Caller,
        request: ReserveStock<'_>,
    ) -> Result<Reservation, Error> {
        let (order, items, ttl) = request.parse()?;
        let shortages = match self.store.reserve(order, &items, ttl).await? {
            Reserved::Made(reservation) => return Ok(reservation),
            Reserved::Short(shortages) => Some(shortages),
            Reserved::Known => None,
        };
        // An earlier attempt of the same order may have caused the shortage, because it reserved the last pieces.
        match (self.store.find(order).await?, shortages) {
            (Some(reservation), _) => repeated(reservation, &items),
            (None, Some(shortages)) => Err(Error::Short(in_order_of(&items, &shortages))),
            (None, None) => Err(StoreError::Failed("a reservation disappeared".into()).into()),
        }
    }

    /// Takes an order's reserved items out of the stock. An overdue reservation can be committed until it is released.
    pub(crate) async fn commit_reservation(&self, _: &Caller, order_id: &str) -> Result<Reservation, Error> {
        let order = parse_order(order_id)?;
        if let Some(committed) = self.store.commit(order).await? {
            return Ok(committed);
        }
        let reservation = self.store.find(order).await?.ok_or(Error::NotFound)?;
        match reservation.status {
            Status::Committed | Status::Restocked => Ok(reservation),
            Status::Released => Err(Error::Closed),
            // The reservation was inserted after `commit` had searched for it.
            Status::Reserved => Err(Error::NotFound),
        }
    }

    /// Gives an order's reserved items back, and closes an order that has no reservation yet.
    pub(crate) async fn release_reservation(&self, _: &Caller, order_id: &str) -> Result<Reservation, Error> {
        let order = parse_order(order_id)?;
        // If a reservation is inserted during the first attempt, the second attempt finds it, because rows are never
        // removed.
        for _ in 0..2 {
            if let Some(released) = self.store.release(order).await? {
                return Ok(released);
            }
            let settled = self.store.find(order).await?;
            if let Some(settled) = settled.filter(|found| found.status != Status::Reserved) {
                return Ok(settled);
            }
        }
        let cause = "a reservation can neither be released nor is it settled";
        Err(StoreError::Failed(cause.into()).into())
    }

    /// An order's reservation.
    pub(crate) async fn get_reservation(&self, _: &Caller, order_id: &str) -> Result<Reservation, Error> {
        let order = parse_order(order_id)?;
        self.store.find(order).await?.ok_or(Error::NotFound)
    }

    /// Puts an order's committed items back into the stock, once.
    pub(crate) async fn restock(&self, _: &Caller, order_id: &str) -> Result<Reservation, Error> {
        let order = parse_order(order_id)?;
        if let Some(restocked) = self.store.restock(order).await? {
            return Ok(restocked);
        }
        let reservation = self.store.find(order).await?.ok_or(Error::NotFound)?;
        match reservation.status {
            Status::Restocked => Ok(reservation),
            Status::Reserved | Status::Committed | Status::Released => Err(Error::NotCommitted),
        }
    }

    /// Releases overdue reservations, and returns their number.
    pub(crate) async fn expire_reservations(&self, _: &Caller, limit: i32) -> Result<i32, Error> {
        let limit = limit.try_into();
        let limit: Limit = limit.map_err(|error| Error::Invalid(Violations::one("limit", error)))?;
        Ok(self.store.expire(limit).await?)
    }
}

/// The answer to a repeated call: the present reservation. A repeat neither extends nor changes it.
fn repeated(reservation: Reservation, items: &Items) -> Result<Reservation, Error> {
    match reservation.status {
        Status::Released => Err(Error::Closed),
        _ if items.are_those_of(&reservation) => Ok(reservation),
        _ => Err(Error::Invalid(Violations::one(
            "items",
            "must be the items of the order's earlier reservation",
        ))),
    }
}

fn in_order_of(items: &Items, shortages: &[Shortage]) -> Vec<Shortage> {
    let of = |product| shortages.iter().find(|shortage| shortage.product == product);
    items
        .iter()
        .filter_map(|item| of(item.product))
        .copied()
        .collect()
}

fn parse_order(id: &str) -> Result<OrderId, Error> {
    id.parse()
        .map_err(|error| Error::Invalid(Violations::one("orderId", error)))
}

impl ReserveStock<'_> {
    fn parse(&self) -> Result<(OrderId, Items, Ttl), Violations> {
        let mut violations = Violations::default();
        let order = violations.take("orderId", self.order_id.parse());
        let items = violations.take_all(Items::parse(self.items));
        let ttl = violations.take("ttl", Ttl::try_from(self.ttl.unwrap_or_default()));
        match (order, items, ttl) {
            (Some(order), Some(items), Some(ttl)) => Ok((order, items, ttl)),
            _ => Err(violations),
        }
    }
}

#[cfg(test)]
mod tests;
