//! What a product is, what may be said about one, and what of it who may see.

use std::str::FromStr;

use kernel::{Caller, Money, ProductId, TextError, Timestamp, clean, is_hidden};

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

/// What a new product begins with.
#[derive(Clone, Debug)]
pub(crate) struct NewProduct {
    pub(crate) id: ProductId,
    pub(crate) name: Name,
    pub(crate) description: Description,
    pub(crate) price: Money,
    pub(crate) image_url: Option<ImageUrl>,
    pub(crate) stock: Quantity,
}

/// What a product is to become; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) name: Option<Name>,
    pub(crate) description: Option<Description>,
    pub(crate) price: Option<Money>,
    /// `Some(None)` takes the picture away.
    pub(crate) image_url: Option<Option<ImageUrl>>,
}

/// A text that cannot be the name of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    #[error("must not be empty")]
    Empty,
    #[error(transparent)]
    Text(#[from] TextError),
}

/// What a product is called: 1 to 200 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    const MOST: usize = 200;

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = clean(text, Self::MOST)?;
        let is_name = !text.is_empty();
        is_name.then_some(Self(text)).ok_or(NameError::Empty)
    }
}

/// What a customer should know about a product: at most 2000 characters, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description(String);

impl Description {
    const MOST: usize = 2000;

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Description {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        clean(text, Self::MOST).map(Self)
    }
}

/// A text that leads to no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImageUrlError {
    #[error("must be an https URL, or a path that begins with a single slash")]
    Form,
    #[error(transparent)]
    Text(#[from] TextError),
}

/// Where a picture of a product is: an https URL, or a path on the same site; at most 500 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageUrl(String);

impl ImageUrl {
    const MOST: usize = 500;

    /// Nothing is no picture.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, ImageUrlError> {
        let text = clean(text, Self::MOST)?;
        match text.as_str() {
            "" => Ok(None),
            url if is_picture(url) => Ok(Some(Self(text))),
            _ => Err(ImageUrlError::Form),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Browsers read a backslash as a slash (URL Standard, "special" schemes), so that `/\host` leads to another site as `//host`
/// does; what stands before an `@`, or cannot be seen, only serves to mislead; white space and quotes break out of where a page
/// puts the URL.
fn is_picture(url: &str) -> bool {
    let is_plain = !url.contains(|c: char| c.is_whitespace() || is_hidden(c) || r#"\"'<>`"#.contains(c));
    let leads = match url.strip_prefix("https://") {
        Some(rest) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            !host.is_empty() && !host.contains('@')
        }
        None => url.starts_with('/') && !url.starts_with("//"),
    };
    is_plain && leads
}

/// A number of pieces that no warehouse holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 0 to {}", Quantity::MOST)]
pub(crate) struct QuantityError;

/// How many pieces a person says there are: 0 to 1000000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quantity(i32);

impl Quantity {
    const MOST: i32 = 1_000_000;

    pub(crate) fn get(self) -> i32 {
        self.0
    }
}

impl TryFrom<i32> for Quantity {
    type Error = QuantityError;

    fn try_from(pieces: i32) -> Result<Self, QuantityError> {
        let fits = (0..=Self::MOST).contains(&pieces);
        fits.then_some(Self(pieces)).ok_or(QuantityError)
    }
}

/// More products than one call may ask for, or an id that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BatchError {
    #[error("must be at most {} ids", Batch::MOST)]
    TooMany,
    #[error("must be UUIDs such as 0190163d-8694-739b-aea5-966c26f8ad91, and number {0} is none")]
    Id(usize),
}

/// The ids of several products: at most 100, in the order asked for, any of them as often as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch(Vec<ProductId>);

impl Batch {
    const MOST: usize = 100;

    pub(crate) fn parse(ids: &[String]) -> Result<Self, BatchError> {
        if ids.len() > Self::MOST {
            return Err(BatchError::TooMany);
        }
        let parse = |(index, id): (usize, &String)| id.parse().map_err(|_| BatchError::Id(index + 1));
        ids.iter()
            .enumerate()
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn ids(&self) -> &[ProductId] {
        &self.0
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

    #[test]
    fn a_name_is_there_and_fits() {
        assert_eq!(" 抹茶 ".parse::<Name>().unwrap().as_str(), "抹茶");
        for text in ["", " \u{3000}"] {
            assert_eq!(text.parse::<Name>(), Err(NameError::Empty), "{text:?}");
        }
        assert!("茶".repeat(200).parse::<Name>().is_ok());
        let too_long = Err(NameError::Text(TextError::TooLong(200)));
        assert_eq!("茶".repeat(201).parse::<Name>(), too_long);
        assert!(
            "a\nb".parse::<Name>().is_err(),
            "a line break is a control character"
        );
    }

    #[test]
    fn a_description_may_be_empty() {
        assert_eq!("".parse::<Description>().unwrap().as_str(), "");
        assert!("茶".repeat(2000).parse::<Description>().is_ok());
        assert!("茶".repeat(2001).parse::<Description>().is_err());
    }

    #[test]
    fn a_picture_is_an_https_url_or_a_path() {
        for text in [
            "/",
            "/a.jpg",
            "https://a",
            "https://images.example/a.jpg?x=1#y",
            "/茶.jpg",
        ] {
            let url = ImageUrl::parse(text).unwrap().unwrap();
            assert_eq!(url.as_str(), text);
        }
        assert_eq!(ImageUrl::parse("  "), Ok(None), "nothing is no picture");
        for text in [
            "a.jpg",
            "http://a/b",
            "HTTPS://a/b",
            "https://",
            "https:///b",
            "https://?b",
            "https://user@a/b",
            "//a/b",
            "/\\a/b",
            "https://a\\b",
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "/a b",
            "/a\"onerror=",
            "/<script>",
            "https://exam\u{ad}ple.com/a",
        ] {
            assert_eq!(
                ImageUrl::parse(text),
                Err(ImageUrlError::Form),
                "{text:?} is no picture"
            );
        }
        let path = |length: usize| format!("/{}", "a".repeat(length - 1));
        assert!(ImageUrl::parse(&path(500)).is_ok());
        assert!(ImageUrl::parse(&path(501)).is_err());
    }

    #[test]
    fn a_quantity_is_0_to_a_million() {
        for (pieces, fits) in [
            (0, true),
            (1_000_000, true),
            (-1, false),
            (1_000_001, false),
            (i32::MIN, false),
        ] {
            assert_eq!(Quantity::try_from(pieces).is_ok(), fits, "{pieces}");
        }
    }

    #[test]
    fn a_batch_keeps_the_order_and_what_comes_twice() {
        let (one, two) = (ProductId::generate(), ProductId::generate());
        let texts = [two.to_string(), one.to_string().to_uppercase(), two.to_string()];
        assert_eq!(Batch::parse(&texts).unwrap().ids(), [two, one, two]);
        assert_eq!(Batch::parse(&[]).unwrap().ids(), []);
        assert_eq!(Batch::parse(&["x".into()]), Err(BatchError::Id(1)));
        let many = vec![one.to_string(); 101];
        assert!(Batch::parse(&many[..100]).is_ok());
        assert_eq!(Batch::parse(&many), Err(BatchError::TooMany));
    }
}
