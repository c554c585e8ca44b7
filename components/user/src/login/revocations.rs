//! Announces revocations: through Redis to the edge and other subscribers, and to the issuer, which ends its sessions.

use std::time::{Duration, SystemTime};

use connect::wkt;
use futures::future::{join, try_join_all};
use kernel::UserId;
use keyspace::{LOGOUT_CHANNEL, LogoutMessage, REVOCATION_LIFETIME, RevocationKey};
use spin_adapters::{
    clock::within,
    log,
    redis::{Argument, Redis, Script},
    variables,
};
use web::request_id::RequestIds;

use super::hydra::HydraClient;
use crate::accounts::service::{EndedSessions, RevocationListener};

/// Sets a mark and publishes, in one round trip. The mark is the time in microseconds by the clock of Redis, which all
/// readers of the mark share. A token status that was cached before that time is no longer valid.
///
/// Running it twice does no harm: it renews the mark, and subscribers discard the same data again.
const MARK: &str = "local now = redis.call('TIME') \
     redis.call('SET', keys.mark, string.format('%.0f', now[1] * 1000000 + now[2]), 'EX', arguments.lifetime) \
     return answer({ receivers = redis.call('PUBLISH', arguments.channel, arguments.message) })";

thread_local! {
    static SCRIPT: Script = Script::new(&[MARK]);
}

/// How long the issuer may take to end sessions. If it is unavailable, the sessions that it remembers are refused here
/// (`login_sessions`).
const ISSUER_LIMIT: Duration = Duration::from_secs(1);

/// The largest number of sessions that the issuer is requested to end. One session remembers a browser, and it is among
/// the newest. The others have already ended here, so the platform refuses them.
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
    let now = wkt::Timestamp::from(SystemTime::now());
    let message = LogoutMessage::new(user, now).to_json();
    let message = message.map_err(|error| error.to_string())?;
    let announced = async {
        let redis = Redis::from_variable("redis_url").await?;
        let mark = RevocationKey::new(&variables::get("redis_prefix").await?, user);
        let arguments = [
            ("lifetime", Argument::Number(REVOCATION_LIFETIME.as_secs() as i64)),
            ("channel", Argument::Text(LOGOUT_CHANNEL)),
            ("message", Argument::Text(&message)),
        ];
        let script = SCRIPT.with(Clone::clone);
        redis.run(&script, &[("mark", &mark)], &arguments).await
    };
    announced.await.map(drop).map_err(|error| error.to_string())
}
