//! Redis: a cache, never the truth. Every call has a limit, and a service goes on without it.

use std::time::Duration;

use spin_sdk::redis::{Connection, Error as HostError};

use crate::clock::{Elapsed, within};

/// How long a command may take, connecting included.
const LIMIT: Duration = Duration::from_secs(1);

/// Redis did not do what it was asked. The text is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer in time.
    #[error("Redis: {0}")]
    Slow(#[from] Elapsed),
    /// Not reachable, or it refused.
    #[error("Redis: {0}")]
    Failed(String),
}

impl From<HostError> for Error {
    fn from(error: HostError) -> Self {
        Self::Failed(match error {
            HostError::InvalidAddress => "the address is not valid, or not allowed for this component".into(),
            HostError::TooManyConnections => "too many connections".into(),
            HostError::TypeError => "an answer of another type than expected".into(),
            HostError::Other(cause) => cause,
        })
    }
}

/// Whether Redis answers, within 1 s.
pub async fn ping(address: &str) -> Result<(), Error> {
    within(LIMIT, async {
        Connection::open(address).await?.execute("PING", []).await?;
        Ok(())
    })
    .await?
}
