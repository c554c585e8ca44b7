//! Products, the rules for their fields, and the view of a product that a caller gets.

use std::str::FromStr;

use kernel::{Caller, Money, ProductId, TextError, Timestamp, Violations, clean, is_hidden};

/// A product of the catalogue.
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

/// The stock of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stock {
    /// Pieces in the warehouse.
    pub(crate) quantity: u32,
    /// The pieces that are reserved for orders which are being placed. They are part of `quantity`.
    pub(crate) reserved: u32,
    /// Raised by every change of `quantity`.
    pub(crate) version: u64,
}

impl Stock {
    /// The number of pieces that can be ordered now.
    pub(crate) fn available(self) -> u32 {
        self.quantity.saturating_sub(self.reserved)
    }
}

/// A product with the fields that its caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) product: Product,
    pub(crate) available: u32,
    /// Present only for admins.
    pub(crate) stock: Option<Stock>,
}

impl View {
    /// The view of a product for this caller.
    pub(crate) fn of(product: Product, stock: Stock, caller: &Caller) -> Self {
        Self {
            product,
            available: stock.available(),
            stock: caller.is_admin().then_some(stock),
        }
    }
}

/// A product to insert.
#[derive(Clone, Debug)]
pub(crate) struct NewProduct {
    pub(crate) id: ProductId,
    pub(crate) name: Name,
    pub(crate) description: Description,
    pub(crate) price: Money,
    pub(crate) image_url: Option<ImageUrl>,
    pub(crate) stock: Quantity,
}

/// A change of a product. Fields that are `None` stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) name: Option<Name>,
    pub(crate) description: Option<Description>,
    pub(crate) price: Option<Money>,
    /// `Some(None)` removes the picture.
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

/// The name of a product: 1 to 200 characters.
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

/// The description of a product: at most 2000 characters. It may be empty.
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

/// A text that is not an address of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImageUrlError {
    #[error("must be an https URL, or a path that begins with a single slash")]
    Form,
    #[error(transparent)]
    Text(#[from] TextError),
}

/// The address of a product's picture: an https URL, or a path on the same site. At most 500 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageUrl(String);

impl ImageUrl {
    const MOST: usize = 500;

    /// Parses an address. The empty text means that there is no picture.
    ///
    /// # Errors
    /// See [`ImageUrlError`].
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

/// Browsers read a backslash as a slash (URL Standard, "special" schemes), so `/\host` leads to another site, like
/// `//host`. User information before an `@` and invisible characters only mislead readers. White space and quotes could
/// end the attribute into which a page writes the URL.
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

/// A number of pieces out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 0 to {}", Quantity::MOST)]
pub(crate) struct QuantityError;

/// A counted number of pieces: 0 to 1000000.
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

/// The ids of several products: at most 100, in the order of the request, with repetitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch(Vec<ProductId>);

impl Batch {
    const MOST: usize = 100;

    /// Parses the request's field `ids`.
    ///
    /// # Errors
    /// There are too many ids, or some of them are malformed. The error names all malformed ids.
    pub(crate) fn parse(ids: &[String]) -> Result<Self, Violations> {
        if ids.len() > Self::MOST {
            let most = format_args!("must have at most {} entries", Self::MOST);
            return Err(Violations::one("ids", most));
        }
        let mut violations = Violations::default();
        let parsed = ids.iter().enumerate();
        let parsed = parsed.filter_map(|(index, id)| violations.take(format!("ids[{index}]"), id.parse()));
        let parsed = Self(parsed.collect());
        violations.is_empty().then_some(parsed).ok_or(violations)
    }

    pub(crate) fn ids(&self) -> &[ProductId] {
        &self.0
    }
}

/// A search: the text that the name or the description of a product must contain. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query(String);

impl Query {
    /// The longest query, in characters.
    const MOST: usize = 100;

    /// Cleans the text of a search. `None` for a blank text.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, TextError> {
        let text = clean(text, Self::MOST)?;
        Ok((!text.is_empty()).then_some(Self(text)))
    }

    /// The text to search for, taken literally: it has no wildcards.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_pieces_are_not_available() {
        let stock = |quantity, reserved| Stock {
            quantity,
            reserved,
            version: 1,
        };
        assert_eq!(stock(5, 2).available(), 3);
        assert_eq!(stock(5, 5).available(), 0);
    }

    #[test]
    fn query_has_at_most_100_characters_and_a_blank_one_is_no_search() {
        assert_eq!(Query::parse(" \t\u{3000}"), Ok(None));
        assert_eq!(Query::parse(" 茶 ").unwrap().unwrap().text(), "茶");
        assert!(Query::parse(&"茶".repeat(100)).is_ok());
        assert_eq!(Query::parse(&"茶".repeat(101)), Err(TextError::TooLong(100)));
        for query in ["a\0b", "a\nb"] {
            assert!(Query::parse(query).is_err(), "{query:?} has a control character");
        }
    }

    #[test]
    fn a_name_has_1_to_200_characters() {
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
        assert_eq!(ImageUrl::parse("  "), Ok(None), "a blank text means no picture");
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
                "{text:?} is no address of a picture"
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
    fn a_batch_keeps_order_and_repetitions() {
        let (one, two) = (ProductId::generate(), ProductId::generate());
        let texts = [two.to_string(), one.to_string().to_uppercase(), two.to_string()];
        assert_eq!(Batch::parse(&texts).unwrap().ids(), [two, one, two]);
        assert_eq!(Batch::parse(&[]).unwrap().ids(), []);
        let violations = |ids: &[String]| Batch::parse(ids).unwrap_err().to_string();
        let uuid = "must be a UUID such as 0190163d-8694-739b-aea5-966c26f8ad91";
        assert_eq!(
            violations(&["x".into(), one.to_string(), "".into()]),
            format!("ids[0] {uuid}; ids[2] {uuid}")
        );
        let many = vec![one.to_string(); 101];
        assert!(Batch::parse(&many[..100]).is_ok());
        assert_eq!(violations(&many), "ids must have at most 100 entries");
    }
}
