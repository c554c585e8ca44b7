//! The rules of the catalogue over a store in memory. The real store is tested against Postgres.

mod changes;
mod reads;

use super::*;
use kernel::{Money, Scope, Timestamp, UserCaller, UserId};
use std::cell::RefCell;

/// Products in memory, newest first.
#[derive(Default)]
struct Memory(RefCell<Vec<(Product, Stock)>>);

impl Memory {
    fn change(&self, id: ProductId, change: impl FnOnce(&mut (Product, Stock))) -> Option<(Product, Stock)> {
        let mut rows = self.0.borrow_mut();
        let row = rows.iter_mut().find(|(product, _)| product.id == id)?;
        change(row);
        Some(row.clone())
    }
}

impl Store for Memory {
    async fn find(&self, id: ProductId) -> Result<Option<(Product, Stock)>, StoreError> {
        Ok(self.change(id, |_| {}))
    }

    async fn find_all(&self, ids: &[ProductId]) -> Result<Vec<(Product, Stock)>, StoreError> {
        let rows = self.0.borrow();
        let wanted = rows.iter().filter(|(product, _)| ids.contains(&product.id));
        Ok(wanted.cloned().collect())
    }

    async fn list(
        &self,
        after: Option<PageToken>,
        limit: u32,
        query: Option<&Query>,
    ) -> Result<Vec<(Product, Stock)>, StoreError> {
        let wanted = |(product, _): &&(Product, Stock)| {
            after.is_none_or(|token| product.id.uuid() < token.key())
                && query.is_none_or(|query| product.name.contains(query.text()))
        };
        let rows = self.0.borrow();
        Ok(rows.iter().filter(wanted).take(limit as usize).cloned().collect())
    }

    async fn insert(&self, new: NewProduct) -> Result<(Product, Stock), StoreError> {
        let row = (
            Product {
                id: new.id,
                name: new.name.as_str().into(),
                description: new.description.as_str().into(),
                price: new.price,
                image_url: new.image_url.map(|url| url.as_str().into()),
                created_at: Timestamp::from_unix_micros(0),
                updated_at: Timestamp::from_unix_micros(0),
            },
            Stock {
                quantity: new.stock.get().try_into().unwrap(),
                reserved: 0,
                version: 1,
            },
        );
        self.0.borrow_mut().insert(0, row.clone());
        Ok(row)
    }

    async fn update(&self, id: ProductId, change: Change) -> Result<Option<(Product, Stock)>, StoreError> {
        Ok(self.change(id, |(product, _)| {
            if let Some(name) = change.name {
                product.name = name.as_str().into();
            }
            if let Some(description) = change.description {
                product.description = description.as_str().into();
            }
            if let Some(price) = change.price {
                product.price = price;
            }
            if let Some(url) = change.image_url {
                product.image_url = url.map(|url| url.as_str().into());
            }
        }))
    }

    async fn delete(&self, id: ProductId) -> Result<bool, StoreError> {
        Ok(self.change(id, |_| {}).is_some())
    }

    async fn set_stock(
        &self,
        id: ProductId,
        quantity: Quantity,
        expected_version: i64,
    ) -> Result<Option<(bool, Product, Stock)>, StoreError> {
        let quantity = u32::try_from(quantity.get()).unwrap();
        let mut is_set = false;
        let row = self.change(id, |(_, stock)| {
            is_set = i64::try_from(stock.version) == Ok(expected_version) && stock.reserved <= quantity;
            if is_set {
                stock.quantity = quantity;
                stock.version += 1;
            }
        });
        Ok(row.map(|(product, stock)| (is_set, product, stock)))
    }
}

fn product(name: &str) -> (Product, Stock) {
    let product = Product {
        id: ProductId::generate(),
        name: name.into(),
        description: String::new(),
        price: Money::parse("1980.00", "JPY").unwrap(),
        image_url: None,
        created_at: Timestamp::from_unix_micros(0),
        updated_at: Timestamp::from_unix_micros(0),
    };
    (
        product,
        Stock {
            quantity: 5,
            reserved: 2,
            version: 7,
        },
    )
}

fn catalogue(count: usize) -> Catalogue<Memory> {
    let mut rows: Vec<_> = (0..count).map(|n| product(&format!("tea {n}"))).collect();
    rows.reverse();
    Catalogue::new(Memory(RefCell::new(rows)))
}

/// The id of the newest product.
fn first(catalogue: &Catalogue<Memory>) -> String {
    catalogue.store.0.borrow()[0].0.id.to_string()
}

fn user(scopes: Vec<Scope>) -> Caller {
    Caller::User(UserCaller {
        id: UserId::generate(),
        scopes,
        session: None,
    })
}

fn admin() -> Caller {
    user(vec![Scope::Admin])
}

fn fields<T: std::fmt::Debug>(answer: Result<T, Error>) -> Vec<String> {
    match answer {
        Err(Error::Invalid(violations)) => violations
            .iter()
            .map(|violation| violation.field.to_string())
            .collect(),
        other => panic!("the request must be invalid, but the answer was {other:?}"),
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}
