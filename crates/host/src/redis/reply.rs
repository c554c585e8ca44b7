//! Redis's answers and errors, converted to those of the interface.

use redis::{RedisError, Value};

use super::wit::{Error, RedisResult};

/// The maximum size of an answer: 128 MiB, as in Spin. The driver has already read the answer, so this limit protects the
/// component.
const MAX_REPLY_BYTES: usize = 128 << 20;

/// Flattens the answer to a command into a list, as in Spin (`factor-outbound-redis/src/host.rs` RedisResults).
pub(super) fn flatten(value: Value) -> Result<Vec<RedisResult>, Error> {
    let mut results = Vec::new();
    append(value, &mut results)?;
    if results.iter().map(size).sum::<usize>() > MAX_REPLY_BYTES {
        return Err(too_large());
    }
    Ok(results)
}

fn append(value: Value, results: &mut Vec<RedisResult>) -> Result<(), Error> {
    results.push(match value {
        Value::Nil => RedisResult::Nil,
        Value::Int(number) => RedisResult::Int64(number),
        Value::Boolean(yes) => RedisResult::Int64(i64::from(yes)),
        Value::BulkString(bytes) => RedisResult::Binary(bytes),
        Value::Double(number) => RedisResult::Binary(number.to_string().into_bytes()),
        Value::BigNumber(digits) => RedisResult::Binary(digits),
        Value::SimpleString(text) => RedisResult::Status(text),
        Value::Okay => RedisResult::Status("OK".to_owned()),
        Value::Array(values) | Value::Set(values) => {
            return values.into_iter().try_for_each(|value| append(value, results));
        }
        Value::ServerError(error) => return Err(other(error.into())),
        _ => {
            return Err(Error::Other(
                "this type of a Redis answer has no form in spin:redis".to_owned(),
            ));
        }
    });
    Ok(())
}

/// A value that `get` may return.
pub(super) fn limited(value: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, Error> {
    match value {
        Some(bytes) if bytes.len() > MAX_REPLY_BYTES => Err(too_large()),
        value => Ok(value),
    }
}

fn size(result: &RedisResult) -> usize {
    size_of::<RedisResult>()
        + match result {
            RedisResult::Nil | RedisResult::Int64(_) => 0,
            RedisResult::Binary(bytes) => bytes.len(),
            RedisResult::Status(text) => text.len(),
        }
}

fn too_large() -> Error {
    Error::Other(format!("query result exceeds limit of {MAX_REPLY_BYTES} bytes"))
}

/// The error with the text of the server or the network.
pub(super) fn other(error: RedisError) -> Error {
    Error::Other(error.to_string())
}
