//! Telling others that tokens were revoked: the edge, by way of Redis, and the issuer, where sessions end with them.

use std::{
    rc::Rc,
    time::{Duration, SystemTime},
};

use connect::wkt;
use futures::future::{join, try_join_all};
use kernel::UserId;
use spin_adapters::{
    clock::within,
    log,
    redis::{Argument, Redis, Script},
    variables,
};
use web::request_id::RequestIds;

use crate::{
    hydra::Hydra,
    service::{Revocations, Sessions},
};

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

/// How long the issuer may take to end sessions. It is there as a rule; and where it is not, the sessions that it goes on
/// remembering let nobody in (`login_sessions`).
const ISSUER_LIMIT: Duration = Duration::from_secs(1);

/// How many sessions the issuer is told of at most. A browser is remembered by one of them, which is among the newest; the
/// others have ended here already, so the platform refuses them.
const MOST_TOLD: usize = 16;

/// Marks and messages in the Redis that `spin.toml` grants, and the sessions of the issuer.
pub(crate) struct Marks;

impl Revocations for Marks {
    async fn revoked(&self, user: UserId, sessions: Sessions<'_>) {
        let (edge, issuer) = join(tell(user), end_sessions(user, sessions)).await;
        for (whom, told) in [("the edge", edge), ("the issuer", issuer)] {
            if let Err(cause) = told {
                log::error(
                    RequestIds::NONE,
                    format_args!("{whom} was not told of a revocation: {cause}"),
                );
            }
        }
    }
}

async fn end_sessions(user: UserId, sessions: Sessions<'_>) -> Result<(), String> {
    let ended = async {
        let hydra = Hydra::from_variable().await?;
        match sessions {
            Sessions::These(sessions) => {
                let newest = sessions.iter().take(MOST_TOLD);
                let ended = try_join_all(newest.map(|session| hydra.end_session(session)));
                ended.await.map(drop)
            }
            Sessions::All => {
                let user = user.to_string();
                let (logins, consents) = join(hydra.end_logins(&user), hydra.end_consents(&user)).await;
                logins.and(consents)
            }
        }
    };
    let ended = within(ISSUER_LIMIT, ended).await;
    ended
        .map_err(|elapsed| elapsed.to_string())?
        .map_err(|error| error.to_string())
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
