//! Pages of lists. A page begins after a key, never at an offset. So rows that are added or deleted meanwhile neither repeat
//! nor hide another row.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::Violations;

/// The page size if a request names none.
pub const DEFAULT_PAGE_SIZE: u32 = 20;

/// The largest page size.
pub const MAX_PAGE_SIZE: u32 = 100;

/// The maximum number of items of a page: 1 to [`MAX_PAGE_SIZE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u32);

/// The page size is out of range.
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

    /// 0 means the default: it is the value of an absent field in proto3.
    fn try_from(size: i32) -> Result<Self, PageSizeError> {
        match u32::try_from(size) {
            Ok(0) => Ok(Self(DEFAULT_PAGE_SIZE)),
            Ok(size) if size <= MAX_PAGE_SIZE => Ok(Self(size)),
            _ => Err(PageSizeError),
        }
    }
}

/// Identifies a list: its method, its owner and all filters. Two requests with the same scope read the same list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListScope([u8; Self::LENGTH]);

impl ListScope {
    /// The length of the hash in bytes. It is long enough that two lists of one caller do not have the same hash by chance.
    /// A caller who forges one gains nothing: see [`PageToken`].
    const LENGTH: usize = 8;

    /// The scope of a list: its name, and the values of the request and its caller that select the rows, always in the same
    /// order. The page size is not part of it: it may change from page to page (AIP-158).
    pub fn of<'a>(list: &'a str, choices: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(list).chain(choices) {
            // Each part has its length in front, so that two different lists of parts never have the same bytes.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        Self(std::array::from_fn(|index| hash[index]))
    }
}

/// The beginning of a page: after the row with this key, in one list. For clients it is an opaque text. They send it back
/// with the same request to get the next page.
///
/// The text is base64url (RFC 4648, section 5) of a version byte, the scope of the list and the key. The version byte allows
/// another kind of key later. The text has no secret and grants no right: with a forged token, a page only begins elsewhere
/// in a list that the client may read anyway. A token that is sent with another query is refused because of the scope;
/// otherwise the page would begin at an arbitrary place of that list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageToken {
    key: Uuid,
    scope: ListScope,
}

/// The text is not a page token of this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a token that this list returned: send it with the request that it came from, or leave it out for the first page"
)]
pub struct PageTokenError;

impl PageToken {
    /// Version 1 had no scope.
    const VERSION: u8 = 2;
    const LENGTH: usize = 1 + ListScope::LENGTH + 16;

    /// The page of a list after the row with this key.
    pub fn after(key: Uuid, scope: ListScope) -> Self {
        Self { key, scope }
    }

    /// The key of the last row that the client has.
    pub fn key(self) -> Uuid {
        self.key
    }

    /// The text that clients get.
    pub fn encode(self) -> String {
        let mut bytes = Vec::with_capacity(Self::LENGTH);
        bytes.push(Self::VERSION);
        bytes.extend(self.scope.0);
        bytes.extend(self.key.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Parses a text that [`encode`](Self::encode) returned for the same list. Any other text is an error.
    pub fn decode(text: &str, scope: ListScope) -> Result<Self, PageTokenError> {
        let mut bytes = [0; Self::LENGTH];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes);
        let (head, key) = bytes.split_at(1 + ListScope::LENGTH);
        let is_of_list = length == Ok(Self::LENGTH) && head[0] == Self::VERSION && head[1..] == scope.0;
        let key = Uuid::from_slice(key).map_err(|_| PageTokenError)?;
        is_of_list.then_some(Self { key, scope }).ok_or(PageTokenError)
    }
}

/// A request for a page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The maximum number of items.
    pub size: PageSize,
    /// The beginning of the page; `None` for the first page.
    pub token: Option<PageToken>,
    /// The list.
    pub scope: ListScope,
}

impl PageRequest {
    /// Parses the fields `pageSize` and `pageToken`. An empty token means the first page.
    pub fn parse(size: i32, token: &str, scope: ListScope) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let token = (!token.is_empty())
            .then(|| PageToken::decode(token, scope))
            .transpose();
        let size = violations.take("pageSize", PageSize::try_from(size));
        let token = violations.take("pageToken", token);
        size.zip(token)
            .map(|(size, token)| Self { size, token, scope })
            .ok_or(violations)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// The beginning of the next page; `None` after the last page.
    pub next: Option<PageToken>,
}

impl<T> Page<T> {
    /// Makes a page of rows. The rows were read with a limit of one more than the page size: an additional row means that
    /// there is a next page, so no count is necessary.
    pub fn cut(mut rows: Vec<T>, request: &PageRequest, key: impl Fn(&T) -> Uuid) -> Self {
        let size = request.size.get() as usize;
        let more = rows.len() > size;
        rows.truncate(size);
        let next = rows
            .last()
            .filter(|_| more)
            .map(|last| PageToken::after(key(last), request.scope));
        Self { items: rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> ListScope {
        ListScope::of("products", ["tea"])
    }

    #[test]
    fn page_size_is_1_to_100_and_0_means_20() {
        let sizes = [
            (0, Some(20)),
            (1, Some(1)),
            (100, Some(100)),
            (101, None),
            (-1, None),
            (i32::MAX, None),
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
    fn token_survives_a_round_trip_and_other_texts_are_refused() {
        let token = PageToken::after(Uuid::now_v7(), scope());
        let text = token.encode();
        assert_eq!(PageToken::decode(&text, scope()), Ok(token));

        let other_version = URL_SAFE_NO_PAD.encode([9; PageToken::LENGTH]);
        let first_version = URL_SAFE_NO_PAD.encode([1; 17]);
        let longer = format!("{text}AAAA");
        for text in [
            "",
            "x",
            "!!!!",
            "日本",
            "AAAA",
            "00000000-0000-7000-8000-000000000000",
            "' or 1=1 --",
            &"A".repeat(513),
            &text[1..],
            &longer,
            &other_version,
            &first_version,
        ] {
            assert_eq!(
                PageToken::decode(text, scope()),
                Err(PageTokenError),
                "{text:?} is no token"
            );
        }
    }

    #[test]
    fn token_of_another_list_is_refused() {
        let text = PageToken::after(Uuid::now_v7(), scope()).encode();
        for other in [
            ListScope::of("products", ["te", "a"]),
            ListScope::of("products", ["teas"]),
            ListScope::of("products", []),
            ListScope::of("orders", ["tea"]),
        ] {
            assert_eq!(PageToken::decode(&text, other), Err(PageTokenError), "{other:?}");
        }
    }

    #[test]
    fn all_invalid_fields_of_a_page_request_are_named() {
        let first = PageRequest::parse(0, "", scope()).unwrap();
        assert_eq!(
            (first.size.get(), first.token),
            (20, None),
            "what is left out has its default"
        );
        let token = PageToken::after(Uuid::now_v7(), scope());
        let next = PageRequest::parse(3, &token.encode(), scope()).unwrap();
        assert_eq!(next.token, Some(token), "a token is valid for another page size");

        let refused = PageRequest::parse(101, "nonsense", scope()).unwrap_err();
        let fields: Vec<_> = refused.iter().map(|violation| &*violation.field).collect();
        assert_eq!(fields, ["pageSize", "pageToken"]);
    }

    #[test]
    fn page_has_a_next_page_only_if_there_is_an_additional_row() {
        let keys: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
        let request = PageRequest::parse(2, "", scope()).unwrap();

        let page = Page::cut(keys.clone(), &request, |key| *key);
        assert_eq!(
            page.items,
            keys[..2],
            "the additional row is not part of the page"
        );
        assert_eq!(
            page.next,
            Some(PageToken::after(keys[1], scope())),
            "the next page begins after the last row given"
        );

        let last = Page::cut(keys[..2].to_vec(), &request, |key| *key);
        assert_eq!(
            last.next, None,
            "a full page without an additional row is the last"
        );
        assert_eq!(
            Page::cut(Vec::new(), &request, |key: &Uuid| *key).next,
            None,
            "an empty list has one page"
        );
    }
}
