//! The results: medians, ratios, a table for people and JSON for programs.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::names::*;
use super::wrk::Sample;
use super::{COUNTED, Options};

/// The results of one round.
pub(super) struct Round {
    /// The results of wrk.
    pub(super) sample: Sample,
    /// The processor time of the process in the round. Unlike the rate, it hardly depends on the machine's other load.
    pub(super) processor: Duration,
    /// The physical memory of the process at the end, in bytes.
    pub(super) resident: u64,
}

/// How many commands one request sends to the servers.
#[derive(Clone, Copy)]
pub(super) struct CommandsPerRequest {
    /// SQL statements. Each is a round trip to Postgres and a transaction of its own.
    pub(super) statements: f64,
    /// Round trips to Redis.
    pub(super) redis: f64,
}

/// The results of one target.
pub(super) struct Measured {
    name: &'static str,
    commands: CommandsPerRequest,
    rounds: Vec<Round>,
}

impl Measured {
    pub(super) fn new(name: &'static str, commands: CommandsPerRequest) -> Measured {
        Measured {
            name,
            commands,
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

    /// The largest memory at the end of a round, in bytes.
    fn resident(&self) -> u64 {
        self.rounds
            .iter()
            .map(|round| round.resident)
            .max()
            .unwrap_or_default()
    }

    /// The slowest and the fastest round, in requests a second. They show how reliable the median is.
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
            "sqlStatementsPerRequest": self.commands.statements,
            "redisRoundTripsPerRequest": self.commands.redis,
            "residentBytes": self.resident(),
        })
    }
}

/// Requests a second of one target, divided by those of another.
const RATIOS: [(&str, &str, &str); 10] = [
    ("GetProduct, platform / native", GET_PRODUCT, GET_PRODUCT_NATIVE),
    (
        "ListProducts, platform / native",
        LIST_PRODUCTS,
        LIST_PRODUCTS_NATIVE,
    ),
    ("GetProduct, platform / hello", GET_PRODUCT, HELLO),
    ("ListProducts, platform / hello", LIST_PRODUCTS, HELLO),
    ("ListProducts, query / all", SEARCH_PRODUCTS, LIST_PRODUCTS),
    ("GetUser, seen token / GetProduct", GET_USER_SEEN, GET_PRODUCT),
    ("GetUser, fresh tokens / GetProduct", GET_USER_FRESH, GET_PRODUCT),
    ("GetCart / GetProduct", GET_CART, GET_PRODUCT),
    ("CreateOrder / GetProduct", CREATE_ORDER, GET_PRODUCT),
    (
        "ListOrders, deep page / first page",
        LIST_ORDERS_DEEP,
        LIST_ORDERS,
    ),
];

/// All results.
pub(super) struct Report {
    pub(super) options: Options,
    pub(super) measured: Vec<Measured>,
}

impl Report {
    /// The ratios whose two targets were both measured.
    fn ratios(&self) -> Vec<(&'static str, f64)> {
        let rate = |name: &str| {
            let measured = self.measured.iter().find(|measured| measured.name == name);
            measured.map(Measured::per_second)
        };
        let ratios = RATIOS.iter();
        ratios
            .filter_map(|(name, of, to)| Some((*name, rate(of)? / rate(to)?)))
            .collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let ratio = |(name, ratio): &(&str, f64)| json!({ "name": name, "ratio": ratio });
        json!({
            "concurrency": self.options.concurrency,
            "seconds": self.options.seconds,
            "rounds": self.options.rounds,
            "targets": self.measured.iter().map(Measured::to_json).collect::<Vec<_>>(),
            "ratios": self.ratios().iter().map(ratio).collect::<Vec<_>>(),
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
            "{:24} {:>10} {:>17} {:>8} {:>8} {:>10} {:>7} {:>9} {:>6}",
            "",
            "requests/s",
            "(from – to)",
            "p50 ms",
            "p99 ms",
            "CPU µs/req",
            "SQL/req",
            "Redis/req",
            "RSS MB"
        )?;
        for measured in &self.measured {
            let (slowest, fastest) = measured.range();
            writeln!(
                f,
                "{:24} {:>10.0} {:>17} {:>8.2} {:>8.2} {:>10.0} {:>7.2} {:>9.2} {:>6}",
                measured.name,
                measured.per_second(),
                format!("{slowest:.0} – {fastest:.0}"),
                measured.p50(),
                measured.p99(),
                measured.processor_micros(),
                measured.commands.statements,
                measured.commands.redis,
                measured.resident() >> 20
            )?;
        }
        writeln!(
            f,
            "\nSQL: statements, each a round trip to Postgres and a transaction of its own. Redis: round trips.\n\
             Both counted over {COUNTED} requests of each kind that were sent at once, after the warm-up.\n"
        )?;
        for (name, ratio) in self.ratios() {
            writeln!(f, "{name:34} {ratio:.2}")?;
        }
        Ok(())
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The middle value. For an even count, the lower of the two in the middle, so that it is a measured value.
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

    const OPTIONS: Options = Options {
        seconds: 5,
        rounds: 3,
        concurrency: 64,
        only: None,
        json: None,
    };

    fn measured(name: &'static str, per_second: f64) -> Measured {
        let commands = CommandsPerRequest {
            statements: 1.0,
            redis: 1.0,
        };
        let mut measured = Measured::new(name, commands);
        measured.add(Round {
            sample: Sample {
                requests: 10,
                lost: 0,
                per_second,
                p50: Duration::from_millis(1),
                p99: Duration::from_millis(2),
            },
            processor: Duration::from_millis(1),
            resident: 1 << 20,
        });
        measured
    }

    #[test]
    fn ratio_needs_both_targets() {
        let mut report = Report {
            options: OPTIONS,
            measured: vec![
                measured(GET_PRODUCT, 500.0),
                measured(GET_PRODUCT_NATIVE, 2_000.0),
            ],
        };
        assert_eq!(report.ratios(), [("GetProduct, platform / native", 0.25)]);
        report.measured.pop();
        assert_eq!(report.ratios(), [], "one side is missing");
    }

    #[test]
    fn ratios_name_targets() {
        for (ratio, of, to) in RATIOS {
            assert!(ALL.contains(&of) && ALL.contains(&to), "{ratio}: {of} / {to}");
        }
    }

    #[test]
    fn a_line_of_the_table_fits_a_terminal() {
        let report = Report {
            options: OPTIONS,
            measured: ALL.iter().map(|name| measured(name, 123_456.0)).collect(),
        };
        for line in report.to_string().lines() {
            assert!(line.chars().count() <= 120, "{line}");
        }
    }

    #[test]
    fn the_median_is_one_of_the_values() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.0);
        assert!(median(std::iter::empty()).is_nan(), "nothing was measured");
    }
}
