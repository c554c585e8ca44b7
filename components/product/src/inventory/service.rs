//! The use cases of the inventory, for the order component: what happens to the stock because of an order.
//!
//! The order is the key of everything, and the reservation's row is the judge: a call that is repeated, late, or overtaken by
//! another finds there what was decided, and answers that. On whose behalf it is made does not matter; that the order component
//! makes it was seen to at the door.

use std::time::Duration;

use kernel::{Caller, OrderId, Violations};

use super::domain::{Items, Limit, Reservation, Shortage, Status, Ttl};
use crate::store::StoreError;

/// Where stock and reservations are kept. Each function is one statement, and done whole or not at all.
pub(crate) trait Store {
    /// Holds all the items for an order that has no reservation yet, or nothing.
    async fn reserve(&self, order: OrderId, items: &Items, ttl: Ttl) -> Result<Reserved, StoreError>;

    /// Makes a `Reserved` reservation `Committed`, and takes its items out of the stock; answers `None` if it is not
    /// `Reserved`.
    async fn commit(&self, order: OrderId) -> Result<Option<Reservation>, StoreError>;

    /// Makes a `Reserved` reservation `Released`, and gives its items back; makes a `Released` one without items for an order
    /// that has none. Answers `None` if it is something else, or came to be at this very moment.
    async fn release(&self, order: OrderId) -> Result<Option<Reservation>, StoreError>;

    /// Makes a `Committed` reservation `Restocked`, and puts its items back into the stock; answers `None` if it is not
    /// `Committed`.
    async fn restock(&self, order: OrderId) -> Result<Option<Reservation>, StoreError>;

    /// An order's reservation.
    async fn find(&self, order: OrderId) -> Result<Option<Reservation>, StoreError>;

    /// Releases overdue reservations, at most so many and the longest overdue first; answers how many.
    async fn expire(&self, limit: Limit) -> Result<i32, StoreError>;
}

/// What became of an attempt to reserve.
#[derive(Debug)]
pub(crate) enum Reserved {
    /// Everything is held.
    Made(Reservation),
    /// Nothing is held: there is too little of these, in any order.
    Short(Vec<Shortage>),
    /// Nothing is held by this attempt: the order has a reservation already.
    Known,
}

/// Why a use case has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Invalid(Violations),
    #[error("the order reserved nothing")]
    NotFound,
    #[error("there is too little of {} products", .0.len())]
    Short(Vec<Shortage>),
    #[error("the reservation was released")]
    Closed,
    #[error("the reservation was not committed")]
    NotCommitted,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What to hold, as the caller said it.
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
    pub(crate) fn new(store: S) -> Self {
        Self { store }
    }

    /// Holds all the items for an order, or nothing.
    pub(crate) async fn reserve_stock(
        &self,
        _: &Caller,
        request: ReserveStock<'_>,
    ) -> Result<Reservation, Error> {
        let (order, items, ttl) = request.parse().map_err(Error::Invalid)?;
        let shortages = match self.store.reserve(order, &items, ttl).await? {
            Reserved::Made(reservation) => return Ok(reservation),
            Reserved::Short(shortages) => Some(shortages),
            Reserved::Known => None,
        };
        // A shortage may be the doing of this very order: of an attempt that was faster and took the last pieces.
        match (self.store.find(order).await?, shortages) {
            (Some(reservation), _) => repeated(reservation, &items),
            (None, Some(shortages)) => Err(Error::Short(in_order_of(&items, &shortages))),
            (None, None) => Err(StoreError::Failed("a reservation was there, and is gone".into()).into()),
        }
    }

    /// Takes what is held for an order out of the stock. Expiry is for whoever expires: until then it can be committed.
    pub(crate) async fn commit_reservation(&self, _: &Caller, order_id: &str) -> Result<Reservation, Error> {
        let order = parse_order(order_id)?;
        if let Some(committed) = self.store.commit(order).await? {
            return Ok(committed);
        }
        let reservation = self.store.find(order).await?.ok_or(Error::NotFound)?;
        match reservation.status {
            Status::Committed | Status::Restocked => Ok(reservation),
            Status::Released => Err(Error::Closed),
            // Reserved only after this call had looked: too late for it.
            Status::Reserved => Err(Error::NotFound),
        }
    }

    /// Gives back what is held for an order, and closes an order that reserved nothing yet.
    pub(crate) async fn release_reservation(&self, _: &Caller, order_id: &str) -> Result<Reservation, Error> {
        let order = parse_order(order_id)?;
        // A reservation that is made while this looks is met by the second attempt: rows are never removed.
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

    /// What is held for an order.
    pub(crate) async fn get_reservation(&self, _: &Caller, order_id: &str) -> Result<Reservation, Error> {
        let order = parse_order(order_id)?;
        self.store.find(order).await?.ok_or(Error::NotFound)
    }

    /// Puts what an order had taken back into the stock, once.
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

    /// Releases reservations whose time is up, and says how many.
    pub(crate) async fn expire_reservations(&self, _: &Caller, limit: i32) -> Result<i32, Error> {
        let limit = limit.try_into();
        let limit: Limit = limit.map_err(|error| Error::Invalid(Violations::one("limit", error)))?;
        Ok(self.store.expire(limit).await?)
    }
}

/// The answer to a repeat: the reservation as it is. It is never put off or changed.
fn repeated(reservation: Reservation, items: &Items) -> Result<Reservation, Error> {
    match reservation.status {
        Status::Released => Err(Error::Closed),
        _ if items.are_those_of(&reservation) => Ok(reservation),
        _ => Err(Error::Invalid(Violations::one(
            "items",
            "must be what the order reserved before",
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
        let items = violations.take("items", Items::parse(self.items));
        let ttl = violations.take("ttl", Ttl::try_from(self.ttl.unwrap_or_default()));
        match (order, items, ttl) {
            (Some(order), Some(items), Some(ttl)) => Ok((order, items, ttl)),
            _ => Err(violations),
        }
    }
}

#[cfg(test)]
mod tests;
