//! Parameters of statements: converts the interface's values to those of the driver.
//!
//! The type of a value must match, as in Spin (`factor-outbound-pg/src/types.rs` to_sql_parameter): a `str` for
//! text-like columns, a `timestamp` for `timestamptz`, a `datetime` for `timestamp`. The driver compares it with the
//! type that the server determines for the parameter. A cast in the SQL (`$1::text::uuid`) sets that type.

use std::error::Error;
use std::fmt;

use bytes::{BufMut as _, BytesMut};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use postgres_range::Range;
use rust_decimal::Decimal;
use tokio_postgres::types::{IsNull, ToSql, Type};
use uuid::Uuid;

use super::convert::{self, RangeDecimal};
use super::wit::{Interval, ParameterValue};

/// A parameter, ready to be sent.
pub(super) enum Parameter {
    Boolean(bool),
    Int8(i8),
    Int16(i16),
    Int32(i32),
    Int64(i64),
    Floating32(f32),
    Floating64(f64),
    Str(String),
    Binary(Vec<u8>),
    Date(NaiveDate),
    Time(NaiveTime),
    Datetime(NaiveDateTime),
    Timestamp(DateTime<Utc>),
    Uuid(Uuid),
    Jsonb(serde_json::Value),
    Decimal(Decimal),
    RangeInt32(Range<i32>),
    RangeInt64(Range<i64>),
    RangeDecimal(Range<RangeDecimal>),
    ArrayInt32(Vec<Option<i32>>),
    ArrayInt64(Vec<Option<i64>>),
    ArrayDecimal(Vec<Option<Decimal>>),
    ArrayStr(Vec<Option<String>>),
    Interval(Interval),
    Null,
}

impl Parameter {
    /// Converts a value of the component. The error is for a value that is invalid for its type, such as a 30th of February.
    pub(super) fn read(value: ParameterValue) -> Result<Self, String> {
        use ParameterValue as From;
        Ok(match value {
            From::Boolean(v) => Self::Boolean(v),
            From::Int8(v) => Self::Int8(v),
            From::Int16(v) => Self::Int16(v),
            From::Int32(v) => Self::Int32(v),
            From::Int64(v) => Self::Int64(v),
            From::Floating32(v) => Self::Floating32(v),
            From::Floating64(v) => Self::Floating64(v),
            From::Str(v) => Self::Str(v),
            From::Binary(v) => Self::Binary(v),
            From::Date(v) => Self::Date(convert::date(v)?),
            From::Time(v) => Self::Time(convert::time(v)?),
            From::Datetime(v) => Self::Datetime(convert::datetime(v)?),
            From::Timestamp(v) => Self::Timestamp(convert::timestamp(v)?),
            From::Uuid(v) => Self::Uuid(convert::uuid(&v)?),
            From::Jsonb(v) => Self::Jsonb(convert::json(&v)?),
            From::Decimal(v) => Self::Decimal(convert::decimal(&v)?),
            From::RangeInt32(v) => Self::RangeInt32(convert::range(v)),
            From::RangeInt64(v) => Self::RangeInt64(convert::range(v)),
            From::RangeDecimal(v) => Self::RangeDecimal(convert::decimal_range(v)?),
            From::ArrayInt32(v) => Self::ArrayInt32(v),
            From::ArrayInt64(v) => Self::ArrayInt64(v),
            From::ArrayDecimal(v) => Self::ArrayDecimal(convert::decimals(v)?),
            From::ArrayStr(v) => Self::ArrayStr(v),
            From::Interval(v) => Self::Interval(v),
            From::DbNull => Self::Null,
        })
    }
}

type Written = Result<IsNull, Box<dyn Error + Sync + Send>>;

impl ToSql for Parameter {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Written {
        self.to_sql_checked(ty, out)
    }

    /// The accepted types depend on the value: `to_sql_checked` decides.
    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Written {
        match self {
            Self::Boolean(v) => v.to_sql_checked(ty, out),
            Self::Int8(v) => v.to_sql_checked(ty, out),
            Self::Int16(v) => v.to_sql_checked(ty, out),
            Self::Int32(v) => v.to_sql_checked(ty, out),
            Self::Int64(v) => v.to_sql_checked(ty, out),
            Self::Floating32(v) => v.to_sql_checked(ty, out),
            Self::Floating64(v) => v.to_sql_checked(ty, out),
            Self::Str(v) => v.to_sql_checked(ty, out),
            Self::Binary(v) => v.to_sql_checked(ty, out),
            Self::Date(v) => v.to_sql_checked(ty, out),
            Self::Time(v) => v.to_sql_checked(ty, out),
            Self::Datetime(v) => v.to_sql_checked(ty, out),
            Self::Timestamp(v) => v.to_sql_checked(ty, out),
            Self::Uuid(v) => v.to_sql_checked(ty, out),
            Self::Jsonb(v) => v.to_sql_checked(ty, out),
            Self::Decimal(v) => v.to_sql_checked(ty, out),
            Self::RangeInt32(v) => v.to_sql_checked(ty, out),
            Self::RangeInt64(v) => v.to_sql_checked(ty, out),
            Self::RangeDecimal(v) => v.to_sql_checked(ty, out),
            Self::ArrayInt32(v) => v.to_sql_checked(ty, out),
            Self::ArrayInt64(v) => v.to_sql_checked(ty, out),
            Self::ArrayDecimal(v) => v.to_sql_checked(ty, out),
            Self::ArrayStr(v) => v.to_sql_checked(ty, out),
            Self::Interval(v) => IntervalParameter(*v).to_sql_checked(ty, out),
            Self::Null => Ok(IsNull::Yes),
        }
    }
}

/// Parameters contain password hashes and similar data, and the driver may log them. So no part of a value is shown.
impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[derive(Debug)]
struct IntervalParameter(Interval);

impl ToSql for IntervalParameter {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Written {
        out.put_i64(self.0.micros);
        out.put_i32(self.0.days);
        out.put_i32(self.0.months);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::INTERVAL
    }

    tokio_postgres::types::to_sql_checked!();
}
