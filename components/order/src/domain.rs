//! The types of carts and orders, and their pure rules.

mod address;
mod cart;
mod order;

use std::{collections::HashSet, fmt, str::FromStr};

use kernel::{Money, MoneyError, ProductId, Violations};

pub(crate) use self::{
    address::{Address, AddressInput},
    cart::{Cart, CartItem, CartLine, CartLines, Note},
    order::{NewOrder, Order, OrderItem, RequestHash, Shortage, Status},
};

/// The maximum number of products in a cart or an order: the catalogue's limit for one call.
pub(crate) const MOST_LINES: usize = 100;

/// A product with the current data of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) id: ProductId,
    pub(crate) name: String,
    pub(crate) price: Money,
    /// The number of pieces that can be ordered.
    pub(crate) available: u32,
}

/// A number of pieces: 1 to 999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quantity(u32);

/// A number that is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to {}", Quantity::MOST)]
pub(crate) struct QuantityError;

impl Quantity {
    /// The maximum number of pieces of one product in a cart or an order.
    pub(crate) const MOST: u32 = 999;

    /// The number of pieces.
    pub(crate) fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<i32> for Quantity {
    type Error = QuantityError;

    fn try_from(pieces: i32) -> Result<Self, QuantityError> {
        let pieces = u32::try_from(pieces).ok();
        let fits = pieces.filter(|pieces| (1..=Self::MOST).contains(pieces));
        fits.map(Self).ok_or(QuantityError)
    }
}

impl From<Quantity> for i32 {
    fn from(quantity: Quantity) -> Self {
        // At most 999.
        quantity.0 as Self
    }
}

/// A number of pieces of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) product: ProductId,
    pub(crate) quantity: Quantity,
}

impl Line {
    /// Parses the fields `productId` and `quantity` of a request.
    ///
    /// # Errors
    /// A violation for each invalid field.
    pub(crate) fn parse(product: &str, quantity: i32) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let product = violations.take("productId", product.parse());
        let quantity = violations.take("quantity", Quantity::try_from(quantity));
        let line = product.zip(quantity);
        line.map(|(product, quantity)| Self { product, quantity })
            .ok_or(violations)
    }

    /// Parses the field `items` of a request: at most 100 products, each of them once.
    ///
    /// # Errors
    /// A violation for the number of items, or for each invalid field of the items.
    pub(crate) fn parse_all(items: &[(&str, i32)]) -> Result<Vec<Self>, Violations> {
        if items.len() > MOST_LINES {
            let most = format_args!("must have at most {MOST_LINES} entries");
            return Err(Violations::one("items", most));
        }
        let mut violations = Violations::default();
        let mut known = HashSet::new();
        let mut lines = Vec::with_capacity(items.len());
        for (index, (product, quantity)) in items.iter().enumerate() {
            let path = format!("items[{index}]");
            lines.extend(violations.take_within(&path, Self::parse(product, *quantity)));
            // An item with a wrong quantity counts, too: all violations are named at once.
            if product.parse().is_ok_and(|id: ProductId| !known.insert(id)) {
                violations.add(
                    format!("{path}.productId"),
                    "must not repeat the product of an earlier item",
                );
            }
        }
        violations.is_empty().then_some(lines).ok_or(violations)
    }
}

/// An idempotency key: a client's name for a request, by which a repeat is recognised. 1 to 255 visible ASCII characters.
///
/// Quotes are not part of a key, in a header or a field: the header `Idempotency-Key` is a String of structured fields
/// (draft-ietf-httpapi-idempotency-key-header, section 2.1; RFC 9651, section 3.3.3), and many clients send it without quotes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(String);

/// A text that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must have 1 to {} visible ASCII characters, without spaces; in double quotes or not",
    Key::MOST
)]
pub(crate) struct KeyError;

impl Key {
    /// The longest key, in characters.
    const MOST: usize = 255;

    /// The key, without quotes.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let key = match text.strip_prefix('"') {
            Some(quoted) => unquoted(quoted).ok_or(KeyError)?,
            None => text.to_owned(),
        };
        let fits = (1..=Self::MOST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then_some(Self(key)).ok_or(KeyError)
    }
}

/// The text in quotes, after the first quote. A backslash may only precede a quote or a backslash, and the last quote ends the
/// text (RFC 9651, section 4.2.5).
fn unquoted(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(plain),
            '\\' => plain.push(
                characters
                    .next()
                    .filter(|escaped| matches!(escaped, '"' | '\\'))?,
            ),
            other => plain.push(other),
        }
    }
}

/// The reason why prices have no total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoTotal {
    /// There are no prices.
    Empty,
    /// They are in more than one currency.
    Currencies,
    /// The total is not less than 100000000.
    TooLarge,
}

/// The total of pieces at these prices.
pub(crate) fn total(prices: impl IntoIterator<Item = (Money, Quantity)>) -> Result<Money, NoTotal> {
    let mut prices = prices.into_iter().peekable();
    let currency = prices.peek().ok_or(NoTotal::Empty)?.0.currency();
    prices.try_fold(Money::zero(currency), |sum, (price, quantity)| {
        let line = price.times(quantity.get());
        line.and_then(|line| sum.plus(line)).map_err(|error| match error {
            MoneyError::Currencies => NoTotal::Currencies,
            _ => NoTotal::TooLarge,
        })
    })
}

impl fmt::Display for NoTotal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "there is nothing to order",
            Self::Currencies => "an order has one currency, and these products have prices in several",
            Self::TooLarge => "an order costs less than 100000000",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(amount: &str, currency: &str, pieces: i32) -> (Money, Quantity) {
        (
            Money::parse(amount, currency).unwrap(),
            pieces.try_into().unwrap(),
        )
    }

    #[test]
    fn quantity_is_1_to_999() {
        for (pieces, fits) in [
            (i32::MIN, false),
            (-1, false),
            (0, false),
            (1, true),
            (999, true),
            (1000, false),
            (i32::MAX, false),
        ] {
            assert_eq!(Quantity::try_from(pieces).is_ok(), fits, "{pieces} pieces");
        }
    }

    #[test]
    fn repeated_product_is_named_even_if_another_item_has_a_wrong_quantity() {
        let id = ProductId::generate().to_string();
        let (same, other) = (id.to_uppercase(), ProductId::generate().to_string());
        let violations = Line::parse_all(&[(&id, 0), (&other, 1), (&same, 1)]).unwrap_err();
        let fields: Vec<_> = violations.iter().map(|violation| &*violation.field).collect();
        assert_eq!(fields, ["items[0].quantity", "items[2].productId"]);
    }

    #[test]
    fn key_has_1_to_255_visible_characters() {
        let longest = "k".repeat(255);
        for text in ["k", "0190163d-8694", "~!\"{}", "k\\", &longest] {
            assert_eq!(text.parse::<Key>().unwrap().as_str(), text);
        }
        let long = "k".repeat(256);
        for text in ["", " ", "a b", "a\n", "a\0", "鍵", "\u{7f}", "a\u{200b}b", &long] {
            assert_eq!(text.parse::<Key>(), Err(KeyError), "{text:?} is no key");
        }
    }

    #[test]
    fn quotes_are_not_part_of_a_key() {
        let longest = format!("\"{}\"", "k".repeat(255));
        for (quoted, plain) in [
            (r#""k1""#, "k1"),
            (r#""a\"b""#, r#"a"b"#),
            (r#""a\\b""#, r"a\b"),
            (r#""\"\\""#, r#""\"#),
            (&longest, &longest[1..256]),
        ] {
            assert_eq!(quoted.parse::<Key>().unwrap().as_str(), plain, "{quoted}");
        }
        let long = format!("\"{}\"", "k".repeat(256));
        for text in [
            r#"""#, r#""""#, r#""k"#, r#""k\"#, r#""k\""#, r#""k\x""#, r#""k"x"#, r#""k";p"#, r#""a b""#,
            "\"鍵\"", &long,
        ] {
            assert_eq!(text.parse::<Key>(), Err(KeyError), "{text} is no key");
        }
    }

    #[test]
    fn totals_are_exact() {
        let sum = total([price("0.10", "USD", 3), price("19.99", "USD", 999)]);
        assert_eq!(sum, Ok(Money::parse("19970.31", "USD").unwrap()));
        assert_eq!(
            total([price("99999999.999", "KWD", 1)]),
            Ok(Money::parse("99999999.999", "KWD").unwrap()),
            "the largest total that the schema holds"
        );
    }

    #[test]
    fn refused_total_has_a_reason() {
        assert_eq!(total([]), Err(NoTotal::Empty));
        let two = [price("1", "JPY", 1), price("1", "USD", 1)];
        assert_eq!(total(two), Err(NoTotal::Currencies));
        let beyond = [price("99999999", "JPY", 1), price("1", "JPY", 1)];
        assert_eq!(total(beyond), Err(NoTotal::TooLarge));
        assert_eq!(
            total([price("99999999", "JPY", 999)]),
            Err(NoTotal::TooLarge),
            "one line alone can be too much"
        );
    }
}
