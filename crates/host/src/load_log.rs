//! Log lines about load: at most one a second for each cause, with a count. So clients that are refused cannot fill
//! the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The time after a first refusal in which others are counted for the same line.
const INTERVAL: Duration = Duration::from_secs(1);

/// Refusals since the last line, by cause.
#[derive(Clone, Default)]
pub(crate) struct Refusals(Arc<Mutex<HashMap<&'static str, u64>>>);

impl Refusals {
    /// Counts a refusal. `log` writes the line with the number of refusals for this cause, within a second.
    pub(crate) fn count(&self, cause: &'static str, log: impl FnOnce(u64) + Send + 'static) {
        let mut counts = self.counts();
        let count = counts.entry(cause).or_default();
        *count += 1;
        if *count > 1 {
            return;
        }
        let refusals = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(INTERVAL).await;
            let count = refusals.counts().remove(cause);
            log(count.unwrap_or_default());
        });
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<&'static str, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn refusals_within_a_second_share_a_line() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let refusals = Refusals::default();
        let refuse = |times: usize| {
            for _ in 0..times {
                let lines = lines.clone();
                refusals.count("a test", move |count| {
                    lines.lock().expect("no test has failed").push(count)
                });
            }
        };
        refuse(1000);
        tokio::time::sleep(INTERVAL * 3 / 2).await;
        refuse(1);
        tokio::time::sleep(INTERVAL * 3 / 2).await;
        assert_eq!(*lines.lock().expect("no test has failed"), [1000, 1]);
    }
}
