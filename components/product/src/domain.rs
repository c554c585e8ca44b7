//! What a product is, and what of it who may see.

use kernel::{Caller, Money, ProductId, TextError, Timestamp, clean};

/// Something for sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) id: ProductId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) price: Money,
    pub(crate) image_url: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// How much of a product there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stock {
    /// Pieces in the warehouse.
    pub(crate) quantity: u32,
    /// Of these, pieces promised to orders that are being placed.
    pub(crate) reserved: u32,
    /// Raised by every change of `quantity`.
    pub(crate) version: u64,
}

impl Stock {
    /// How many pieces can be bought now.
    pub(crate) fn available(self) -> u32 {
        self.quantity.saturating_sub(self.reserved)
    }
}

/// A product as one caller may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) product: Product,
    pub(crate) available: u32,
    /// For admins only: how much is in the warehouse is nobody else's business.
    pub(crate) stock: Option<Stock>,
}

impl View {
    /// What this caller may see of it.
    pub(crate) fn of(product: Product, stock: Stock, caller: &Caller) -> Self {
        Self {
            product,
            available: stock.available(),
            stock: caller.is_admin().then_some(stock),
        }
    }
}

/// What a search looks for: a text that the name or the description must contain. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query(String);

impl Query {
    /// The longest query, in characters.
    const MOST: usize = 100;

    /// Cleans what was typed; nothing is no query.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, TextError> {
        let text = clean(text, Self::MOST)?;
        Ok((!text.is_empty()).then_some(Self(text)))
    }

    /// The text to look for, literally: no character in it has a meaning of its own.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_not_available() {
        let stock = |quantity, reserved| Stock {
            quantity,
            reserved,
            version: 1,
        };
        assert_eq!(stock(5, 2).available(), 3);
        assert_eq!(stock(5, 5).available(), 0);
    }

    #[test]
    fn a_blank_query_is_none() {
        assert_eq!(Query::parse(" \t\u{3000}"), Ok(None));
        assert_eq!(Query::parse(" 茶 ").unwrap().unwrap().text(), "茶");
        assert_eq!(Query::parse(&"a".repeat(101)), Err(TextError::TooLong(100)));
    }
}
