//! Instants, with the precision that Postgres keeps.

/// An instant in UTC, in whole microseconds, like `timestamptz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since 1970-01-01T00:00:00Z.
    pub fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z; negative before.
    pub fn unix_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down: the first half of google.protobuf.Timestamp.
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Nanoseconds within the second, never negative: the second half of google.protobuf.Timestamp.
    pub fn subsec_nanos(self) -> i32 {
        self.0.rem_euclid(1_000_000) as i32 * 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_down_and_nanos_stay_positive() {
        let cases = [(0, 0, 0), (1_500_000, 1, 500_000_000), (-1, -1, 999_999_000)];
        for (micros, seconds, nanos) in cases {
            let at = Timestamp::from_unix_micros(micros);
            assert_eq!(
                (at.unix_seconds(), at.subsec_nanos()),
                (seconds, nanos),
                "{micros} µs"
            );
        }
    }
}
