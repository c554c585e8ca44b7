//! Time limits. Every call that leaves a component has one.

use std::{
    pin::pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::future::{Either, select};
use spin_sdk::wasip3::clocks::monotonic_clock;

/// The time limit passed before there was a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {0:?}")]
pub struct Elapsed(pub Duration);

/// The time, in seconds since 1970-01-01T00:00:00Z.
pub fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |elapsed| elapsed.as_secs())
}

/// Waits for some time.
pub async fn sleep(time: Duration) {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::wait_for(nanos).await;
}

/// A random duration between half of the longest and the longest, so that callers that began together do not retry
/// together.
pub fn scattered(longest: Duration) -> Duration {
    // Without a random number the pause is the longest.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    longest / 2 + (longest / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// Runs a future for at most `limit`. Then the future is dropped, which cancels its calls to the host.
pub async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Result<T, Elapsed> {
    match select(pin!(future), pin!(sleep(limit))).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(_) => Err(Elapsed(limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_of_callers_that_began_together_differ() {
        let longest = Duration::from_millis(50);
        let pauses: std::collections::BTreeSet<_> = (0..100).map(|_| scattered(longest)).collect();
        assert!(pauses.len() > 50, "100 pauses had only {} lengths", pauses.len());
        let are_pauses = pauses.iter().all(|pause| (longest / 2..=longest).contains(pause));
        assert!(
            are_pauses,
            "between half of the longest and the longest: {pauses:?}"
        );
    }
}
