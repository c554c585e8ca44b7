//! What the stores of both topics have in common: how they fail.

/// Why a store has no answer. The texts are for the log, never for a caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Not reachable, or too slow: later may be better.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A fault of ours: a statement that is wrong, a row that should not be.
    #[error("the database refused: {0}")]
    Failed(String),
}

impl From<spin_adapters::postgres::Error> for StoreError {
    fn from(error: spin_adapters::postgres::Error) -> Self {
        match error {
            spin_adapters::postgres::Error::Unavailable(cause) => Self::Unavailable(cause),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// A stored value that breaks the rules of the domain, which the schema's constraints should have kept out.
pub(crate) fn parsed<T, E: std::fmt::Display>(value: Result<T, E>) -> Result<T, StoreError> {
    value.map_err(|error| StoreError::Failed(format!("a stored value {error}")))
}
