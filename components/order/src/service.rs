//! The use cases of carts and orders: authorize, validate, decide. Each topic has a file.

mod cart;
mod checkout;
mod orders;
mod ports;
mod reconcile;

use kernel::{Caller, Money, StoreError, UserId, Violations};

pub(crate) use self::{
    cart::AddToCart,
    checkout::CreateOrder,
    orders::ListOrders,
    ports::{
        Added, Backlog, Carts, Catalogue, CatalogueError, Deletion, Event, Events, Inserted, Inventory,
        InventoryError, Orders, Outcome, RestockDue, Users,
    },
    reconcile::{Reconciled, Stages},
};
use crate::domain::Shortage;

/// A use case failed. The texts are for clients, except those of `Unfinished`, `Catalogue` and `Store`, which are for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Invalid(#[from] Violations),
    #[error("the caller is not signed in")]
    Unauthenticated,
    #[error("there is no order with this id")]
    NotFound,
    #[error("there is no product with this id")]
    NoProduct,
    #[error("the cart does not hold that product; add it instead")]
    NotInCart,
    #[error("a cart holds 100 products at the most")]
    CartFull,
    #[error("a cart holds 999 pieces of a product at the most")]
    LineFull,
    #[error("this account was deleted")]
    CartClosed,
    #[error("the cart is empty; add products to it")]
    NothingToOrder,
    #[error("the cart is in another order already; wait for that one, or repeat it with its own key")]
    CartTaken,
    #[error("the cart keeps changing; try again")]
    CartChanging,
    #[error("{0}")]
    NoTotal(crate::domain::NoTotal),
    #[error("the total is {actual} now, not {expected}; review the cart and retry with the new total")]
    TotalChanged { expected: Money, actual: Money },
    #[error("there is too little in stock")]
    Short(Vec<Shortage>),
    #[error("the order was rejected: {0}; order again with a new key")]
    Rejected(String),
    #[error("the order is still being placed; try again in a moment")]
    StillPending,
    #[error("the order was rejected: there is nothing to cancel")]
    NothingToCancel,
    /// The outcome of a step is unknown. The next repeat or the reconciler continues the order.
    #[error("the order is not finished: {0}")]
    Unfinished(String),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The use cases, over a store and the product service.
pub(crate) struct Shop<S, P> {
    store: S,
    product: P,
}

impl<S, P> Shop<S, P> {
    pub(crate) const fn new(store: S, product: P) -> Self {
        Self { store, product }
    }
}

/// The id of the calling user.
fn user(caller: &Caller) -> Result<UserId, Error> {
    match caller {
        Caller::User(user) => Ok(user.id),
        Caller::Anonymous => Err(Error::Unauthenticated),
    }
}

#[cfg(test)]
mod tests;
