//! Reservations, their statuses, and the rules for the items that can be reserved.

use std::{collections::HashSet, str::FromStr, time::Duration};

use kernel::{OrderId, ProductId, Timestamp, Violations};

/// The status of a reservation. `Reserved` becomes `Committed` or `Released`, and `Committed` may become `Restocked`; there are
/// no other transitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The items are reserved.
    Reserved,
    /// The items have left the stock.
    Committed,
    /// The items were given back, or were never reserved. The order can no longer reserve items.
    Released,
    /// The items left the stock and were put back.
    Restocked,
}

/// A text that is not a status of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a status of a reservation")]
pub(crate) struct StatusError;

impl FromStr for Status {
    type Err = StatusError;

    fn from_str(name: &str) -> Result<Self, StatusError> {
        match name {
            "reserved" => Ok(Self::Reserved),
            "committed" => Ok(Self::Committed),
            "released" => Ok(Self::Released),
            "restocked" => Ok(Self::Restocked),
            _ => Err(StatusError),
        }
    }
}

/// A number of pieces of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) product: ProductId,
    pub(crate) quantity: i32,
}

impl Item {
    /// Parses an item of a request; `known` has the products of the items before it.
    fn parse(id: &str, quantity: i32, known: &mut HashSet<ProductId>) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let product = violations.take("productId", id.parse::<ProductId>());
        if product.is_some_and(|product| !known.insert(product)) {
            violations.add("productId", "must not repeat the product of an earlier item");
        }
        if !(1..=Items::MOST_PIECES).contains(&quantity) {
            violations.add(
                "quantity",
                format_args!("must be from 1 to {}", Items::MOST_PIECES),
            );
        }
        let product = product.filter(|_| violations.is_empty());
        product
            .map(|product| Self { product, quantity })
            .ok_or(violations)
    }
}

/// The items that are reserved for an order, or that it has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) order: OrderId,
    pub(crate) status: Status,
    /// Sorted by product. Empty if the order was closed before it reserved items.
    pub(crate) items: Vec<Item>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A product with too little stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub(crate) product: ProductId,
    pub(crate) requested: i32,
    /// Also 0 for a product that does not exist or is deleted.
    pub(crate) available: i32,
}

/// The items to reserve: 1 to 100 products, each once, 1 to 999 pieces of each, in the order of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Items(Vec<Item>);

impl Items {
    const MOST: usize = 100;
    const MOST_PIECES: i32 = 999;

    /// Parses the request's field `items`: pairs of a product's id and a quantity.
    ///
    /// # Errors
    /// The number of items, or all fields of items that are invalid.
    pub(crate) fn parse(items: &[(&str, i32)]) -> Result<Self, Violations> {
        if !(1..=Self::MOST).contains(&items.len()) {
            let count = format_args!("must have 1 to {} entries", Self::MOST);
            return Err(Violations::one("items", count));
        }
        let mut violations = Violations::default();
        let mut known = HashSet::new();
        let mut parsed = Vec::with_capacity(items.len());
        for (index, (id, quantity)) in items.iter().enumerate() {
            let item = violations.take_within(
                format_args!("items[{index}]"),
                Item::parse(id, *quantity, &mut known),
            );
            parsed.extend(item);
        }
        violations.is_empty().then_some(Self(parsed)).ok_or(violations)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.0.iter()
    }

    /// Whether a reservation has exactly these items, in any order.
    pub(crate) fn are_those_of(&self, reservation: &Reservation) -> bool {
        self.0.len() == reservation.items.len() && self.0.iter().all(|item| reservation.items.contains(item))
    }
}

/// A time for which items cannot be reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 second to 1 hour")]
pub(crate) struct TtlError;

/// The time for which items are reserved: 1 second to 1 hour.
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

/// A number of reservations out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to {}", Limit::MOST)]
pub(crate) struct LimitError;

/// The number of reservations to expire in one call: 1 to 1000, so that one statement never locks much of the stock for
/// a long time.
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
    fn items_are_1_to_100_different_products() {
        let ids: Vec<String> = (0..101).map(|_| ProductId::generate().to_string()).collect();
        let of = |ids: &[String]| {
            let items: Vec<_> = ids.iter().map(|id| (id.as_str(), 1)).collect();
            Items::parse(&items).map(|items| items.iter().count())
        };
        assert_eq!(of(&ids[..1]), Ok(1));
        assert_eq!(of(&ids[..100]), Ok(100));
        let count = Violations::one("items", "must have 1 to 100 entries");
        assert_eq!(of(&[]), Err(count.clone()));
        assert_eq!(of(&ids), Err(count));

        let (one, two) = (ids[0].as_str(), ids[1].as_str());
        let shouted = one.to_uppercase();
        type Case<'a> = (&'a [(&'a str, i32)], &'a [&'a str]);
        let cases: [Case<'_>; 6] = [
            (&[(one, 1), ("42", 1)], &["items[1].productId"]),
            (&[(one, 1), (two, 0)], &["items[1].quantity"]),
            (&[(one, 1000)], &["items[0].quantity"]),
            (&[(one, i32::MIN)], &["items[0].quantity"]),
            (&[(one, 1), (two, 1), (&shouted, 1)], &["items[2].productId"]),
            (
                &[("42", 0), (two, 1), (two, 1000)],
                &[
                    "items[0].productId",
                    "items[0].quantity",
                    "items[2].productId",
                    "items[2].quantity",
                ],
            ),
        ];
        for (items, refused) in cases {
            let violations = Items::parse(items).unwrap_err();
            let fields: Vec<_> = violations.iter().map(|violation| &*violation.field).collect();
            assert_eq!(fields, refused, "{items:?}");
        }
        assert!(Items::parse(&[(one, 999), (two, 1)]).is_ok());
    }

    #[test]
    fn the_order_of_items_does_not_matter() {
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
    fn times_and_limits_have_bounds() {
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
