//! Admission control: whether a request may proceed, and the stored status of its token. One Lua script in Redis
//! decides this, so that the decision holds for all instances on all hosts.
//!
//! The edge trusts only sealed values from Redis, so write access to Redis is not enough to forge one. Without Redis,
//! requests proceed: they are verified, but there are no limits.

use std::{
    borrow::Cow,
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use identity::access::TokenHash;
use kernel::UserId;
use keyspace::{
    BreakerKey, FetchTurnKey, RateLimitKey, RedisKey, RevocationKey, SIGNING_KEYS_FETCH_INTERVAL,
    SigningKeysKey, TokenStatusKey, UserTokensKey,
};
use resilience::breaker;
use spin_adapters::{
    log,
    redis::{Argument, Error, NamedValues, Redis, Script},
};
use web::{client_address::ClientAddress, request_id::RequestIds};

use crate::settings::{RateLimit, SERVICES, Settings};

/// The limit for requests with tokens that are not the issuer's, for each address. Other requests of the address do not depend
/// on it: the client of such tokens may share its address with others.
const FORGED_TOKEN_LIMIT: RateLimit = RateLimit {
    per_second: 10.0 / 60.0,
    burst: 10,
};

/// How often the log reports that Redis is unavailable.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

thread_local! {
    static SCRIPTS: Rc<Scripts> = Rc::new(Scripts::new());
    static LOGGED_AT: RefCell<Option<Instant>> = const { RefCell::new(None) };
}

struct Scripts {
    admit_request: Script,
    admit_token: Script,
    count_forged_token: Script,
    acquire_fetch_turn: Script,
}

impl Scripts {
    fn new() -> Self {
        const TOKEN_BUCKET: &str = include_str!("token_bucket.lua");
        Self {
            admit_request: Script::new(&[TOKEN_BUCKET, include_str!("admit_request.lua")]),
            admit_token: Script::new(&[TOKEN_BUCKET, include_str!("admit_token.lua")]),
            count_forged_token: Script::new(&[TOKEN_BUCKET, include_str!("count_forged_token.lua")]),
            acquire_fetch_turn: Script::new(&[include_str!("acquire_fetch_turn.lua")]),
        }
    }
}

/// Admission control for one request.
pub(crate) struct AdmissionControl<'a> {
    pub(crate) redis: Redis,
    pub(crate) settings: &'a Settings,
    pub(crate) address: ClientAddress,
    /// For the log.
    pub(crate) ids: RequestIds<'a>,
}

/// A limit of a method beside the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExtraLimit {
    /// The method hashes a password: its requests are counted by address, for all users together.
    Passwords,
    /// The method answers with a stream. A stream counts as a request in flight until it ends.
    Streams,
}

/// A token that is not verified yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PresentedToken {
    pub(crate) hash: TokenHash,
    /// The user that the token names. The name can be trusted only if this token has a stored status.
    pub(crate) user: Option<UserId>,
}

/// The state of a caller's rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Requests at once.
    pub(crate) limit: i64,
    /// How many of them remain.
    pub(crate) remaining: i64,
    /// The time until one more is allowed.
    pub(crate) retry_after: Duration,
}

/// Whether a request may proceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdmissionDecision {
    Allowed,
    /// Too many requests.
    RateLimited,
}

/// The answer of Redis about a request.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) decision: AdmissionDecision,
    pub(crate) quota: Quota,
    /// The time by the clock of Redis, in microseconds since 1970.
    pub(crate) now: i64,
    /// The status of the token, sealed.
    pub(crate) token_status: Option<Vec<u8>>,
    /// When the user's tokens were last revoked, in microseconds since 1970.
    pub(crate) revoked_at: Option<i64>,
    /// The issuer's signing keys, sealed.
    pub(crate) signing_keys: Option<Vec<u8>>,
}

/// The turn to fetch the issuer's signing keys: one instance at a time has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FetchTurn {
    /// This instance has it.
    Acquired,
    /// Another instance has it, and may soon return with keys.
    Open,
    /// The last turn ended a moment ago, with or without keys. There is no new turn yet.
    Over,
}

impl AdmissionControl<'_> {
    /// Checks whether a request may proceed. `None` without Redis.
    pub(crate) async fn admit_request(
        &self,
        token: Option<&PresentedToken>,
        extra: Option<ExtraLimit>,
        needs_signing_keys: bool,
    ) -> Option<Admission> {
        let extra = extra.map(|extra| (extra, self.extra_rate_limit(extra)));
        // A burst of zero switches the extra limit off.
        let extra = extra.filter(|(_, limit)| limit.burst > 0);
        let keys = self.request_keys(token, extra.map(|(extra, _)| extra), needs_signing_keys);
        let mut arguments = vec![
            ("rate", Argument::Decimal(self.settings.rate_limit.per_second)),
            ("burst", Argument::Number(self.settings.rate_limit.burst.into())),
        ];
        if let Some((_, limit)) = extra {
            arguments.push(("extra_rate", Argument::Decimal(limit.per_second)));
            arguments.push(("extra_burst", Argument::Number(limit.burst.into())));
        }
        let answer = self
            .run(|scripts| &scripts.admit_request, &keys, &arguments)
            .await;
        self.or_without_redis(answer.and_then(|mut answer| {
            let admission = Admission::read(&mut answer)?;
            for service in &SERVICES {
                if let Some(state) = answer.take(&breaker_name(service.name)) {
                    // A state that cannot be read counts as none, as in the breaker's own scripts.
                    let state = state.text().ok().flatten().unwrap_or_default();
                    breaker::learn(service.name, &state, admission.now);
                }
            }
            Ok(admission)
        }))
    }

    fn request_keys(
        &self,
        token: Option<&PresentedToken>,
        extra: Option<ExtraLimit>,
        needs_signing_keys: bool,
    ) -> NamedKeys {
        let prefix = &*self.settings.redis_prefix;
        let mut keys = NamedKeys::default();
        keys.add("address_limit", RateLimitKey::of_address(prefix, self.address));
        if let Some(token) = token {
            keys.add("token_status", self.token_status_key(token.hash));
            keys.add("user_limit", self.user_limit_key(token));
            if let Some(user) = token.user {
                keys.add("revocation", RevocationKey::new(prefix, user));
            }
        }
        if let Some(extra) = extra {
            let user = token.and_then(|token| token.user);
            keys.add("address_extra_limit", self.extra_limit_key(extra, None));
            keys.add("user_extra_limit", self.extra_limit_key(extra, user));
        }
        if needs_signing_keys {
            keys.add("signing_keys", self.signing_keys_key());
        }
        for service in &SERVICES {
            keys.add(breaker_name(service.name), BreakerKey::new(prefix, service.name));
        }
        keys
    }

    /// Checks whether a request may proceed whose token was verified for the first time, and stores the token's status.
    pub(crate) async fn admit_token(
        &self,
        token: &PresentedToken,
        status: &[u8],
        lifetime: Duration,
    ) -> Option<Admission> {
        let prefix = &*self.settings.redis_prefix;
        let mut keys = NamedKeys::default();
        keys.add("user_limit", self.user_limit_key(token));
        keys.add("token_status", self.token_status_key(token.hash));
        if let Some(user) = token.user {
            keys.add("revocation", RevocationKey::new(prefix, user));
            keys.add("user_tokens", UserTokensKey::new(prefix, user));
        }
        let hash = token.hash.to_string();
        let arguments = [
            ("rate", Argument::Decimal(self.settings.rate_limit.per_second)),
            ("burst", Argument::Number(self.settings.rate_limit.burst.into())),
            ("status", Argument::Bytes(status)),
            ("lifetime", milliseconds(lifetime)),
            ("token_hash", Argument::Text(&hash)),
        ];
        let answer = self.run(|scripts| &scripts.admit_token, &keys, &arguments).await;
        self.or_without_redis(answer.and_then(|mut answer| Admission::read(&mut answer)))
    }

    /// Counts a token that is not the issuer's. Returns the time to wait if too many came from the client address. `None` without
    /// Redis, too.
    pub(crate) async fn count_forged_token(&self) -> Option<Duration> {
        let mut keys = NamedKeys::default();
        let key = RateLimitKey::of_forged_tokens(&self.settings.redis_prefix, self.address);
        keys.add("forged_tokens", key);
        let arguments = [
            ("rate", Argument::Decimal(FORGED_TOKEN_LIMIT.per_second)),
            ("burst", Argument::Number(FORGED_TOKEN_LIMIT.burst.into())),
        ];
        let answer = self
            .run(|scripts| &scripts.count_forged_token, &keys, &arguments)
            .await;
        let counted = answer.and_then(|mut answer| {
            let is_allowed: i64 = answer.take_number("allowed")?;
            let retry_after: i64 = answer.take_number("retry_after")?;
            let retry_after = Duration::from_millis(retry_after.try_into().unwrap_or_default());
            Ok((is_allowed == 0).then_some(retry_after))
        });
        self.or_without_redis(counted).flatten()
    }

    /// Acquires the turn to fetch the issuer's signing keys if no instance has it, and reads the keys in Redis, which are
    /// sealed. `None` without Redis.
    pub(crate) async fn acquire_fetch_turn(&self) -> Option<(Option<Vec<u8>>, FetchTurn)> {
        let mut keys = NamedKeys::default();
        keys.add("signing_keys", self.signing_keys_key());
        keys.add("fetch_turn", self.fetch_turn_key());
        let arguments = [("interval", milliseconds(SIGNING_KEYS_FETCH_INTERVAL))];
        let answer = self
            .run(|scripts| &scripts.acquire_fetch_turn, &keys, &arguments)
            .await;
        self.or_without_redis(answer.and_then(|mut answer| {
            let turn = match answer.take_text("turn")?.as_deref() {
                Some("acquired") => FetchTurn::Acquired,
                Some("open") => FetchTurn::Open,
                _ => FetchTurn::Over,
            };
            Ok((answer.take_bytes("signing_keys")?, turn))
        }))
    }

    /// Ends this instance's turn, so that the other instances see it. The turn may have found keys or not.
    pub(crate) async fn release_fetch_turn(&self) {
        let arguments = ["over", "XX", "KEEPTTL"].map(Argument::Text);
        let answer = self
            .redis
            .execute("SET", &[&self.fetch_turn_key()], &arguments)
            .await;
        self.or_without_redis(answer.map(drop));
    }

    /// Stores the issuer's signing keys, which are sealed.
    pub(crate) async fn store_signing_keys(&self, sealed: &[u8], lifetime: Duration) {
        let arguments = [
            Argument::Bytes(sealed),
            Argument::Text("PX"),
            milliseconds(lifetime),
        ];
        let answer = self
            .redis
            .execute("SET", &[&self.signing_keys_key()], &arguments)
            .await;
        self.or_without_redis(answer.map(drop));
    }

    /// The key of the signing keys. Their seal covers it.
    pub(crate) fn signing_keys_key(&self) -> SigningKeysKey {
        SigningKeysKey::new(&self.settings.redis_prefix)
    }

    /// The key of a token's status. The status' seal covers it.
    pub(crate) fn token_status_key(&self, hash: TokenHash) -> TokenStatusKey {
        TokenStatusKey::new(&self.settings.redis_prefix, hash)
    }

    fn fetch_turn_key(&self) -> FetchTurnKey {
        FetchTurnKey::new(&self.settings.redis_prefix)
    }

    /// A token that is not a user's has a limit of its own.
    fn user_limit_key(&self, token: &PresentedToken) -> RateLimitKey {
        let prefix = &self.settings.redis_prefix;
        match token.user {
            Some(user) => RateLimitKey::of_user(prefix, user),
            None => RateLimitKey::of_token(prefix, token.hash),
        }
    }

    fn extra_limit_key(&self, extra: ExtraLimit, user: Option<UserId>) -> RateLimitKey {
        let prefix = &self.settings.redis_prefix;
        match (extra, user) {
            (ExtraLimit::Streams, Some(user)) => RateLimitKey::of_streams_of_user(prefix, user),
            (ExtraLimit::Streams, None) => RateLimitKey::of_streams_of_address(prefix, self.address),
            (ExtraLimit::Passwords, _) => RateLimitKey::of_passwords(prefix, self.address),
        }
    }

    fn extra_rate_limit(&self, extra: ExtraLimit) -> RateLimit {
        match extra {
            ExtraLimit::Passwords => self.settings.password_limit,
            ExtraLimit::Streams => self.settings.stream_limit,
        }
    }

    async fn run(
        &self,
        script: impl Fn(&Scripts) -> &Script,
        keys: &NamedKeys,
        arguments: &[(&str, Argument<'_>)],
    ) -> Result<NamedValues, Error> {
        let keys: Vec<_> = keys.0.iter().map(|(name, key)| (&**name, &**key)).collect();
        let scripts = SCRIPTS.with(Rc::clone);
        self.redis.run(script(&scripts), &keys, arguments).await
    }

    /// The answer, or `None` without Redis. Without Redis, a message is logged once a minute.
    fn or_without_redis<T>(&self, answer: Result<T, Error>) -> Option<T> {
        let error = match answer {
            Ok(answer) => return Some(answer),
            Err(error) => error,
        };
        let is_due = |last: &Option<Instant>| last.is_none_or(|last| last.elapsed() >= LOG_INTERVAL);
        if LOGGED_AT.with_borrow(is_due) {
            LOGGED_AT.set(Some(Instant::now()));
            log::error(
                self.ids,
                format_args!("requests proceed without rate limits and stored token statuses: {error}"),
            );
        }
        None
    }
}

/// The keys of a script, with their names in the script.
#[derive(Default)]
struct NamedKeys(Vec<(Cow<'static, str>, Box<dyn RedisKey>)>);

impl NamedKeys {
    fn add(&mut self, name: impl Into<Cow<'static, str>>, key: impl RedisKey + 'static) {
        self.0.push((name.into(), Box::new(key)));
    }
}

/// The name of a service's breaker in `admit_request.lua`.
fn breaker_name(service: &str) -> String {
    format!("breaker_of_{service}")
}

impl Admission {
    fn read(answer: &mut NamedValues) -> Result<Self, Error> {
        let decision = match answer.take_text("decision")?.as_deref() {
            Some("allowed") => AdmissionDecision::Allowed,
            Some("rate_limited") => AdmissionDecision::RateLimited,
            _ => return Err(Error::Unexpected),
        };
        let revoked_at = answer.take_text("revoked_at")?;
        let retry_after = answer.take_number("retry_after")?;
        Ok(Self {
            decision,
            quota: Quota {
                limit: answer.take_number("limit")?,
                remaining: answer.take_number("remaining")?,
                retry_after: Duration::from_millis(retry_after.try_into().unwrap_or_default()),
            },
            now: answer.take_number("now")?,
            token_status: answer.take_bytes("token_status")?,
            // A time that cannot be read counts as now, because the key exists only if the user was revoked.
            revoked_at: revoked_at.map(|at| at.parse().unwrap_or(i64::MAX)),
            signing_keys: answer.take_bytes("signing_keys")?,
        })
    }
}

fn milliseconds(time: Duration) -> Argument<'static> {
    Argument::Number(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}
