//! Placing an order: a saga that whoever meets it can take up where it was left.
//!
//! The reservation in the stock is the judge of it. Reserve and Commit can be repeated; only a definite refusal leads to a
//! rejection, and only after Release has said that nothing was taken. Where the outcome of a step is not known, the order
//! stays pending, and the next one to come along, a repeat or the reconciler, asks again.

use std::time::Duration;

use kernel::{Caller, Money, OrderId, ProductId, UserId, Violations};

use super::{
    Carts, Catalogue, Error, Inserted, Inventory, InventoryError, Orders, Outcome, Shop, parse_line, user,
};
use crate::domain::{
    Address, AddressInput, Key, Line, MOST_LINES, NewOrder, Order, OrderItem, Product, Reach, RequestHash,
    Shortage, Status, total,
};

/// How long the stock holds what an order needs: far longer than placing one takes, and than the reconciler waits.
const HELD_FOR: Duration = Duration::from_secs(300);

/// How often an order is tried anew because the cart has changed meanwhile.
const ATTEMPTS: u32 = 5;

/// Why an order was rejected, in words for its user.
const SHORT: &str = "there was too little in stock";
const LATE: &str = "it could not be completed in time";

/// An order to place, as the caller said it.
pub(crate) struct CreateOrder<'a> {
    pub(crate) idempotency_key: &'a str,
    pub(crate) address: AddressInput<'a>,
    /// Products and pieces; none for the caller's cart.
    pub(crate) items: &'a [(&'a str, i32)],
    /// Amount and currency.
    pub(crate) expected_total: Option<(&'a str, &'a str)>,
}

/// An order to place, understood.
struct Wanted {
    address: Address,
    lines: Vec<Line>,
    expected_total: Option<Money>,
}

/// An order that was begun, as far as finishing it needs.
#[derive(Clone, Copy)]
struct Begun<'a> {
    id: OrderId,
    user: UserId,
    lines: &'a [Line],
}

impl<S: Carts + Orders, P: Catalogue + Inventory> Shop<S, P> {
    /// Places an order, for users; a repeat of the same request answers with the same order.
    pub(crate) async fn create_order(
        &self,
        caller: &Caller,
        request: CreateOrder<'_>,
    ) -> Result<Order, Error> {
        let user = user(caller)?;
        let key: Key = request
            .idempotency_key
            .parse()
            .map_err(|error| Error::Invalid(Violations::one("idempotencyKey", error)))?;
        let hash = request.hash();
        if let Some(order) = self.of_key(user, &key, &hash).await? {
            return self.resume(order).await;
        }
        let wanted = request.parse().map_err(Error::Invalid)?;
        for _ in 0..ATTEMPTS {
            let new = match self.quote(user, &key, &hash, &wanted).await {
                Ok(new) => new,
                Err(refusal) => return self.unless_made(user, &key, &hash, refusal).await,
            };
            match self.store.insert(&new).await? {
                Inserted::Done => return self.place(&new).await,
                Inserted::CartChanged => {}
                Inserted::Taken => {
                    if let Some(order) = self.of_key(user, &key, &hash).await? {
                        return self.resume(order).await;
                    }
                    self.cart_is_free(user, new.cart_version).await?;
                }
            }
        }
        Err(Error::CartChanging)
    }

    /// The order that a request has already made, if it is this very request.
    async fn of_key(&self, user: UserId, key: &Key, hash: &RequestHash) -> Result<Option<Order>, Error> {
        match self.store.find_by_key(user, key).await? {
            Some((_, of_another)) if of_another != *hash => Err(Error::Invalid(Violations::one(
                "idempotencyKey",
                "was used for another request: take a new one",
            ))),
            found => Ok(found.map(|(order, _)| order)),
        }
    }

    /// A refusal, unless this very request was being served by somebody else: then what it was refused for, an empty cart
    /// for one, is that order's doing.
    async fn unless_made(
        &self,
        user: UserId,
        key: &Key,
        hash: &RequestHash,
        refusal: Error,
    ) -> Result<Order, Error> {
        match self.of_key(user, key, hash).await? {
            Some(order) => self.resume(order).await,
            None => Err(refusal),
        }
    }

    async fn cart_is_free(&self, user: UserId, version: Option<u64>) -> Result<(), Error> {
        match version {
            Some(version) if self.store.cart_is_taken(user, version).await? => Err(Error::CartTaken),
            _ => Ok(()),
        }
    }

    /// The order as it would be now: names and prices of the catalogue, and of the cart its lines and version.
    async fn quote(
        &self,
        user: UserId,
        key: &Key,
        hash: &RequestHash,
        wanted: &Wanted,
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

    async fn place(&self, new: &NewOrder) -> Result<Order, Error> {
        let lines = new.lines();
        let begun = Begun {
            id: new.id,
            user: new.user,
            lines: &lines,
        };
        self.finish(begun).await
    }

    /// Goes on with an order wherever it was left.
    async fn resume(&self, order: Order) -> Result<Order, Error> {
        if order.status != Status::Pending {
            return answer(order);
        }
        let lines = order.lines();
        let begun = Begun {
            id: order.id,
            user: order.user,
            lines: &lines,
        };
        self.finish(begun).await
    }

    async fn finish(&self, begun: Begun<'_>) -> Result<Order, Error> {
        if let Some(order) = self.reserve(begun).await? {
            return answer(order);
        }
        // Somebody else finished it, or it was rejected: what the store has is what counts.
        let found = self.store.find(Reach::Own(begun.user), begun.id).await?;
        answer(found.ok_or(Error::NotFound)?.0)
    }

    async fn reserve(&self, begun: Begun<'_>) -> Result<Option<Order>, Error> {
        match self.product.reserve(begun.id, begun.lines, HELD_FOR).await {
            Ok(()) => self.take(begun.id).await,
            Err(InventoryError::Short(short)) => self.give_up(begun.id, SHORT, &short).await,
            Err(InventoryError::Closed) => self.give_up(begun.id, LATE, &[]).await,
            Err(InventoryError::Unknown(cause)) => Err(Error::Unfinished(cause)),
        }
    }
}

impl<S: Orders, P: Inventory> Shop<S, P> {
    /// Takes what is held for an order, and confirms it. The order, if it was this call that confirmed it.
    pub(super) async fn take(&self, id: OrderId) -> Result<Option<Order>, Error> {
        match self.product.commit(id).await {
            Ok(()) => Ok(self.store.confirm(id).await?),
            Err(InventoryError::Closed | InventoryError::Short(_)) => self.give_up(id, LATE, &[]).await,
            Err(InventoryError::Unknown(cause)) => Err(Error::Unfinished(cause)),
        }
    }

    /// Rejects an order, unless its stock was taken after all: then it is confirmed.
    pub(super) async fn give_up(
        &self,
        id: OrderId,
        reason: &str,
        short: &[Shortage],
    ) -> Result<Option<Order>, Error> {
        match self.product.release(id).await {
            Ok(Outcome::Released) => {
                self.store.reject(id, reason, short).await?;
                Ok(None)
            }
            Ok(Outcome::Committed) => Ok(self.store.confirm(id).await?),
            // It was confirmed, and then cancelled: nothing is left to do here.
            Ok(Outcome::Restocked) => Ok(None),
            Ok(Outcome::Reserved) => Err(Error::Unfinished("what was released is still held".into())),
            Err(error) => Err(Error::Unfinished(error.to_string())),
        }
    }

    /// Rejects what nobody goes on with.
    pub(super) async fn abandon(&self, id: OrderId) -> Result<Option<Order>, Error> {
        self.give_up(id, LATE, &[]).await
    }
}

/// What placing an order answers with, by where the order stands.
fn answer(order: Order) -> Result<Order, Error> {
    match order.status {
        Status::Confirmed | Status::Cancelled => Ok(order),
        Status::Pending => Err(Error::Unfinished("its reservation does not fit".into())),
        Status::Rejected => match order.shortages() {
            short if !short.is_empty() => Err(Error::Short(short)),
            _ => Err(Error::Rejected(order.rejection_reason.unwrap_or_default())),
        },
    }
}

/// The lines with the names and prices of these products. What is not for sale is short, with nothing left of it.
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
    /// Of the request as it was sent, but for its key: that is what the hash is found by.
    fn hash(&self) -> RequestHash {
        let count = self.items.len().to_string();
        let quantities: Vec<_> = self
            .items
            .iter()
            .map(|(_, quantity)| quantity.to_string())
            .collect();
        let products = self.items.iter().map(|(product, _)| *product);
        let expected = self.expected_total.map(|(amount, currency)| [amount, currency]);
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

    fn parse(&self) -> Result<Wanted, Violations> {
        let mut violations = Violations::default();
        let address = self.address.parse(&mut violations);
        let lines = self.lines(&mut violations);
        let expected_total = self.expected_total(&mut violations);
        match (address, lines, expected_total) {
            (Some(address), Some(lines), Some(expected_total)) => Ok(Wanted {
                address,
                lines,
                expected_total,
            }),
            _ => Err(violations),
        }
    }

    fn lines(&self, violations: &mut Violations) -> Option<Vec<Line>> {
        if self.items.len() > MOST_LINES {
            violations.add("items", format_args!("must have at most {MOST_LINES} entries"));
            return None;
        }
        let mut lines: Vec<Line> = Vec::with_capacity(self.items.len());
        for (product, quantity) in self.items {
            let mut wrong = Violations::default();
            let (product, quantity) = parse_line(product, *quantity, &mut wrong);
            for violation in wrong.iter() {
                let field = match &*violation.field {
                    "productId" => "items.productId",
                    _ => "items.quantity",
                };
                violations.add(field, &violation.description);
            }
            let (product, quantity) = product.zip(quantity)?;
            if lines.iter().any(|line| line.product == product) {
                violations.add("items.productId", "must name each product at most once");
                return None;
            }
            lines.push(Line { product, quantity });
        }
        Some(lines)
    }

    fn expected_total(&self, violations: &mut Violations) -> Option<Option<Money>> {
        let Some((amount, currency)) = self.expected_total else {
            return Some(None);
        };
        let fields = ["expectedTotal.amount", "expectedTotal.currencyCode"];
        Money::take(violations, fields, amount, currency).map(Some)
    }
}
