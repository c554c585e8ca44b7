//! The use cases over a store and a stock in memory. The real ones are tested against Postgres and the product component.

mod carts;
mod checkout;
mod deletions;
mod histories;
mod memory;
mod orders;
mod stock;

use kernel::{Caller, Scope, UserCaller, UserId};

use self::{memory::Memory, stock::Stock};
use super::{CreateOrder, Shop};
use crate::domain::AddressInput;

/// The use cases over fakes that tests can inspect.
type TestShop = Shop<Memory, Stock>;

fn run<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

fn user(id: UserId) -> Caller {
    Caller::User(UserCaller {
        id,
        scopes: vec![],
        session: None,
    })
}

fn new_user() -> (UserId, Caller) {
    let id = UserId::generate();
    (id, user(id))
}

fn admin() -> Caller {
    Caller::User(UserCaller {
        id: UserId::generate(),
        scopes: vec![Scope::Admin],
        session: None,
    })
}

fn shop(stock: Stock) -> TestShop {
    Shop::new(Memory::default(), stock)
}

const ADDRESS: AddressInput<'_> = AddressInput {
    name: "山田 花",
    postal_code: "604-8571",
    country: "JP",
    region: "京都府",
    city: "京都市",
    line1: "寺町通御池上る",
    line2: "",
    phone: "",
};

/// A request to order the cart.
fn of_cart(key: &str) -> CreateOrder<'_> {
    CreateOrder {
        idempotency_key: key,
        address: ADDRESS,
        items: &[],
        expected_total: None,
    }
}
