//! A store in memory: the rules of the schema, and the statements of `store.rs` as plain code.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kernel::{AccessScope, EventId, OrderId, PageToken, ProductId, StoreError, Timestamp, UserId};

use crate::{
    domain::{
        CartLine, CartLines, Key, Line, NewOrder, Order, Product, Quantity, RequestHash, Shortage, Status,
    },
    service::{Added, Backlog, Carts, Deletion, Event, Events, Inserted, Orders, RestockDue, Users},
};

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) order: Order,
    pub(super) key: Key,
    hash: RequestHash,
    pub(super) cart_version: Option<u64>,
    pub(super) restock_due: bool,
}

/// A change by another request.
type Meanwhile = Box<dyn FnOnce(&Memory)>;

#[derive(Default)]
pub(super) struct Memory {
    pub(super) carts: RefCell<BTreeMap<UserId, CartLines>>,
    additions: RefCell<BTreeMap<(UserId, String), Line>>,
    /// The users whose carts are closed.
    closed: RefCell<BTreeSet<UserId>>,
    pub(super) orders: RefCell<Vec<Row>>,
    outbox: RefCell<Vec<(Event, bool)>>,
    /// How many of the next writes take effect but return an error.
    pub(super) lost_answers: Cell<u32>,
    /// Runs before the next insert, as another request that is faster.
    pub(super) meanwhile: RefCell<Option<Meanwhile>>,
}

impl Memory {
    pub(super) fn order(&self, id: OrderId) -> Order {
        self.row(id).order
    }

    pub(super) fn row(&self, id: OrderId) -> Row {
        let orders = self.orders.borrow();
        orders.iter().find(|row| row.order.id == id).unwrap().clone()
    }

    pub(super) fn cart_change(&self, user: UserId, change: impl FnOnce(&mut Vec<CartLine>)) {
        let mut carts = self.carts.borrow_mut();
        let cart = carts.entry(user).or_default();
        cart.version += 1;
        change(&mut cart.lines);
    }

    /// Returns the answer of a write that took effect, or an error if the answer is lost.
    fn respond<T>(&self, answer: T) -> Result<T, StoreError> {
        match self.lost_answers.get() {
            0 => Ok(answer),
            left => {
                self.lost_answers.set(left - 1);
                Err(StoreError::Unavailable("no answer".into()))
            }
        }
    }

    fn change(&self, id: OrderId, from: Status, to: Status, change: impl FnOnce(&mut Row)) -> Option<Order> {
        let mut orders = self.orders.borrow_mut();
        let row = orders.iter_mut().find(|row| row.order.id == id)?;
        if row.order.status != from {
            return None;
        }
        row.order.status = to;
        row.order.version += 1;
        change(row);
        let event = Event {
            id: format!("{id}.{}", row.order.version),
            order: id,
            version: row.order.version,
            kind: format!("order.{}", to.name()),
            payload: "{}".into(),
        };
        self.outbox.borrow_mut().push((event, false));
        Some(row.order.clone())
    }

    fn in_scope(&self, scope: AccessScope, id: OrderId) -> Option<Row> {
        let orders = self.orders.borrow();
        let mut reached = orders.iter().filter(|row| within(scope, &row.order));
        reached.find(|row| row.order.id == id).cloned()
    }
}

fn within(scope: AccessScope, order: &Order) -> bool {
    match scope {
        AccessScope::All => true,
        AccessScope::Own(user) => order.user == user,
    }
}

impl Carts for Memory {
    async fn cart(&self, user: UserId) -> Result<CartLines, StoreError> {
        if self.closed.borrow().contains(&user) {
            return Ok(CartLines::default());
        }
        Ok(self.carts.borrow().get(&user).cloned().unwrap_or_default())
    }

    async fn add(
        &self,
        user: UserId,
        product: &Product,
        quantity: Quantity,
        key: Option<&Key>,
    ) -> Result<Added, StoreError> {
        let line = Line {
            product: product.id,
            quantity,
        };
        let place = key.map(|key| (user, key.as_str().to_owned()));
        if let Some(place) = &place
            && self.additions.borrow().contains_key(place)
        {
            return Ok(Added::Repeated);
        }
        if self.closed.borrow().contains(&user) {
            return Ok(Added::Closed);
        }
        let lines = self.cart(user).await?.lines;
        let before = lines.iter().find(|kept| kept.line.product == product.id);
        let pieces = quantity.get() + before.map_or(0, |kept| kept.line.quantity.get());
        let Ok(quantity) = Quantity::try_from(pieces as i32) else {
            return Ok(Added::LineFull);
        };
        if before.is_none() && lines.len() >= 100 {
            return Ok(Added::CartFull);
        }
        if let Some(place) = place {
            self.additions.borrow_mut().insert(place, line);
        }
        self.cart_change(user, |lines| {
            let kept = CartLine {
                line: Line {
                    product: product.id,
                    quantity,
                },
                name: product.name.clone(),
                unit_price: product.price,
            };
            match lines.iter_mut().find(|line| line.line.product == product.id) {
                Some(line) => *line = kept,
                None => lines.push(kept),
            }
        });
        self.respond(Added::Done)
    }

    async fn addition(&self, user: UserId, key: &Key) -> Result<Option<Line>, StoreError> {
        let place = (user, key.as_str().to_owned());
        Ok(self.additions.borrow().get(&place).copied())
    }

    async fn set_quantity(&self, user: UserId, line: Line) -> Result<bool, StoreError> {
        let there = self.cart(user).await?.lines;
        let there = there.iter().any(|kept| kept.line.product == line.product);
        if there {
            self.cart_change(user, |lines| {
                for kept in lines.iter_mut().filter(|kept| kept.line.product == line.product) {
                    kept.line = line;
                }
            });
        }
        Ok(there)
    }

    async fn remove(&self, user: UserId, product: ProductId) -> Result<(), StoreError> {
        self.cart_change(user, |lines| lines.retain(|kept| kept.line.product != product));
        Ok(())
    }

    async fn clear(&self, user: UserId) -> Result<(), StoreError> {
        self.cart_change(user, Vec::clear);
        Ok(())
    }

    async fn close_carts(&self, users: &[UserId]) -> Result<u64, StoreError> {
        let mut closed = self.closed.borrow_mut();
        let news = users.iter().filter(|user| closed.insert(**user)).count();
        self.respond(news as u64)
    }

    async fn empty_closed_carts(&self, users: &[UserId]) -> Result<(), StoreError> {
        let closed = self.closed.borrow();
        for user in users.iter().filter(|user| closed.contains(user)) {
            self.carts.borrow_mut().remove(user);
            self.additions.borrow_mut().retain(|(owner, _), _| owner != user);
        }
        self.respond(())
    }
}

impl Orders for Memory {
    async fn find_by_key(&self, user: UserId, key: &Key) -> Result<Option<(Order, RequestHash)>, StoreError> {
        let orders = self.orders.borrow();
        let row = orders
            .iter()
            .find(|row| row.order.user == user && row.key == *key);
        Ok(row.map(|row| (row.order.clone(), row.hash.clone())))
    }

    async fn cart_is_taken(&self, user: UserId, version: u64) -> Result<bool, StoreError> {
        Ok(self
            .orders
            .borrow()
            .iter()
            .any(|row| takes_cart(row, user, version)))
    }

    async fn insert_pending(&self, new: &NewOrder) -> Result<Inserted, StoreError> {
        if let Some(meanwhile) = self.meanwhile.take() {
            meanwhile(self);
        }
        if let Some(version) = new.cart_version {
            if self.cart(new.user).await?.version != version {
                return Ok(Inserted::CartChanged);
            }
            if self.cart_is_taken(new.user, version).await? {
                return Ok(Inserted::Taken);
            }
        }
        if self.find_by_key(new.user, &new.key).await?.is_some() {
            return Ok(Inserted::Taken);
        }
        let order = Order {
            id: new.id,
            user: new.user,
            status: Status::Pending,
            rejection_reason: None,
            items: new.items.clone(),
            total: new.total,
            address: new.address.clone(),
            version: 1,
            created_at: Timestamp::from_unix_micros(0),
            updated_at: Timestamp::from_unix_micros(0),
        };
        self.orders.borrow_mut().push(Row {
            order,
            key: new.key.clone(),
            hash: new.hash.clone(),
            cart_version: new.cart_version,
            restock_due: false,
        });
        self.respond(Inserted::Done)
    }

    async fn confirm(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        let confirmed = self.change(id, Status::Pending, Status::Confirmed, |_| {});
        if let Some(order) = confirmed.as_ref().filter(|_| self.row(id).cart_version.is_some()) {
            self.cart_change(order.user, |lines| {
                for item in &order.items {
                    lines.retain_mut(|kept| {
                        if kept.line.product != item.product {
                            return true;
                        }
                        let left = kept.line.quantity.get().saturating_sub(item.quantity.get());
                        let left = Quantity::try_from(left as i32);
                        left.map(|left| kept.line.quantity = left).is_ok()
                    });
                }
            });
        }
        self.respond(confirmed)
    }

    async fn reject(&self, id: OrderId, reason: &str, short: &[Shortage]) -> Result<(), StoreError> {
        self.change(id, Status::Pending, Status::Rejected, |row| {
            row.order.rejection_reason = Some(reason.into());
            for short in short {
                for item in row
                    .order
                    .items
                    .iter_mut()
                    .filter(|item| item.product == short.product)
                {
                    item.available = Some(short.available);
                }
            }
        });
        self.respond(())
    }

    async fn cancel(&self, scope: AccessScope, id: OrderId) -> Result<(), StoreError> {
        if self.in_scope(scope, id).is_some() {
            self.change(id, Status::Confirmed, Status::Cancelled, |row| {
                row.restock_due = true
            });
        }
        self.respond(())
    }

    async fn mark_restocked(&self, id: OrderId) -> Result<(), StoreError> {
        let mut orders = self.orders.borrow_mut();
        for row in orders.iter_mut().filter(|row| row.order.id == id) {
            row.restock_due = false;
        }
        self.respond(())
    }

    async fn find(&self, scope: AccessScope, id: OrderId) -> Result<Option<(Order, RestockDue)>, StoreError> {
        let row = self.in_scope(scope, id);
        Ok(row.map(|row| (row.order, RestockDue(row.restock_due))))
    }

    async fn find_newer(
        &self,
        scope: AccessScope,
        id: OrderId,
        version: u64,
    ) -> Result<Option<Order>, StoreError> {
        let row = self.in_scope(scope, id);
        Ok(row.map(|row| row.order).filter(|order| order.version > version))
    }

    async fn list(
        &self,
        scope: AccessScope,
        status: Option<Status>,
        after: Option<PageToken>,
        limit: u32,
    ) -> Result<Vec<Order>, StoreError> {
        let orders = self.orders.borrow();
        let wanted = |order: &&Order| {
            within(scope, order)
                && status.is_none_or(|status| order.status == status)
                && after.is_none_or(|token| order.id.uuid() < token.key())
        };
        let newest_first = orders.iter().rev().map(|row| &row.order);
        Ok(newest_first
            .filter(wanted)
            .take(limit as usize)
            .cloned()
            .collect())
    }
}

impl Backlog for Memory {
    async fn claim_pending(&self, _: Duration, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        let orders = self.orders.borrow();
        let pending = orders.iter().filter(|row| row.order.status == Status::Pending);
        Ok(pending.map(|row| row.order.id).take(limit as usize).collect())
    }

    async fn claim_restocks(&self, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        let orders = self.orders.borrow();
        let due = orders.iter().filter(|row| row.restock_due);
        Ok(due.map(|row| row.order.id).take(limit as usize).collect())
    }

    async fn claim_events(&self, limit: u32) -> Result<Vec<Event>, StoreError> {
        let outbox = self.outbox.borrow();
        let mut seen = BTreeSet::new();
        let waiting = outbox
            .iter()
            .filter(|(event, is_relayed)| !is_relayed && seen.insert(event.order));
        Ok(waiting
            .map(|(event, _)| event.clone())
            .take(limit as usize)
            .collect())
    }

    async fn mark_relayed(&self, events: &[Event]) -> Result<(), StoreError> {
        for (event, is_relayed) in self.outbox.borrow_mut().iter_mut() {
            *is_relayed |= events.contains(event);
        }
        self.respond(())
    }

    async fn sweep(&self, _: u32) -> Result<u64, StoreError> {
        Ok(0)
    }
}

fn takes_cart(row: &Row, user: UserId, version: u64) -> bool {
    let open = match row.order.status {
        Status::Pending => row.cart_version.is_some(),
        Status::Rejected => false,
        Status::Confirmed | Status::Cancelled => row.cart_version == Some(version),
    };
    row.order.user == user && open
}

/// A stream of events. It appends only events that are newer than the last appended event of their order.
#[derive(Default)]
pub(super) struct EventStream {
    pub(super) events: RefCell<Vec<Event>>,
    /// How many of the next calls take effect but return an error.
    pub(super) unanswered: Cell<u32>,
}

impl Events for EventStream {
    async fn append(&self, events: &[Event]) -> Result<(), String> {
        for event in events {
            let mut appended = self.events.borrow_mut();
            let is_newer = |known: &Event| known.order != event.order || known.version < event.version;
            if appended.iter().all(is_newer) {
                appended.push(event.clone());
            }
        }
        match self.unanswered.get() {
            0 => Ok(()),
            left => {
                self.unanswered.set(left - 1);
                Err("no answer".into())
            }
        }
    }
}

/// The user service, which lists deletions until they are acknowledged.
#[derive(Default)]
pub(super) struct Accounts {
    pub(super) deleted: RefCell<Vec<Deletion>>,
    /// Whether the service does not answer.
    pub(super) is_unavailable: Cell<bool>,
    /// How many of the next acknowledgements are lost before they take effect.
    pub(super) lost_acknowledgements: Cell<u32>,
}

impl Accounts {
    pub(super) fn delete(&self, user: UserId) {
        let event = EventId::generate();
        self.deleted.borrow_mut().push(Deletion { event, user });
    }
}

impl Users for Accounts {
    async fn deletions(&self, limit: u32) -> Result<Vec<Deletion>, String> {
        match self.is_unavailable.get() {
            true => Err("no answer".into()),
            false => Ok(self
                .deleted
                .borrow()
                .iter()
                .take(limit as usize)
                .copied()
                .collect()),
        }
    }

    async fn acknowledge(&self, deletions: &[Deletion]) -> Result<(), String> {
        match self.lost_acknowledgements.get() {
            0 => {
                self.deleted
                    .borrow_mut()
                    .retain(|known| !deletions.contains(known));
                Ok(())
            }
            left => {
                self.lost_acknowledgements.set(left - 1);
                Err("no answer".into())
            }
        }
    }
}
