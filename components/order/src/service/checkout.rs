//! Checkout: a saga of five steps, reserve, commit, confirm, release and reject. A repeated request or the reconciler continues
//! an order that was left pending.
//!
//! The reservation in the stock decides the outcome. Reserve and commit can be repeated. An order is rejected only after a
//! definite refusal, and only after release has confirmed that no item left the stock. If the outcome of a step is unknown, the
//! order stays pending, and the next repeat or the reconciler runs the step again.

use std::time::Duration;

use kernel::{AccessScope, Caller, Money, MoneyInput, OrderId, ProductId, UserId, Violations};

use super::{Carts, Catalogue, Error, Inserted, Inventory, InventoryError, Orders, Outcome, Shop, user};
use crate::domain::{
    Address, AddressInput, Key, Line, NewOrder, Order, OrderItem, Product, RequestHash, Shortage, Status,
    total,
};

/// The time for which the stock reserves an order's items. It is far longer than the duration of a checkout, and than the time
/// that the reconciler waits.
const RESERVED_FOR: Duration = Duration::from_secs(300);

/// The number of attempts to insert an order whose cart changes meanwhile.
const ATTEMPTS: u32 = 5;

/// An unparsed order.
pub(crate) struct CreateOrder<'a> {
    pub(crate) idempotency_key: &'a str,
    pub(crate) address: AddressInput<'a>,
    /// Ids of products and quantities. Empty for an order of the caller's cart.
    pub(crate) items: &'a [(&'a str, i32)],
    pub(crate) expected_total: Option<MoneyInput<'a>>,
}

/// A parsed order.
struct OrderRequest {
    address: Address,
    lines: Vec<Line>,
    expected_total: Option<Money>,
}

impl<S: Carts + Orders, P: Catalogue + Inventory> Shop<S, P> {
    /// Places an order, for users. A repeat of the same request returns the same order.
    pub(crate) async fn create_order(
        &self,
        caller: &Caller,
        request: CreateOrder<'_>,
    ) -> Result<Order, Error> {
        let user = user(caller)?;
        let key: Key = request
            .idempotency_key
            .parse()
            .map_err(|error| Violations::one("idempotencyKey", error))?;
        let hash = request.hash();
        if let Some(order) = self.find_by_key(user, &key, &hash).await? {
            return self.resume(order).await;
        }
        let wanted = request.parse()?;
        for _ in 0..ATTEMPTS {
            let new = match self.quote(user, &key, &hash, &wanted).await {
                Ok(new) => new,
                Err(refusal) => return self.find_or_refuse(user, &key, &hash, refusal).await,
            };
            match self.store.insert_pending(&new).await? {
                Inserted::Done => return self.complete(new.id, user, &new.lines()).await,
                Inserted::CartChanged => {}
                Inserted::Taken => {
                    if let Some(order) = self.find_by_key(user, &key, &hash).await? {
                        return self.resume(order).await;
                    }
                    self.check_cart_is_free(user, new.cart_version).await?;
                }
            }
        }
        Err(Error::CartChanging)
    }

    /// The order of a key, if an earlier, equal request inserted it. A different request with the same key is refused.
    async fn find_by_key(&self, user: UserId, key: &Key, hash: &RequestHash) -> Result<Option<Order>, Error> {
        match self.store.find_by_key(user, key).await? {
            Some((_, stored)) if stored != *hash => Err(Error::Invalid(Violations::one(
                "idempotencyKey",
                "was used for another request: use a new key",
            ))),
            found => Ok(found.map(|(order, _)| order)),
        }
    }

    /// Returns the refusal, unless an equal request was served at the same time. The order of that request may be the cause
    /// of the refusal, such as an empty cart. In that case the order is the answer.
    async fn find_or_refuse(
        &self,
        user: UserId,
        key: &Key,
        hash: &RequestHash,
        refusal: Error,
    ) -> Result<Order, Error> {
        match self.find_by_key(user, key, hash).await? {
            Some(order) => self.resume(order).await,
            None => Err(refusal),
        }
    }

    async fn check_cart_is_free(&self, user: UserId, version: Option<u64>) -> Result<(), Error> {
        match version {
            Some(version) if self.store.cart_is_taken(user, version).await? => Err(Error::CartTaken),
            _ => Ok(()),
        }
    }

    /// The order with the current names and prices of the catalogue, and the current lines and version of the cart.
    async fn quote(
        &self,
        user: UserId,
        key: &Key,
        hash: &RequestHash,
        wanted: &OrderRequest,
    ) -> Result<NewOrder, Error> {
        let (cart_version, lines) = match wanted.lines.is_empty() {
            false => (None, wanted.lines.clone()),
            true => {
                let cart = self.store.cart(user).await?;
                let lines = cart.lines.iter().map(|line| line.line).collect();
                (Some(cart.version), lines)
            }
        };
        if lines.is_empty() {
            return Err(Error::NothingToOrder);
        }
        let ids: Vec<ProductId> = lines.iter().map(|line| line.product).collect();
        let products = self.product.products(&ids).await?;
        let items = items(&lines, &products).map_err(Error::Short)?;
        let total =
            total(items.iter().map(|item| (item.unit_price, item.quantity))).map_err(Error::NoTotal)?;
        match wanted.expected_total {
            Some(expected) if expected != total => Err(Error::TotalChanged {
                expected,
                actual: total,
            }),
            _ => Ok(NewOrder {
                id: OrderId::generate(),
                user,
                key: key.clone(),
                hash: hash.clone(),
                cart_version,
                items,
                total,
                address: wanted.address.clone(),
            }),
        }
    }

    /// Completes a pending order. Runs all steps, or the remaining ones if an earlier request ran some.
    async fn complete(&self, id: OrderId, user: UserId, lines: &[Line]) -> Result<Order, Error> {
        if let Some(order) = self.run(id, Step::Reserve(lines)).await? {
            return answer(order);
        }
        // The order was rejected, or another call has completed it: the stored order has the outcome.
        let stored = self.store.find(AccessScope::Own(user), id).await?;
        answer(stored.ok_or(Error::NotFound)?.0)
    }

    /// Completes an order of an earlier request, if it is still pending.
    async fn resume(&self, order: Order) -> Result<Order, Error> {
        match order.status {
            Status::Pending => self.complete(order.id, order.user, &order.lines()).await,
            Status::Confirmed | Status::Cancelled | Status::Rejected => answer(order),
        }
    }
}

/// A step of checkout. Each step decides which one follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Reserve these lines in the stock.
    Reserve(&'a [Line]),
    /// Take the reserved pieces out of the stock.
    Commit,
    /// Confirm the order.
    Confirm,
    /// Release the reserved pieces, so that the order can be rejected.
    Release(Rejection),
    /// Reject the order.
    Reject(Rejection),
    /// Nothing is left to do: the order was cancelled after it was confirmed.
    End,
}

/// The reason for a rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejection {
    /// A text for the user.
    reason: &'static str,
    /// The products with too little stock.
    short: Vec<Shortage>,
}

impl Rejection {
    fn too_little_in_stock(short: Vec<Shortage>) -> Self {
        let reason = "there was too little in stock";
        Self { reason, short }
    }

    /// The order's reservation is closed or was never made.
    pub(super) fn too_late() -> Self {
        let reason = "it could not be completed in time";
        let short = Vec::new();
        Self { reason, short }
    }
}

impl<S: Orders, P: Inventory> Shop<S, P> {
    /// Runs a pending order's steps from this one to the last. Returns the order if this call confirmed it.
    ///
    /// # Errors
    /// [`Error::Unfinished`], after which the order is pending and its steps can be run again.
    pub(super) async fn run(&self, id: OrderId, first: Step<'_>) -> Result<Option<Order>, Error> {
        let mut step = first;
        loop {
            step = match step {
                Step::Reserve(lines) => self.reserve(id, lines).await?,
                Step::Commit => self.commit(id).await?,
                Step::Confirm => return Ok(self.store.confirm(id).await?),
                Step::Release(rejection) => self.release(id, rejection).await?,
                Step::Reject(Rejection { reason, short }) => {
                    self.store.reject(id, reason, &short).await?;
                    return Ok(None);
                }
                Step::End => return Ok(None),
            };
        }
    }

    async fn reserve(&self, id: OrderId, lines: &[Line]) -> Result<Step<'static>, Error> {
        match self.product.reserve(id, lines, RESERVED_FOR).await {
            Ok(()) => Ok(Step::Commit),
            Err(InventoryError::Short(short)) => Ok(Step::Release(Rejection::too_little_in_stock(short))),
            Err(InventoryError::Closed) => Ok(Step::Release(Rejection::too_late())),
            Err(InventoryError::Unknown(cause)) => Err(Error::Unfinished(cause)),
        }
    }

    async fn commit(&self, id: OrderId) -> Result<Step<'static>, Error> {
        match self.product.commit(id).await {
            Ok(()) => Ok(Step::Confirm),
            Err(InventoryError::Closed | InventoryError::Short(_)) => {
                Ok(Step::Release(Rejection::too_late()))
            }
            Err(InventoryError::Unknown(cause)) => Err(Error::Unfinished(cause)),
        }
    }

    /// If the pieces have already left the stock, the order is confirmed and not rejected.
    async fn release(&self, id: OrderId, rejection: Rejection) -> Result<Step<'static>, Error> {
        match self.product.release(id).await {
            Ok(Outcome::Released) => Ok(Step::Reject(rejection)),
            Ok(Outcome::Committed) => Ok(Step::Confirm),
            Ok(Outcome::Restocked) => Ok(Step::End),
            Ok(Outcome::Reserved) => Err(Error::Unfinished("the reservation was not released".into())),
            Err(error) => Err(Error::Unfinished(error.to_string())),
        }
    }
}

/// The answer to `CreateOrder`, by the status of the order.
fn answer(order: Order) -> Result<Order, Error> {
    match order.status {
        Status::Confirmed | Status::Cancelled => Ok(order),
        Status::Pending => Err(Error::Unfinished("its reservation has another status".into())),
        Status::Rejected => match order.shortages() {
            short if !short.is_empty() => Err(Error::Short(short)),
            _ => Err(Error::Rejected(order.rejection_reason.unwrap_or_default())),
        },
    }
}

/// The lines with the names and prices of these products.
///
/// # Errors
/// The products that are not for sale, as shortages with 0 available pieces.
fn items(lines: &[Line], products: &[Product]) -> Result<Vec<OrderItem>, Vec<Shortage>> {
    let (mut items, mut gone) = (Vec::with_capacity(lines.len()), Vec::new());
    for line in lines {
        match products.iter().find(|product| product.id == line.product) {
            Some(product) => items.push(OrderItem {
                product: product.id,
                name: product.name.clone(),
                unit_price: product.price,
                quantity: line.quantity,
                available: None,
            }),
            None => gone.push(Shortage {
                product: line.product,
                requested: line.quantity.get(),
                available: 0,
            }),
        }
    }
    gone.is_empty().then_some(items).ok_or(gone)
}

impl CreateOrder<'_> {
    /// The hash of the unparsed request without its key: the store finds the hash by the key.
    fn hash(&self) -> RequestHash {
        let count = self.items.len().to_string();
        let quantities: Vec<_> = self
            .items
            .iter()
            .map(|(_, quantity)| quantity.to_string())
            .collect();
        let products = self.items.iter().map(|(product, _)| *product);
        let expected = self.expected_total.map(MoneyInput::texts);
        RequestHash::of(
            self.address
                .parts()
                .into_iter()
                .chain([count.as_str()])
                .chain(products)
                .chain(quantities.iter().map(String::as_str))
                .chain(expected.into_iter().flatten()),
        )
    }

    fn parse(&self) -> Result<OrderRequest, Violations> {
        let mut violations = Violations::default();
        let address = violations.take_within("shippingAddress", self.address.parse());
        let lines = violations.take_all(Line::parse_all(self.items));
        let expected_total = self.expected_total.map(MoneyInput::parse).transpose();
        let expected_total = violations.take_within("expectedTotal", expected_total);
        match (address, lines, expected_total) {
            (Some(address), Some(lines), Some(expected_total)) => Ok(OrderRequest {
                address,
                lines,
                expected_total,
            }),
            _ => Err(violations),
        }
    }
}
