//! The time limit of a caller: `Connect-Timeout-Ms` (Connect protocol, "Unary-Request") and `grpc-timeout` (gRPC over
//! HTTP2, "Timeout").

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::error::ConnectError;

pub(crate) const CONNECT: HeaderName = HeaderName::from_static("connect-timeout-ms");
pub(crate) const GRPC: HeaderName = HeaderName::from_static("grpc-timeout");

/// The maximum number of digits of `Connect-Timeout-Ms`: 115 days.
const CONNECT_DIGITS: usize = 10;
/// The maximum number of digits of `grpc-timeout`.
const GRPC_DIGITS: usize = 8;

/// Reads `Connect-Timeout-Ms`.
pub(crate) fn parse_connect(value: &HeaderValue) -> Result<Duration, ConnectError> {
    let milliseconds = number(value.as_bytes(), CONNECT_DIGITS);
    milliseconds.map(Duration::from_millis).ok_or_else(|| {
        ConnectError::invalid_argument(
            "Connect-Timeout-Ms must be a number of milliseconds of at most 10 digits",
        )
    })
}

/// Reads `grpc-timeout`: digits and a unit.
pub(crate) fn parse_grpc(value: &HeaderValue) -> Result<Duration, ConnectError> {
    let timeout = value.as_bytes().split_last().and_then(|(unit, digits)| {
        let number = number(digits, GRPC_DIGITS)?;
        Some(match unit {
            b'H' => Duration::from_secs(number * 3600),
            b'M' => Duration::from_secs(number * 60),
            b'S' => Duration::from_secs(number),
            b'm' => Duration::from_millis(number),
            b'u' => Duration::from_micros(number),
            b'n' => Duration::from_nanos(number),
            _ => return None,
        })
    });
    timeout.ok_or_else(|| {
        ConnectError::invalid_argument(
            "grpc-timeout must be at most 8 digits and one of the units H, M, S, m, u and n",
        )
    })
}

/// `Connect-Timeout-Ms` for this time; `None` if the time is too long for the header, which has the effect of no limit.
pub(crate) fn write_connect(left: Duration) -> Option<HeaderValue> {
    let milliseconds = left.as_millis().to_string();
    HeaderValue::try_from(&milliseconds)
        .ok()
        .filter(|_| milliseconds.len() <= CONNECT_DIGITS)
}

/// `grpc-timeout` for this time, in the finest unit with at most 8 digits. `None` if the time is too long for the
/// header. The time is rounded down, so the server's deadline can be before the client's. Then a stream that the server
/// has cancelled looks broken.
pub(crate) fn write_grpc(left: Duration) -> Option<HeaderValue> {
    let seconds = u128::from(left.as_secs());
    let units = [
        (left.as_micros(), 'u'),
        (left.as_millis(), 'm'),
        (seconds, 'S'),
        (seconds / 60, 'M'),
        (seconds / 3600, 'H'),
    ];
    let (number, unit) = units
        .into_iter()
        .find(|(number, _)| *number < 10_u128.pow(GRPC_DIGITS as u32))?;
    HeaderValue::try_from(format!("{number}{unit}")).ok()
}

fn number(digits: &[u8], most: usize) -> Option<u64> {
    let well_formed = (1..=most).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| well_formed)?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_timeouts_have_units() {
        let read = |text| parse_grpc(&HeaderValue::from_static(text)).ok();
        assert_eq!(read("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(read("2M"), Some(Duration::from_secs(120)));
        assert_eq!(read("3S"), Some(Duration::from_secs(3)));
        assert_eq!(read("99999999m"), Some(Duration::from_millis(99_999_999)));
        assert_eq!(read("5u"), Some(Duration::from_micros(5)));
        assert_eq!(read("6n"), Some(Duration::from_nanos(6)));
        for wrong in ["", "S", "1", "1s", "-1S", "1.5S", "123456789S", "1SS", " 1S"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn grpc_timeout_is_written_in_the_finest_possible_unit() {
        let written = |left| write_grpc(left).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(
            written(Duration::from_micros(200_001)).as_deref(),
            Some("200001u")
        );
        assert_eq!(
            written(Duration::from_millis(99_999_999)).as_deref(),
            Some("99999999m")
        );
        assert_eq!(written(Duration::from_secs(100_000)).as_deref(), Some("100000S"));
        assert_eq!(
            written(Duration::from_secs(6_000_000_000)).as_deref(),
            Some("1666666H")
        );
        assert_eq!(
            written(Duration::from_secs(u64::MAX)),
            None,
            "longer than the header can say"
        );
    }
}
