//! Circuit breakers: a service that failed several times in a row is left alone for a while, and then tried by one call
//! before all others follow.
//!
//! What is known of a service is kept in the instance and, for a [`Breaker::shared`] one, in Redis, so that all instances of
//! all hosts know it. It is written there only when it changes, and read with something that is asked of Redis anyway
//! ([`learn`]). Without Redis each instance goes by what it sees itself.

mod state;

use std::{cell::RefCell, collections::HashMap, time::Duration};

use spin_adapters::{
    redis::{Argument, Error, Redis, Script},
    variables,
};

use self::state::State;

/// Failures in a row that open a breaker.
const FAILURES: u32 = 5;

/// How long a failure counts when no other follows, and how long it is remembered that a probe is due.
const REMEMBERED: Duration = Duration::from_secs(600);

thread_local! {
    static STATES: RefCell<HashMap<&'static str, State>> = RefCell::default();
    static FAILED: Script = Script::new(&[include_str!("failed.lua")]);
    static PROBE: Script = Script::new(&[include_str!("probe.lua")]);
}

/// The breaker of one service.
#[derive(Clone, Copy, Debug)]
pub struct Breaker {
    service: &'static str,
    is_shared: bool,
}

/// A call that may be made. Say how it ended; one that was given up before is none that counts.
#[derive(Debug)]
#[must_use]
pub struct Pass {
    breaker: Breaker,
    is_probe: bool,
}

/// The breaker is open: the service is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its breaker is open")]
pub struct Open;

/// Where a service's breaker is in Redis, in an installation with this prefix.
pub fn key(prefix: &str, service: &str) -> String {
    format!("{prefix}:breaker:{service}")
}

/// Takes over what Redis has at [`key`] (nothing: an empty text), read at `now`, its time in microseconds since 1970.
pub fn learn(service: &'static str, kept: &str, now: i64) {
    if let Some(state) = State::parse(kept, now) {
        know(service, state);
    }
}

impl Breaker {
    /// A breaker that is this instance's own.
    pub const fn local(service: &'static str) -> Self {
        Self {
            service,
            is_shared: false,
        }
    }

    /// A breaker that is in Redis, too. The component needs the variables `redis_url`, `redis_timeout`, `redis_prefix` and
    /// `breaker_reset_timeout`, and has to [`learn`] what is there.
    pub const fn shared(service: &'static str) -> Self {
        Self {
            service,
            is_shared: true,
        }
    }

    /// Asks to call the service. When the time to leave it alone is over, one asks at a time is let through, and has
    /// `lease` to say how it went.
    ///
    /// # Errors
    /// The service is to be left alone.
    pub async fn enter(self, lease: Duration) -> Result<Pass, Open> {
        let state = self.state();
        let is_probe = match state {
            State::Closed { .. } => false,
            State::Open { .. } if !state.is_due() => return Err(Open),
            State::Open { .. } => true,
        };
        if is_probe {
            know(self.service, State::open_for(lease));
            // Without Redis the instance decides alone.
            if self.is_shared && matches!(self.lease(lease).await, Ok(false)) {
                return Err(Open);
            }
        }
        Ok(Pass {
            breaker: self,
            is_probe,
        })
    }

    fn state(self) -> State {
        STATES
            .with_borrow(|states| states.get(self.service).copied())
            .unwrap_or_default()
    }

    /// Whether this is the one that may try. Learns what the breaker is if not.
    async fn lease(self, lease: Duration) -> Result<bool, Error> {
        let (redis, keys) = self.place().await?;
        let keys = keys.each_ref().map(String::as_str);
        let arguments = [Argument::Number(millis(lease))];
        let answer = redis.run(&PROBE.with(Clone::clone), &keys, &arguments).await?;
        let [kept, now, may_try] = <[_; 3]>::try_from(answer).map_err(|_| Error::Unexpected)?;
        let may_try = may_try.number()? == 1;
        if !may_try {
            learn(self.service, &kept.text()?.unwrap_or_default(), now.number()?);
        }
        Ok(may_try)
    }

    async fn count_failure(self) -> Result<State, Error> {
        let (redis, keys) = self.place().await?;
        let reset = variables::seconds("breaker_reset_timeout").await?;
        let arguments = [i64::from(FAILURES), millis(reset), millis(REMEMBERED)].map(Argument::Number);
        let keys = keys.each_ref().map(String::as_str);
        let answer = redis.run(&FAILED.with(Clone::clone), &keys, &arguments).await?;
        let [kept, now] = <[_; 2]>::try_from(answer).map_err(|_| Error::Unexpected)?;
        let kept = kept.text()?.unwrap_or_default();
        State::parse(&kept, now.number()?).ok_or(Error::Unexpected)
    }

    async fn forget(self) -> Result<(), Error> {
        let (redis, keys) = self.place().await?;
        let keys = keys.each_ref().map(|key| Argument::Text(key));
        redis.execute("DEL", &keys).await?;
        Ok(())
    }

    /// Redis, and the keys of the breaker and of its probe's lease.
    async fn place(self) -> Result<(Redis, [String; 2]), Error> {
        let redis = Redis::from_variable("redis_url").await?;
        let prefix = variables::get("redis_prefix").await?;
        let breaker = key(&prefix, self.service);
        let probe = format!("{breaker}:probe");
        Ok((redis, [breaker, probe]))
    }
}

impl Pass {
    /// The service did what a service does; that it refused the call is part of that.
    pub async fn succeeded(self) {
        let before = self.breaker.state();
        let is_news = self.is_probe || matches!(before, State::Closed { failures: 1.. });
        if !is_news {
            return;
        }
        know(self.breaker.service, State::default());
        if self.breaker.is_shared {
            // Without Redis what is there ends by itself.
            let _ = self.breaker.forget().await;
        }
    }

    /// The service failed.
    pub async fn failed(self) {
        let shared = match self.breaker.is_shared {
            true => self.breaker.count_failure().await.ok(),
            false => None,
        };
        let state = match shared {
            Some(state) => state,
            None => {
                let reset = variables::seconds("breaker_reset_timeout").await;
                let reset = reset.unwrap_or(Duration::from_secs(60));
                self.breaker.state().after_failure(self.is_probe, FAILURES, reset)
            }
        };
        know(self.breaker.service, state);
    }
}

fn know(service: &'static str, state: State) {
    STATES.with_borrow_mut(|states| states.insert(service, state));
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
