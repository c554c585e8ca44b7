//! Orders, and how a repeated request is told from another one.

use std::{fmt::Write as _, str::FromStr};

use kernel::{Money, OrderId, ProductId, Timestamp, UserId};
use sha2::{Digest as _, Sha256};

use super::{Address, Key, Line, Quantity};

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Whether the stock can be had is not known yet.
    Pending,
    /// What it needs has left the stock.
    Confirmed,
    /// Confirmed once, and then cancelled.
    Cancelled,
    /// Nothing left the stock, and nothing will.
    Rejected,
}

impl Status {
    /// Whether nothing follows.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Cancelled | Self::Rejected)
    }

    /// Its name, as it is kept.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
        }
    }
}

/// A text that is no status of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a status of an order")]
pub(crate) struct StatusError;

impl FromStr for Status {
    type Err = StatusError;

    fn from_str(name: &str) -> Result<Self, StatusError> {
        let all = [Self::Pending, Self::Confirmed, Self::Cancelled, Self::Rejected];
        let named = all.into_iter().find(|status| status.name() == name);
        named.ok_or(StatusError)
    }
}

/// A line of an order: a copy of what the product was when it was ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderItem {
    pub(crate) product: ProductId,
    pub(crate) name: String,
    pub(crate) unit_price: Money,
    pub(crate) quantity: Quantity,
    /// How many were left, where the order was rejected because that was too few.
    pub(crate) available: Option<u32>,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) user: UserId,
    pub(crate) status: Status,
    /// Why it was rejected, if it was.
    pub(crate) rejection_reason: Option<String>,
    pub(crate) items: Vec<OrderItem>,
    pub(crate) total: Money,
    pub(crate) address: Address,
    /// Raised by every change of its status.
    pub(crate) version: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Order {
    /// What it needs of the stock.
    pub(crate) fn lines(&self) -> Vec<Line> {
        lines(&self.items)
    }

    /// Of what there was too little, if that is why it was rejected.
    pub(crate) fn shortages(&self) -> Vec<Shortage> {
        let short = |item: &OrderItem| {
            item.available.map(|available| Shortage {
                product: item.product,
                requested: item.quantity.get(),
                available,
            })
        };
        self.items.iter().filter_map(short).collect()
    }
}

/// An order to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewOrder {
    pub(crate) id: OrderId,
    pub(crate) user: UserId,
    pub(crate) key: Key,
    pub(crate) hash: RequestHash,
    /// The version of the cart that it is of; none for items that the request named.
    pub(crate) cart_version: Option<u64>,
    pub(crate) items: Vec<OrderItem>,
    pub(crate) total: Money,
    pub(crate) address: Address,
}

impl NewOrder {
    /// What it needs of the stock.
    pub(crate) fn lines(&self) -> Vec<Line> {
        lines(&self.items)
    }
}

fn lines(items: &[OrderItem]) -> Vec<Line> {
    let line = |item: &OrderItem| Line {
        product: item.product,
        quantity: item.quantity,
    };
    items.iter().map(line).collect()
}

/// A product of which there is too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub(crate) product: ProductId,
    pub(crate) requested: u32,
    /// 0 also for a product that is not for sale (any more).
    pub(crate) available: u32,
}

/// What a request was, as it was sent: 64 hexadecimal digits, a SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestHash(String);

impl RequestHash {
    /// The hash of a request's parts. Each goes in with its length: no two lists of parts run into the same text.
    pub(crate) fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let hex = hash.finalize().iter().fold(String::new(), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Self(hex)
    }

    /// One that was kept.
    pub(crate) fn kept(digits: String) -> Self {
        Self(digits)
    }

    /// The digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_one_name() {
        for (name, is_final) in [
            ("pending", false),
            ("confirmed", false),
            ("cancelled", true),
            ("rejected", true),
        ] {
            let status: Status = name.parse().unwrap();
            assert_eq!((status.name(), status.is_final()), (name, is_final));
        }
        assert_eq!("Pending".parse::<Status>(), Err(StatusError));
    }

    #[test]
    fn requests_that_differ_anywhere_have_other_hashes() {
        let requests: [&[&str]; 6] = [
            &[],
            &[""],
            &["", ""],
            &["ab", "c"],
            &["a", "bc"],
            &["a", "b", "c"],
        ];
        for (index, one) in requests.iter().enumerate() {
            for (other_index, other) in requests.iter().enumerate() {
                let same = RequestHash::of(one.iter().copied()) == RequestHash::of(other.iter().copied());
                assert_eq!(same, index == other_index, "{one:?} and {other:?}");
            }
        }
        assert_eq!(RequestHash::of(["a"]).as_str().len(), 64);
    }
}
