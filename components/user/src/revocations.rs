//! Telling the edge, by way of Redis, that tokens were revoked.

use std::time::SystemTime;

use connect::wkt;
use kernel::UserId;
use platform::{
    log,
    redis::{Argument, Redis},
};

use crate::service::Revocations;

/// The variable with the address of Redis.
const REDIS: &str = "redis_url";

/// Where subscribers hear of it: `{"user_id": "…", "timestamp": "…"}`, the time in RFC 3339.
const CHANNEL: &str = "user.logout";

/// How long a mark stays, in seconds: far longer than anybody remembers a verdict on a token.
const SECONDS: i64 = 7200;

/// Leaves a mark and publishes, in one round trip. The mark is the time in whole seconds by the clock of Redis, the one that
/// all who read it share: what was found out about a token in that second or before counts no more.
///
/// Running it twice does no harm: the mark is renewed, and subscribers forget again what they have forgotten.
const SCRIPT: &str = "redis.call('SET', KEYS[1], redis.call('TIME')[1], 'EX', ARGV[1]) \
     return redis.call('PUBLISH', ARGV[2], ARGV[3])";

/// Marks and messages in the Redis that `spin.toml` grants.
pub(crate) struct Marks;

impl Revocations for Marks {
    async fn revoked(&self, user: UserId) {
        if let Err(cause) = tell(user).await {
            log::error("", format_args!("the edge was not told of a revocation: {cause}"));
        }
    }
}

async fn tell(user: UserId) -> Result<(), String> {
    let redis = Redis::from_variable(REDIS).await;
    let redis = redis.map_err(|error| error.to_string())?;
    let told = redis
        .execute("EVAL", arguments(user, SystemTime::now().into()))
        .await;
    told.map(|_| ()).map_err(|error| error.to_string())
}

fn arguments(user: UserId, now: wkt::Timestamp) -> [Argument; 6] {
    // Neither an id nor a time has a character that JSON would escape.
    let message = format!(r#"{{"user_id": "{user}", "timestamp": "{now}"}}"#);
    [
        text(SCRIPT),
        Argument::Int64(1),
        text(format!("akinai:revoked:{user}")),
        Argument::Int64(SECONDS),
        text(CHANNEL),
        text(message),
    ]
}

fn text(text: impl Into<Vec<u8>>) -> Argument {
    Argument::Binary(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_and_the_message_name_the_user() {
        let user: UserId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
        let now = wkt::Timestamp {
            seconds: 1_795_348_800,
            nanos: 0,
        };
        let texts = arguments(user, now).map(|argument| match argument {
            Argument::Int64(number) => number.to_string(),
            Argument::Binary(bytes) => String::from_utf8(bytes).unwrap(),
        });
        let expected = [
            "1",
            "akinai:revoked:0190163d-8694-739b-aea5-966c26f8ad91",
            "7200",
            "user.logout",
            r#"{"user_id": "0190163d-8694-739b-aea5-966c26f8ad91", "timestamp": "2026-11-22T12:00:00Z"}"#,
        ];
        assert_eq!(texts[1..], expected, "what follows the script");
    }
}
