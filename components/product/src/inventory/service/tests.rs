//! The rules of the inventory with a store in memory. The real store and concurrency are tested against Postgres.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use kernel::{ProductId, Timestamp};

use super::*;
use crate::inventory::domain::Item;

/// The stock of one product, and its reservations.
struct Memory {
    product: ProductId,
    quantity: Cell<i32>,
    reserved: Cell<i32>,
    reservations: RefCell<BTreeMap<OrderId, Reservation>>,
    /// A change by another call, which runs once before the next statement.
    meanwhile: RefCell<Option<(OrderId, Status)>>,
}

impl Memory {
    fn put(&self, order: OrderId, status: Status, items: Vec<Item>) -> Reservation {
        let reservation = Reservation {
            order,
            status,
            items,
            expires_at: None,
            created_at: Timestamp::from_unix_micros(0),
            updated_at: Timestamp::from_unix_micros(0),
        };
        self.reservations.borrow_mut().insert(order, reservation.clone());
        reservation
    }

    fn step(
        &self,
        order: OrderId,
        from: Status,
        to: Status,
        stock: impl Fn(&Self, i32),
    ) -> Option<Reservation> {
        let mut reservations = self.reservations.borrow_mut();
        let found = reservations
            .get_mut(&order)
            .filter(|found| found.status == from)?;
        found.status = to;
        stock(self, found.items.iter().map(|item| item.quantity).sum());
        Some(found.clone())
    }

    fn let_others(&self) {
        if let Some((order, status)) = self.meanwhile.take() {
            let item = Item {
                product: self.product,
                quantity: 1,
            };
            self.put(order, status, vec![item]);
        }
    }
}

impl Store for Memory {
    async fn reserve(&self, order: OrderId, items: &Items, _: Ttl) -> Result<Reserved, StoreError> {
        if self.reservations.borrow().contains_key(&order) {
            return Ok(Reserved::Known);
        }
        let available = |product| match product == self.product {
            true => self.quantity.get() - self.reserved.get(),
            false => 0,
        };
        let mut short: Vec<_> = items
            .iter()
            .map(|item| Shortage {
                product: item.product,
                requested: item.quantity,
                available: available(item.product),
            })
            .filter(|shortage| shortage.available < shortage.requested)
            .collect();
        self.let_others();
        if !short.is_empty() {
            short.sort_by_key(|shortage| shortage.product);
            return Ok(Reserved::Short(short));
        }
        let items: Vec<Item> = items.iter().copied().collect();
        let held: i32 = items.iter().map(|item| item.quantity).sum();
        self.reserved.set(self.reserved.get() + held);
        Ok(Reserved::Made(self.put(order, Status::Reserved, items)))
    }

    async fn commit(&self, order: OrderId) -> Result<Option<Reservation>, StoreError> {
        let done = self.step(order, Status::Reserved, Status::Committed, |store, pieces| {
            store.quantity.set(store.quantity.get() - pieces);
            store.reserved.set(store.reserved.get() - pieces);
        });
        self.let_others();
        Ok(done)
    }

    async fn release(&self, order: OrderId) -> Result<Option<Reservation>, StoreError> {
        let done = self.step(order, Status::Reserved, Status::Released, |store, pieces| {
            store.reserved.set(store.reserved.get() - pieces);
        });
        self.let_others();
        let is_unknown = !self.reservations.borrow().contains_key(&order);
        Ok(done.or_else(|| is_unknown.then(|| self.put(order, Status::Released, vec![]))))
    }

    async fn restock(&self, order: OrderId) -> Result<Option<Reservation>, StoreError> {
        Ok(
            self.step(order, Status::Committed, Status::Restocked, |store, pieces| {
                store.quantity.set(store.quantity.get() + pieces);
            }),
        )
    }

    async fn find(&self, order: OrderId) -> Result<Option<Reservation>, StoreError> {
        Ok(self.reservations.borrow().get(&order).cloned())
    }

    async fn expire(&self, limit: Limit) -> Result<i32, StoreError> {
        Ok(limit.get())
    }
}

fn inventory(quantity: i32) -> Inventory<Memory> {
    Inventory::new(Memory {
        product: ProductId::generate(),
        quantity: Cell::new(quantity),
        reserved: Cell::new(0),
        reservations: RefCell::default(),
        meanwhile: RefCell::default(),
    })
}

fn run<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

fn reserve(inventory: &Inventory<Memory>, order: OrderId, pieces: i32) -> Result<Reservation, Error> {
    let product = inventory.store.product.to_string();
    let request = ReserveStock {
        order_id: &order.to_string(),
        items: &[(&product, pieces)],
        ttl: Some(Duration::from_secs(60)),
    };
    run(inventory.reserve_stock(&Caller::Anonymous, request))
}

fn commit(inventory: &Inventory<Memory>, order: OrderId) -> Result<Reservation, Error> {
    run(inventory.commit_reservation(&Caller::Anonymous, &order.to_string()))
}

fn release(inventory: &Inventory<Memory>, order: OrderId) -> Result<Reservation, Error> {
    run(inventory.release_reservation(&Caller::Anonymous, &order.to_string()))
}

fn restock(inventory: &Inventory<Memory>, order: OrderId) -> Result<Reservation, Error> {
    run(inventory.restock(&Caller::Anonymous, &order.to_string()))
}

fn stock(inventory: &Inventory<Memory>) -> (i32, i32) {
    (inventory.store.quantity.get(), inventory.store.reserved.get())
}

fn status(answer: Result<Reservation, Error>) -> Status {
    answer.expect("the call is answered with the reservation").status
}

#[test]
fn every_step_of_a_reservation_can_be_repeated() {
    let (inventory, order) = (inventory(5), OrderId::generate());
    for _ in 0..2 {
        assert_eq!(status(reserve(&inventory, order, 3)), Status::Reserved);
        assert_eq!(stock(&inventory), (5, 3), "held once");
    }
    for _ in 0..2 {
        assert_eq!(status(commit(&inventory, order)), Status::Committed);
        assert_eq!(stock(&inventory), (2, 0), "taken once");
    }
    assert_eq!(
        status(reserve(&inventory, order, 3)),
        Status::Committed,
        "a late repeat"
    );
    assert_eq!(
        status(release(&inventory, order)),
        Status::Committed,
        "what was committed stays so"
    );
    for _ in 0..2 {
        assert_eq!(status(restock(&inventory, order)), Status::Restocked);
        assert_eq!(stock(&inventory), (5, 0), "put back once");
    }
    assert_eq!(
        status(commit(&inventory, order)),
        Status::Restocked,
        "a late repeat"
    );
    assert_eq!(
        status(reserve(&inventory, order, 3)),
        Status::Restocked,
        "a late repeat"
    );
    assert_eq!(stock(&inventory), (5, 0), "late repeats change nothing");
}

#[test]
fn released_reservation_stays_released() {
    let (inventory, order) = (inventory(5), OrderId::generate());
    reserve(&inventory, order, 3).unwrap();
    for _ in 0..2 {
        assert_eq!(status(release(&inventory, order)), Status::Released);
        assert_eq!(stock(&inventory), (5, 0), "given back once");
    }
    assert!(matches!(reserve(&inventory, order, 3), Err(Error::Closed)));
    assert!(matches!(commit(&inventory, order), Err(Error::Closed)));
    assert!(matches!(restock(&inventory, order), Err(Error::NotCommitted)));
}

#[test]
fn late_reservation_after_a_release_is_refused() {
    let (inventory, order) = (inventory(5), OrderId::generate());
    let closed = release(&inventory, order).unwrap();
    assert_eq!((closed.status, closed.items.len()), (Status::Released, 0));
    assert!(matches!(reserve(&inventory, order, 1), Err(Error::Closed)));
    assert_eq!(stock(&inventory), (5, 0));
}

#[test]
fn repeat_with_other_items_is_refused() {
    let (inventory, order) = (inventory(5), OrderId::generate());
    reserve(&inventory, order, 3).unwrap();
    let Err(Error::Invalid(violations)) = reserve(&inventory, order, 2) else {
        panic!("other items are no repeat");
    };
    let fields: Vec<_> = violations.iter().map(|violation| &*violation.field).collect();
    assert_eq!(fields, ["items"]);
}

#[test]
fn shortages_have_the_order_of_the_request() {
    let inventory = inventory(2);
    let (late, early) = (
        ProductId::from(uuid::Uuid::max()),
        ProductId::from(uuid::Uuid::nil()),
    );
    let ids = [late, inventory.store.product, early].map(|id| id.to_string());
    let request = ReserveStock {
        order_id: &OrderId::generate().to_string(),
        items: &[(&ids[0], 1), (&ids[1], 2), (&ids[2], 3)],
        ttl: Some(Duration::from_secs(1)),
    };
    let Err(Error::Short(shortages)) = run(inventory.reserve_stock(&Caller::Anonymous, request)) else {
        panic!("two of the products do not exist");
    };
    let short: Vec<_> = shortages
        .iter()
        .map(|s| (s.product, s.requested, s.available))
        .collect();
    assert_eq!(short, [(late, 1, 0), (early, 3, 0)]);
    assert_eq!(stock(&inventory), (2, 0), "nothing is held");
}

#[test]
fn repeat_returns_the_reservation_though_it_took_the_last_pieces() {
    let (inventory, order) = (inventory(0), OrderId::generate());
    *inventory.store.meanwhile.borrow_mut() = Some((order, Status::Reserved));
    assert_eq!(
        status(reserve(&inventory, order, 1)),
        Status::Reserved,
        "the faster attempt has it"
    );
}

#[test]
fn concurrent_reserve_and_release_end_released() {
    for (meanwhile, after) in [
        (Status::Reserved, Status::Released),
        (Status::Committed, Status::Committed),
        (Status::Released, Status::Released),
    ] {
        let (inventory, order) = (inventory(1), OrderId::generate());
        *inventory.store.meanwhile.borrow_mut() = Some((order, meanwhile));
        assert_eq!(
            status(release(&inventory, order)),
            after,
            "{meanwhile:?} came in between"
        );
    }
}

#[test]
fn order_without_a_reservation_is_not_found() {
    let (inventory, order) = (inventory(1), OrderId::generate());
    let id = order.to_string();
    let answers = [
        commit(&inventory, order),
        restock(&inventory, order),
        run(inventory.get_reservation(&Caller::Anonymous, &id)),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(Error::NotFound)), "got {answer:?}");
    }
    *inventory.store.meanwhile.borrow_mut() = Some((order, Status::Reserved));
    assert!(
        matches!(commit(&inventory, order), Err(Error::NotFound)),
        "it was reserved too late"
    );
}

#[test]
fn all_invalid_fields_are_named_at_once() {
    let inventory = inventory(1);
    let request = ReserveStock {
        order_id: "42",
        items: &[],
        ttl: None,
    };
    let Err(Error::Invalid(violations)) = run(inventory.reserve_stock(&Caller::Anonymous, request)) else {
        panic!("three fields are wrong");
    };
    let fields: Vec<_> = violations.iter().map(|violation| &*violation.field).collect();
    assert_eq!(fields, ["orderId", "items", "ttl"]);
    let refused = run(inventory.expire_reservations(&Caller::Anonymous, 0));
    assert!(matches!(refused, Err(Error::Invalid(_))), "no batch: {refused:?}");
    assert_eq!(
        run(inventory.expire_reservations(&Caller::Anonymous, 7)).unwrap(),
        7
    );
}
