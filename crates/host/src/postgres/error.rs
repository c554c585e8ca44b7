//! Errors of the driver, converted to those of the interface. The forms are Spin's (`factor-outbound-pg/src/client.rs`).

use tokio_postgres::error::{DbError as ServerError, SqlState};

use super::wit::{DbError, Error, QueryError};

/// The error of a statement: the parts of the server's answer if there is one, otherwise the error as text.
pub(super) fn query_failed(error: &tokio_postgres::Error) -> Error {
    let text = format!("{error:?}");
    Error::QueryFailed(match error.as_db_error() {
        None => QueryError::Text(text),
        Some(server) => QueryError::DbError(DbError {
            as_text: text,
            severity: server.severity().to_owned(),
            code: server.code().code().to_owned(),
            message: server.message().to_owned(),
            detail: server.detail().map(str::to_owned),
            extras: extras(server),
        }),
    })
}

/// An error and its causes, in one line. (`anyhow` would add a backtrace if `RUST_BACKTRACE` is set.)
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A result that cannot be delivered.
pub(super) fn undeliverable(reason: impl Into<String>) -> Error {
    Error::QueryFailed(QueryError::Text(reason.into()))
}

fn extras(error: &ServerError) -> Vec<(String, String)> {
    let named = [
        ("column", error.column().map(str::to_owned)),
        ("constraint", error.constraint().map(str::to_owned)),
        ("routine", error.routine().map(str::to_owned)),
        ("hint", error.hint().map(str::to_owned)),
        ("table", error.table().map(str::to_owned)),
        ("datatype", error.datatype().map(str::to_owned)),
        ("schema", error.schema().map(str::to_owned)),
        ("file", error.file().map(str::to_owned)),
        ("line", error.line().map(|line| line.to_string())),
        ("where_", error.where_().map(str::to_owned)),
    ];
    named
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// Whether the statement failed before it had an effect, because the prepared statement is no longer valid: the schema
/// has changed, or the server has dropped the statement.
pub(super) fn is_stale(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|server| match *server.code() {
        SqlState::FEATURE_NOT_SUPPORTED => server.routine() == Some("RevalidateCachedQuery"),
        SqlState::INVALID_SQL_STATEMENT_NAME => true,
        _ => false,
    })
}

/// Whether the server refused a connection only because it has no free one at the moment.
pub(super) fn server_is_full(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
}
