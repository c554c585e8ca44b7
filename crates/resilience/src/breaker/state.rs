//! The state of a circuit breaker.

use std::time::{Duration, Instant};

/// The longest time for which a value in Redis can keep a breaker open. It limits the harm of a wrong value.
const MAX_OPEN_TIME: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BreakerState {
    /// The service is called. The number of failures since the last success.
    Closed { failures: u32 },
    /// The service is not called until then. After that, one call tests it.
    Open { until: Instant },
}

impl Default for BreakerState {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl BreakerState {
    pub(super) fn open_for(time: Duration) -> Self {
        Self::Open {
            until: Instant::now() + time,
        }
    }

    /// Reads the value of a `keyspace::BreakerKey`, as of `now` in microseconds since 1970.
    pub(super) fn parse(value: &str, now: i64) -> Option<Self> {
        if value.is_empty() {
            return Some(Self::default());
        }
        let Some(until) = value.strip_prefix("open ") else {
            return value.parse().ok().map(|failures| Self::Closed { failures });
        };
        let left = until.parse::<i64>().ok()?.saturating_sub(now).max(0);
        Some(Self::open_for(
            Duration::from_micros(left.unsigned_abs()).min(MAX_OPEN_TIME),
        ))
    }

    /// Whether a call may test the service.
    pub(super) fn is_probe_due(self) -> bool {
        matches!(self, Self::Open { until } if Instant::now() >= until)
    }

    /// The state after one more failure, by the same rules as `count_failure.lua`.
    pub(super) fn after_failure(self, is_probe: bool, max_failures: u32, reset: Duration) -> Self {
        match self {
            _ if is_probe => Self::open_for(reset),
            Self::Closed { failures } if failures + 1 >= max_failures => Self::open_for(reset),
            Self::Closed { failures } => Self::Closed {
                failures: failures + 1,
            },
            open @ Self::Open { .. } => open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn valid_values_are_read_and_others_are_ignored() {
        assert_eq!(
            BreakerState::parse("", 0),
            Some(BreakerState::Closed { failures: 0 })
        );
        assert_eq!(
            BreakerState::parse("3", 0),
            Some(BreakerState::Closed { failures: 3 })
        );
        let open = BreakerState::parse("open 61000000", 1_000_000).expect("an open breaker");
        assert!(!open.is_probe_due(), "open for another minute");
        let over = BreakerState::parse("open 1000000", 61_000_000).expect("an open breaker");
        assert!(over.is_probe_due(), "a minute after its end a probe is due");
        for wrong in ["open", "open soon", "-1", "x"] {
            assert_eq!(BreakerState::parse(wrong, 0), None, "{wrong:?} is not a state");
        }
    }

    #[test]
    fn value_in_redis_keeps_a_breaker_open_for_ten_minutes_at_most() {
        let BreakerState::Open { until } = BreakerState::parse("open 9223372036854775807", 0).expect("open")
        else {
            panic!("it is open");
        };
        assert!(until <= Instant::now() + MAX_OPEN_TIME);
    }

    #[test]
    fn fifth_failure_in_a_row_opens_the_breaker() {
        let mut state = BreakerState::default();
        for failures in 1..5 {
            state = state.after_failure(false, 5, MINUTE);
            assert_eq!(state, BreakerState::Closed { failures });
        }
        let open = state.after_failure(false, 5, MINUTE);
        assert!(matches!(open, BreakerState::Open { .. }) && !open.is_probe_due());
        assert_eq!(
            open.after_failure(false, 5, MINUTE),
            open,
            "a call that began before changes nothing"
        );
    }

    #[test]
    fn failed_probe_opens_the_breaker_again() {
        let due = BreakerState::open_for(Duration::ZERO);
        assert!(due.is_probe_due());
        assert!(!due.after_failure(true, 5, MINUTE).is_probe_due());
    }
}
