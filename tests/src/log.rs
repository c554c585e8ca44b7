//! The log of the host and the components in this process. Tests check that it does not contain certain texts.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

/// The maximum size, which is more than all tests of one process write. When it is exceeded, the oldest half is dropped.
const KEPT: usize = 64 << 20;

static LOG: Mutex<String> = Mutex::new(String::new());

/// The log of this process since its first platform was started, by all tests.
pub fn logged() -> String {
    lock().clone()
}

/// Starts to keep the log. A second call changes nothing.
pub(crate) fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The level is lower than in production: a text that is not found here is not in a production log either.
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
