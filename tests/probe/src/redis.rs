//! `POST /redis`: opens one connection and makes calls on it, one after the other.
//!
//! Asked: `{"address", "calls": [{"call": "execute", "command", "arguments"?}, {"call": "get", "key"}, …]}`; an argument is a
//! text or a number. Answered: `{"error"}` when it did not open, else `{"results": […]}`, each `{"value"}` or `{"error"}`.

use serde_json::{Value, json};
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};

use crate::text;

pub(crate) async fn answer(request: Value) -> Result<Value, String> {
    let connection = match Connection::open(text(&request, "address")?).await {
        Ok(connection) => connection,
        Err(error) => return Ok(json!({ "error": explain(error) })),
    };
    let mut results = Vec::new();
    for call in request["calls"].as_array().into_iter().flatten() {
        results.push(match run(&connection, call).await? {
            Ok(value) => json!({ "value": value }),
            Err(error) => json!({ "error": explain(error) }),
        });
    }
    Ok(json!({ "results": results }))
}

async fn run(connection: &Connection, call: &Value) -> Result<Result<Value, Error>, String> {
    let values = || {
        call["values"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    };
    Ok(match text(call, "call")? {
        "execute" => execute(connection, call).await?,
        "publish" => connection
            .publish(text(call, "key")?, text(call, "value")?)
            .await
            .map(|()| Value::Null),
        "get" => connection
            .get(text(call, "key")?)
            .await
            .map(|bytes| json!(bytes.map(lossy))),
        "set" => connection
            .set(text(call, "key")?, text(call, "value")?)
            .await
            .map(|()| Value::Null),
        "incr" => connection
            .incr(text(call, "key")?)
            .await
            .map(|number| json!(number)),
        "del" => connection.del(values()).await.map(|count| json!(count)),
        "sadd" => connection
            .sadd(text(call, "key")?, values())
            .await
            .map(|count| json!(count)),
        "srem" => connection
            .srem(text(call, "key")?, values())
            .await
            .map(|count| json!(count)),
        "smembers" => connection.smembers(text(call, "key")?).await.map(|mut members| {
            members.sort();
            json!(members)
        }),
        other => return Err(format!("the interface has no function {other:?}")),
    })
}

async fn execute(connection: &Connection, call: &Value) -> Result<Result<Value, Error>, String> {
    let arguments = call["arguments"]
        .as_array()
        .into_iter()
        .flatten()
        .map(argument)
        .collect::<Result<Vec<_>, _>>()?;
    let results = connection.execute(text(call, "command")?, arguments).await;
    Ok(results.map(|results| results.into_iter().map(result).collect()))
}

fn argument(value: &Value) -> Result<RedisParameter, String> {
    match (value.as_str(), value.as_i64()) {
        (Some(text), _) => Ok(RedisParameter::Binary(text.into())),
        (_, Some(number)) => Ok(RedisParameter::Int64(number)),
        _ => Err(format!("an argument is a text or a number, not {value}")),
    }
}

fn result(result: RedisResult) -> Value {
    match result {
        RedisResult::Nil => json!("nil"),
        RedisResult::Status(text) => json!({ "status": text }),
        RedisResult::Int64(number) => json!({ "int64": number }),
        RedisResult::Binary(bytes) => json!({ "binary": lossy(bytes) }),
    }
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn explain(error: Error) -> Value {
    match error {
        Error::InvalidAddress => json!("invalid-address"),
        Error::TooManyConnections => json!("too-many-connections"),
        Error::TypeError => json!("type-error"),
        Error::Other(text) => json!({ "other": text }),
    }
}
