//! Orders, and the hash by which a repeated request is recognised.

use std::{fmt::Write as _, str::FromStr};

use kernel::{Money, OrderId, ProductId, Timestamp, UserId};
use sha2::{Digest as _, Sha256};

use super::{Address, Key, Line, Quantity};

/// The status of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The stock is not committed yet.
    Pending,
    /// Its items have left the stock.
    Confirmed,
    /// Confirmed before, and then cancelled.
    Cancelled,
    /// No item left the stock, and none will.
    Rejected,
}

impl Status {
    /// Whether no other status can follow.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Cancelled | Self::Rejected)
    }

    /// The stored name.
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

/// A line of an order: a copy of the product at the time of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderItem {
    pub(crate) product: ProductId,
    pub(crate) name: String,
    pub(crate) unit_price: Money,
    pub(crate) quantity: Quantity,
    /// The available pieces, if the order was rejected because they were too few.
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
    /// The products and quantities to reserve.
    pub(crate) fn lines(&self) -> Vec<Line> {
        lines(&self.items)
    }

    /// The shortages for which it was rejected, if there are any.
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

/// An order to insert as pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewOrder {
    pub(crate) id: OrderId,
    pub(crate) user: UserId,
    pub(crate) key: Key,
    pub(crate) hash: RequestHash,
    /// The version of the cart that it buys; `None` if the request names the items.
    pub(crate) cart_version: Option<u64>,
    pub(crate) items: Vec<OrderItem>,
    pub(crate) total: Money,
    pub(crate) address: Address,
}

impl NewOrder {
    /// The products and quantities to reserve.
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
    /// 0 also for a product that does not exist or is deleted.
    pub(crate) available: u32,
}

/// The SHA-256 of an unparsed request: 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestHash(String);

impl RequestHash {
    /// The hash of a request's parts, each with its length, so that two lists of parts never make the same text.
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

    /// A stored hash.
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
    fn status_has_one_name() {
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
    fn different_requests_have_different_hashes() {
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
