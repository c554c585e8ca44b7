//! The figures: medians, ratios, a table for people and JSON for programs.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::Options;
use super::wrk::Sample;

/// What one round has shown.
pub(super) struct Round {
    /// What wrk saw.
    pub(super) sample: Sample,
    /// What processors spent on the process meanwhile. Unlike the rate, it hardly depends on what else the machine does.
    pub(super) processor: Duration,
    /// The physical memory of the process at the end, in bytes.
    pub(super) resident: u64,
}

/// What the rounds of one target have shown.
pub(super) struct Measured {
    name: &'static str,
    rounds: Vec<Round>,
}

impl Measured {
    pub(super) fn new(name: &'static str) -> Measured {
        Measured {
            name,
            rounds: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, round: Round) {
        self.rounds.push(round);
    }

    fn per_second(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.sample.per_second))
    }

    fn p50(&self) -> f64 {
        median(self.rounds.iter().map(|round| milliseconds(round.sample.p50)))
    }

    fn p99(&self) -> f64 {
        median(self.rounds.iter().map(|round| milliseconds(round.sample.p99)))
    }

    /// Processor time per request, in microseconds.
    fn processor_micros(&self) -> f64 {
        let per_request = |round: &Round| round.processor.as_secs_f64() * 1e6 / round.sample.requests as f64;
        median(self.rounds.iter().map(per_request))
    }

    /// The most memory that a round ended with, in bytes.
    fn resident(&self) -> u64 {
        self.rounds
            .iter()
            .map(|round| round.resident)
            .max()
            .unwrap_or_default()
    }

    /// The slowest and the fastest round, in requests a second: how much to trust the median.
    fn range(&self) -> (f64, f64) {
        let all = self.rounds.iter().map(|round| round.sample.per_second);
        (all.clone().fold(f64::INFINITY, f64::min), all.fold(0.0, f64::max))
    }

    fn to_json(&self) -> Value {
        let (slowest, fastest) = self.range();
        json!({
            "name": self.name,
            "requestsPerSecond": { "median": self.per_second(), "slowest": slowest, "fastest": fastest },
            "p50Milliseconds": self.p50(),
            "p99Milliseconds": self.p99(),
            "requests": self.rounds.iter().map(|round| round.sample.requests).sum::<u64>(),
            "processorMicrosecondsPerRequest": self.processor_micros(),
            "residentBytes": self.resident(),
        })
    }
}

/// All that was measured.
pub(super) struct Report {
    pub(super) options: Options,
    pub(super) get: Measured,
    pub(super) get_native: Measured,
    pub(super) list: Measured,
    pub(super) list_native: Measured,
    pub(super) seen: Measured,
    pub(super) fresh: Measured,
    pub(super) hello: Measured,
}

impl Report {
    fn all(&self) -> [&Measured; 7] {
        [
            &self.get,
            &self.get_native,
            &self.list,
            &self.list_native,
            &self.seen,
            &self.fresh,
            &self.hello,
        ]
    }

    /// Requests a second of one target as a share of another's.
    fn ratios(&self) -> [(&'static str, f64); 6] {
        let ratio = |of: &Measured, to: &Measured| of.per_second() / to.per_second();
        [
            (
                "GetProduct, platform / native",
                ratio(&self.get, &self.get_native),
            ),
            (
                "ListProducts, platform / native",
                ratio(&self.list, &self.list_native),
            ),
            ("GetProduct, platform / hello", ratio(&self.get, &self.hello)),
            ("ListProducts, platform / hello", ratio(&self.list, &self.hello)),
            ("GetUser, seen token / GetProduct", ratio(&self.seen, &self.get)),
            (
                "GetUser, fresh tokens / GetProduct",
                ratio(&self.fresh, &self.get),
            ),
        ]
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "concurrency": self.options.concurrency,
            "seconds": self.options.seconds,
            "rounds": self.options.rounds,
            "targets": self.all().map(Measured::to_json),
            "ratios": self.ratios().map(|(name, ratio)| json!({ "name": name, "ratio": ratio })),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options {
            seconds,
            rounds,
            concurrency,
            ..
        } = self.options;
        writeln!(
            f,
            "{concurrency} requests at a time, median of {rounds} rounds of {seconds} s, no request lost\n"
        )?;
        writeln!(
            f,
            "{:24} {:>10} {:>17} {:>9} {:>9} {:>11} {:>8}",
            "", "requests/s", "(from – to)", "p50 ms", "p99 ms", "CPU µs/req", "RSS MB"
        )?;
        for measured in self.all() {
            let (slowest, fastest) = measured.range();
            writeln!(
                f,
                "{:24} {:>10.0} {:>17} {:>9.2} {:>9.2} {:>11.0} {:>8}",
                measured.name,
                measured.per_second(),
                format!("{slowest:.0} – {fastest:.0}"),
                measured.p50(),
                measured.p99(),
                measured.processor_micros(),
                measured.resident() >> 20
            )?;
        }
        writeln!(f)?;
        for (name, ratio) in self.ratios() {
            writeln!(f, "{name:34} {ratio:.2}")?;
        }
        Ok(())
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The middle one; of an even number the lower of the two in the middle, so that it is one that was seen.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count => values[(count - 1) / 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_one_of_the_values() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.0);
        assert!(median(std::iter::empty()).is_nan(), "nothing was measured");
    }
}
