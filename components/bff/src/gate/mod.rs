//! The edge's one question to Redis: may this request go on, and was its token seen before? One script answers it, so that
//! what it decides holds for all instances of all hosts at once.
//!
//! Redis forges nothing: what is believed when it comes back is sealed. Without Redis requests go on, unlimited but verified.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use identity::access::TokenHash;
use kernel::UserId;
use resilience::breaker;
use spin_adapters::{
    log,
    redis::{Argument, Error, Redis, Script, Value},
};
use web::{client_address::ClientAddress, request_id::RequestIds};

use crate::settings::{Rate, SERVICES, Settings};

/// Failed attempts to sign a request, within [`FAILURE_WINDOW`], that close an address for tokens not seen before.
const FAILURES: i64 = 10;
const FAILURE_WINDOW: Duration = Duration::from_secs(60);
/// How long it stays closed.
const CLOSED: Duration = Duration::from_secs(300);

/// How long after a fetch of the issuer's keys nobody fetches them again for a key that is not among them.
pub(crate) const BETWEEN_FETCHES: Duration = Duration::from_secs(10);

/// How often the log says that Redis is away.
const COMPLAINT: Duration = Duration::from_secs(60);

thread_local! {
    static SCRIPTS: Rc<Scripts> = Rc::new(Scripts::new());
    static COMPLAINED: RefCell<Option<Instant>> = const { RefCell::new(None) };
}

struct Scripts {
    enter: Script,
    admit: Script,
    fail: Script,
    refetch: Script,
}

impl Scripts {
    fn new() -> Self {
        const BUCKET: &str = include_str!("bucket.lua");
        Self {
            enter: Script::new(&[BUCKET, include_str!("enter.lua")]),
            admit: Script::new(&[BUCKET, include_str!("admit.lua")]),
            fail: Script::new(&[include_str!("fail.lua")]),
            refetch: Script::new(&[include_str!("refetch.lua")]),
        }
    }
}

/// What Redis is asked for, for one request.
pub(crate) struct Gate<'a> {
    pub(crate) redis: Redis,
    pub(crate) settings: &'a Settings,
    pub(crate) address: ClientAddress,
    /// For the log.
    pub(crate) names: RequestIds<'a>,
}

/// Which of a method's own limits a request counts for, beside its caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    None,
    /// Hashes a password: counted by address, whoever the user.
    Password,
    /// Answers with a stream, which keeps a place among the requests in flight for as long as it lasts.
    Stream,
}

/// A token as far as it can be named before it is verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) hash: TokenHash,
    /// Whom it says it is for: to be believed only where there is a verdict on this very token.
    pub(crate) user: Option<UserId>,
}

/// What there is to say about a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Requests at once.
    pub(crate) limit: i64,
    /// What is left of them.
    pub(crate) left: i64,
    /// How long until one more is allowed.
    pub(crate) wait: Duration,
}

/// Whether a request may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Allowed,
    /// Too many requests.
    Limited,
    /// Too many failed attempts from the address.
    Closed,
}

/// What Redis answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) quota: Quota,
    /// Redis's time, in microseconds since 1970.
    pub(crate) now: i64,
    /// The verdict on the token, sealed.
    pub(crate) verdict: Option<Vec<u8>>,
    /// When the user was last revoked, in microseconds since 1970, as long as a verdict from before may be kept.
    pub(crate) revoked_at: Option<i64>,
    /// The issuer's keys, sealed.
    pub(crate) keys: Option<Vec<u8>>,
}

/// Whose turn it is to fetch the issuer's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Mine,
    /// Another's, who may still come back with some.
    Open,
    /// Nobody's for a while: they were just fetched, or could not be.
    Over,
}

impl Gate<'_> {
    /// The first question. None without Redis.
    pub(crate) async fn enter(&self, claim: Option<&Claim>, own: Own, wants_keys: bool) -> Option<Answer> {
        let (verdict, user, mark) = self.keys_of(claim);
        let rate = self.settings.rate;
        let own_rate = self.own_rate(own);
        let mut keys = vec![
            self.key(format_args!("rate:address:{}", self.address)),
            self.failures(),
            verdict,
            user,
            mark,
            self.own_bucket(own, None),
            self.own_bucket(own, claim.and_then(|claim| claim.user)),
            self.signing_keys(),
        ];
        keys.extend(SERVICES.map(|service| breaker::key(&self.settings.redis_prefix, service.name)));
        let arguments = [
            &rate.per_second.to_string(),
            &rate.burst.to_string(),
            flag(claim.is_some()),
            &own_rate.per_second.to_string(),
            &own_rate.burst.to_string(),
            &FAILURES.to_string(),
            flag(wants_keys),
        ];
        let answered = self
            .run(|scripts| &scripts.enter, &keys, &arguments.map(Argument::Text))
            .await;
        let answered = answered.and_then(|mut values| {
            let breakers = values.split_off(values.len().min(Answer::LENGTH));
            let answer = Answer::read(values)?;
            for (service, kept) in SERVICES.iter().zip(breakers) {
                breaker::learn(service.name, &kept.text()?.unwrap_or_default(), answer.now);
            }
            Ok(answer)
        });
        self.or_without(answered)
    }

    /// The second question, for a token that was not seen before and is genuine: charges its user, and keeps the verdict.
    pub(crate) async fn admit(&self, claim: &Claim, verdict: &[u8], lifetime: Duration) -> Option<Answer> {
        let (verdict_key, user, mark) = self.keys_of(Some(claim));
        let rate = self.settings.rate;
        let (per_second, burst) = (rate.per_second.to_string(), rate.burst.to_string());
        let (verdicts, hash) = match claim.user {
            Some(user) => (self.key(format_args!("verdicts:{user}")), claim.hash.to_string()),
            None => (self.key(format_args!("verdicts:none")), String::new()),
        };
        let arguments = [
            Argument::Text(&per_second),
            Argument::Text(&burst),
            Argument::Bytes(verdict),
            Argument::Number(millis(lifetime)),
            Argument::Text(&hash),
        ];
        let keys = [user, verdict_key, mark, verdicts];
        let answered = self.run(|scripts| &scripts.admit, &keys, &arguments).await;
        self.or_without(answered.and_then(Answer::read))
    }

    /// Counts a failed attempt to sign a request against the address.
    pub(crate) async fn fail(&self) {
        let arguments = [FAILURES, millis(FAILURE_WINDOW), millis(CLOSED)].map(Argument::Number);
        let answered = self
            .run(|scripts| &scripts.fail, &[self.failures()], &arguments)
            .await;
        self.or_without(answered.map(drop));
    }

    /// The issuer's keys as Redis has them, sealed, and whose turn it is to fetch them anew. None without Redis.
    pub(crate) async fn refetch(&self) -> Option<(Option<Vec<u8>>, Turn)> {
        let keys = [self.signing_keys(), self.turn()];
        let arguments = [Argument::Number(millis(BETWEEN_FETCHES))];
        let answered = self.run(|scripts| &scripts.refetch, &keys, &arguments).await;
        self.or_without(answered.and_then(|values| {
            let [keys, turn] = <[Value; 2]>::try_from(values).map_err(|_| Error::Unexpected)?;
            let turn = match turn.text()?.as_deref() {
                Some("mine") => Turn::Mine,
                Some("open") => Turn::Open,
                _ => Turn::Over,
            };
            Ok((keys.bytes()?, turn))
        }))
    }

    /// Tells the others that this instance's turn is over, whether it got keys or not.
    pub(crate) async fn end_turn(&self) {
        let key = self.turn();
        let arguments = [&key, "over", "XX", "KEEPTTL"].map(Argument::Text);
        let answered = self.redis.execute("SET", &arguments).await;
        self.or_without(answered.map(drop));
    }

    /// Keeps the issuer's keys, sealed.
    pub(crate) async fn keep_signing_keys(&self, sealed: &[u8], lifetime: Duration) {
        let key = self.signing_keys();
        let arguments = [
            Argument::Text(&key),
            Argument::Bytes(sealed),
            Argument::Text("PX"),
            Argument::Number(millis(lifetime)),
        ];
        let answered = self.redis.execute("SET", &arguments).await;
        self.or_without(answered.map(drop));
    }

    /// Where the issuer's keys are: part of what their seal is for.
    pub(crate) fn signing_keys(&self) -> String {
        self.key(format_args!("jwks"))
    }

    /// Where a verdict is: part of what its seal is for.
    pub(crate) fn verdict(&self, hash: TokenHash) -> String {
        self.key(format_args!("verdict:{hash}"))
    }

    fn turn(&self) -> String {
        self.key(format_args!("jwks:turn"))
    }

    fn failures(&self) -> String {
        self.key(format_args!("failures:{}", self.address))
    }

    /// The token's verdict, its user's bucket and revocation mark. A script touches the last two only if it is for a user.
    fn keys_of(&self, claim: Option<&Claim>) -> (String, String, String) {
        let verdict = match claim {
            Some(claim) => self.verdict(claim.hash),
            None => self.key(format_args!("verdict:none")),
        };
        let user = match claim.map(|claim| (claim.user, claim.hash)) {
            Some((Some(user), _)) => user.to_string(),
            // A machine's: each of its tokens is counted by itself.
            Some((None, hash)) => format!("token:{hash}"),
            None => "none".to_owned(),
        };
        let bucket = self.key(format_args!("rate:user:{user}"));
        let mark = self.key(format_args!("revoked:{user}"));
        (verdict, bucket, mark)
    }

    fn own_bucket(&self, own: Own, user: Option<UserId>) -> String {
        match (own, user) {
            (Own::Stream, Some(user)) => self.key(format_args!("rate:stream:user:{user}")),
            (Own::Stream, None) => self.key(format_args!("rate:stream:address:{}", self.address)),
            (Own::Password | Own::None, _) => self.key(format_args!("rate:password:{}", self.address)),
        }
    }

    fn own_rate(&self, own: Own) -> Rate {
        match own {
            Own::Password => self.settings.password_rate,
            Own::Stream => self.settings.stream_rate,
            Own::None => Rate {
                per_second: 0.0,
                burst: 0,
            },
        }
    }

    fn key(&self, name: std::fmt::Arguments<'_>) -> String {
        format!("{}:{name}", self.settings.redis_prefix)
    }

    async fn run(
        &self,
        script: impl Fn(&Scripts) -> &Script,
        keys: &[String],
        arguments: &[Argument<'_>],
    ) -> Result<Vec<Value>, Error> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let scripts = SCRIPTS.with(Rc::clone);
        self.redis.run(script(&scripts), &keys, arguments).await
    }

    /// Goes on without Redis, and says so once a minute.
    fn or_without<T>(&self, answered: Result<T, Error>) -> Option<T> {
        let error = match answered {
            Ok(answer) => return Some(answer),
            Err(error) => error,
        };
        let is_due = |last: &Option<Instant>| last.is_none_or(|last| last.elapsed() >= COMPLAINT);
        if COMPLAINED.with_borrow(is_due) {
            COMPLAINED.set(Some(Instant::now()));
            log::error(
                self.names,
                format_args!("going on without limits and remembered tokens: {error}"),
            );
        }
        None
    }
}

impl Answer {
    /// Values of an answer, the breakers aside.
    const LENGTH: usize = 8;

    fn read(values: Vec<Value>) -> Result<Self, Error> {
        let values = <[Value; Self::LENGTH]>::try_from(values).map_err(|_| Error::Unexpected)?;
        let [outcome, limit, left, wait, now, verdict, mark, keys] = values;
        let outcome = match outcome.text()?.as_deref() {
            Some("allowed") => Outcome::Allowed,
            Some("limited") => Outcome::Limited,
            Some("closed") => Outcome::Closed,
            _ => return Err(Error::Unexpected),
        };
        Ok(Self {
            outcome,
            quota: Quota {
                limit: limit.number()?,
                left: left.number()?,
                wait: Duration::from_millis(wait.number()?.try_into().unwrap_or_default()),
            },
            now: now.number()?,
            verdict: verdict.bytes()?,
            // A mark that cannot be read is taken for one of now: it was put there to revoke.
            revoked_at: mark.text()?.map(|at| at.parse().unwrap_or(i64::MAX)),
            keys: keys.bytes()?,
        })
    }
}

fn flag(is: bool) -> &'static str {
    if is { "1" } else { "0" }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
