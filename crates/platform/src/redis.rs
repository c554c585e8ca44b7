//! Redis: a cache, never the truth. Every call has a limit, and a service goes on without it.
//!
//! The host has no pool, and each connection that is opened is a new one to the server: an instance keeps one. Its requests
//! share it, because the host pipelines commands.

use std::{cell::RefCell, rc::Rc, time::Duration};

use spin_sdk::redis::{Connection, Error as HostError, RedisParameter, RedisResult};

use crate::{
    clock::{Elapsed, within},
    variables,
};

/// How long a command may take, connecting included.
const LIMIT: Duration = Duration::from_secs(1);

/// An argument of a command.
pub type Argument = RedisParameter;

/// An answer, or a part of one.
pub type Reply = RedisResult;

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

/// A Redis server, as the component's user on it.
#[derive(Clone)]
pub struct Redis {
    address: Rc<str>,
}

thread_local! {
    /// The connection that this instance keeps, with the address it belongs to.
    static KEPT: RefCell<Option<(Rc<str>, Rc<Connection>)>> = const { RefCell::new(None) };
}

impl Redis {
    /// The server whose address is in this variable.
    pub async fn from_variable(name: &'static str) -> Result<Self, variables::Error> {
        Ok(Self {
            address: variables::get(name).await?,
        })
    }

    /// Runs a command, within 1 s.
    ///
    /// It must be safe to run twice: when it fails on the kept connection, which may have died meanwhile (Redis was
    /// restarted), it is run again, once, on a new one.
    pub async fn execute(
        &self,
        command: &str,
        arguments: impl IntoIterator<Item = Argument>,
    ) -> Result<Vec<Reply>, Error> {
        let arguments: Vec<Argument> = arguments.into_iter().collect();
        let result = within(LIMIT, self.run(command, arguments)).await;
        let result = result.map_err(Error::from).flatten();
        if result.is_err() {
            // Whatever is kept is suspect, above all when there was no answer at all. Those who still use it keep it alive.
            KEPT.set(None);
        }
        result
    }

    async fn run(&self, command: &str, arguments: Vec<Argument>) -> Result<Vec<Reply>, Error> {
        if let Some(kept) = self.kept()
            && let Ok(reply) = kept.execute(command, arguments.clone()).await
        {
            return Ok(reply);
        }
        let connection = Connection::open(&*self.address).await?;
        let reply = connection.execute(command, arguments).await?;
        KEPT.set(Some((self.address.clone(), Rc::new(connection))));
        Ok(reply)
    }

    fn kept(&self) -> Option<Rc<Connection>> {
        KEPT.with_borrow(|kept| {
            let (address, connection) = kept.as_ref()?;
            (*address == self.address).then(|| connection.clone())
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
