//! Circuit breakers. After several failures in a row, callers do not call a service for a while. Then one call, the
//! probe, tests it. If it succeeds, all other calls follow.
//!
//! The state of a breaker is in the instance and, for a [`Breaker::shared`] one, also in Redis, so that all instances
//! on all hosts share it. It is written to Redis only when it changes, and read together with other values ([`learn`]).
//! Without Redis each instance decides from its own calls.

mod state;

use std::{cell::RefCell, collections::HashMap, time::Duration};

use keyspace::{BREAKER_LIFETIME, BreakerKey, BreakerProbeKey};
use spin_adapters::{
    redis::{Argument, Error, NamedValues, Redis, Script},
    variables,
};

use self::state::BreakerState;

/// The number of failures in a row that opens a breaker.
const MAX_FAILURES: u32 = 5;

thread_local! {
    static STATES: RefCell<HashMap<&'static str, BreakerState>> = RefCell::default();
    static COUNT_FAILURE: Script = Script::new(&[include_str!("count_failure.lua")]);
    static ACQUIRE_PROBE: Script = Script::new(&[include_str!("acquire_probe.lua")]);
}

/// The breaker of one service.
#[derive(Clone, Copy, Debug)]
pub struct Breaker {
    service: &'static str,
    is_shared: bool,
}

/// A permitted call. Report its result. A call that is dropped before it ends does not count.
#[derive(Debug)]
#[must_use]
pub struct CallPermit {
    breaker: Breaker,
    is_probe: bool,
}

/// The breaker is open: the service is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its breaker is open")]
pub struct BreakerOpen;

/// Adopts the value of a [`BreakerKey`], read at `now` by the clock of Redis, in microseconds since 1970. An empty text
/// stands for a missing key.
pub fn learn(service: &'static str, value: &str, now: i64) {
    if let Some(state) = BreakerState::parse(value, now) {
        set_state(service, state);
    }
}

impl Breaker {
    /// A breaker of this instance only.
    pub const fn local(service: &'static str) -> Self {
        Self {
            service,
            is_shared: false,
        }
    }

    /// A breaker that all instances share through Redis. The component needs the variables `redis_url`, `redis_timeout`,
    /// `redis_prefix` and `breaker_reset_timeout`, and must [`learn`] the state in Redis.
    pub const fn shared(service: &'static str) -> Self {
        Self {
            service,
            is_shared: true,
        }
    }

    /// Requests permission to call the service. After the time of an open breaker, one call at a time gets it: the
    /// probe. It has `lease` to report its result.
    ///
    /// # Errors
    /// The breaker is open.
    pub async fn acquire(self, lease: Duration) -> Result<CallPermit, BreakerOpen> {
        let state = self.state();
        let is_probe = match state {
            BreakerState::Closed { .. } => false,
            BreakerState::Open { .. } if !state.is_probe_due() => return Err(BreakerOpen),
            BreakerState::Open { .. } => true,
        };
        if is_probe {
            set_state(self.service, BreakerState::open_for(lease));
            // Without Redis, the instance decides on its own.
            if self.is_shared && matches!(self.acquire_probe(lease).await, Ok(false)) {
                return Err(BreakerOpen);
            }
        }
        Ok(CallPermit {
            breaker: self,
            is_probe,
        })
    }

    fn state(self) -> BreakerState {
        STATES
            .with_borrow(|states| states.get(self.service).copied())
            .unwrap_or_default()
    }

    /// Whether this call is the probe. If not, the breaker's state is read here.
    async fn acquire_probe(self, lease: Duration) -> Result<bool, Error> {
        let mut answer = self
            .run(
                &ACQUIRE_PROBE.with(Clone::clone),
                &[("lease", milliseconds(lease))],
            )
            .await?;
        let is_acquired = answer.take_number("acquired")? == 1;
        if !is_acquired {
            let state = answer.take_text("state")?.unwrap_or_default();
            learn(self.service, &state, answer.take_number("now")?);
        }
        Ok(is_acquired)
    }

    async fn count_failure(self) -> Result<BreakerState, Error> {
        let reset = variables::seconds("breaker_reset_timeout").await?;
        let arguments = [
            ("max_failures", Argument::Number(MAX_FAILURES.into())),
            ("open_time", milliseconds(reset)),
            ("lifetime", milliseconds(BREAKER_LIFETIME)),
        ];
        let mut answer = self.run(&COUNT_FAILURE.with(Clone::clone), &arguments).await?;
        let state = answer.take_text("state")?.unwrap_or_default();
        BreakerState::parse(&state, answer.take_number("now")?).ok_or(Error::Unexpected)
    }

    async fn run(self, script: &Script, arguments: &[(&str, Argument<'_>)]) -> Result<NamedValues, Error> {
        let (redis, breaker, probe) = self.place().await?;
        redis
            .run(script, &[("breaker", &breaker), ("probe", &probe)], arguments)
            .await
    }

    async fn delete(self) -> Result<(), Error> {
        let (redis, breaker, probe) = self.place().await?;
        redis.execute("DEL", &[&breaker, &probe], &[]).await?;
        Ok(())
    }

    async fn place(self) -> Result<(Redis, BreakerKey, BreakerProbeKey), Error> {
        let redis = Redis::from_variable("redis_url").await?;
        let prefix = variables::get("redis_prefix").await?;
        let breaker = BreakerKey::new(&prefix, self.service);
        let probe = BreakerProbeKey::new(&prefix, self.service);
        Ok((redis, breaker, probe))
    }
}

impl CallPermit {
    /// Reports that the service answered. An answer that refuses the call also counts as a success.
    pub async fn succeeded(self) {
        let before = self.breaker.state();
        let is_change = self.is_probe || matches!(before, BreakerState::Closed { failures: 1.. });
        if !is_change {
            return;
        }
        set_state(self.breaker.service, BreakerState::default());
        if self.breaker.is_shared {
            // If Redis is unavailable, its keys expire.
            let _ = self.breaker.delete().await;
        }
    }

    /// Reports that the service failed.
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
                self.breaker
                    .state()
                    .after_failure(self.is_probe, MAX_FAILURES, reset)
            }
        };
        set_state(self.breaker.service, state);
    }
}

fn set_state(service: &'static str, state: BreakerState) {
    STATES.with_borrow_mut(|states| states.insert(service, state));
}

fn milliseconds(time: Duration) -> Argument<'static> {
    Argument::Number(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}
