//! The texts of `google.protobuf.Timestamp` (RFC 3339) and `google.protobuf.Duration` (seconds with an "s").

use crate::wkt::{Duration, Timestamp};

/// 0001-01-01T00:00:00Z, in seconds since 1970.
const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z, in seconds since 1970.
const LAST_SECOND: i64 = 253_402_300_799;
/// 10,000 years of 365.25 days: the maximum of a duration, positive or negative.
const LONGEST_SECONDS: i64 = 315_576_000_000;
const NANOS_PER_SECOND: i32 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const LONGEST_TIMESTAMP: usize = "9999-12-31T23:59:59.999999999Z".len();

const NOT_A_TIMESTAMP: &str = "expected an RFC 3339 time such as \"2026-01-31T09:00:00Z\"";
const TIMESTAMP_RANGE: &str = "out of range: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z";
const NOT_A_DURATION: &str = "expected a duration in seconds such as \"1.5s\"";
const DURATION_RANGE: &str = "out of range: -315576000000s to 315576000000s";

/// The text of a time, in UTC, with 0, 3, 6 or 9 digits behind the second.
pub(super) fn format_timestamp(time: &Timestamp) -> Result<String, &'static str> {
    if !(FIRST_SECOND..=LAST_SECOND).contains(&time.seconds) || !(0..NANOS_PER_SECOND).contains(&time.nanos) {
        return Err(TIMESTAMP_RANGE);
    }
    let (year, month, day) = date_of_day(time.seconds.div_euclid(SECONDS_PER_DAY));
    let second = time.seconds.rem_euclid(SECONDS_PER_DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    // Digit by digit: a page of products has forty of these, and `format!` took most of the page's time.
    let mut text = String::with_capacity(LONGEST_TIMESTAMP);
    push_digits(&mut text, year, 4);
    for (separator, value) in [
        ('-', month),
        ('-', day),
        ('T', hour),
        (':', minute),
        (':', second),
    ] {
        text.push(separator);
        push_digits(&mut text, value, 2);
    }
    push_fraction(&mut text, time.nanos);
    text.push('Z');
    Ok(text)
}

/// Parses a time with any offset from UTC.
pub(super) fn parse_timestamp(text: &str) -> Result<Timestamp, &'static str> {
    let (seconds, nanos) = parse_rfc3339(text).ok_or(NOT_A_TIMESTAMP)?;
    if !(FIRST_SECOND..=LAST_SECOND).contains(&seconds) {
        return Err(TIMESTAMP_RANGE);
    }
    Ok(Timestamp { seconds, nanos })
}

/// The text of a duration, with 0, 3, 6 or 9 digits behind the point.
pub(super) fn format_duration(duration: &Duration) -> Result<String, &'static str> {
    let Duration { seconds, nanos } = *duration;
    let nanos_in_range = (-NANOS_PER_SECOND + 1..NANOS_PER_SECOND).contains(&nanos);
    if !(-LONGEST_SECONDS..=LONGEST_SECONDS).contains(&seconds) || !nanos_in_range {
        return Err(DURATION_RANGE);
    }
    if (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0) {
        return Err("seconds and nanos have different signs");
    }
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let mut text = format!("{sign}{}", seconds.unsigned_abs());
    push_fraction(&mut text, nanos.abs());
    text.push('s');
    Ok(text)
}

/// Parses a duration.
pub(super) fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let number = text.strip_suffix('s').ok_or(NOT_A_DURATION)?;
    let (negative, magnitude) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (whole, fraction) = match magnitude.split_once('.') {
        Some((whole, fraction)) => (whole, parse_fraction(fraction).ok_or(NOT_A_DURATION)?),
        None => (magnitude, 0),
    };
    if whole.is_empty() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NOT_A_DURATION);
    }
    let seconds = whole.parse::<i64>().map_err(|_| DURATION_RANGE)?;
    if seconds > LONGEST_SECONDS {
        return Err(DURATION_RANGE);
    }
    let sign = if negative { -1 } else { 1 };
    Ok(Duration {
        seconds: seconds * sign,
        nanos: fraction * sign as i32,
    })
}

/// Adds a point and as many digits as the nanoseconds need, in groups of three. Adds nothing for a whole second.
fn push_fraction(text: &mut String, nanos: i32) {
    let (value, digits) = match nanos {
        0 => return,
        nanos if nanos % 1_000_000 == 0 => (nanos / 1_000_000, 3),
        nanos if nanos % 1_000 == 0 => (nanos / 1_000, 6),
        nanos => (nanos, 9),
    };
    text.push('.');
    push_digits(text, i64::from(value), digits);
}

/// Adds the last decimal digits of a number that is not negative: this many of them.
fn push_digits(text: &mut String, value: i64, count: u32) {
    for position in (0..count).rev() {
        let digit = value / 10_i64.pow(position) % 10;
        text.push(char::from(b'0' + digit as u8));
    }
}

/// The nanoseconds of 1 to 9 digits after a point.
fn parse_fraction(digits: &str) -> Option<i32> {
    let value = parse_digits(digits, 1..=9)?;
    Some(value * 10_i32.pow(9 - digits.len() as u32))
}

/// Parses a text of exactly this number of digits.
fn parse_digits(text: &str, count: std::ops::RangeInclusive<usize>) -> Option<i32> {
    let well_formed = count.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if well_formed { text.parse().ok() } else { None }
}

/// Seconds since 1970 and nanoseconds of `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)`. Only capital letters are accepted, as in
/// protobuf's JSON mapping. Leap seconds are refused, because protobuf's times do not have them.
fn parse_rfc3339(text: &str) -> Option<(i64, i32)> {
    let (date, time) = text.split_once('T')?;
    let (time, offset) = match time.strip_suffix('Z') {
        Some(time) => (time, 0),
        None => {
            let at = time.find(['+', '-'])?;
            (&time[..at], parse_offset(&time[at..])?)
        }
    };
    let (time, nanos) = match time.split_once('.') {
        Some((time, fraction)) => (time, parse_fraction(fraction)?),
        None => (time, 0),
    };
    let seconds = parse_date(date)? * SECONDS_PER_DAY + parse_time(time)? - offset;
    Some((seconds, nanos))
}

/// The day number, counted from 1970-01-01, of `YYYY-MM-DD`.
fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let year = parse_digits(parts.next()?, 4..=4)?;
    let month = parse_digits(parts.next()?, 2..=2)?;
    let day = parse_digits(parts.next()?, 2..=2)?;
    let exists = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    if !exists || parts.next().is_some() {
        return None;
    }
    Some(day_of_date(i64::from(year), i64::from(month), i64::from(day)))
}

/// The second of the day of `HH:MM:SS`.
fn parse_time(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hour = parse_digits(parts.next()?, 2..=2)?;
    let minute = parse_digits(parts.next()?, 2..=2)?;
    let second = parse_digits(parts.next()?, 2..=2)?;
    if hour > 23 || minute > 59 || second > 59 || parts.next().is_some() {
        return None;
    }
    Some(i64::from(hour * 3600 + minute * 60 + second))
}

/// The seconds east of UTC of `±HH:MM`.
fn parse_offset(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hour, minute) = text.get(1..)?.split_once(':')?;
    let (hour, minute) = (parse_digits(hour, 2..=2)?, parse_digits(minute, 2..=2)?);
    if hour > 23 || minute > 59 {
        return None;
    }
    Some(i64::from(sign * (hour * 3600 + minute * 60)))
}

fn days_in_month(year: i32, month: i32) -> i32 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the Gregorian calendar before March 1 of the year 0, counted from 1970-01-01. Years that begin in March have
/// their leap day at the end, so it does not move the other months.
const MARCH_OF_YEAR_ZERO: i64 = -719_468;
const DAYS_PER_400_YEARS: i64 = 146_097;

/// The day number, counted from 1970-01-01, of a date of the year 0 or later.
fn day_of_date(year: i64, month: i64, day: i64) -> i64 {
    let years = if month > 2 { year } else { year - 1 };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let leap_days = years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400);
    MARCH_OF_YEAR_ZERO + 365 * years + leap_days + day_of_year
}

/// The year, month and day of a day number: the inverse of [`day_of_date`].
fn date_of_day(day: i64) -> (i64, i64, i64) {
    let days = day - MARCH_OF_YEAR_ZERO;
    let era = days.div_euclid(DAYS_PER_400_YEARS);
    let day_of_era = days.rem_euclid(DAYS_PER_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + 400 * era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_the_text_of_the_mapping() {
        let cases = [
            (0, 0, "1970-01-01T00:00:00Z"),
            (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
            (951_782_400, 10_000_000, "2000-02-29T00:00:00.010Z"),
            (1_795_316_400, 1_000, "2026-11-22T03:00:00.000001Z"),
            (FIRST_SECOND, 0, "0001-01-01T00:00:00Z"),
            (LAST_SECOND, 999_999_999, "9999-12-31T23:59:59.999999999Z"),
        ];
        for (seconds, nanos, text) in cases {
            let time = Timestamp { seconds, nanos };
            assert_eq!(format_timestamp(&time).as_deref(), Ok(text), "text of {time:?}");
            assert_eq!(parse_timestamp(text), Ok(time), "time of {text}");
        }
    }

    #[test]
    fn every_day_of_the_calendar_is_converted_both_ways() {
        let mut expected_day = FIRST_SECOND / SECONDS_PER_DAY;
        for year in 1..=9999 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    let date = (i64::from(year), i64::from(month), i64::from(day));
                    assert_eq!(
                        day_of_date(date.0, date.1, date.2),
                        expected_day,
                        "day of {date:?}"
                    );
                    assert_eq!(date_of_day(expected_day), date, "date of day {expected_day}");
                    expected_day += 1;
                }
            }
        }
    }

    #[test]
    fn timestamps_are_read_in_any_offset() {
        let cases = [
            ("2026-11-22T12:00:00+09:00", "2026-11-22T03:00:00Z"),
            ("2026-11-21T22:30:00.5-04:30", "2026-11-22T03:00:00.500Z"),
            ("1970-01-01T00:00:00-00:00", "1970-01-01T00:00:00Z"),
        ];
        for (text, utc) in cases {
            let time = parse_timestamp(text).unwrap();
            assert_eq!(format_timestamp(&time).as_deref(), Ok(utc), "{text} in UTC");
        }
    }

    #[test]
    fn text_that_is_not_a_timestamp_is_refused() {
        let cases = [
            "",
            "2026",
            "2026-11-22",
            "2026-11-22T03:00:00",
            "2026-11-22t03:00:00Z",
            "2026-11-22T03:00:00z",
            "2026-11-22 03:00:00Z",
            "2026-11-22T03:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T03:60:00Z",
            "2026-11-22T23:59:60Z",
            "2026-02-29T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-11-22T03:00:00.Z",
            "2026-11-22T03:00:00.0000000001Z",
            "2026-11-22T03:00:00+0900",
            "2026-11-22T03:00:00+09:60",
            "2026-11-22T03:00:00ZZ",
            "+026-11-22T03:00:00Z",
            "2026-11-22T03:00:00é",
            "0000-12-31T23:59:59Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
        ];
        for text in cases {
            assert!(
                parse_timestamp(text).is_err(),
                "{text:?} should not be a timestamp"
            );
        }
    }

    #[test]
    fn durations_have_the_text_of_the_mapping() {
        let cases = [
            (0, 0, "0s"),
            (1, 500_000_000, "1.500s"),
            (0, -1, "-0.000000001s"),
            (-3, -20_000, "-3.000020s"),
            (LONGEST_SECONDS, 999_999_999, "315576000000.999999999s"),
            (-LONGEST_SECONDS, 0, "-315576000000s"),
        ];
        for (seconds, nanos, text) in cases {
            let duration = Duration { seconds, nanos };
            assert_eq!(
                format_duration(&duration).as_deref(),
                Ok(text),
                "text of {duration:?}"
            );
            assert_eq!(parse_duration(text), Ok(duration), "duration of {text}");
        }
    }

    #[test]
    fn text_that_is_not_a_duration_is_refused() {
        let cases = [
            "",
            "s",
            "1",
            "1 s",
            "1.s",
            ".5s",
            "+1s",
            "--1s",
            "1.0000000001s",
            "1e3s",
            "315576000001s",
            "1S",
        ];
        for text in cases {
            assert!(parse_duration(text).is_err(), "{text:?} should not be a duration");
        }
        for (seconds, nanos) in [(1, -1), (-1, 1), (LONGEST_SECONDS + 1, 0), (0, NANOS_PER_SECOND)] {
            let duration = Duration { seconds, nanos };
            assert!(
                format_duration(&duration).is_err(),
                "{duration:?} should have no text"
            );
        }
    }
}
