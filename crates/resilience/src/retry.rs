//! The number of attempts of a call, and the pauses between them.

use std::time::Duration;

use spin_adapters::clock::scattered;

/// The largest number of attempts of a call.
const MAX_ATTEMPTS: u32 = 3;

/// The longest pause before the second attempt. Each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The pause after this many attempts, of random length. `None` after the last attempt.
pub(crate) fn pause(attempt: u32) -> Option<Duration> {
    (attempt < MAX_ATTEMPTS).then(|| scattered(FIRST_PAUSE * 2_u32.saturating_pow(attempt - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        for _ in 0..100 {
            let (first, second) = (
                pause(1).expect("a second attempt"),
                pause(2).expect("a third attempt"),
            );
            assert!((FIRST_PAUSE / 2..=FIRST_PAUSE).contains(&first), "{first:?}");
            assert!((FIRST_PAUSE..=FIRST_PAUSE * 2).contains(&second), "{second:?}");
            assert_eq!(pause(3), None, "three attempts are enough");
        }
    }
}
