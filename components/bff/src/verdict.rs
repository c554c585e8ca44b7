//! What the edge remembers of a token that it has verified: whom it is for, as of when.
//!
//! In Redis a verdict is sealed for its place, which has the token's hash in its name, so that it can be neither altered nor
//! put beside another token. In memory, by the token's hash, it is what is left when Redis is away.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use identity::{
    access::{SKEW, TokenHash},
    caller::{Principal, SignedIn},
    seal::SealKey,
};
use kernel::{Scope, UserCaller};
use serde::{Deserialize, Serialize};

/// How long a verdict is believed, in seconds: the longest that something revoked can still pass, whatever happens to Redis.
const LIFETIME: u64 = 60;

/// Verdicts that an instance keeps, of some hundred bytes each.
const KEPT: usize = 1024;

/// Whom a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// A user, or, for a token that is genuine and no user's, nobody.
    pub(crate) principal: Principal,
    /// When the user service was asked, by Redis's clock, in microseconds since 1970: a later revocation counts.
    pub(crate) asked_at: i64,
    /// Until when it is believed, in seconds since 1970.
    pub(crate) expires_at: u64,
    /// When the token ends, likewise, the skew of clocks included.
    pub(crate) token_ends_at: u64,
}

/// A verdict as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    asked_at: i64,
    expires_at: u64,
    token_ends_at: u64,
    user: Option<KeptUser>,
}

#[derive(Serialize, Deserialize)]
struct KeptUser {
    id: String,
    admin: bool,
    epoch: Option<u64>,
    session: Option<String>,
}

impl Verdict {
    /// A verdict reached at `now`, in seconds since 1970, on a token that ends at `ends_at`.
    pub(crate) fn new(principal: Principal, asked_at: i64, now: u64, ends_at: u64) -> Self {
        let token_ends_at = ends_at.saturating_add(SKEW);
        Self {
            principal,
            asked_at,
            expires_at: (now + LIFETIME).min(token_ends_at),
            token_ends_at,
        }
    }

    /// How long it is still believed.
    pub(crate) fn left(&self, now: u64) -> Duration {
        Duration::from_secs(self.expires_at.saturating_sub(now))
    }

    /// Whether it is to be believed: not too old, and not reached before its user was last revoked.
    pub(crate) fn holds(&self, now: u64, revoked_at: Option<i64>) -> bool {
        now < self.expires_at && revoked_at.is_none_or(|revoked_at| revoked_at < self.asked_at)
    }

    /// The verdict, sealed for this place.
    pub(crate) fn seal(&self, key: &SealKey, place: &str) -> Vec<u8> {
        let user = match &self.principal {
            Principal::Anonymous => None,
            Principal::User(signed_in) => Some(KeptUser {
                id: signed_in.user.id.to_string(),
                admin: signed_in.user.scopes.contains(&Scope::Admin),
                epoch: signed_in.epoch,
                session: signed_in.user.session.as_ref().map(ToString::to_string),
            }),
        };
        let kept = Kept {
            asked_at: self.asked_at,
            expires_at: self.expires_at,
            token_ends_at: self.token_ends_at,
            user,
        };
        let content = serde_json::to_vec(&kept).unwrap_or_default();
        key.seal(place, &content, self.expires_at)
    }

    /// The verdict that was sealed for this place; none if it was not by us, or is too old.
    pub(crate) fn open(key: &SealKey, place: &str, sealed: &[u8], now: u64) -> Option<Self> {
        let kept: Kept = serde_json::from_slice(key.open(place, sealed, now).ok()?).ok()?;
        let principal = match kept.user {
            None => Principal::Anonymous,
            Some(user) => Principal::User(user.signed_in()?),
        };
        Some(Self {
            principal,
            asked_at: kept.asked_at,
            expires_at: kept.expires_at,
            token_ends_at: kept.token_ends_at,
        })
    }
}

impl KeptUser {
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
    static MEMORY: RefCell<HashMap<TokenHash, Verdict>> = RefCell::default();
}

/// Remembers a verdict in this instance. When there are too many, those that are too old go, or else all of them: they are
/// only remembered.
pub(crate) fn remember(hash: TokenHash, verdict: Verdict, now: u64) {
    MEMORY.with_borrow_mut(|memory| {
        if memory.len() >= KEPT {
            memory.retain(|_, verdict| now < verdict.expires_at);
        }
        if memory.len() >= KEPT {
            memory.clear();
        }
        memory.insert(hash, verdict);
    });
}

/// The verdict that this instance remembers.
pub(crate) fn remembered(hash: TokenHash) -> Option<Verdict> {
    MEMORY.with_borrow(|memory| memory.get(&hash).cloned())
}

#[cfg(test)]
mod tests {
    use kernel::UserId;

    use super::*;

    fn key(letter: &str) -> SealKey {
        SealKey::parse(&letter.repeat(44)).expect("a key")
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
    fn a_verdict_comes_back_as_it_was() {
        for principal in [user(), Principal::Anonymous] {
            let verdict = Verdict::new(principal, 5, 1_000, 2_000);
            let sealed = verdict.seal(&key("A"), "verdict:1");
            let opened = Verdict::open(&key("A"), "verdict:1", &sealed, 1_059);
            assert_eq!(opened.as_ref(), Some(&verdict));
            for (key, place, now, why) in [
                (key("A"), "verdict:2", 1_000, "it was moved to another token"),
                (key("B"), "verdict:1", 1_000, "another made it"),
                (key("A"), "verdict:1", 1_060, "it is a minute old"),
            ] {
                assert_eq!(Verdict::open(&key, place, &sealed, now), None, "{why}");
            }
        }
    }

    #[test]
    fn a_verdict_ends_after_a_minute_or_with_its_token() {
        assert_eq!(Verdict::new(user(), 0, 1_000, 9_000).left(1_000).as_secs(), 60);
        assert_eq!(
            Verdict::new(user(), 0, 1_000, 1_010).left(1_000).as_secs(),
            10 + SKEW
        );
        assert_eq!(Verdict::new(user(), 0, 1_000, 9_000).left(2_000).as_secs(), 0);
    }

    #[test]
    fn a_revocation_ends_the_verdicts_from_before_it() {
        let verdict = Verdict::new(user(), 5_000, 1_000, 9_000);
        assert!(verdict.holds(1_000, None), "nobody was revoked");
        assert!(verdict.holds(1_000, Some(4_999)), "the verdict knew of it");
        for revoked_at in [5_000, 5_001, i64::MAX] {
            assert!(!verdict.holds(1_000, Some(revoked_at)), "revoked at {revoked_at}");
        }
        assert!(!verdict.holds(1_060, None), "a minute later");
    }

    #[test]
    fn memory_is_bounded() {
        for number in 0..3 * KEPT {
            let hash = TokenHash::of(&number.to_string());
            remember(hash, Verdict::new(Principal::Anonymous, 0, 1_000, 9_000), 1_000);
            assert!(remembered(hash).is_some(), "the newest is there");
        }
        assert!(MEMORY.with_borrow(HashMap::len) <= KEPT);
    }
}
