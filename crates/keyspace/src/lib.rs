//! Redis as the platform uses it: every key, channel, layout and lifetime. No component spells a key itself.
//!
//! Redis is a cache. Each key ends by itself, and the platform works without any of them. This crate does no I/O.
//!
//! | key, after `PREFIX:` | value | lifetime | written by | read by |
//! | --- | --- | --- | --- | --- |
//! | `rate:…` | a token bucket: `TOKENS MICROSECOND` | until the bucket is full, a day at most | bff | bff |
//! | `failures:ADDRESS` | number of invalid access tokens | [`FAILURE_WINDOW`], then [`CLOSED`] | bff | bff |
//! | `verdict:TOKEN` | the status of an access token, sealed | a minute at most | bff | bff; events deletes it |
//! | `verdicts:USER` | sorted set of the user's token hashes, by their end in microseconds | as the last status | bff | events |
//! | `revoked:USER` | the time of the last revocation, in microseconds since 1970 | [`REVOCATION_LIFETIME`] | user | bff |
//! | `jwks` | the issuer's signing keys, sealed | [`SIGNING_KEYS_LIFETIME`] | bff | bff |
//! | `jwks:turn` | `open` while an instance fetches the signing keys, then `over` | [`BETWEEN_FETCHES`] | bff | bff |
//! | `copy:user:USER` | the last answer of `GetUser`, sealed | [`ACCOUNT_COPY_LIFETIME`] | bff | bff; events deletes it |
//! | `breaker:SERVICE` | number of failures, or `open MICROSECOND` | [`BREAKER_LIFETIME`] | bff | bff |
//! | `breaker:SERVICE:probe` | the lease of the call that tests a service | as long as the call may take | bff | bff |
//! | `attempts:HASH` | number of attempts to sign in | [`ATTEMPT_WINDOW`] | user | user |
//! | `order.events` | stream of order events | [`ORDER_EVENTS_LIFETIME`] after the last one | order | subscribers |
//! | `order.events:version:ORDER` | the last version in the stream | [`ORDER_VERSION_LIFETIME`] | order | order |
//!
//! The prefix is the variable `redis_prefix`: installations that share a Redis have one each.

mod grant;
mod key;

use std::time::Duration;

pub use grant::{GRANTS, Grant};
pub use key::{
    AccountCopyKey, BreakerKey, BreakerProbeKey, FailedTokensKey, FetchTurnKey, OrderEventsKey,
    OrderVersionKey, RateLimitKey, RevocationKey, SignInAttemptsKey, SigningKeysKey, TokenStatusKey,
    UserTokensKey,
};

/// The channel on which the user component publishes that a user's tokens were revoked: a JSON object with `user_id`, and
/// `timestamp` in RFC 3339.
pub const LOGOUT_CHANNEL: &str = "user.logout";

/// How long invalid tokens of an address are counted, from the first one.
pub const FAILURE_WINDOW: Duration = Duration::from_secs(60);

/// How long an address is closed after too many of them.
pub const CLOSED: Duration = Duration::from_secs(300);

/// How long a revocation is remembered: far longer than the minute for which the edge remembers the status of a token.
pub const REVOCATION_LIFETIME: Duration = Duration::from_secs(600);

/// How long the issuer's signing keys are kept, for the time that the issuer may be unreachable.
pub const SIGNING_KEYS_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The shortest time between two fetches of the issuer's signing keys, over all instances.
pub const BETWEEN_FETCHES: Duration = Duration::from_secs(10);

/// How long the copy of an account is kept.
pub const ACCOUNT_COPY_LIFETIME: Duration = Duration::from_secs(3600);

/// How long a failure of a service counts while no other follows, and how long an open breaker waits for its probe.
pub const BREAKER_LIFETIME: Duration = Duration::from_secs(600);

/// How long attempts to sign in are counted, from the first one.
pub const ATTEMPT_WINDOW: Duration = Duration::from_secs(15 * 60);

/// How long the stream of order events stays while no event follows.
pub const ORDER_EVENTS_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// About how many events the stream holds. The oldest make room.
pub const ORDER_EVENTS_LENGTH: u32 = 100_000;

/// How long the last version of an order is remembered: far longer than an event may wait for its delivery.
pub const ORDER_VERSION_LIFETIME: Duration = Duration::from_secs(24 * 3600);
