//! The layout of what components tell others: the message of a revocation and the entry of an order event.

use std::fmt::Display;

use kernel::{OrderId, UserId};
use serde::{Deserialize, Serialize};

/// The channel on which the user component publishes revocations, as [`LogoutMessage`]s.
pub const LOGOUT_CHANNEL: &str = "user.logout";

/// The longest message that is read, in bytes: ours have about 95.
const MAX_MESSAGE: usize = 1024;

/// The tokens of a user were revoked: `{"user_id": "…", "timestamp": "…"}`. Later versions may have more members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogoutMessage {
    user_id: String,
    /// In RFC 3339. A reader ignores it: to delete cached data again does no harm.
    timestamp: String,
}

/// The member of a [`LogoutMessage`] that is read.
#[derive(Deserialize)]
struct ReceivedLogout {
    user_id: String,
}

/// A message that is not a [`LogoutMessage`]. Its text does not quote the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoutMessageError {
    /// It has more than 1024 bytes.
    #[error("it is too long")]
    TooLong,
    /// It has another form.
    #[error("it is not a JSON object with a text `user_id`")]
    Malformed,
    /// It names no user.
    #[error("its `user_id` is not a UUID")]
    UserId,
}

impl LogoutMessage {
    /// The message about this user. `timestamp` is the time of the revocation in RFC 3339.
    pub fn new(user: UserId, timestamp: impl Display) -> Self {
        Self {
            user_id: user.to_string(),
            timestamp: timestamp.to_string(),
        }
    }

    /// The message as it is published.
    ///
    /// # Errors
    /// None for what [`LogoutMessage::new`] makes.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// Reads the user whose tokens were revoked.
    ///
    /// # Errors
    /// The mistake in the message.
    pub fn user_of(message: &[u8]) -> Result<UserId, LogoutMessageError> {
        if message.len() > MAX_MESSAGE {
            return Err(LogoutMessageError::TooLong);
        }
        let message: ReceivedLogout =
            serde_json::from_slice(message).map_err(|_| LogoutMessageError::Malformed)?;
        message.user_id.parse().map_err(|_| LogoutMessageError::UserId)
    }
}

/// An entry of the stream of order events.
#[derive(Clone, Copy, Debug)]
pub struct OrderEventEntry<'a> {
    /// The id of the event. A subscriber that sees it twice ignores the second.
    pub id: &'a str,
    /// Such as `order.confirmed`.
    pub kind: &'a str,
    /// The order.
    pub order: OrderId,
    /// The order's version after the change.
    pub version: u64,
    /// A JSON object.
    pub payload: &'a str,
}

impl OrderEventEntry<'_> {
    /// The entry as names and values of its fields, in turn.
    pub fn fields(&self) -> [String; 10] {
        [
            "id".to_owned(),
            self.id.to_owned(),
            "type".to_owned(),
            self.kind.to_owned(),
            "order_id".to_owned(),
            self.order.to_string(),
            "version".to_owned(),
            self.version.to_string(),
            "payload".to_owned(),
            self.payload.to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    #[test]
    fn logout_message_names_a_user() {
        let user: UserId = ID.parse().expect("an id");
        let message = LogoutMessage::new(user, "2026-11-22T12:00:00Z")
            .to_json()
            .expect("JSON");
        assert_eq!(
            message,
            r#"{"user_id":"0190163d-8694-739b-aea5-966c26f8ad91","timestamp":"2026-11-22T12:00:00Z"}"#
        );
        assert_eq!(LogoutMessage::user_of(message.as_bytes()), Ok(user));
        for others in [
            r#""reason": "theft""#,
            r#""timestamp": 7"#,
            r#""timestamp": null"#,
        ] {
            let message = format!(r#"{{"user_id": "{ID}", {others}}}"#);
            assert_eq!(
                LogoutMessage::user_of(message.as_bytes()),
                Ok(user),
                "only `user_id` is read, not {others}"
            );
        }
    }

    #[test]
    fn malformed_message_is_an_error_that_does_not_quote_it() {
        let huge = format!(r#"{{"user_id": "{}"}}"#, "9".repeat(5000));
        for wrong in [
            "",
            "hana",
            "[]",
            "{}",
            r#"{"user_id": 7}"#,
            r#"{"user_id": "hana*"}"#,
            "\u{0}",
            &huge,
        ] {
            let error = LogoutMessage::user_of(wrong.as_bytes()).expect_err("it is malformed");
            assert!(!error.to_string().contains("hana"), "{error}");
        }
        assert!(LogoutMessage::user_of(b"\xff\xfe").is_err(), "it is not UTF-8");
    }

    #[test]
    fn order_event_has_five_fields() {
        let entry = OrderEventEntry {
            id: "e1",
            kind: "order.confirmed",
            order: ID.parse().expect("an id"),
            version: 2,
            payload: "{}",
        };
        let expected = [
            "id",
            "e1",
            "type",
            "order.confirmed",
            "order_id",
            ID,
            "version",
            "2",
            "payload",
            "{}",
        ];
        assert_eq!(entry.fields(), expected);
    }
}
