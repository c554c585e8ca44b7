//! Announces revocations: to the edge and other subscribers over Redis, and to the issuer, which ends its sessions.

use std::{
    rc::Rc,
    time::{Duration, SystemTime},
};

use connect::wkt;
use futures::future::{join, try_join_all};
use kernel::UserId;
use serde::Serialize;
use spin_adapters::{
    clock::within,
    log,
    redis::{Argument, Redis, Script},
    variables,
};
use web::request_id::RequestIds;

use super::hydra::HydraClient;
use crate::accounts::service::{EndedSessions, RevocationListener};

/// The variable with the address of Redis.
const REDIS: &str = "redis_url";

/// The channel of the announcements.
const CHANNEL: &str = "user.logout";

/// How long a mark stays, in seconds: far longer than the minute for which token statuses are cached.
const MARK_SECONDS: i64 = 600;

/// Sets a mark and publishes, in one round trip. The mark is the time in microseconds by the clock of Redis, which all readers of
/// the mark share: a token status that was cached before that time does not count any more.
///
/// Running it twice does no harm: it renews the mark, and subscribers discard again what they have discarded before.
const MARK: &str = "local now = redis.call('TIME') \
     redis.call('SET', KEYS[1], string.format('%.0f', now[1] * 1000000 + now[2]), 'EX', ARGV[1]) \
     return { redis.call('PUBLISH', ARGV[2], ARGV[3]) }";

thread_local! {
    static SCRIPT: Rc<Script> = Rc::new(Script::new(&[MARK]));
}

/// How long the issuer may take to end sessions. If it is unavailable, the sessions that it remembers are refused here
/// (`login_sessions`).
const ISSUER_LIMIT: Duration = Duration::from_secs(1);

/// The most sessions that the issuer is asked to end. A browser is remembered by one session, which is among the newest; the others
/// have ended here already, so the platform refuses them.
const MAX_SESSIONS: usize = 16;

/// Announces revocations to the Redis that `spin.toml` grants, and to the issuer.
pub(crate) struct RevocationNotifier;

impl RevocationListener for RevocationNotifier {
    async fn revoked(&self, user: UserId, sessions: EndedSessions<'_>) {
        let (edge, issuer) = join(announce(user), end_sessions(user, sessions)).await;
        for (receiver, announced) in [("the edge", edge), ("the issuer", issuer)] {
            if let Err(cause) = announced {
                log::error(
                    RequestIds::NONE,
                    format_args!("a revocation was not announced to {receiver}: {cause}"),
                );
            }
        }
    }
}

async fn end_sessions(user: UserId, sessions: EndedSessions<'_>) -> Result<(), String> {
    let ended = async {
        let hydra = HydraClient::from_variable().await?;
        match sessions {
            EndedSessions::These(sessions) => {
                let newest = sessions.iter().take(MAX_SESSIONS);
                let ended = try_join_all(newest.map(|session| hydra.end_session(session)));
                ended.await.map(drop)
            }
            EndedSessions::All => {
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

async fn announce(user: UserId) -> Result<(), String> {
    let prefix = variables::get("redis_prefix").await;
    let prefix = prefix.map_err(|error| error.to_string())?;
    let redis = Redis::from_variable(REDIS).await;
    let redis = redis.map_err(|error| error.to_string())?;
    let message = message(user, SystemTime::now().into())?;
    let arguments = [
        Argument::Number(MARK_SECONDS),
        Argument::Text(CHANNEL),
        Argument::Text(&message),
    ];
    let script = SCRIPT.with(Rc::clone);
    let published = redis.run(&script, &[&mark_key(&prefix, user)], &arguments).await;
    published.map(drop).map_err(|error| error.to_string())
}

/// The key of the mark, which the bff reads.
fn mark_key(prefix: &str, user: UserId) -> String {
    format!("{prefix}:revoked:{user}")
}

/// The message of the channel.
#[derive(Serialize)]
struct UserLogout {
    user_id: String,
    /// The time in RFC 3339.
    timestamp: String,
}

fn message(user: UserId, now: wkt::Timestamp) -> Result<String, String> {
    let message = UserLogout {
        user_id: user.to_string(),
        timestamp: now.to_string(),
    };
    serde_json::to_string(&message).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_and_message_name_the_user() {
        let user: UserId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
        let now = wkt::Timestamp {
            seconds: 1_795_348_800,
            nanos: 0,
        };
        assert_eq!(
            mark_key("akinai", user),
            "akinai:revoked:0190163d-8694-739b-aea5-966c26f8ad91"
        );
        assert_eq!(
            message(user, now).unwrap(),
            r#"{"user_id":"0190163d-8694-739b-aea5-966c26f8ad91","timestamp":"2026-11-22T12:00:00Z"}"#
        );
    }
}
