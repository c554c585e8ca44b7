//! The issuer's public keys (JWKS): in the instance's memory, else in Redis, else from the issuer.
//!
//! They count for an hour. A token that names a key that is not among them has them fetched anew, at most once in ten seconds
//! over all instances. While the issuer is away the old ones go on counting, and the log says so.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use identity::{
    access::{AccessToken, TokenError, UnverifiedToken},
    jwks::{Jwks, MAX_JWKS_BYTES},
};
use serde::Deserialize;
use spin_adapters::{clock, http::get, log};

use crate::{
    gate::{BETWEEN_FETCHES, Gate, Turn},
    settings::{Issuer, Timeouts},
};

/// How long keys count, in seconds.
const FRESH: u64 = 3600;

/// How long they are kept, in seconds, for the time that the issuer may be away.
const KEPT: u64 = 24 * 3600;

/// How often an instance looks whether another has fetched the keys.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The largest discovery document, in bytes: real ones have some 5 KB.
const MOST_DISCOVERY: usize = 64 * 1024;

/// Keys, and when they were fetched, in seconds since 1970.
#[derive(Clone)]
struct Known {
    keys: Rc<Jwks>,
    fetched_at: u64,
}

thread_local! {
    static KNOWN: RefCell<Option<Known>> = const { RefCell::new(None) };
    /// When this instance last fetched, and whether that is over, for the time that Redis cannot tell.
    static FETCHED: Cell<Option<(Instant, Turn)>> = const { Cell::new(None) };
}

/// A token could not be verified.
pub(crate) enum Failure {
    /// It is not genuine, or not for us.
    Token(TokenError),
    /// There are no keys to verify it with.
    NoKeys,
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

/// Whether this instance has keys that count, so that Redis need not send them.
pub(crate) fn are_known(now: u64) -> bool {
    KNOWN.with_borrow(|known| known.as_ref().is_some_and(|known| known.is_fresh(now)))
}

/// Verifies a token. `sealed` are the keys that came with the gate's answer.
pub(crate) async fn verify(
    token: &UnverifiedToken<'_>,
    issuer: &Issuer,
    gate: &Gate<'_>,
    sealed: Option<&[u8]>,
    now: u64,
) -> Result<AccessToken, Failure> {
    if let Some(sealed) = sealed {
        learn(gate, sealed, now);
    }
    let known = KNOWN.with_borrow(Clone::clone);
    if let Some(known) = known.as_ref().filter(|known| known.is_fresh(now)) {
        match token.verify(&known.keys, &issuer.policy, now) {
            Err(error) if may_be_newer(token, error) => {}
            verified => return Ok(verified?),
        }
    }
    let newer = refetched(issuer, gate, known, now).await.ok_or(Failure::NoKeys)?;
    Ok(token.verify(&newer.keys, &issuer.policy, now)?)
}

/// Whether newer keys could change the answer: the token names one that is not there, or it names none, and the one that is
/// there may have been replaced.
fn may_be_newer(token: &UnverifiedToken<'_>, error: TokenError) -> bool {
    error.is_unknown_key() || (token.key_id().is_none() && error == TokenError::Signature)
}

/// The keys after a look for newer ones: in Redis, or, if it is this instance's turn, at the issuer. While another instance
/// fetches them, waits for it. The old ones where there are none newer.
async fn refetched(issuer: &Issuer, gate: &Gate<'_>, known: Option<Known>, now: u64) -> Option<Known> {
    let until = Instant::now() + gate.settings.jwks_timeouts.total;
    loop {
        let (sealed, mut turn) = match gate.refetch().await {
            Some(answer) => answer,
            None => (None, own_turn()),
        };
        if let Some(sealed) = sealed {
            learn(gate, &sealed, now);
        }
        // They were fetched, and are gone from Redis or spoilt there: not to be waited for.
        if turn == Turn::Over && KNOWN.with_borrow(Option::is_none) {
            turn = own_turn();
        }
        if turn == Turn::Mine {
            let fetched = fetched(issuer, gate, now).await;
            end_turn(gate).await;
            return fetched.or_else(|| stale(gate, now));
        }
        let newest = KNOWN.with_borrow(Clone::clone);
        let is_newer =
            newest.as_ref().map(|known| known.fetched_at) != known.as_ref().map(|known| known.fetched_at);
        if is_newer || turn == Turn::Over || Instant::now() >= until {
            return newest;
        }
        clock::sleep(LOOK_AGAIN).await;
    }
}

/// Whose turn it is among the requests of this instance.
fn own_turn() -> Turn {
    match FETCHED.get() {
        Some((at, turn)) if at.elapsed() < BETWEEN_FETCHES => turn,
        _ => {
            FETCHED.set(Some((Instant::now(), Turn::Open)));
            Turn::Mine
        }
    }
}

async fn end_turn(gate: &Gate<'_>) {
    FETCHED.set(Some((Instant::now(), Turn::Over)));
    gate.end_turn().await;
}

/// The keys that the issuer has now, kept here and in Redis.
async fn fetched(issuer: &Issuer, gate: &Gate<'_>, now: u64) -> Option<Known> {
    let Timeouts { connect, total } = gate.settings.jwks_timeouts;
    let fetched = clock::within(total, fetch(&issuer.url, connect)).await;
    let document = match fetched.map_err(|error| error.to_string()).flatten() {
        Ok(document) => document,
        Err(cause) => {
            log::error(
                gate.names,
                format_args!("the issuer's keys cannot be fetched: {cause}"),
            );
            return None;
        }
    };
    let keys = match Jwks::parse(document.as_bytes()) {
        Ok(keys) => Rc::new(keys),
        Err(cause) => {
            log::error(
                gate.names,
                format_args!("the issuer's keys cannot be used: {cause}"),
            );
            return None;
        }
    };
    for (place, reason) in keys.skipped() {
        log::error(
            gate.names,
            format_args!("the issuer's key number {place} is not used: {reason}"),
        );
    }
    let content = [&now.to_be_bytes(), document.as_bytes()].concat();
    let sealed = gate
        .settings
        .seal
        .seal(&gate.signing_keys(), &content, now + KEPT);
    gate.keep_signing_keys(&sealed, Duration::from_secs(KEPT)).await;
    Some(know(Known {
        keys,
        fetched_at: now,
    }))
}

/// The issuer's own keys: named by its discovery document (OpenID Connect Discovery 1.0, section 4), which has to be its own.
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
    let document = text(&address, connect, MOST_DISCOVERY).await?;
    let discovery: Discovery =
        serde_json::from_str(&document).map_err(|error| format!("its discovery document: {error}"))?;
    if discovery.issuer != issuer {
        return Err("its discovery document names another issuer than the variable `issuer`".into());
    }
    text(&discovery.jwks_uri, connect, MAX_JWKS_BYTES).await
}

async fn text(address: &str, connect: Duration, most: usize) -> Result<String, String> {
    match get(address, most, Some(connect)).await {
        Ok((http::StatusCode::OK, text)) => Ok(text),
        Ok((status, _)) => Err(format!("{address} answered {status}")),
        Err(error) => Err(format!("{address}: {error}")),
    }
}

/// The old keys, for want of newer ones.
fn stale(gate: &Gate<'_>, now: u64) -> Option<Known> {
    let known = KNOWN.with_borrow(Clone::clone)?;
    if !known.is_fresh(now) {
        log::error(
            gate.names,
            format_args!(
                "going on with the issuer's keys of {} s ago",
                now - known.fetched_at
            ),
        );
    }
    Some(known)
}

/// Takes keys from Redis, if they are genuine and newer.
fn learn(gate: &Gate<'_>, sealed: &[u8], now: u64) {
    let place = gate.signing_keys();
    let Ok(content) = gate.settings.seal.open(&place, sealed, now) else {
        log::error(
            gate.names,
            "the issuer's keys in Redis are not those that were put there",
        );
        return;
    };
    let Some((fetched_at, document)) = content.split_first_chunk() else {
        return;
    };
    let fetched_at = u64::from_be_bytes(*fetched_at);
    let is_newer = |known: &Option<Known>| known.as_ref().is_none_or(|known| known.fetched_at < fetched_at);
    if !KNOWN.with_borrow(is_newer) {
        return;
    }
    if let Ok(keys) = Jwks::parse(document) {
        know(Known {
            keys: Rc::new(keys),
            fetched_at,
        });
    }
}

fn know(known: Known) -> Known {
    KNOWN.set(Some(known.clone()));
    known
}

impl Known {
    fn is_fresh(&self, now: u64) -> bool {
        now.saturating_sub(self.fetched_at) < FRESH
    }
}
