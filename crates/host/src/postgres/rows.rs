//! The rows of a result, in batches.
//!
//! A wait of a component costs far more than a row. So all rows that have arrived are passed together. If a whole
//! result has arrived together with its first row, which is usual for a small result, the component does not wait
//! again.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{future, mem};

use futures::Stream as _;
use tokio::sync::oneshot;
use tokio_postgres::RowStream;
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult, VecBuffer};

use super::convert;
use super::error::{query_failed, undeliverable};
use super::parameter::Parameter;
use super::pool::Lease;
use super::wit::{Column, Error, QueryError, Row, RowSet};

/// The maximum size of a result that is collected, and of a row that is streamed: 128 MiB, as in Spin.
const MAX_RESULT_BYTES: usize = 128 << 20;

/// A batch ends with the row that makes it larger than this.
const BATCH_BYTES: usize = 256 << 10;

/// The end of a result.
type Outcome = Result<(), Error>;

/// A result whose rows are arriving.
pub(super) struct Rows {
    stream: Pin<Box<RowStream>>,
    /// Held until the last row, because the connection is busy with this result.
    lease: Arc<Lease>,
    columns: Vec<Column>,
    max_row_bytes: usize,
}

/// Some rows, and the outcome if they are the last rows.
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    pub(super) outcome: Option<Outcome>,
    bytes: usize,
}

impl Rows {
    pub(super) async fn start(
        lease: Arc<Lease>,
        statement: &str,
        parameters: &[Parameter],
    ) -> Result<Self, Error> {
        let stream = lease
            .query(statement, parameters)
            .await
            .map_err(|error| query_failed(&error))?;
        Ok(Self {
            stream: Box::pin(stream),
            lease,
            columns: Vec::new(),
            max_row_bytes: MAX_RESULT_BYTES,
        })
    }

    /// The columns. They are known with the first row: a result without rows has none, as in Spin.
    pub(super) fn take_columns(&mut self) -> Vec<Column> {
        mem::take(&mut self.columns)
    }

    /// Waits for a row or the end, and takes all further rows that have arrived.
    pub(super) async fn batch(&mut self) -> Batch {
        future::poll_fn(|context| self.poll_batch(context)).await
    }

    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Batch> {
        let mut batch = Batch {
            rows: Vec::new(),
            outcome: None,
            bytes: 0,
        };
        while batch.outcome.is_none() && batch.bytes <= BATCH_BYTES {
            match self.stream.as_mut().poll_next(context) {
                Poll::Pending if batch.rows.is_empty() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(next) => batch.outcome = self.receive(next, &mut batch).err(),
            }
        }
        Poll::Ready(batch)
    }

    /// Adds a row to the batch, or stores the outcome of the result.
    fn receive(
        &mut self,
        next: Option<Result<tokio_postgres::Row, tokio_postgres::Error>>,
        batch: &mut Batch,
    ) -> Result<(), Outcome> {
        let row = match next {
            Some(Ok(row)) => row,
            Some(Err(error)) => return Err(self.ended(Err(query_failed(&error)))),
            None => return Err(self.ended(Ok(()))),
        };
        if self.columns.is_empty() {
            self.columns = convert::columns(row.columns());
        }
        let values = convert::row(&row).map_err(|reason| Err(undeliverable(reason)))?;
        let bytes = values.iter().map(convert::size).sum::<usize>();
        if bytes > self.max_row_bytes {
            return Err(Err(too_large()));
        }
        batch.bytes += bytes;
        batch.rows.push(values);
        Ok(())
    }

    /// The server has sent the end of the result, so the connection is free for the next statement.
    fn ended(&self, outcome: Outcome) -> Outcome {
        self.lease.finished();
        outcome
    }

    /// All rows at once. An error that comes after the statement was accepted is given as text, as in Spin
    /// (`factor-outbound-pg/src/client.rs` query).
    pub(super) async fn collect(mut self) -> Result<RowSet, Error> {
        let mut set = RowSet {
            columns: Vec::new(),
            rows: Vec::new(),
        };
        let mut bytes = size_of::<RowSet>();
        loop {
            let batch = self.batch().await;
            bytes += batch.bytes;
            if bytes > MAX_RESULT_BYTES {
                return Err(too_large());
            }
            set.rows.extend(batch.rows);
            match batch.outcome {
                None => {}
                Some(Ok(())) => break,
                Some(Err(Error::QueryFailed(QueryError::Text(text)))) => return Err(undeliverable(text)),
                Some(Err(error)) => return Err(undeliverable(format!("{error:?}"))),
            }
        }
        set.columns = self.take_columns();
        Ok(set)
    }

    /// The rows after `first` as a stream, and a future with the outcome.
    pub(super) fn stream_after(self, first: Vec<Row>) -> (RowProducer, oneshot::Receiver<Outcome>) {
        let (outcome, told) = oneshot::channel();
        (
            RowProducer {
                first,
                rest: self,
                outcome: Some(outcome),
            },
            told,
        )
    }
}

fn too_large() -> Error {
    undeliverable(format!("query result exceeds limit of {MAX_RESULT_BYTES} bytes"))
}

/// The source of a `stream<row>`. Rows are read from the connection when the component reads, so a slow reader slows
/// the server and does not fill memory.
pub(super) struct RowProducer {
    first: Vec<Row>,
    rest: Rows,
    outcome: Option<oneshot::Sender<Outcome>>,
}

impl<D> StreamProducer<D> for RowProducer {
    type Item = Row;
    type Buffer = VecBuffer<Row>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Row, VecBuffer<Row>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        // A read of zero rows only checks whether there is a row. The next real read gives the result.
        if destination.remaining(store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        if !self.first.is_empty() {
            destination.set_buffer(mem::take(&mut self.first).into());
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let batch = match self.rest.poll_batch(context) {
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            polled => ready!(polled),
        };
        destination.set_buffer(batch.rows.into());
        let Some(outcome) = batch.outcome else {
            return Poll::Ready(Ok(StreamResult::Completed));
        };
        // The component may have dropped the future. Then the result has no receiver.
        let _ = self.outcome.take().map(|told| told.send(outcome));
        Poll::Ready(Ok(StreamResult::Dropped))
    }
}
