//! Postgres values in JSON: `{"TYPE": …}` with the interface's own name of the type, and `"db-null"`. Bytes are arrays of
//! numbers, tuples are arrays, bounds of ranges `[VALUE, "inclusive" | "exclusive"]` or null. JSON documents are texts.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spin_sdk::pg::wit::postgres::{
    DbDataType, DbValue, Error, Interval, ParameterValue, QueryError, RangeBoundKind,
};

type Range<T> = (Option<(T, RangeBoundKind)>, Option<(T, RangeBoundKind)>);

pub(crate) fn value(value: DbValue) -> Value {
    match value {
        DbValue::Boolean(v) => json!({ "boolean": v }),
        DbValue::Int8(v) => json!({ "int8": v }),
        DbValue::Int16(v) => json!({ "int16": v }),
        DbValue::Int32(v) => json!({ "int32": v }),
        DbValue::Int64(v) => json!({ "int64": v }),
        DbValue::Floating32(v) => json!({ "floating32": v }),
        DbValue::Floating64(v) => json!({ "floating64": v }),
        DbValue::Str(v) => json!({ "str": v }),
        DbValue::Binary(v) => json!({ "binary": v }),
        DbValue::Date(v) => json!({ "date": v }),
        DbValue::Time(v) => json!({ "time": v }),
        DbValue::Datetime(v) => json!({ "datetime": v }),
        DbValue::Timestamp(v) => json!({ "timestamp": v }),
        DbValue::Uuid(v) => json!({ "uuid": v }),
        DbValue::Jsonb(v) => json!({ "jsonb": String::from_utf8_lossy(&v) }),
        DbValue::Decimal(v) => json!({ "decimal": v }),
        DbValue::RangeInt32(v) => json!({ "range-int32": range(v) }),
        DbValue::RangeInt64(v) => json!({ "range-int64": range(v) }),
        DbValue::RangeDecimal(v) => json!({ "range-decimal": range(v) }),
        DbValue::ArrayInt32(v) => json!({ "array-int32": v }),
        DbValue::ArrayInt64(v) => json!({ "array-int64": v }),
        DbValue::ArrayDecimal(v) => json!({ "array-decimal": v }),
        DbValue::ArrayStr(v) => json!({ "array-str": v }),
        DbValue::Interval(v) => json!({ "interval": [v.micros, v.days, v.months] }),
        DbValue::DbNull => json!("db-null"),
        DbValue::Unsupported(v) => json!({ "unsupported": v }),
    }
}

fn range<T: Serialize>((lower, upper): Range<T>) -> Value {
    let bound =
        |bound: Option<(T, RangeBoundKind)>| bound.map(|(value, kind)| json!([value, kind_name(kind)]));
    json!([bound(lower), bound(upper)])
}

fn kind_name(kind: RangeBoundKind) -> &'static str {
    match kind {
        RangeBoundKind::Inclusive => "inclusive",
        RangeBoundKind::Exclusive => "exclusive",
    }
}

/// The type of a column: the interface's name, or `{"other": NAME}`.
pub(crate) fn data_type(ty: &DbDataType) -> Value {
    match ty {
        DbDataType::Other(name) => json!({ "other": name }),
        known => json!(format!("{known:?}").trim_start_matches("DbDataType::")),
    }
}

/// An error: `{"KIND": TEXT}`, or `{"query-failed": {"text"}}`, or the server's error in its parts.
pub(crate) fn error(error: Error) -> Value {
    match error {
        Error::ConnectionFailed(text) => json!({ "connection-failed": text }),
        Error::BadParameter(text) => json!({ "bad-parameter": text }),
        Error::ValueConversionFailed(text) => json!({ "value-conversion-failed": text }),
        Error::Other(text) => json!({ "other": text }),
        Error::QueryFailed(QueryError::Text(text)) => json!({ "query-failed": { "text": text } }),
        Error::QueryFailed(QueryError::DbError(error)) => json!({ "query-failed": {
            "as-text": error.as_text,
            "severity": error.severity,
            "code": error.code,
            "message": error.message,
            "detail": error.detail,
            "extras": error.extras,
        } }),
    }
}

pub(crate) fn parameter(given: &Value) -> Result<ParameterValue, String> {
    if given == "db-null" {
        return Ok(ParameterValue::DbNull);
    }
    let wrong = || format!("{given} is no parameter: write {{\"TYPE\": VALUE}} or \"db-null\"");
    let (name, value) = given
        .as_object()
        .and_then(|object| object.iter().next())
        .ok_or_else(wrong)?;
    read(name, value)
        .map_err(|error| format!("{given}: {error}"))?
        .ok_or_else(wrong)
}

/// None for a name that is no type.
fn read(name: &str, value: &Value) -> Result<Option<ParameterValue>, serde_json::Error> {
    use ParameterValue as Parameter;
    Ok(Some(match name {
        "boolean" => Parameter::Boolean(from(value)?),
        "int8" => Parameter::Int8(from(value)?),
        "int16" => Parameter::Int16(from(value)?),
        "int32" => Parameter::Int32(from(value)?),
        "int64" => Parameter::Int64(from(value)?),
        "floating32" => Parameter::Floating32(from(value)?),
        "floating64" => Parameter::Floating64(from(value)?),
        "str" => Parameter::Str(from(value)?),
        "binary" => Parameter::Binary(from(value)?),
        "date" => Parameter::Date(from(value)?),
        "time" => Parameter::Time(from(value)?),
        "datetime" => Parameter::Datetime(from(value)?),
        "timestamp" => Parameter::Timestamp(from(value)?),
        "uuid" => Parameter::Uuid(from(value)?),
        "jsonb" => Parameter::Jsonb(from::<String>(value)?.into_bytes()),
        "decimal" => Parameter::Decimal(from(value)?),
        "range-int32" => Parameter::RangeInt32(read_range(value)?),
        "range-int64" => Parameter::RangeInt64(read_range(value)?),
        "range-decimal" => Parameter::RangeDecimal(read_range(value)?),
        "array-int32" => Parameter::ArrayInt32(from(value)?),
        "array-int64" => Parameter::ArrayInt64(from(value)?),
        "array-decimal" => Parameter::ArrayDecimal(from(value)?),
        "array-str" => Parameter::ArrayStr(from(value)?),
        "interval" => {
            let (micros, days, months) = from(value)?;
            Parameter::Interval(Interval { micros, days, months })
        }
        _ => return Ok(None),
    }))
}

fn from<'a, T: Deserialize<'a>>(value: &'a Value) -> Result<T, serde_json::Error> {
    T::deserialize(value)
}

/// A bound of a range as tests write it: its value, and whether it is `"inclusive"`.
type Bound<'a, T> = Option<(T, &'a str)>;

fn read_range<'a, T: Deserialize<'a>>(value: &'a Value) -> Result<Range<T>, serde_json::Error> {
    let (lower, upper): (Bound<'a, T>, Bound<'a, T>) = from(value)?;
    let kind = |name| {
        if name == "inclusive" {
            RangeBoundKind::Inclusive
        } else {
            RangeBoundKind::Exclusive
        }
    };
    Ok((
        lower.map(|(value, name)| (value, kind(name))),
        upper.map(|(value, name)| (value, kind(name))),
    ))
}
