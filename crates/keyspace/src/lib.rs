//! Redis as the platform uses it: every key, channel, layout and lifetime, and what each component may do there.
//!
//! Redis is a cache. Each key expires, and the platform works without any of them. This crate does no I/O, and no other
//! crate makes a key: the commands of `spin_adapters::redis` take only the types of this crate.
//!
//! | key, after `PREFIX:` | value | lifetime | written by | read by |
//! | --- | --- | --- | --- | --- |
//! | `rate:…` | a token bucket: `TOKENS MICROSECOND` | until the bucket is full, a day at most | bff | bff |
//! | `verdict:TOKEN` | the status of an access token, sealed | [`TOKEN_STATUS_LIFETIME`] at most | bff | bff; events deletes it |
//! | `verdicts:USER` | sorted set of hashes of the user's tokens, each with the microsecond at which its status expires | as the last status | bff | events, which deletes it |
//! | `revoked:USER` | the time of the last revocation, in microseconds since 1970 | [`REVOCATION_LIFETIME`] | user | bff |
//! | `jwks` | the issuer's signing keys, sealed | [`SIGNING_KEYS_LIFETIME`] | bff | bff |
//! | `jwks:turn` | `open` while an instance fetches the signing keys, then `over` | [`SIGNING_KEYS_FETCH_INTERVAL`] | bff | bff |
//! | `copy:user:USER` | the last answer of `GetUser`, sealed | [`ACCOUNT_COPY_LIFETIME`] | bff | bff; events deletes it |
//! | `breaker:SERVICE` | number of failures, or `open MICROSECOND` | [`BREAKER_LIFETIME`], after the time that it is open | bff | bff |
//! | `breaker:SERVICE:probe` | the lease of the call that tests a service | as long as that call may take | bff | bff |
//! | `attempts:HASH` | number of attempts to sign in | the window of the limit (user, `login::domain`) | user | user |
//! | `order.events` | stream of order events, see [`OrderEventEntry`] | [`ORDER_EVENTS_LIFETIME`] after the last one | order | subscribers |
//! | `order.events:version:ORDER` | the last version in the stream | [`ORDER_VERSION_LIFETIME`] | order | order |
//!
//! The prefix is the variable `redis_prefix`. Installations that share a Redis have different prefixes.

mod grant;
mod key;
mod message;

use std::time::Duration;

pub use grant::{GRANTS, RedisGrant};
pub use key::{
    AccountCopyKey, BreakerKey, BreakerProbeKey, FetchTurnKey, OrderEventsKey, OrderVersionKey, RateLimitKey,
    RedisKey, RevocationKey, SignInAttemptsKey, SigningKeysKey, TokenStatusKey, UserTokensKey,
};
pub use message::{LOGOUT_CHANNEL, LogoutMessage, LogoutMessageError, OrderEventEntry};

/// How long the status of a token is trusted. It is the maximum time for which a revoked token can still be accepted, with
/// any fault of Redis.
pub const TOKEN_STATUS_LIFETIME: Duration = Duration::from_secs(60);

/// How long a revocation is remembered: far longer than the status of a token.
pub const REVOCATION_LIFETIME: Duration = Duration::from_secs(600);

/// How long the issuer's signing keys are kept, for the time that the issuer may be unreachable.
pub const SIGNING_KEYS_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The shortest time between two fetches of the issuer's signing keys, over all instances.
pub const SIGNING_KEYS_FETCH_INTERVAL: Duration = Duration::from_secs(10);

/// How long the copy of an account is kept.
pub const ACCOUNT_COPY_LIFETIME: Duration = Duration::from_secs(3600);

/// How long a failure of a service counts while no other follows, and how long an open breaker waits for its probe.
pub const BREAKER_LIFETIME: Duration = Duration::from_secs(600);

/// How long the stream of order events stays while no event follows.
pub const ORDER_EVENTS_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// The approximate maximum length of the stream. The oldest events are removed.
pub const ORDER_EVENTS_LENGTH: u32 = 100_000;

/// How long the last version of an order is remembered: far longer than an event may wait for its delivery.
pub const ORDER_VERSION_LIFETIME: Duration = Duration::from_secs(24 * 3600);
