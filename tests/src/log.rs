//! What the host and the components have logged in this process, kept so that tests can look for what must not be there.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

/// More than all tests of one process write; beyond it the oldest half is forgotten.
const KEPT: usize = 64 << 20;

static LOG: Mutex<String> = Mutex::new(String::new());

/// Everything logged in this process since its first platform was started, by whatever test.
pub fn logged() -> String {
    lock().clone()
}

/// Starts to keep the log. Harmless when done again.
pub(crate) fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // More than any production log has, so that what is not found here is not there either.
        let subscriber = Registry::default().with(Keep.with_filter(LevelFilter::DEBUG));
        tracing::subscriber::set_global_default(subscriber)
            .expect("no other subscriber takes the log of a test process");
    });
}

fn lock() -> MutexGuard<'static, String> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Keep;

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(format!(
            "{} {}",
            event.metadata().level(),
            event.metadata().target()
        ));
        event.record(&mut line);
        let mut log = lock();
        if log.len() > KEPT {
            let half = log.ceil_char_boundary(KEPT / 2);
            log.drain(..half);
        }
        log.push_str(&line.0);
        log.push('\n');
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}
