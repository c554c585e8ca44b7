//! A type for each purpose of a key.

use std::fmt::Display;

use kernel::{OrderId, UserId};

/// A key of Redis. Only this crate makes keys.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key of Redis",
    note = "crates/keyspace makes every key: add a type there instead of spelling the key here"
)]
pub trait RedisKey: private::Sealed {
    /// The key in Redis, including the prefix.
    fn as_str(&self) -> &str;
}

mod private {
    /// Keeps other crates from implementing [`super::RedisKey`].
    pub trait Sealed {}
}

/// Declares the type of a key, with the pattern of all its keys behind their prefix.
macro_rules! key {
    ($(#[$documentation:meta])* $name:ident, $pattern:literal) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            pub(crate) const PATTERN: &'static str = $pattern;
        }

        impl private::Sealed for $name {}

        impl RedisKey for $name {
            fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

key! {
    /// The token bucket of a rate limit.
    RateLimitKey, "rate:*"
}
key! {
    /// The status of an access token.
    TokenStatusKey, "verdict:*"
}
key! {
    /// The hashes of a user's tokens that have a status, so that they can be deleted.
    UserTokensKey, "verdicts:*"
}
key! {
    /// When a user's tokens were last revoked.
    RevocationKey, "revoked:*"
}
key! {
    /// The issuer's signing keys.
    SigningKeysKey, "jwks"
}
key! {
    /// Which instance fetches the issuer's signing keys.
    FetchTurnKey, "jwks:turn"
}
key! {
    /// The copy of an account.
    AccountCopyKey, "copy:user:*"
}
key! {
    /// The circuit breaker of a service.
    BreakerKey, "breaker:*"
}
key! {
    /// The lease of the one call that tests whether a service works again.
    BreakerProbeKey, "breaker:*:probe"
}
key! {
    /// How many attempts to sign in were made.
    SignInAttemptsKey, "attempts:*"
}
key! {
    /// The stream of order events.
    OrderEventsKey, "order.events"
}
key! {
    /// The last version of an order that is in the stream.
    OrderVersionKey, "order.events:version:*"
}

impl RateLimitKey {
    /// All requests of a client address without a token whose status is known.
    pub fn of_address(prefix: &str, address: impl Display) -> Self {
        Self(format!("{prefix}:rate:address:{address}"))
    }

    /// All requests of a user.
    pub fn of_user(prefix: &str, user: UserId) -> Self {
        Self(format!("{prefix}:rate:user:{user}"))
    }

    /// All requests with one token that is not a user's.
    pub fn of_token(prefix: &str, token_hash: impl Display) -> Self {
        Self(format!("{prefix}:rate:user:token:{token_hash}"))
    }

    /// Requests that hash a password, of all users at a client address.
    pub fn of_passwords(prefix: &str, address: impl Display) -> Self {
        Self(format!("{prefix}:rate:password:{address}"))
    }

    /// Requests of a client address with a token that is not the issuer's.
    pub fn of_forged_tokens(prefix: &str, address: impl Display) -> Self {
        Self(format!("{prefix}:rate:forged-token:{address}"))
    }

    /// Streams of a client address.
    pub fn of_streams_of_address(prefix: &str, address: impl Display) -> Self {
        Self(format!("{prefix}:rate:stream:address:{address}"))
    }

    /// Streams of a user.
    pub fn of_streams_of_user(prefix: &str, user: UserId) -> Self {
        Self(format!("{prefix}:rate:stream:user:{user}"))
    }
}

impl TokenStatusKey {
    /// The key of the token with this hash.
    pub fn new(prefix: &str, token_hash: impl Display) -> Self {
        Self(format!("{prefix}:verdict:{token_hash}"))
    }
}

impl UserTokensKey {
    /// The key of a user.
    pub fn new(prefix: &str, user: UserId) -> Self {
        Self(format!("{prefix}:verdicts:{user}"))
    }
}

impl RevocationKey {
    /// The key of a user.
    pub fn new(prefix: &str, user: UserId) -> Self {
        Self(format!("{prefix}:revoked:{user}"))
    }
}

impl SigningKeysKey {
    /// The only key.
    pub fn new(prefix: &str) -> Self {
        Self(format!("{prefix}:jwks"))
    }
}

impl FetchTurnKey {
    /// The only key.
    pub fn new(prefix: &str) -> Self {
        Self(format!("{prefix}:jwks:turn"))
    }
}

impl AccountCopyKey {
    /// The key of a user.
    pub fn new(prefix: &str, user: UserId) -> Self {
        Self(format!("{prefix}:copy:user:{user}"))
    }
}

impl BreakerKey {
    /// The key of a service, by its name in `spin.toml`.
    pub fn new(prefix: &str, service: &str) -> Self {
        Self(format!("{prefix}:breaker:{service}"))
    }
}

impl BreakerProbeKey {
    /// The key of a service, by its name in `spin.toml`.
    pub fn new(prefix: &str, service: &str) -> Self {
        Self(format!("{prefix}:breaker:{service}:probe"))
    }
}

impl SignInAttemptsKey {
    /// The key of an account or an address, by a keyed hash of it.
    pub fn new(prefix: &str, bucket: impl Display) -> Self {
        Self(format!("{prefix}:attempts:{bucket}"))
    }
}

impl OrderEventsKey {
    /// The only key.
    pub fn new(prefix: &str) -> Self {
        Self(format!("{prefix}:order.events"))
    }
}

impl OrderVersionKey {
    /// The key of an order.
    pub fn new(prefix: &str, order: OrderId) -> Self {
        Self(format!("{prefix}:order.events:version:{order}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_the_prefix_and_fits_its_pattern() {
        let (user, order) = (UserId::generate(), OrderId::generate());
        let keys = [
            (RateLimitKey::of_address("p", "::1").0, RateLimitKey::PATTERN),
            (RateLimitKey::of_user("p", user).0, RateLimitKey::PATTERN),
            (RateLimitKey::of_token("p", "h").0, RateLimitKey::PATTERN),
            (RateLimitKey::of_passwords("p", "::1").0, RateLimitKey::PATTERN),
            (
                RateLimitKey::of_streams_of_address("p", "::1").0,
                RateLimitKey::PATTERN,
            ),
            (
                RateLimitKey::of_streams_of_user("p", user).0,
                RateLimitKey::PATTERN,
            ),
            (
                RateLimitKey::of_forged_tokens("p", "::1").0,
                RateLimitKey::PATTERN,
            ),
            (TokenStatusKey::new("p", "h").0, TokenStatusKey::PATTERN),
            (UserTokensKey::new("p", user).0, UserTokensKey::PATTERN),
            (RevocationKey::new("p", user).0, RevocationKey::PATTERN),
            (SigningKeysKey::new("p").0, SigningKeysKey::PATTERN),
            (FetchTurnKey::new("p").0, FetchTurnKey::PATTERN),
            (AccountCopyKey::new("p", user).0, AccountCopyKey::PATTERN),
            (BreakerKey::new("p", "user").0, BreakerKey::PATTERN),
            (BreakerProbeKey::new("p", "user").0, BreakerProbeKey::PATTERN),
            (SignInAttemptsKey::new("p", "h").0, SignInAttemptsKey::PATTERN),
            (OrderEventsKey::new("p").0, OrderEventsKey::PATTERN),
            (OrderVersionKey::new("p", order).0, OrderVersionKey::PATTERN),
        ];
        for (key, pattern) in keys {
            let name = key.strip_prefix("p:").expect("every key has the prefix");
            let (begin, end) = pattern.split_once('*').unwrap_or((pattern, ""));
            assert!(
                name.starts_with(begin) && name.ends_with(end),
                "{key} fits {pattern}"
            );
            assert_eq!(name == pattern, !pattern.contains('*'), "{key} and {pattern}");
        }
    }
}
