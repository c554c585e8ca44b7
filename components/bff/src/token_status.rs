//! The cached status of an access token that the edge has verified: its user, and the time of the check.
//!
//! In Redis a status is sealed together with its key, which contains the token's hash. So it cannot be changed or moved
//! to another token. In memory it is stored under the token's hash, and is used while Redis is unavailable.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use identity::{
    access::{SKEW, TokenHash},
    caller::{Principal, SignedIn},
    seal::SealKey,
};
use kernel::{Scope, UserCaller};
use keyspace::{RedisKey as _, TOKEN_STATUS_LIFETIME, TokenStatusKey};
use serde::{Deserialize, Serialize};

/// The most statuses that an instance keeps in memory, of some hundred bytes each.
const MAX_CACHED: usize = 1024;

/// The status of a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CachedTokenStatus {
    /// The token's user. A valid token that is not a user's is anonymous.
    pub(crate) principal: Principal,
    /// When the user service checked the token, by the clock of Redis, in microseconds since 1970. A later revocation makes
    /// the status invalid.
    pub(crate) checked_at: i64,
    /// The time until which the status may be used, in seconds since 1970.
    pub(crate) expires_at: u64,
    /// When the token expires, in seconds since 1970. The tolerated clock difference is included.
    pub(crate) token_expires_at: u64,
}

/// The content of a status in Redis. Its members keep their names, so that an upgrade reads what the last version wrote.
#[derive(Serialize, Deserialize)]
struct StoredStatus {
    asked_at: i64,
    expires_at: u64,
    token_ends_at: u64,
    user: Option<StoredUser>,
}

#[derive(Serialize, Deserialize)]
struct StoredUser {
    id: String,
    admin: bool,
    epoch: Option<u64>,
    session: Option<String>,
}

impl CachedTokenStatus {
    /// The status, as of `now` in seconds since 1970, of a token that expires at `token_expires_at`.
    pub(crate) fn new(principal: Principal, checked_at: i64, now: u64, token_expires_at: u64) -> Self {
        let token_expires_at = token_expires_at.saturating_add(SKEW);
        Self {
            principal,
            checked_at,
            expires_at: (now + TOKEN_STATUS_LIFETIME.as_secs()).min(token_expires_at),
            token_expires_at,
        }
    }

    /// How long the status may still be used.
    pub(crate) fn lifetime(&self, now: u64) -> Duration {
        Duration::from_secs(self.expires_at.saturating_sub(now))
    }

    /// Whether the status may be used: it is not expired, and its user was not revoked after the check.
    pub(crate) fn is_valid(&self, now: u64, revoked_at: Option<i64>) -> bool {
        now < self.expires_at && revoked_at.is_none_or(|revoked_at| revoked_at < self.checked_at)
    }

    /// The status, sealed together with its key in Redis.
    pub(crate) fn seal(&self, seal: &SealKey, key: &TokenStatusKey) -> Vec<u8> {
        let user = match &self.principal {
            Principal::Anonymous => None,
            Principal::User(signed_in) => Some(StoredUser {
                id: signed_in.user.id.to_string(),
                admin: signed_in.user.scopes.contains(&Scope::Admin),
                epoch: signed_in.epoch,
                session: signed_in.user.session.as_ref().map(ToString::to_string),
            }),
        };
        let stored = StoredStatus {
            asked_at: self.checked_at,
            expires_at: self.expires_at,
            token_ends_at: self.token_expires_at,
            user,
        };
        let content = serde_json::to_vec(&stored).unwrap_or_default();
        seal.seal(key.as_str(), &content, self.expires_at)
    }

    /// The status that was sealed together with this key. `None` if the seal is not ours, or the status has expired.
    pub(crate) fn open(seal: &SealKey, key: &TokenStatusKey, sealed: &[u8], now: u64) -> Option<Self> {
        let content = seal.open(key.as_str(), sealed, now).ok()?;
        let stored: StoredStatus = serde_json::from_slice(content).ok()?;
        let principal = match stored.user {
            None => Principal::Anonymous,
            Some(user) => Principal::User(user.signed_in()?),
        };
        Some(Self {
            principal,
            checked_at: stored.asked_at,
            expires_at: stored.expires_at,
            token_expires_at: stored.token_ends_at,
        })
    }
}

impl StoredUser {
    fn signed_in(self) -> Option<SignedIn> {
        let session = self.session.map(|session| session.parse()).transpose();
        Some(SignedIn {
            user: UserCaller {
                id: self.id.parse().ok()?,
                scopes: if self.admin { vec![Scope::Admin] } else { vec![] },
                session: session.ok()?,
            },
            epoch: self.epoch,
        })
    }
}

thread_local! {
    static CACHE: RefCell<HashMap<TokenHash, CachedTokenStatus>> = RefCell::default();
}

/// Keeps a status in this instance. If there are too many, the expired ones are removed; if none has expired, all are.
pub(crate) fn cache(hash: TokenHash, status: CachedTokenStatus, now: u64) {
    CACHE.with_borrow_mut(|cache| {
        if cache.len() >= MAX_CACHED {
            cache.retain(|_, status| now < status.expires_at);
        }
        if cache.len() >= MAX_CACHED {
            cache.clear();
        }
        cache.insert(hash, status);
    });
}

/// The status in this instance.
pub(crate) fn cached(hash: TokenHash) -> Option<CachedTokenStatus> {
    CACHE.with_borrow(|cache| cache.get(&hash).cloned())
}

#[cfg(test)]
mod tests {
    use kernel::UserId;

    use super::*;

    fn seal(letter: &str) -> SealKey {
        SealKey::parse(&letter.repeat(44)).expect("a key")
    }

    fn key(hash: &str) -> TokenStatusKey {
        TokenStatusKey::new("akinai", hash)
    }

    fn user() -> Principal {
        Principal::User(SignedIn {
            user: UserCaller {
                id: UserId::generate(),
                scopes: vec![Scope::Admin],
                session: Some("a-session".parse().expect("a session's id")),
            },
            epoch: Some(3),
        })
    }

    #[test]
    fn sealed_status_opens_with_its_own_key_for_a_minute() {
        for principal in [user(), Principal::Anonymous] {
            let status = CachedTokenStatus::new(principal, 5, 1_000, 2_000);
            let sealed = status.seal(&seal("A"), &key("1"));
            let opened = CachedTokenStatus::open(&seal("A"), &key("1"), &sealed, 1_059);
            assert_eq!(opened.as_ref(), Some(&status));
            for (seal, key, now, why) in [
                (seal("A"), key("2"), 1_000, "it was moved to another token"),
                (seal("B"), key("1"), 1_000, "it has the seal of another key"),
                (seal("A"), key("1"), 1_060, "it is a minute old"),
            ] {
                assert_eq!(CachedTokenStatus::open(&seal, &key, &sealed, now), None, "{why}");
            }
        }
    }

    #[test]
    fn status_that_the_last_version_stored_is_read() {
        let content = br#"{"asked_at":5,"expires_at":1060,"token_ends_at":2000,"user":null}"#;
        let sealed = seal("A").seal(key("1").as_str(), content, 1_060);
        let status = CachedTokenStatus::open(&seal("A"), &key("1"), &sealed, 1_000).expect("it is read");
        assert_eq!((status.checked_at, status.token_expires_at), (5, 2_000));
    }

    #[test]
    fn status_expires_after_a_minute_or_with_its_token() {
        let lifetime = |token_expires_at, now| {
            let status = CachedTokenStatus::new(user(), 0, 1_000, token_expires_at);
            status.lifetime(now).as_secs()
        };
        assert_eq!(lifetime(9_000, 1_000), 60);
        assert_eq!(lifetime(1_010, 1_000), 10 + SKEW);
        assert_eq!(lifetime(9_000, 2_000), 0);
    }

    #[test]
    fn revocation_makes_older_statuses_invalid() {
        let status = CachedTokenStatus::new(user(), 5_000, 1_000, 9_000);
        assert!(status.is_valid(1_000, None), "no user was revoked");
        assert!(
            status.is_valid(1_000, Some(4_999)),
            "the check was after the revocation"
        );
        for revoked_at in [5_000, 5_001, i64::MAX] {
            assert!(
                !status.is_valid(1_000, Some(revoked_at)),
                "revoked at {revoked_at}"
            );
        }
        assert!(!status.is_valid(1_060, None), "a minute later");
    }

    #[test]
    fn cache_is_bounded() {
        for number in 0..3 * MAX_CACHED {
            let hash = TokenHash::of(&number.to_string());
            let status = CachedTokenStatus::new(Principal::Anonymous, 0, 1_000, 9_000);
            cache(hash, status, 1_000);
            assert!(cached(hash).is_some(), "the newest is there");
        }
        assert!(CACHE.with_borrow(HashMap::len) <= MAX_CACHED);
    }
}
