//! What is known of a service's last calls.

use std::time::{Duration, Instant};

/// The longest that anything read from Redis keeps a service from being called: a bound on what a wrong value there can do.
const LONGEST: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is called; so many calls failed since the last that did not.
    Closed { failures: u32 },
    /// It is not called until then; after that, by one.
    Open { until: Instant },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl State {
    pub(super) fn open_for(time: Duration) -> Self {
        Self::Open {
            until: Instant::now() + time,
        }
    }

    /// What `failed.lua` keeps, as of `now` in microseconds since 1970.
    pub(super) fn parse(kept: &str, now: i64) -> Option<Self> {
        if kept.is_empty() {
            return Some(Self::default());
        }
        let Some(until) = kept.strip_prefix("open ") else {
            return kept.parse().ok().map(|failures| Self::Closed { failures });
        };
        let left = until.parse::<i64>().ok()?.saturating_sub(now).max(0);
        Some(Self::open_for(
            Duration::from_micros(left.unsigned_abs()).min(LONGEST),
        ))
    }

    /// Whether one may try again.
    pub(super) fn is_due(self) -> bool {
        matches!(self, Self::Open { until } if Instant::now() >= until)
    }

    /// The state after one more failure, by the same rules as `failed.lua`.
    pub(super) fn after_failure(self, is_probe: bool, most: u32, reset: Duration) -> Self {
        match self {
            _ if is_probe => Self::open_for(reset),
            Self::Closed { failures } if failures + 1 >= most => Self::open_for(reset),
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
    fn what_redis_has_is_read_or_left_alone() {
        assert_eq!(State::parse("", 0), Some(State::Closed { failures: 0 }));
        assert_eq!(State::parse("3", 0), Some(State::Closed { failures: 3 }));
        let open = State::parse("open 61000000", 1_000_000).expect("an open breaker");
        assert!(!open.is_due(), "open for another minute");
        let over = State::parse("open 1000000", 61_000_000).expect("an open breaker");
        assert!(over.is_due(), "a minute after its end it is time to try");
        for wrong in ["open", "open soon", "-1", "x"] {
            assert_eq!(State::parse(wrong, 0), None, "{wrong:?} says nothing");
        }
    }

    #[test]
    fn nothing_in_redis_closes_a_service_for_ever() {
        let State::Open { until } = State::parse("open 9223372036854775807", 0).expect("open") else {
            panic!("it is open");
        };
        assert!(until <= Instant::now() + LONGEST);
    }

    #[test]
    fn the_fifth_failure_in_a_row_opens_it() {
        let mut state = State::default();
        for failures in 1..5 {
            state = state.after_failure(false, 5, MINUTE);
            assert_eq!(state, State::Closed { failures });
        }
        let open = state.after_failure(false, 5, MINUTE);
        assert!(matches!(open, State::Open { .. }) && !open.is_due());
        assert_eq!(
            open.after_failure(false, 5, MINUTE),
            open,
            "a call that began before changes nothing"
        );
    }

    #[test]
    fn a_probe_that_fails_opens_it_again() {
        let due = State::open_for(Duration::ZERO);
        assert!(due.is_due());
        assert!(!due.after_failure(true, 5, MINUTE).is_due());
    }
}
