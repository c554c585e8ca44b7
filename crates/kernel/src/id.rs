//! Identifiers: a type each, so that swapping two of them does not compile.
//!
//! ```compile_fail,E0308
//! fn find(_: kernel_ids::ProductId) {}
//! # mod kernel_ids { pub use akinai_kernel::*; }
//! find(kernel_ids::UserId::generate()); // a user's id where a product's is wanted
//! ```

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// A text that is no UUID in its hyphenated form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID such as 0190163d-8694-739b-aea5-966c26f8ad91")]
pub struct ParseIdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// New ones are UUIDv7 (RFC 9562, section 5.7), which sort by the time of their creation; any UUID is accepted
        /// where one is parsed, in the hyphenated form, upper or lower case.
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
    /// Identifies a user for as long as the account exists, and after its deletion in records that outlive it.
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

/// `Uuid::parse_str` also takes the braced, URN and undashed forms; one value with several spellings invites
/// disagreement between caches, logs and clients.
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
    fn an_id_survives_a_round_trip_through_text() {
        let id: ProductId = TEXT.parse().unwrap();
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(
            TEXT.to_uppercase().parse::<ProductId>(),
            Ok(id),
            "case does not matter"
        );
    }

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
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
