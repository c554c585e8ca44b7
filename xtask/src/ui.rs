//! Progress messages: the current step, the number of steps, and how long each step took.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// A job of several steps. Each step is announced when it begins.
#[derive(Debug)]
pub struct Steps {
    total: usize,
    current: usize,
    began: Instant,
}

impl Steps {
    /// A job of `total` steps.
    pub fn new(total: usize) -> Steps {
        Steps {
            total,
            current: 0,
            began: Instant::now(),
        }
    }

    /// Announces the next step: `[2/6] TITLE`.
    pub fn begin(&mut self, title: impl Display) {
        self.finish();
        self.current += 1;
        self.began = Instant::now();
        println!("[{}/{}] {title}", self.current, self.total);
    }

    /// Prints how long the last step took, if it was long.
    pub fn finish(&self) {
        const WORTH_SAYING: Duration = Duration::from_secs(1);
        let elapsed = self.began.elapsed();
        if self.current > 0 && elapsed >= WORTH_SAYING {
            detail(format_args!("done in {}", seconds(elapsed)));
        }
    }
}

/// Prints a detail of the current step, indented below its title.
pub fn detail(text: impl Display) {
    println!("      {text}");
}

/// `0.4 s`, `12.3 s`, `2 min 5 s`.
pub fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole < 60 {
        return format!("{:.1} s", time.as_secs_f64());
    }
    format!("{} min {} s", whole / 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_seconds_or_minutes() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_millis(59_949)), "59.9 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 5 s");
    }
}
