//! When a call that failed is made again.

use std::time::Duration;

/// How often a call is made at most.
const ATTEMPTS: u32 = 3;

/// The pause before the second attempt; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(50);

/// How long to wait after this many attempts; none after the last. Between half and all of the pause, by chance: callers that
/// failed together do not come back together.
pub(super) fn pause(attempt: u32) -> Option<Duration> {
    let longest = (attempt < ATTEMPTS).then(|| FIRST * 2_u32.saturating_pow(attempt - 1))?;
    // Without chance the pause is still a pause.
    let chance = getrandom::u32().unwrap_or(u32::MAX);
    Some(longest / 2 + (longest / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        for _ in 0..100 {
            let (first, second) = (pause(1).expect("a second try"), pause(2).expect("a third"));
            assert!((FIRST / 2..=FIRST).contains(&first), "{first:?}");
            assert!((FIRST..=FIRST * 2).contains(&second), "{second:?}");
            assert_eq!(pause(3), None, "three attempts are enough");
        }
    }

    #[test]
    fn callers_that_failed_together_do_not_come_back_together() {
        let pauses: std::collections::BTreeSet<_> = (0..100).filter_map(|_| pause(1)).collect();
        assert!(pauses.len() > 50, "100 callers had only {} pauses", pauses.len());
    }
}
