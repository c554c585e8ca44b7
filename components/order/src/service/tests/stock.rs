//! A catalogue and a stock in memory, whose calls go wrong in every way that calls can.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    task::Poll,
    time::Duration,
};

use kernel::{Money, OrderId, ProductId};

use crate::{
    domain::{Line, Product, Shortage},
    service::{Catalogue, CatalogueError, Inventory, InventoryError, Outcome},
};

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is lost on its way.
    Lost,
    /// It is done, and the answer is lost.
    Unheard,
    /// It is done twice.
    Twice,
    /// The caller gives up, and it is done later: after other calls.
    Late,
}

#[derive(Clone, Debug)]
enum Call {
    Reserve(OrderId, Vec<Line>),
    Commit(OrderId),
    Release(OrderId),
    Restock(OrderId),
}

#[derive(Clone, Debug)]
pub(super) struct Reservation {
    pub(super) outcome: Outcome,
    pub(super) lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Level {
    pub(super) put_in: u32,
    pub(super) quantity: u32,
    pub(super) reserved: u32,
}

/// The stock, with the faults that its callers meet.
#[derive(Default)]
pub(super) struct Stock {
    pub(super) products: RefCell<Vec<Product>>,
    pub(super) levels: RefCell<BTreeMap<ProductId, Level>>,
    pub(super) reservations: RefCell<BTreeMap<OrderId, Reservation>>,
    /// What happens to the next calls, one after the other; nothing to those beyond.
    pub(super) faults: RefCell<VecDeque<Option<Fault>>>,
    late: RefCell<Vec<Call>>,
    /// A seed for faults and delays at random; 0 for none.
    pub(super) chance: Cell<u64>,
    pub(super) calls: Cell<u32>,
}

impl Stock {
    /// A stock of products with these prices in yen and pieces.
    pub(super) fn of(products: &[(&str, u32)]) -> Self {
        let stock = Self::default();
        for (price, pieces) in products {
            stock.put(price, "JPY", *pieces);
        }
        stock
    }

    pub(super) fn put(&self, price: &str, currency: &str, pieces: u32) -> ProductId {
        let id = ProductId::generate();
        self.products.borrow_mut().push(Product {
            id,
            name: format!("tea at {price}"),
            price: Money::parse(price, currency).unwrap(),
            available: 0,
        });
        let level = Level {
            put_in: pieces,
            quantity: pieces,
            reserved: 0,
        };
        self.levels.borrow_mut().insert(id, level);
        id
    }

    pub(super) fn id(&self, index: usize) -> ProductId {
        self.products.borrow()[index].id
    }

    pub(super) fn level(&self, index: usize) -> Level {
        self.levels.borrow()[&self.id(index)]
    }

    pub(super) fn outcome(&self, order: OrderId) -> Option<Outcome> {
        self.reservations.borrow().get(&order).map(|kept| kept.outcome)
    }

    /// The next calls go so.
    pub(super) fn will(&self, faults: &[Option<Fault>]) {
        self.faults.borrow_mut().extend(faults);
    }

    /// Everything that is still on its way arrives now.
    pub(super) fn arrive(&self) {
        for call in self.late.take() {
            let _ = self.done(&call);
        }
    }

    /// What is held longer than it may be is given back: here, all of it.
    pub(super) fn expire(&self) {
        let held: Vec<_> = self
            .reservations
            .borrow()
            .iter()
            .filter(|(_, kept)| kept.outcome == Outcome::Reserved)
            .map(|(order, _)| *order)
            .collect();
        for order in held {
            let _ = self.release(order);
        }
    }

    /// A number below `bound`, 0 without a seed.
    pub(super) fn random(&self, bound: u64) -> u64 {
        let mut state = self.chance.get();
        if state == 0 {
            return 0;
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.chance.set(state);
        state % bound
    }

    /// Lets others go first for a while.
    pub(super) async fn wait(&self) {
        for _ in 0..self.random(4) {
            once_later().await;
        }
    }

    async fn call(&self, call: Call) -> Result<Outcome, InventoryError> {
        self.calls.set(self.calls.get() + 1);
        self.wait().await;
        if !self.late.borrow().is_empty() && self.random(3) == 1 {
            self.arrive();
        }
        let unknown = || Err(InventoryError::Unknown("no answer".into()));
        let answer = match self.fault() {
            None => self.done(&call),
            Some(Fault::Lost) => unknown(),
            Some(Fault::Unheard) => {
                let _ = self.done(&call);
                unknown()
            }
            Some(Fault::Twice) => {
                let _ = self.done(&call);
                self.done(&call)
            }
            Some(Fault::Late) => {
                self.late.borrow_mut().push(call);
                unknown()
            }
        };
        self.wait().await;
        answer
    }

    fn fault(&self) -> Option<Fault> {
        if let Some(fault) = self.faults.borrow_mut().pop_front() {
            return fault;
        }
        match self.random(16) {
            1 => Some(Fault::Lost),
            2 => Some(Fault::Unheard),
            3 => Some(Fault::Twice),
            4 => Some(Fault::Late),
            _ => None,
        }
    }

    fn done(&self, call: &Call) -> Result<Outcome, InventoryError> {
        match call {
            Call::Reserve(order, lines) => self.reserve(*order, lines),
            Call::Commit(order) => self.commit(*order),
            Call::Release(order) => Ok(self.release(*order)),
            Call::Restock(order) => self.restock(*order),
        }
    }

    fn reserve(&self, order: OrderId, lines: &[Line]) -> Result<Outcome, InventoryError> {
        match self.outcome(order) {
            Some(Outcome::Released) => return Err(InventoryError::Closed),
            Some(outcome) => return Ok(outcome),
            None => {}
        }
        let mut levels = self.levels.borrow_mut();
        let short = |line: &Line| {
            let level = levels.get(&line.product).copied().unwrap_or_default();
            let available = level.quantity - level.reserved;
            (available < line.quantity.get()).then_some(Shortage {
                product: line.product,
                requested: line.quantity.get(),
                available,
            })
        };
        let short: Vec<_> = lines.iter().filter_map(short).collect();
        if !short.is_empty() {
            return Err(InventoryError::Short(short));
        }
        for line in lines {
            levels.get_mut(&line.product).unwrap().reserved += line.quantity.get();
        }
        let reservation = Reservation {
            outcome: Outcome::Reserved,
            lines: lines.to_vec(),
        };
        self.reservations.borrow_mut().insert(order, reservation);
        Ok(Outcome::Reserved)
    }

    fn commit(&self, order: OrderId) -> Result<Outcome, InventoryError> {
        match self.outcome(order) {
            None => Err(InventoryError::Unknown("it reserved nothing".into())),
            Some(Outcome::Released) => Err(InventoryError::Closed),
            Some(Outcome::Reserved) => {
                self.change(order, Outcome::Committed, |level, pieces| {
                    level.reserved -= pieces;
                    level.quantity -= pieces;
                });
                Ok(Outcome::Committed)
            }
            Some(taken) => Ok(taken),
        }
    }

    fn release(&self, order: OrderId) -> Outcome {
        match self.outcome(order) {
            None => {
                let closed = Reservation {
                    outcome: Outcome::Released,
                    lines: vec![],
                };
                self.reservations.borrow_mut().insert(order, closed);
                Outcome::Released
            }
            Some(Outcome::Reserved) => {
                self.change(order, Outcome::Released, |level, pieces| level.reserved -= pieces);
                Outcome::Released
            }
            Some(outcome) => outcome,
        }
    }

    fn restock(&self, order: OrderId) -> Result<Outcome, InventoryError> {
        match self.outcome(order) {
            Some(Outcome::Committed) => {
                self.change(order, Outcome::Restocked, |level, pieces| {
                    level.quantity += pieces
                });
                Ok(Outcome::Restocked)
            }
            Some(Outcome::Restocked) => Ok(Outcome::Restocked),
            _ => Err(InventoryError::Closed),
        }
    }

    fn change(&self, order: OrderId, to: Outcome, change: impl Fn(&mut Level, u32)) {
        let mut reservations = self.reservations.borrow_mut();
        let kept = reservations.get_mut(&order).unwrap();
        kept.outcome = to;
        for line in &kept.lines {
            let mut levels = self.levels.borrow_mut();
            change(levels.get_mut(&line.product).unwrap(), line.quantity.get());
        }
    }
}

/// Is ready when it is looked at again, which it asks for.
async fn once_later() {
    let mut looked_at = false;
    std::future::poll_fn(|context| match std::mem::replace(&mut looked_at, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

impl Catalogue for Stock {
    async fn products(&self, ids: &[ProductId]) -> Result<Vec<Product>, CatalogueError> {
        assert!(
            (1..=100).contains(&ids.len()),
            "the catalogue is asked for {}",
            ids.len()
        );
        self.wait().await;
        let products = self.products.borrow();
        let wanted = products.iter().filter(|product| ids.contains(&product.id));
        let levels = self.levels.borrow();
        let with_stock = |product: &Product| Product {
            available: levels[&product.id].quantity - levels[&product.id].reserved,
            ..product.clone()
        };
        Ok(wanted.map(with_stock).collect())
    }
}

impl Inventory for Stock {
    async fn reserve(&self, order: OrderId, lines: &[Line], ttl: Duration) -> Result<(), InventoryError> {
        assert!((1..=3600).contains(&ttl.as_secs()), "a hold of {ttl:?}");
        self.call(Call::Reserve(order, lines.to_vec())).await.map(drop)
    }

    async fn commit(&self, order: OrderId) -> Result<(), InventoryError> {
        self.call(Call::Commit(order)).await.map(drop)
    }

    async fn release(&self, order: OrderId) -> Result<Outcome, InventoryError> {
        self.call(Call::Release(order)).await
    }

    async fn reservation(&self, order: OrderId) -> Result<Option<Outcome>, InventoryError> {
        self.wait().await;
        Ok(self.outcome(order))
    }

    /// Nothing is held for too long until a test says so.
    async fn expire(&self, _: u32) -> Result<u32, InventoryError> {
        Ok(0)
    }

    async fn restock(&self, order: OrderId) -> Result<(), InventoryError> {
        self.call(Call::Restock(order)).await.map(drop)
    }
}
