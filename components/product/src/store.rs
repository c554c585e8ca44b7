//! What the stores of both topics have in common.

pub(crate) use kernel::StoreError;
use spin_adapters::postgres::{FromRow, Row};

/// Reads all rows of a result.
pub(crate) fn all<T: FromRow>(rows: Vec<Row>) -> Result<Vec<T>, StoreError> {
    let read = |mut row| T::from_row(&mut row).map_err(StoreError::from);
    rows.into_iter().map(read).collect()
}

/// Reads the only row of a result, if there is one.
pub(crate) fn first<T: FromRow>(rows: Vec<Row>) -> Result<Option<T>, StoreError> {
    let first = rows.into_iter().next();
    first
        .map(|mut row| T::from_row(&mut row))
        .transpose()
        .map_err(StoreError::from)
}
