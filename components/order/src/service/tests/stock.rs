//! A catalogue and a stock in memory. Their calls can have every kind of fault.

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

/// A fault of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The call has no effect, and the caller gets no answer.
    RequestLost,
    /// The call takes effect, but the caller gets no answer.
    AnswerLost,
    /// The call is made twice.
    Repeated,
    /// The caller stops waiting, and the call takes effect later, after other calls.
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
    pub(super) initial_quantity: u32,
    pub(super) quantity: u32,
    pub(super) reserved: u32,
}

/// The stock, and the faults of its calls.
#[derive(Default)]
pub(super) struct Stock {
    pub(super) products: RefCell<Vec<Product>>,
    pub(super) levels: RefCell<BTreeMap<ProductId, Level>>,
    pub(super) reservations: RefCell<BTreeMap<OrderId, Reservation>>,
    /// The faults of the next calls, in this order. Further calls have random faults.
    pub(super) faults: RefCell<VecDeque<Option<Fault>>>,
    late: RefCell<Vec<Call>>,
    /// The state of the generator for random faults and delays; 0 for none.
    pub(super) random_state: Cell<u64>,
    pub(super) calls: Cell<u32>,
}

impl Stock {
    /// A stock of products, each with a price in yen and a number of pieces.
    pub(super) fn of(products: &[(&str, u32)]) -> Self {
        let stock = Self::default();
        for (price, pieces) in products {
            stock.add_product(price, "JPY", *pieces);
        }
        stock
    }

    pub(super) fn add_product(&self, price: &str, currency: &str, pieces: u32) -> ProductId {
        let id = ProductId::generate();
        self.products.borrow_mut().push(Product {
            id,
            name: format!("tea at {price}"),
            price: Money::parse(price, currency).unwrap(),
            available: 0,
        });
        let level = Level {
            initial_quantity: pieces,
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
        self.reservations
            .borrow()
            .get(&order)
            .map(|reservation| reservation.outcome)
    }

    /// Sets the faults of the next calls.
    pub(super) fn set_faults(&self, faults: &[Option<Fault>]) {
        self.faults.borrow_mut().extend(faults);
    }

    /// Runs all calls that are late.
    pub(super) fn deliver_late_calls(&self) {
        for call in self.late.take() {
            let _ = self.apply(&call);
        }
    }

    /// Releases all reservations, as if all of them had expired.
    pub(super) fn expire(&self) {
        let orders: Vec<_> = self
            .reservations
            .borrow()
            .iter()
            .filter(|(_, reservation)| reservation.outcome == Outcome::Reserved)
            .map(|(order, _)| *order)
            .collect();
        for order in orders {
            let _ = self.release(order);
        }
    }

    /// A number below `bound`, 0 without a seed.
    pub(super) fn random(&self, bound: u64) -> u64 {
        let mut state = self.random_state.get();
        if state == 0 {
            return 0;
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.random_state.set(state);
        state % bound
    }

    /// Lets other tasks run first, for a random number of turns.
    pub(super) async fn yield_randomly(&self) {
        for _ in 0..self.random(4) {
            yield_once().await;
        }
    }

    async fn call(&self, call: Call) -> Result<Outcome, InventoryError> {
        self.calls.set(self.calls.get() + 1);
        self.yield_randomly().await;
        if !self.late.borrow().is_empty() && self.random(3) == 1 {
            self.deliver_late_calls();
        }
        let unknown = || Err(InventoryError::Unknown("no answer".into()));
        let answer = match self.fault() {
            None => self.apply(&call),
            Some(Fault::RequestLost) => unknown(),
            Some(Fault::AnswerLost) => {
                let _ = self.apply(&call);
                unknown()
            }
            Some(Fault::Repeated) => {
                let _ = self.apply(&call);
                self.apply(&call)
            }
            Some(Fault::Late) => {
                self.late.borrow_mut().push(call);
                unknown()
            }
        };
        self.yield_randomly().await;
        answer
    }

    fn fault(&self) -> Option<Fault> {
        if let Some(fault) = self.faults.borrow_mut().pop_front() {
            return fault;
        }
        match self.random(16) {
            1 => Some(Fault::RequestLost),
            2 => Some(Fault::AnswerLost),
            3 => Some(Fault::Repeated),
            4 => Some(Fault::Late),
            _ => None,
        }
    }

    fn apply(&self, call: &Call) -> Result<Outcome, InventoryError> {
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
        let reservation = reservations.get_mut(&order).unwrap();
        reservation.outcome = to;
        for line in &reservation.lines {
            let mut levels = self.levels.borrow_mut();
            change(levels.get_mut(&line.product).unwrap(), line.quantity.get());
        }
    }
}

/// Lets other tasks run once.
async fn yield_once() {
    let mut was_polled = false;
    std::future::poll_fn(|context| match std::mem::replace(&mut was_polled, true) {
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
            "a call of the catalogue has {} ids",
            ids.len()
        );
        self.yield_randomly().await;
        let products = self.products.borrow();
        let found = products.iter().filter(|product| ids.contains(&product.id));
        let levels = self.levels.borrow();
        let with_stock = |product: &Product| Product {
            available: levels[&product.id].quantity - levels[&product.id].reserved,
            ..product.clone()
        };
        Ok(found.map(with_stock).collect())
    }
}

impl Inventory for Stock {
    async fn reserve(&self, order: OrderId, lines: &[Line], ttl: Duration) -> Result<(), InventoryError> {
        assert!((1..=3600).contains(&ttl.as_secs()), "a reservation for {ttl:?}");
        self.call(Call::Reserve(order, lines.to_vec())).await.map(drop)
    }

    async fn commit(&self, order: OrderId) -> Result<(), InventoryError> {
        self.call(Call::Commit(order)).await.map(drop)
    }

    async fn release(&self, order: OrderId) -> Result<Outcome, InventoryError> {
        self.call(Call::Release(order)).await
    }

    async fn reservation(&self, order: OrderId) -> Result<Option<Outcome>, InventoryError> {
        self.yield_randomly().await;
        Ok(self.outcome(order))
    }

    /// No reservation expires by itself: tests call [`Stock::expire`].
    async fn expire(&self, _: u32) -> Result<u32, InventoryError> {
        Ok(0)
    }

    async fn restock(&self, order: OrderId) -> Result<(), InventoryError> {
        self.call(Call::Restock(order)).await.map(drop)
    }
}
