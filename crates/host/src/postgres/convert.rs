//! Converts values from the database to the interface and back.
//!
//! The supported types and the failures are the same as in Spin (`factor-outbound-pg/src/types.rs` and
//! `types/convert.rs`), with the same driver types: a `timestamptz` fails, a `jsonb` is returned as compact text, an
//! empty range looks unbounded, and a type that Spin does not support is returned in its binary form.

use std::error::Error;
use std::fmt::Display;

use bytes::{Buf as _, BytesMut};
use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _, Utc};
use postgres_range::{BoundSided, BoundType, Normalizable, Range, RangeBound};
use rust_decimal::Decimal;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use tokio_postgres::{Column, Row};
use uuid::Uuid;

use super::error::with_causes;
use super::wit::{self, DbDataType, DbValue, Interval, RangeBoundKind};

type WitDate = (i32, u8, u8);
type WitTime = (u8, u8, u8, u32);
type WitDatetime = (i32, u8, u8, u8, u8, u8, u32);
type WitRange<T> = (Option<(T, RangeBoundKind)>, Option<(T, RangeBoundKind)>);

/// The columns of a result.
pub(super) fn columns(columns: &[Column]) -> Vec<wit::Column> {
    let column = |column: &Column| wit::Column {
        name: column.name().to_owned(),
        data_type: data_type(column.type_()),
    };
    columns.iter().map(column).collect()
}

fn data_type(ty: &Type) -> DbDataType {
    match *ty {
        Type::BOOL => DbDataType::Boolean,
        Type::BYTEA => DbDataType::Binary,
        Type::FLOAT4 => DbDataType::Floating32,
        Type::FLOAT8 => DbDataType::Floating64,
        Type::INT2 => DbDataType::Int16,
        Type::INT4 => DbDataType::Int32,
        Type::INT8 => DbDataType::Int64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => DbDataType::Str,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => DbDataType::Datetime,
        Type::DATE => DbDataType::Date,
        Type::TIME => DbDataType::Time,
        Type::UUID => DbDataType::Uuid,
        Type::JSONB => DbDataType::Jsonb,
        Type::NUMERIC => DbDataType::Decimal,
        Type::INT4_RANGE => DbDataType::RangeInt32,
        Type::INT8_RANGE => DbDataType::RangeInt64,
        Type::NUM_RANGE => DbDataType::RangeDecimal,
        Type::INT4_ARRAY => DbDataType::ArrayInt32,
        Type::INT8_ARRAY => DbDataType::ArrayInt64,
        Type::NUMERIC_ARRAY => DbDataType::ArrayDecimal,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => DbDataType::ArrayStr,
        Type::INTERVAL => DbDataType::Interval,
        _ => DbDataType::Other(ty.name().to_owned()),
    }
}

/// The values of a row.
pub(super) fn row(row: &Row) -> Result<Vec<DbValue>, String> {
    (0..row.len()).map(|index| value(row, index)).collect()
}

fn value(row: &Row, index: usize) -> Result<DbValue, String> {
    match *row.columns()[index].type_() {
        Type::BOOL => get(row, index, DbValue::Boolean),
        Type::BYTEA => get(row, index, DbValue::Binary),
        Type::FLOAT4 => get(row, index, DbValue::Floating32),
        Type::FLOAT8 => get(row, index, DbValue::Floating64),
        Type::INT2 => get(row, index, DbValue::Int16),
        Type::INT4 => get(row, index, DbValue::Int32),
        Type::INT8 => get(row, index, DbValue::Int64),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => get(row, index, DbValue::Str),
        // A NaiveDateTime is never a timestamptz, so a timestamptz fails as in Spin.
        Type::TIMESTAMP | Type::TIMESTAMPTZ => get(row, index, |v| DbValue::Datetime(wit_datetime(v))),
        Type::DATE => get(row, index, |v| DbValue::Date(wit_date(v))),
        Type::TIME => get(row, index, |v| DbValue::Time(wit_time(v))),
        Type::UUID => get(row, index, |v: Uuid| DbValue::Uuid(v.to_string())),
        Type::JSONB => get(row, index, |v: serde_json::Value| {
            DbValue::Jsonb(v.to_string().into_bytes())
        }),
        Type::NUMERIC => get(row, index, |v: Decimal| DbValue::Decimal(v.to_string())),
        Type::INT4_RANGE => get(row, index, |v| {
            DbValue::RangeInt32(wit_range(&v, |bound: &i32| *bound))
        }),
        Type::INT8_RANGE => get(row, index, |v| {
            DbValue::RangeInt64(wit_range(&v, |bound: &i64| *bound))
        }),
        Type::NUM_RANGE => get(row, index, |v| {
            DbValue::RangeDecimal(wit_range(&v, |bound: &RangeDecimal| bound.0.to_string()))
        }),
        Type::INT4_ARRAY => get(row, index, DbValue::ArrayInt32),
        Type::INT8_ARRAY => get(row, index, DbValue::ArrayInt64),
        Type::NUMERIC_ARRAY => get(row, index, |v| DbValue::ArrayDecimal(wit_decimals(v))),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => get(row, index, DbValue::ArrayStr),
        Type::INTERVAL => get(row, index, |v: IntervalValue| DbValue::Interval(v.0)),
        _ => get(row, index, |v: Binary| DbValue::Unsupported(v.0)),
    }
}

fn get<'a, T: FromSql<'a>>(
    row: &'a Row,
    index: usize,
    convert: impl FnOnce(T) -> DbValue,
) -> Result<DbValue, String> {
    let value: Option<T> = row.try_get(index).map_err(|error| with_causes(&error))?;
    Ok(value.map_or(DbValue::DbNull, convert))
}

/// The approximate memory of a value in this process.
pub(super) fn size(value: &DbValue) -> usize {
    let texts = |texts: &[Option<String>]| {
        texts.iter().flatten().map(String::len).sum::<usize>() + size_of_val(texts)
    };
    size_of::<DbValue>()
        + match value {
            DbValue::Str(v) | DbValue::Uuid(v) | DbValue::Decimal(v) => v.len(),
            DbValue::Binary(v) | DbValue::Jsonb(v) | DbValue::Unsupported(v) => v.len(),
            DbValue::ArrayInt32(v) => size_of_val(v.as_slice()),
            DbValue::ArrayInt64(v) => size_of_val(v.as_slice()),
            DbValue::ArrayDecimal(v) | DbValue::ArrayStr(v) => texts(v),
            _ => 0,
        }
}

// chrono's months, days, hours, minutes and seconds are at most 59: nothing is cut off below.
fn wit_date(date: NaiveDate) -> WitDate {
    (date.year(), date.month() as u8, date.day() as u8)
}

fn wit_time(time: NaiveTime) -> WitTime {
    (
        time.hour() as u8,
        time.minute() as u8,
        time.second() as u8,
        time.nanosecond(),
    )
}

fn wit_datetime(datetime: NaiveDateTime) -> WitDatetime {
    let (year, month, day) = wit_date(datetime.date());
    let (hour, minute, second, nanosecond) = wit_time(datetime.time());
    (year, month, day, hour, minute, second, nanosecond)
}

fn wit_decimals(decimals: Vec<Option<Decimal>>) -> Vec<Option<String>> {
    decimals
        .into_iter()
        .map(|decimal| decimal.map(|d| d.to_string()))
        .collect()
}

fn wit_range<T: Normalizable + PartialOrd, W>(range: &Range<T>, convert: impl Fn(&T) -> W) -> WitRange<W> {
    let kind = |bound| match bound {
        BoundType::Inclusive => RangeBoundKind::Inclusive,
        BoundType::Exclusive => RangeBoundKind::Exclusive,
    };
    let lower = range
        .lower()
        .map(|bound| (convert(&bound.value), kind(bound.type_)));
    let upper = range
        .upper()
        .map(|bound| (convert(&bound.value), kind(bound.type_)));
    (lower, upper)
}

pub(super) fn date((year, month, day): WitDate) -> Result<NaiveDate, String> {
    NaiveDate::from_ymd_opt(year, month.into(), day.into())
        .ok_or_else(|| format!("invalid date y={year}, m={month}, d={day}"))
}

pub(super) fn time((hour, minute, second, nanosecond): WitTime) -> Result<NaiveTime, String> {
    NaiveTime::from_hms_nano_opt(hour.into(), minute.into(), second.into(), nanosecond)
        .ok_or_else(|| format!("invalid time {hour}:{minute}:{second}:{nanosecond}"))
}

pub(super) fn datetime(
    (year, month, day, hour, minute, second, nanosecond): WitDatetime,
) -> Result<NaiveDateTime, String> {
    Ok(NaiveDateTime::new(
        date((year, month, day))?,
        time((hour, minute, second, nanosecond))?,
    ))
}

pub(super) fn timestamp(seconds: i64) -> Result<DateTime<Utc>, String> {
    DateTime::from_timestamp(seconds, 0).ok_or_else(|| format!("invalid epoch timestamp {seconds}"))
}

pub(super) fn uuid(text: &str) -> Result<Uuid, String> {
    Uuid::parse_str(text).map_err(|error| invalid("UUID", text, error))
}

pub(super) fn json(text: &[u8]) -> Result<serde_json::Value, String> {
    serde_json::from_slice(text).map_err(|error| invalid("JSON", &String::from_utf8_lossy(text), error))
}

pub(super) fn decimal(text: &str) -> Result<Decimal, String> {
    Decimal::from_str_exact(text).map_err(|error| invalid("decimal", text, error))
}

pub(super) fn decimals(texts: Vec<Option<String>>) -> Result<Vec<Option<Decimal>>, String> {
    texts
        .into_iter()
        .map(|text| text.as_deref().map(decimal).transpose())
        .collect()
}

pub(super) fn range<T: Normalizable + PartialOrd>((lower, upper): WitRange<T>) -> Range<T> {
    Range::new(lower.map(bound), upper.map(bound))
}

pub(super) fn decimal_range((lower, upper): WitRange<String>) -> Result<Range<RangeDecimal>, String> {
    let read =
        |(text, kind): (String, RangeBoundKind)| Ok::<_, String>((RangeDecimal(decimal(&text)?), kind));
    Ok(range((
        lower.map(read).transpose()?,
        upper.map(read).transpose()?,
    )))
}

fn bound<S: BoundSided, T: PartialOrd>((value, kind): (T, RangeBoundKind)) -> RangeBound<S, T> {
    let kind = match kind {
        RangeBoundKind::Inclusive => BoundType::Inclusive,
        RangeBoundKind::Exclusive => BoundType::Exclusive,
    };
    RangeBound::new(value, kind)
}

fn invalid(what: &str, text: &str, error: impl Display) -> String {
    format!("invalid {what} {text}: {error}")
}

/// A decimal as the bound of a range. A decimal has no successor, so bounds are not changed.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct RangeDecimal(Decimal);

impl Normalizable for RangeDecimal {
    fn normalize<S: BoundSided>(bound: RangeBound<S, Self>) -> RangeBound<S, Self> {
        bound
    }
}

impl FromSql<'_> for RangeDecimal {
    fn from_sql(ty: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Decimal::from_sql(ty, raw).map(Self)
    }

    fn accepts(ty: &Type) -> bool {
        <Decimal as FromSql>::accepts(ty)
    }
}

impl ToSql for RangeDecimal {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <Decimal as ToSql>::accepts(ty)
    }

    tokio_postgres::types::to_sql_checked!();
}

/// An interval, whose binary form has three numbers.
struct IntervalValue(Interval);

impl FromSql<'_> for IntervalValue {
    fn from_sql(_: &Type, mut raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        if raw.len() != 16 {
            return Err("an interval has 16 bytes".into());
        }
        Ok(Self(Interval {
            micros: raw.get_i64(),
            days: raw.get_i32(),
            months: raw.get_i32(),
        }))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::INTERVAL
    }
}

/// A value of a type that Spin does not support.
struct Binary(Vec<u8>);

impl FromSql<'_> for Binary {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.to_owned()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
