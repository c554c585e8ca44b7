//! Telling the edge, by way of Redis, that tokens were revoked.

use std::{rc::Rc, time::SystemTime};

use connect::wkt;
use kernel::UserId;
use platform::{
    log::{self, Names},
    redis::{Argument, Redis, Script},
    variables,
};

use crate::service::Revocations;

/// The variable with the address of Redis.
const REDIS: &str = "redis_url";

/// Where subscribers hear of it: `{"user_id": "…", "timestamp": "…"}`, the time in RFC 3339.
const CHANNEL: &str = "user.logout";

/// How long a mark stays, in seconds: far longer than the minute for which anybody remembers a verdict on a token.
const SECONDS: i64 = 600;

/// Leaves a mark and publishes, in one round trip. The mark is the time in microseconds by the clock of Redis, the one that
/// all who read it share: what was found out about a token until then counts no more.
///
/// Running it twice does no harm: the mark is renewed, and subscribers forget again what they have forgotten.
const MARK: &str = "local now = redis.call('TIME') \
     redis.call('SET', KEYS[1], string.format('%.0f', now[1] * 1000000 + now[2]), 'EX', ARGV[1]) \
     return { redis.call('PUBLISH', ARGV[2], ARGV[3]) }";

thread_local! {
    static SCRIPT: Rc<Script> = Rc::new(Script::new(&[MARK]));
}

/// Marks and messages in the Redis that `spin.toml` grants.
pub(crate) struct Marks;

impl Revocations for Marks {
    async fn revoked(&self, user: UserId) {
        if let Err(cause) = tell(user).await {
            log::error(
                Names::NONE,
                format_args!("the edge was not told of a revocation: {cause}"),
            );
        }
    }
}

async fn tell(user: UserId) -> Result<(), String> {
    let prefix = variables::get("redis_prefix")
        .await
        .map_err(|error| error.to_string())?;
    let redis = Redis::from_variable(REDIS)
        .await
        .map_err(|error| error.to_string())?;
    let message = message(user, SystemTime::now().into());
    let arguments = [
        Argument::Number(SECONDS),
        Argument::Text(CHANNEL),
        Argument::Text(&message),
    ];
    let script = SCRIPT.with(Rc::clone);
    let told = redis.run(&script, &[&mark(&prefix, user)], &arguments).await;
    told.map(drop).map_err(|error| error.to_string())
}

/// The key of the mark; the bff looks for it there.
fn mark(prefix: &str, user: UserId) -> String {
    format!("{prefix}:revoked:{user}")
}

/// Neither an id nor a time has a character that JSON would escape.
fn message(user: UserId, now: wkt::Timestamp) -> String {
    format!(r#"{{"user_id": "{user}", "timestamp": "{now}"}}"#)
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
        assert_eq!(
            mark("akinai", user),
            "akinai:revoked:0190163d-8694-739b-aea5-966c26f8ad91"
        );
        assert_eq!(
            message(user, now),
            r#"{"user_id": "0190163d-8694-739b-aea5-966c26f8ad91", "timestamp": "2026-11-22T12:00:00Z"}"#
        );
    }
}
