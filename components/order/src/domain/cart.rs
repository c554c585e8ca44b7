//! Carts: their stored lines, and their view with current prices.

use kernel::{Money, ProductId};

use super::{Line, Product, Quantity, total};

/// The stored lines of a cart, in the order in which they were added, and the cart's version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CartLines {
    /// Raised by every change; 0 for a cart without any addition so far.
    pub(crate) version: u64,
    pub(crate) lines: Vec<CartLine>,
}

/// A stored line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CartLine {
    pub(crate) line: Line,
    /// The name at the time when the product was last added.
    pub(crate) name: String,
    /// The price at the time when the product was last added.
    pub(crate) unit_price: Money,
}

/// A note to the user about a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// The price has changed since the product was last added.
    PriceChanged,
    /// Fewer pieces are available than the line has.
    InsufficientStock,
    /// No piece is available.
    OutOfStock,
    /// The product is deleted.
    Deleted,
}

/// A line with the current price and stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CartItem {
    pub(crate) product: ProductId,
    pub(crate) name: String,
    pub(crate) unit_price: Money,
    pub(crate) quantity: Quantity,
    pub(crate) available: u32,
    pub(crate) notes: Vec<Note>,
}

/// A cart with current prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cart {
    pub(crate) items: Vec<CartItem>,
    /// `None` if the items have no total that could be ordered.
    pub(crate) total: Option<Money>,
}

impl Cart {
    /// These lines with the catalogue's prices; a product that is not among `products` is deleted.
    pub(crate) fn of(lines: CartLines, products: &[Product]) -> Self {
        let item = |line: CartLine| {
            let product = products.iter().find(|product| product.id == line.line.product);
            match product {
                Some(product) => CartItem::for_sale(&line, product),
                None => CartItem::gone(line),
            }
        };
        let items: Vec<_> = lines.lines.into_iter().map(item).collect();
        let for_sale = items.iter().filter(|item| !item.notes.contains(&Note::Deleted));
        let total = total(for_sale.map(|item| (item.unit_price, item.quantity))).ok();
        Self { items, total }
    }
}

impl CartItem {
    fn for_sale(kept: &CartLine, product: &Product) -> Self {
        let quantity = kept.line.quantity;
        let price = (product.price != kept.unit_price).then_some(Note::PriceChanged);
        let stock = match product.available {
            0 => Some(Note::OutOfStock),
            available if available < quantity.get() => Some(Note::InsufficientStock),
            _ => None,
        };
        Self {
            product: product.id,
            name: product.name.clone(),
            unit_price: product.price,
            quantity,
            available: product.available,
            notes: price.into_iter().chain(stock).collect(),
        }
    }

    fn gone(kept: CartLine) -> Self {
        Self {
            product: kept.line.product,
            name: kept.name,
            unit_price: kept.unit_price,
            quantity: kept.line.quantity,
            available: 0,
            notes: vec![Note::Deleted],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(product: ProductId, price: &str, pieces: i32) -> CartLine {
        CartLine {
            line: Line {
                product,
                quantity: pieces.try_into().unwrap(),
            },
            name: "tea".into(),
            unit_price: Money::parse(price, "JPY").unwrap(),
        }
    }

    fn sold(id: ProductId, price: (&str, &str), available: u32) -> Product {
        Product {
            id,
            name: "tea, renamed".into(),
            price: Money::parse(price.0, price.1).unwrap(),
            available,
        }
    }

    fn cart(lines: Vec<CartLine>, products: &[Product]) -> Cart {
        Cart::of(CartLines { version: 1, lines }, products)
    }

    #[test]
    fn line_notes_changes_of_price_and_stock() {
        let id = ProductId::generate();
        let cases = [
            ("100", 5, vec![]),
            ("100.00", 3, vec![]),
            ("101", 5, vec![Note::PriceChanged]),
            ("100", 2, vec![Note::InsufficientStock]),
            ("99", 0, vec![Note::PriceChanged, Note::OutOfStock]),
        ];
        for (price, available, notes) in cases {
            let cart = cart(vec![kept(id, "100", 3)], &[sold(id, (price, "JPY"), available)]);
            assert_eq!(cart.items[0].notes, notes, "{available} left at {price}");
            assert_eq!(
                cart.items[0].name, "tea, renamed",
                "the cart shows the current name"
            );
        }
    }

    #[test]
    fn deleted_product_is_shown_and_not_counted_in_the_total() {
        let (here, gone) = (ProductId::generate(), ProductId::generate());
        let lines = vec![kept(gone, "70", 1), kept(here, "100", 3)];
        let cart = cart(lines, &[sold(here, ("100", "JPY"), 9)]);
        assert_eq!(cart.items[0].notes, [Note::Deleted]);
        assert_eq!((cart.items[0].name.as_str(), cart.items[0].available), ("tea", 0));
        assert_eq!(cart.total, Some(Money::parse("300", "JPY").unwrap()));
    }

    #[test]
    fn cart_that_cannot_be_ordered_has_no_total() {
        let (a, b) = (ProductId::generate(), ProductId::generate());
        assert_eq!(cart(vec![], &[]).total, None);
        assert_eq!(
            cart(vec![kept(a, "1", 1)], &[]).total,
            None,
            "all products are deleted"
        );
        let products = [sold(a, ("1", "JPY"), 9), sold(b, ("1", "USD"), 9)];
        assert_eq!(
            cart(vec![kept(a, "1", 1), kept(b, "1", 1)], &products).total,
            None
        );
    }
}
