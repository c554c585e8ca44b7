//! Pages: lists are cut by key, never by offset, so that rows added or deleted meanwhile neither repeat nor hide one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::Violations;

/// The page size where a request names none.
pub const DEFAULT_PAGE_SIZE: u32 = 20;

/// The largest page that can be asked for.
pub const MAX_PAGE_SIZE: u32 = 100;

/// How many items a page may hold: 1 to [`MAX_PAGE_SIZE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u32);

/// A page size outside its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to {MAX_PAGE_SIZE}, or 0 for {DEFAULT_PAGE_SIZE}")]
pub struct PageSizeError;

impl PageSize {
    /// The number of items.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<i32> for PageSize {
    type Error = PageSizeError;

    /// 0, which is what proto3 has for an absent field, means the default.
    fn try_from(size: i32) -> Result<Self, PageSizeError> {
        match u32::try_from(size) {
            Ok(0) => Ok(Self(DEFAULT_PAGE_SIZE)),
            Ok(size) if size <= MAX_PAGE_SIZE => Ok(Self(size)),
            _ => Err(PageSizeError),
        }
    }
}

/// Where a page begins: after the row with this key. Opaque to clients, who get it as text and send it back.
///
/// The text is base64url (RFC 4648, section 5) of a version byte and the key, so that another kind of key can follow.
/// It carries no secret and grants nothing: a forged one only begins elsewhere in a list that its sender may read anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageToken(Uuid);

/// A text that is no page token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a token that a list returned: leave it out to begin at the first page")]
pub struct PageTokenError;

impl PageToken {
    const VERSION: u8 = 1;

    /// The page after the row with this key.
    pub fn after(key: Uuid) -> Self {
        Self(key)
    }

    /// The key of the last row that the client has.
    pub fn key(self) -> Uuid {
        self.0
    }

    /// The token as clients see it.
    pub fn encode(self) -> String {
        let mut bytes = [Self::VERSION; 17];
        bytes[1..].copy_from_slice(self.0.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`encode`](Self::encode) wrote; anything else is an error.
    pub fn decode(text: &str) -> Result<Self, PageTokenError> {
        let mut bytes = [0; 17];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(17) if bytes[0] == Self::VERSION => Uuid::from_slice(&bytes[1..])
                .map(Self)
                .map_err(|_| PageTokenError),
            _ => Err(PageTokenError),
        }
    }
}

/// Which page of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at the most.
    pub size: PageSize,
    /// Where it begins; `None` is the first page.
    pub token: Option<PageToken>,
}

impl PageRequest {
    /// Parses what a request for a page says; the empty token is the first page's.
    pub fn parse(size: i32, token: &str) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let token = (!token.is_empty()).then(|| PageToken::decode(token)).transpose();
        let size = violations.take("pageSize", PageSize::try_from(size));
        let token = violations.take("pageToken", token);
        size.zip(token)
            .map(|(size, token)| Self { size, token })
            .ok_or(violations)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<PageToken>,
}

impl<T> Page<T> {
    /// Makes a page of rows that were read with one more than was asked for: the one too many tells that there is a next
    /// page, without counting anything.
    pub fn cut(mut rows: Vec<T>, size: PageSize, key: impl Fn(&T) -> Uuid) -> Self {
        let size = size.get() as usize;
        let more = rows.len() > size;
        rows.truncate(size);
        let next = rows
            .last()
            .filter(|_| more)
            .map(|last| PageToken::after(key(last)));
        Self { items: rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_size_is_1_to_100_and_0_means_20() {
        let sizes = [
            (0, Some(20)),
            (1, Some(1)),
            (100, Some(100)),
            (101, None),
            (-1, None),
            (i32::MIN, None),
        ];
        for (asked, given) in sizes {
            assert_eq!(
                PageSize::try_from(asked).ok().map(PageSize::get),
                given,
                "page size for {asked}"
            );
        }
    }

    #[test]
    fn a_token_survives_a_round_trip_and_nothing_else_is_one() {
        let token = PageToken::after(Uuid::now_v7());
        let text = token.encode();
        assert_eq!(PageToken::decode(&text), Ok(token));

        let other_version = URL_SAFE_NO_PAD.encode([9; 17]);
        let longer = format!("{text}AAAA");
        for text in ["", "x", "!!!!", "日本", &text[1..], &longer, &other_version] {
            assert_eq!(
                PageToken::decode(text),
                Err(PageTokenError),
                "{text:?} is no token"
            );
        }
    }

    #[test]
    fn a_request_for_a_page_says_all_that_is_wrong_with_it() {
        let first = PageRequest::parse(0, "").unwrap();
        assert_eq!(
            (first.size.get(), first.token),
            (20, None),
            "what is left out has its default"
        );
        let token = PageToken::after(Uuid::now_v7());
        assert_eq!(PageRequest::parse(3, &token.encode()).unwrap().token, Some(token));

        let refused = PageRequest::parse(101, "nonsense").unwrap_err();
        let fields: Vec<_> = refused.iter().map(|violation| violation.field).collect();
        assert_eq!(fields, ["pageSize", "pageToken"]);
    }

    #[test]
    fn a_page_has_a_next_one_only_when_a_row_is_left_over() {
        let keys: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
        let size = PageSize(2);

        let page = Page::cut(keys.clone(), size, |key| *key);
        assert_eq!(page.items, keys[..2], "the row too many is not part of the page");
        assert_eq!(
            page.next,
            Some(PageToken::after(keys[1])),
            "the next page begins after the last row given"
        );

        let last = Page::cut(keys[..2].to_vec(), size, |key| *key);
        assert_eq!(last.next, None, "a full page with nothing behind it is the last");
        assert_eq!(
            Page::cut(Vec::new(), size, |key: &Uuid| *key).next,
            None,
            "an empty list has one page"
        );
    }
}
