//! The issuer's signing keys (JWKS): from the instance's memory, otherwise from Redis, otherwise from the issuer.
//!
//! Keys are fresh for an hour. If a token names an unknown key, they are fetched again, at most once in ten seconds
//! over all instances. While the issuer is unavailable, the old keys stay valid, and a message is logged.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use identity::{
    access::{AccessToken, TokenError, UnverifiedToken},
    jwks::{Jwks, MAX_JWKS_BYTES},
};
use keyspace::{RedisKey as _, SIGNING_KEYS_FETCH_INTERVAL, SIGNING_KEYS_LIFETIME};
use serde::Deserialize;
use spin_adapters::{clock, http::get, log};

use crate::{
    admission::{AdmissionControl, FetchTurn},
    settings::{Timeouts, TrustedIssuer},
};

/// How long keys are fresh, in seconds.
const FRESH_SECONDS: u64 = 3600;

/// How often an instance checks whether another instance has fetched the keys.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The largest discovery document, in bytes. Real ones have about 5 KB.
const MAX_DISCOVERY_BYTES: usize = 64 * 1024;

/// Keys and the time of their fetch, in seconds since 1970.
#[derive(Clone)]
struct FetchedKeys {
    keys: Rc<Jwks>,
    fetched_at: u64,
}

thread_local! {
    static CACHE: RefCell<Option<FetchedKeys>> = const { RefCell::new(None) };
    /// This instance's last turn to fetch the keys. It is used while Redis is unavailable.
    static OWN_TURN: Cell<Option<(Instant, FetchTurn)>> = const { Cell::new(None) };
}

/// A token could not be verified.
pub(crate) enum VerificationError {
    /// The token is invalid, or not meant for this API.
    Token(TokenError),
    /// There are no keys to verify it with.
    NoKeys,
}

impl From<TokenError> for VerificationError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

/// Whether this instance has fresh keys, so that Redis need not send them.
pub(crate) fn are_fresh(now: u64) -> bool {
    CACHE.with_borrow(|cached| cached.as_ref().is_some_and(|cached| cached.is_fresh(now)))
}

/// Verifies a token. `sealed` are the keys that came with the admission.
pub(crate) async fn verify(
    token: &UnverifiedToken<'_>,
    issuer: &TrustedIssuer,
    control: &AdmissionControl<'_>,
    sealed: Option<&[u8]>,
    now: u64,
) -> Result<AccessToken, VerificationError> {
    if let Some(sealed) = sealed {
        learn(control, sealed, now);
    }
    let cached = CACHE.with_borrow(Clone::clone);
    if let Some(cached) = cached.as_ref().filter(|cached| cached.is_fresh(now)) {
        match token.verify(&cached.keys, &issuer.policy, now) {
            Err(error) if may_have_newer_key(token, error) => {}
            verified => return Ok(verified?),
        }
    }
    let newer = refetch(issuer, control, cached, now).await;
    let newer = newer.ok_or(VerificationError::NoKeys)?;
    Ok(token.verify(&newer.keys, &issuer.policy, now)?)
}

/// Whether newer keys could change the result: the token names an unknown key, or it names none and the issuer's key may have
/// been replaced.
fn may_have_newer_key(token: &UnverifiedToken<'_>, error: TokenError) -> bool {
    error.is_unknown_key() || (token.key_id().is_none() && error == TokenError::Signature)
}

/// Gets newer keys: from Redis or, if this instance gets the turn, from the issuer. While another instance has the
/// turn, this one waits for its keys. Returns the old keys if there are no newer ones.
async fn refetch(
    issuer: &TrustedIssuer,
    control: &AdmissionControl<'_>,
    known: Option<FetchedKeys>,
    now: u64,
) -> Option<FetchedKeys> {
    let until = Instant::now() + control.settings.jwks_timeouts.total;
    loop {
        let (sealed, mut turn) = match control.acquire_fetch_turn().await {
            Some(answer) => answer,
            None => (None, acquire_own_turn()),
        };
        if let Some(sealed) = sealed {
            learn(control, &sealed, now);
        }
        // The last turn left no usable keys in Redis, so waiting for the next one does not help.
        if turn == FetchTurn::Over && CACHE.with_borrow(Option::is_none) {
            turn = acquire_own_turn();
        }
        if turn == FetchTurn::Acquired {
            let fetched = fetch_and_store(issuer, control, now).await;
            release_turn(control).await;
            return fetched.or_else(|| stale_keys(control, now));
        }
        let newest = CACHE.with_borrow(Clone::clone);
        let is_newer =
            newest.as_ref().map(|keys| keys.fetched_at) != known.as_ref().map(|keys| keys.fetched_at);
        if is_newer || turn == FetchTurn::Over || Instant::now() >= until {
            return newest;
        }
        clock::sleep(POLL_INTERVAL).await;
    }
}

/// Acquires the turn among the requests of this instance.
fn acquire_own_turn() -> FetchTurn {
    match OWN_TURN.get() {
        Some((at, turn)) if at.elapsed() < SIGNING_KEYS_FETCH_INTERVAL => turn,
        _ => {
            OWN_TURN.set(Some((Instant::now(), FetchTurn::Open)));
            FetchTurn::Acquired
        }
    }
}

async fn release_turn(control: &AdmissionControl<'_>) {
    OWN_TURN.set(Some((Instant::now(), FetchTurn::Over)));
    control.release_fetch_turn().await;
}

/// Fetches the issuer's keys, and keeps them in the instance and in Redis.
async fn fetch_and_store(
    issuer: &TrustedIssuer,
    control: &AdmissionControl<'_>,
    now: u64,
) -> Option<FetchedKeys> {
    let Timeouts { connect, total } = control.settings.jwks_timeouts;
    let fetched = clock::within(total, fetch(&issuer.url, connect)).await;
    let fetched = fetched.map_err(|error| error.to_string()).flatten();
    let parsed = fetched.and_then(|document| match Jwks::parse(document.as_bytes()) {
        Ok(keys) => Ok((Rc::new(keys), document)),
        Err(cause) => Err(cause.to_string()),
    });
    let (keys, document) = match parsed {
        Ok(parsed) => parsed,
        Err(cause) => {
            log::error(
                control.ids,
                format_args!("the issuer's signing keys were not fetched: {cause}"),
            );
            return None;
        }
    };
    for (place, reason) in keys.skipped() {
        log::error(
            control.ids,
            format_args!("the issuer's signing key number {place} is not used: {reason}"),
        );
    }
    let key = control.signing_keys_key();
    let content = [&now.to_be_bytes(), document.as_bytes()].concat();
    let expires_at = now + SIGNING_KEYS_LIFETIME.as_secs();
    let sealed = control.settings.seal.seal(key.as_str(), &content, expires_at);
    // This instance uses the keys at once, however long Redis takes.
    let fetched = cache(FetchedKeys {
        keys,
        fetched_at: now,
    });
    control.store_signing_keys(&sealed, SIGNING_KEYS_LIFETIME).await;
    Some(fetched)
}

/// Fetches the keys that the issuer's discovery document names (OpenID Connect Discovery 1.0, section 4). The document must
/// name this issuer.
async fn fetch(issuer: &str, connect: Duration) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Discovery {
        issuer: String,
        jwks_uri: String,
    }
    let address = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    let document = text(&address, connect, MAX_DISCOVERY_BYTES).await?;
    let discovery: Discovery =
        serde_json::from_str(&document).map_err(|error| format!("its discovery document: {error}"))?;
    if discovery.issuer != issuer {
        return Err("its discovery document names another issuer than the variable `issuer`".into());
    }
    text(&discovery.jwks_uri, connect, MAX_JWKS_BYTES).await
}

async fn text(address: &str, connect: Duration, max_bytes: usize) -> Result<String, String> {
    match get(address, max_bytes, Some(connect)).await {
        Ok((http::StatusCode::OK, text)) => Ok(text),
        Ok((status, _)) => Err(format!("{address} answered {status}")),
        Err(error) => Err(format!("{address}: {error}")),
    }
}

/// The old keys, because there are no newer ones.
fn stale_keys(control: &AdmissionControl<'_>, now: u64) -> Option<FetchedKeys> {
    let cached = CACHE.with_borrow(Clone::clone)?;
    if !cached.is_fresh(now) {
        let age = now - cached.fetched_at;
        log::error(
            control.ids,
            format_args!("the issuer's old signing keys stay in use age_seconds={age}"),
        );
    }
    Some(cached)
}

/// Stores keys from Redis in this instance, if they have our seal and are newer.
fn learn(control: &AdmissionControl<'_>, sealed: &[u8], now: u64) {
    let key = control.signing_keys_key();
    let Ok(content) = control.settings.seal.open(key.as_str(), sealed, now) else {
        log::error(
            control.ids,
            "the issuer's signing keys in Redis do not have our seal",
        );
        return;
    };
    let Some((fetched_at, document)) = content.split_first_chunk() else {
        return;
    };
    let fetched_at = u64::from_be_bytes(*fetched_at);
    let is_newer = |cached: &Option<FetchedKeys>| {
        cached
            .as_ref()
            .is_none_or(|cached| cached.fetched_at < fetched_at)
    };
    if !CACHE.with_borrow(is_newer) {
        return;
    }
    if let Ok(keys) = Jwks::parse(document) {
        cache(FetchedKeys {
            keys: Rc::new(keys),
            fetched_at,
        });
    }
}

fn cache(keys: FetchedKeys) -> FetchedKeys {
    CACHE.set(Some(keys.clone()));
    keys
}

impl FetchedKeys {
    fn is_fresh(&self, now: u64) -> bool {
        now.saturating_sub(self.fetched_at) < FRESH_SECONDS
    }
}
