//! `POST /postgres`: opens one connection and runs statements on it, one after the other.
//!
//! Asked: `{"address", "builder"?: true, "ca_root"?, "sync"?: true, "statements": [{"statement", "params"?, "as"?}]}`, where
//! `as` is `query` (the default), `execute`, or `peek`: read one row and drop the rest unread.
//! Answered: `{"error"}` when it did not open, else `{"results": […]}`, each `{"columns", "rows", "error"?}`, `{"affected"}`
//! or `{"error"}`. Values and parameters look as in `values.rs`. `sync` uses the functions that block the instance.

use serde_json::{Value, json};
use spin_sdk::pg::wit::postgres::{Column, Connection, ConnectionBuilder, Error, ParameterValue, Row};

use crate::{text, values};

pub(crate) async fn answer(request: Value) -> Result<Value, String> {
    let sync = request["sync"] == true;
    let connection = match open(&request, sync).await? {
        Ok(connection) => connection,
        Err(error) => return Ok(json!({ "error": values::error(error) })),
    };
    let mut results = Vec::new();
    for statement in request["statements"].as_array().into_iter().flatten() {
        results.push(run(&connection, statement, sync).await?);
    }
    Ok(json!({ "results": results }))
}

async fn open(request: &Value, sync: bool) -> Result<Result<Connection, Error>, String> {
    let address = text(request, "address")?;
    if request["builder"] != true {
        return Ok(if sync {
            Connection::open(address)
        } else {
            Connection::open_async(address.to_owned()).await
        });
    }
    let builder = ConnectionBuilder::new(address);
    if let Some(root) = request["ca_root"].as_str()
        && let Err(error) = builder.set_ca_root(root)
    {
        return Ok(Err(error));
    }
    Ok(if sync {
        builder.build()
    } else {
        builder.build_async().await
    })
}

async fn run(connection: &Connection, statement: &Value, sync: bool) -> Result<Value, String> {
    let sql = text(statement, "statement")?;
    let params = statement["params"]
        .as_array()
        .into_iter()
        .flatten()
        .map(values::parameter)
        .collect::<Result<Vec<_>, _>>()?;
    let result = match (statement["as"].as_str().unwrap_or("query"), sync) {
        ("query", true) => connection
            .query(sql, &params)
            .map(|set| rows(&set.columns, set.rows, Ok(()))),
        ("query", false) => query(connection, sql, params, usize::MAX).await,
        ("peek", false) => query(connection, sql, params, 1).await,
        ("execute", true) => connection
            .execute(sql, &params)
            .map(|affected| json!({ "affected": affected })),
        ("execute", false) => connection
            .execute_async(sql.to_owned(), params)
            .await
            .map(|affected| json!({ "affected": affected })),
        (other, _) => return Err(format!("statements run as query, execute or peek, not {other:?}")),
    };
    Ok(result.unwrap_or_else(|error| json!({ "error": values::error(error) })))
}

async fn query(
    connection: &Connection,
    sql: &str,
    params: Vec<ParameterValue>,
    most: usize,
) -> Result<Value, Error> {
    let (columns, mut stream, outcome) = connection.query_async(sql.to_owned(), params).await?;
    let mut read = Vec::new();
    while read.len() < most
        && let Some(row) = stream.next().await
    {
        read.push(row);
    }
    if read.len() == most {
        return Ok(rows(&columns, read, Ok(())));
    }
    Ok(rows(&columns, read, outcome.await))
}

fn rows(columns: &[Column], rows: Vec<Row>, outcome: Result<(), Error>) -> Value {
    let columns: Vec<Value> = columns
        .iter()
        .map(|column| json!([column.name, values::data_type(&column.data_type)]))
        .collect();
    let rows: Vec<Vec<Value>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(values::value).collect())
        .collect();
    match outcome {
        Ok(()) => json!({ "columns": columns, "rows": rows }),
        Err(error) => json!({ "columns": columns, "rows": rows, "error": values::error(error) }),
    }
}
