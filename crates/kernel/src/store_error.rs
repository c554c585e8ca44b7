/// Why a store has no answer. The texts are for the log, never for a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database is not reachable or too slow. A later attempt may succeed.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A fault in our code or schema: a statement that is wrong, a stored row that the domain refuses.
    #[error("the database refused: {0}")]
    Failed(String),
}
