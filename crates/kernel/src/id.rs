//! Identifiers. Each kind has its own type, so that code which swaps two of them does not compile.
//!
//! ```compile_fail,E0308
//! fn find(_: kernel_ids::ProductId) {}
//! # mod kernel_ids { pub use akinai_kernel::*; }
//! find(kernel_ids::UserId::generate()); // a user's id instead of a product's
//! ```

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// The text is not a UUID in its hyphenated form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID such as 0190163d-8694-739b-aea5-966c26f8ad91")]
pub struct ParseIdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// New ids are UUIDv7 (RFC 9562, section 5.7), which sort by the time of their creation. Any UUID can be parsed, in the
        /// hyphenated form, in upper or lower case.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, later in order than every id that this instance made before.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id's UUID, for adapters that store or send it.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hyphenated(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id! {
    /// Identifies a user as long as the account exists, and afterwards in records that are kept.
    UserId
}

id! {
    /// Identifies a product of the catalogue.
    ProductId
}

id! {
    /// Identifies an order, and its reservation in the stock.
    OrderId
}

id! {
    /// Identifies an event that a service publishes for others.
    EventId
}

/// `Uuid::parse_str` also accepts the braced, URN and undashed forms. If one value had several spellings, caches, logs and
/// clients could disagree about it.
fn parse_hyphenated(text: &str) -> Result<Uuid, ParseIdError> {
    if text.len() != uuid::fmt::Hyphenated::LENGTH {
        return Err(ParseIdError);
    }
    Uuid::parse_str(text).map_err(|_| ParseIdError)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    #[test]
    fn id_survives_a_round_trip_through_text() {
        let id: ProductId = TEXT.parse().unwrap();
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(
            TEXT.to_uppercase().parse::<ProductId>(),
            Ok(id),
            "case does not matter"
        );
    }

    #[test]
    fn only_the_hyphenated_form_is_accepted() {
        let other_forms = [
            "",
            "42",
            "not-a-uuid",
            "' or ''='",
            "\0",
            "0190163d8694739baea5966c26f8ad91",
            "{0190163d-8694-739b-aea5-966c26f8ad91}",
            "urn:uuid:0190163d-8694-739b-aea5-966c26f8ad91",
            "0190163d-8694-739b-aea5-966c26f8ad9g",
            " 0190163d-8694-739b-aea5-966c26f8ad91",
            "０190163d-8694-739b-aea5-966c26f8ad9",
        ];
        for text in other_forms {
            assert_eq!(text.parse::<UserId>(), Err(ParseIdError), "{text:?} is not an id");
        }
    }

    #[test]
    fn generated_ids_sort_by_creation() {
        let ids: Vec<UserId> = (0..1000).map(|_| UserId::generate()).collect();
        assert!(ids.is_sorted(), "each id is later than the one before");
    }
}
