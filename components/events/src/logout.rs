//! The message of `user.logout`: `{"user_id": "…", "timestamp": "…"}`.

use kernel::UserId;
use serde::Deserialize;

/// The longest message that is read, in bytes: ours have 95.
const LONGEST: usize = 1024;

#[derive(Deserialize)]
struct Message {
    user_id: String,
}

/// The user whose tokens were revoked. When that was is of no importance here: to forget once more does no harm.
///
/// # Errors
/// What is wrong with the message, in words that quote nothing of it.
pub(crate) fn parse(message: &[u8]) -> Result<UserId, &'static str> {
    if message.len() > LONGEST {
        return Err("it is too long");
    }
    let message: Message =
        serde_json::from_slice(message).map_err(|_| "it is no JSON object with a text `user_id`")?;
    message.user_id.parse().map_err(|_| "its `user_id` is no UUID")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    #[test]
    fn a_message_names_a_user() {
        let message = format!(r#"{{"user_id": "{ID}", "timestamp": "2026-11-22T12:00:00Z"}}"#);
        assert_eq!(parse(message.as_bytes()), Ok(ID.parse().expect("an id")));
        let with_more = format!(r#"{{"user_id": "{ID}", "reason": "theft"}}"#);
        assert!(parse(with_more.as_bytes()).is_ok(), "later versions may say more");
    }

    #[test]
    fn anything_else_is_an_error_that_quotes_nothing() {
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
            let error = parse(wrong.as_bytes()).expect_err("it is no message");
            assert!(!error.contains("hana"), "{error}");
        }
        assert!(parse(b"\xff\xfe").is_err(), "not even a text");
    }
}
