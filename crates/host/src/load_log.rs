//! Log lines about load: at most one a second for each kind of refusal, with a count. So clients that are refused cannot fill
//! the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The time after a first refusal in which others are counted for the same line.
const INTERVAL: Duration = Duration::from_secs(1);

/// Refusals of one kind since the last line.
#[derive(Clone, Default)]
pub(crate) struct Refusals(Arc<AtomicU64>);

impl Refusals {
    /// Counts a refusal. `log` writes the line with the number of refusals, within a second.
    pub(crate) fn count(&self, log: impl FnOnce(u64) + Send + 'static) {
        if self.0.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        let refusals = self.0.clone();
        tokio::spawn(async move {
            tokio::time::sleep(INTERVAL).await;
            log(refusals.swap(0, Ordering::Relaxed));
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn refusals_within_a_second_share_a_line() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let refusals = Refusals::default();
        let refuse = |times: usize| {
            for _ in 0..times {
                let lines = lines.clone();
                refusals.count(move |count| lines.lock().expect("no test has failed").push(count));
            }
        };
        refuse(1000);
        tokio::time::sleep(INTERVAL * 3 / 2).await;
        refuse(1);
        tokio::time::sleep(INTERVAL * 3 / 2).await;
        assert_eq!(*lines.lock().expect("no test has failed"), [1000, 1]);
    }
}
