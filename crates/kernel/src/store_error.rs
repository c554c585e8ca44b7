/// The reason why a call of a store failed. The texts are for the log, never for a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database is not reachable or too slow. A later attempt may succeed.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A fault in our code or schema, such as a wrong statement, or a stored row that the domain refuses.
    #[error("the database refused: {0}")]
    Failed(String),
}
