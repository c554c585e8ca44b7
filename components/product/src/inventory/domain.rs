//! What a reservation is, where it may stand, and what may be reserved.

use std::collections::HashSet;
use std::time::Duration;

use kernel::{OrderId, ProductId, Timestamp};

/// Where a reservation stands. `Reserved` becomes `Committed` or `Released`, `Committed` may become `Restocked`, nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The items are held.
    Reserved,
    /// The items have left the stock.
    Committed,
    /// The items were given back, or never held; the order can hold none any more.
    Released,
    /// The items left the stock and were put back.
    Restocked,
}

/// So much of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) product: ProductId,
    pub(crate) quantity: i32,
}

/// What is held for, or was taken by, one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) order: OrderId,
    pub(crate) status: Status,
    /// By product; empty if the order was closed before it reserved anything.
    pub(crate) items: Vec<Item>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A product that there is too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub(crate) product: ProductId,
    pub(crate) requested: i32,
    /// 0 also where there is no such product (any more).
    pub(crate) available: i32,
}

/// Items that cannot be reserved. Counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ItemsError {
    #[error("must be 1 to {}", Items::MOST)]
    Count,
    #[error("must name products by their UUIDs, and number {0} does not")]
    Product(usize),
    #[error("must be 1 to {most} pieces each, and number {0} is not", most = Items::MOST_PIECES)]
    Quantity(usize),
    #[error("must name each product once, and number {0} names one again")]
    Twice(usize),
}

/// What to reserve: 1 to 100 products, each of them once, 1 to 999 pieces of each. In the order asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Items(Vec<Item>);

impl Items {
    const MOST: usize = 100;
    const MOST_PIECES: i32 = 999;

    /// Reads pairs of a product's id and a quantity.
    pub(crate) fn parse(items: &[(&str, i32)]) -> Result<Self, ItemsError> {
        if !(1..=Self::MOST).contains(&items.len()) {
            return Err(ItemsError::Count);
        }
        let mut known = HashSet::new();
        let mut parse = |(index, (id, quantity)): (usize, &(&str, i32))| {
            let number = index + 1;
            let product = id.parse().map_err(|_| ItemsError::Product(number))?;
            if !(1..=Self::MOST_PIECES).contains(quantity) {
                return Err(ItemsError::Quantity(number));
            }
            let item = Item {
                product,
                quantity: *quantity,
            };
            known
                .insert(product)
                .then_some(item)
                .ok_or(ItemsError::Twice(number))
        };
        let items: Result<_, _> = items.iter().enumerate().map(&mut parse).collect();
        items.map(Self)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.0.iter()
    }

    /// Whether a reservation is about exactly these, in whatever order.
    pub(crate) fn are_those_of(&self, reservation: &Reservation) -> bool {
        self.0.len() == reservation.items.len() && self.0.iter().all(|item| reservation.items.contains(item))
    }
}

/// A time for which nothing is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 second to 1 hour")]
pub(crate) struct TtlError;

/// How long items are held: 1 second to 1 hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ttl(Duration);

impl Ttl {
    pub(crate) fn get(self) -> Duration {
        self.0
    }
}

impl TryFrom<Duration> for Ttl {
    type Error = TtlError;

    fn try_from(time: Duration) -> Result<Self, TtlError> {
        let fits = (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&time);
        fits.then_some(Self(time)).ok_or(TtlError)
    }
}

/// A number of reservations that is no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to {}", Limit::MOST)]
pub(crate) struct LimitError;

/// How many reservations to expire in one go: 1 to 1000, so that one statement never holds much of the stock for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(i32);

impl Limit {
    const MOST: i32 = 1000;

    pub(crate) fn get(self) -> i32 {
        self.0
    }
}

impl TryFrom<i32> for Limit {
    type Error = LimitError;

    fn try_from(limit: i32) -> Result<Self, LimitError> {
        let fits = (1..=Self::MOST).contains(&limit);
        fits.then_some(Self(limit)).ok_or(LimitError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_1_to_100_products_once_each() {
        let ids: Vec<String> = (0..101).map(|_| ProductId::generate().to_string()).collect();
        let of = |ids: &[String]| {
            let items: Vec<_> = ids.iter().map(|id| (id.as_str(), 1)).collect();
            Items::parse(&items).map(|items| items.iter().count())
        };
        assert_eq!(of(&ids[..1]), Ok(1));
        assert_eq!(of(&ids[..100]), Ok(100));
        assert_eq!(of(&[]), Err(ItemsError::Count));
        assert_eq!(of(&ids), Err(ItemsError::Count));

        let (one, two) = (ids[0].as_str(), ids[1].as_str());
        let shouted = one.to_uppercase();
        let cases = [
            (vec![(one, 1), ("42", 1)], ItemsError::Product(2)),
            (vec![(one, 1), (two, 0)], ItemsError::Quantity(2)),
            (vec![(one, 1000)], ItemsError::Quantity(1)),
            (vec![(one, i32::MIN)], ItemsError::Quantity(1)),
            (
                vec![(one, 1), (two, 1), (shouted.as_str(), 1)],
                ItemsError::Twice(3),
            ),
        ];
        for (items, refused) in cases {
            assert_eq!(Items::parse(&items), Err(refused), "{items:?}");
        }
        assert!(Items::parse(&[(one, 999), (two, 1)]).is_ok());
    }

    #[test]
    fn the_same_items_are_the_same_in_any_order() {
        let (one, two) = (ProductId::generate(), ProductId::generate());
        let (first, second) = (one.to_string(), two.to_string());
        let item = |product, quantity| Item { product, quantity };
        let reservation = |items| Reservation {
            order: OrderId::generate(),
            status: Status::Reserved,
            items,
            expires_at: None,
            created_at: Timestamp::from_unix_micros(0),
            updated_at: Timestamp::from_unix_micros(0),
        };
        let asked = Items::parse(&[(&second, 2), (&first, 1)]).unwrap();
        let cases = [
            (vec![item(one, 1), item(two, 2)], true),
            (vec![item(one, 2), item(two, 1)], false),
            (vec![item(one, 1)], false),
            (
                vec![item(one, 1), item(two, 2), item(ProductId::generate(), 1)],
                false,
            ),
            (vec![], false),
        ];
        for (items, same) in cases {
            let reservation = reservation(items);
            assert_eq!(asked.are_those_of(&reservation), same, "{:?}", reservation.items);
        }
    }

    #[test]
    fn times_and_batches_have_bounds() {
        for (millis, fits) in [
            (0, false),
            (999, false),
            (1000, true),
            (3_600_000, true),
            (3_600_001, false),
        ] {
            assert_eq!(
                Ttl::try_from(Duration::from_millis(millis)).is_ok(),
                fits,
                "{millis} ms"
            );
        }
        for (limit, fits) in [(0, false), (1, true), (1000, true), (1001, false), (-1, false)] {
            assert_eq!(Limit::try_from(limit).is_ok(), fits, "{limit}");
        }
    }
}
