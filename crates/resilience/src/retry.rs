//! When a call that failed is made again.

use std::time::Duration;

use spin_adapters::clock::scattered;

/// How often a call is made at most.
const ATTEMPTS: u32 = 3;

/// The pause before the second attempt; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(50);

/// How long to wait after this many attempts; none after the last.
pub(crate) fn pause(attempt: u32) -> Option<Duration> {
    (attempt < ATTEMPTS).then(|| scattered(FIRST * 2_u32.saturating_pow(attempt - 1)))
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
}
