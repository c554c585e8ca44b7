//! The message of `user.logout`: `{"user_id": "…", "timestamp": "…"}`.

use kernel::UserId;
use serde::Deserialize;

/// The longest message that is read, in bytes: ours have about 95.
const MAX_MESSAGE: usize = 1024;

#[derive(Deserialize)]
struct Message {
    user_id: String,
}

/// Reads the user whose tokens were revoked. The time does not matter here: deleting cached data again does no harm.
///
/// # Errors
/// What is wrong with the message, without quoting it.
pub(crate) fn parse(message: &[u8]) -> Result<UserId, &'static str> {
    if message.len() > MAX_MESSAGE {
        return Err("it is too long");
    }
    let message: Message =
        serde_json::from_slice(message).map_err(|_| "it is not a JSON object with a text `user_id`")?;
    message.user_id.parse().map_err(|_| "its `user_id` is not a UUID")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    #[test]
    fn message_names_a_user() {
        let message = format!(r#"{{"user_id": "{ID}", "timestamp": "2026-11-22T12:00:00Z"}}"#);
        assert_eq!(parse(message.as_bytes()), Ok(ID.parse().expect("an id")));
        let with_more = format!(r#"{{"user_id": "{ID}", "reason": "theft"}}"#);
        assert!(
            parse(with_more.as_bytes()).is_ok(),
            "later versions may have more members"
        );
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
            let error = parse(wrong.as_bytes()).expect_err("it is malformed");
            assert!(!error.contains("hana"), "{error}");
        }
        assert!(parse(b"\xff\xfe").is_err(), "it is not UTF-8");
    }
}
