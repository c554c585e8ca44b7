//! Redis is only a cache. Every call has a time limit, and a component works without Redis.
//!
//! An instance keeps one connection, which all requests share: answers come in the order of the commands, and no state
//! on the connection belongs to one request.

mod script;

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use keyspace::RedisKey;
use spin_sdk::redis::{Connection, Error as HostError, RedisParameter, RedisResult};

pub use self::script::{NamedValues, Script};

use crate::{
    clock::{Elapsed, within},
    variables,
};

/// How long an instance works without Redis after a failure. If each request waited for a Redis that does not answer,
/// the cost would be higher than the benefit of a cache.
const PAUSE: Duration = Duration::from_secs(2);

/// A command of Redis failed. The text is for the log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A variable cannot be read.
    #[error("Redis: {0}")]
    Unknown(#[from] variables::Error),
    /// No answer in time.
    #[error("Redis: {0}")]
    Slow(#[from] Elapsed),
    /// Not reachable, the connection broke, or it refused.
    #[error("Redis: {0}")]
    Failed(String),
    /// Redis has no script with this digest.
    #[error("Redis: it does not know the script")]
    NoScript,
    /// Redis failed a moment ago, and no command was sent.
    #[error("Redis: no command sent, because it failed a moment ago")]
    Paused,
    /// The answer has an unexpected form.
    #[error("Redis: an answer of another form than expected")]
    Unexpected,
}

impl Error {
    /// Whether Redis is unavailable and the command is not at fault. Other log lines report an unavailable Redis.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Slow(_) | Self::Failed(_) | Self::Paused)
    }
}

impl From<HostError> for Error {
    fn from(error: HostError) -> Self {
        match error {
            HostError::InvalidAddress => {
                Self::Failed("the address is not valid, or not allowed for this component".into())
            }
            HostError::TooManyConnections => Self::Failed("too many connections".into()),
            HostError::TypeError => Self::Unexpected,
            // Hosts write Redis's NOSCRIPT in their own words.
            HostError::Other(cause) if cause.to_ascii_lowercase().contains("noscript") => Self::NoScript,
            HostError::Other(cause) => Self::Failed(cause),
        }
    }
}

/// The component's access to a Redis.
#[derive(Clone)]
pub struct Redis {
    address: Rc<str>,
    /// How long a command may take, including the connection.
    limit: Duration,
}

/// The instance's connection.
enum Link {
    Open(Rc<Connection>),
    /// When it failed.
    Failed(Instant),
}

thread_local! {
    static LINK: RefCell<Option<Link>> = const { RefCell::new(None) };
}

impl Redis {
    /// The Redis whose address is in this variable. An instance has one. The variable `redis_timeout` has the time
    /// limit of a command in seconds, including the connection.
    ///
    /// # Errors
    /// The variables cannot be read.
    pub async fn from_variable(name: &'static str) -> Result<Self, variables::Error> {
        Ok(Self {
            address: variables::get(name).await?,
            limit: variables::seconds("redis_timeout").await?,
        })
    }

    /// Runs a command on these keys, within the time limit. The other arguments come after the keys. An array is
    /// returned as its elements.
    ///
    /// The command must be safe to run twice: if the kept connection is dead because Redis was restarted, the command
    /// runs once more on a new connection.
    ///
    /// # Errors
    /// See [`Error`]. After [`Error::Slow`] and [`Error::Failed`] it is unknown whether the command ran.
    pub async fn execute(
        &self,
        command: &str,
        keys: &[&dyn RedisKey],
        arguments: &[Argument<'_>],
    ) -> Result<Vec<Value>, Error> {
        let keys = keys.iter().map(|key| Argument::Text(key.as_str()));
        let all: Vec<_> = keys.chain(arguments.iter().copied()).collect();
        self.send(command, &all).await
    }

    async fn send(&self, command: &str, arguments: &[Argument<'_>]) -> Result<Vec<Value>, Error> {
        let kept = kept()?;
        let answer = within(self.limit, self.run_on(kept, command, arguments)).await;
        let answer = answer.map_err(Error::from).flatten();
        if matches!(answer, Err(Error::Slow(_) | Error::Failed(_))) {
            LINK.set(Some(Link::Failed(Instant::now())));
        }
        Ok(answer?.into_iter().map(Value).collect())
    }

    async fn run_on(
        &self,
        kept: Option<Rc<Connection>>,
        command: &str,
        arguments: &[Argument<'_>],
    ) -> Result<Vec<RedisResult>, Error> {
        let parameters = || arguments.iter().map(Argument::parameter).collect::<Vec<_>>();
        if let Some(kept) = kept {
            match kept.execute(command, parameters()).await.map_err(Error::from) {
                Err(Error::Failed(_)) => {}
                answer => return answer,
            }
        }
        let connection = Rc::new(Connection::open(&*self.address).await?);
        LINK.set(Some(Link::Open(Rc::clone(&connection))));
        Ok(connection.execute(command, parameters()).await?)
    }

    /// Runs a script. The script reads its keys and arguments by these names, and names the values of its answer. Its
    /// text is sent only to a Redis that does not have it yet.
    ///
    /// # Errors
    /// As [`Redis::execute`].
    pub async fn run(
        &self,
        script: &Script,
        keys: &[(&str, &dyn RedisKey)],
        arguments: &[(&str, Argument<'_>)],
    ) -> Result<NamedValues, Error> {
        let call = script::encode(keys, arguments);
        let with = |first| -> Vec<_> { [first].into_iter().chain(call.iter().copied()).collect() };
        let by_digest = self.send("EVALSHA", &with(Argument::Text(script.digest()))).await;
        let answer = match by_digest {
            Err(Error::NoScript) => self.send("EVAL", &with(Argument::Text(script.text()))).await,
            answer => answer,
        };
        NamedValues::read(answer?)
    }

    /// Checks that Redis answers in time, even if it failed a moment ago.
    ///
    /// # Errors
    /// As [`Redis::execute`].
    pub async fn ping(&self) -> Result<(), Error> {
        LINK.with_borrow_mut(|link| {
            if let Some(Link::Failed(_)) = link {
                *link = None;
            }
        });
        self.send("PING", &[]).await?;
        Ok(())
    }
}

/// The instance's connection, if it has one.
fn kept() -> Result<Option<Rc<Connection>>, Error> {
    LINK.with_borrow(|link| match link {
        Some(Link::Open(connection)) => Ok(Some(Rc::clone(connection))),
        Some(Link::Failed(at)) if at.elapsed() < PAUSE => Err(Error::Paused),
        Some(Link::Failed(_)) | None => Ok(None),
    })
}

/// An argument of a command.
#[derive(Clone, Copy, Debug)]
pub enum Argument<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes of any kind.
    Bytes(&'a [u8]),
    /// A whole number.
    Number(i64),
    /// A number that may have a fraction.
    Decimal(f64),
}

impl Argument<'_> {
    fn parameter(&self) -> RedisParameter {
        match *self {
            Self::Text(text) => RedisParameter::Binary(text.as_bytes().to_vec()),
            Self::Bytes(bytes) => RedisParameter::Binary(bytes.to_vec()),
            Self::Number(number) => RedisParameter::Int64(number),
            Self::Decimal(number) => RedisParameter::Binary(number.to_string().into_bytes()),
        }
    }
}

/// A value of an answer.
#[derive(Debug)]
pub struct Value(RedisResult);

impl Value {
    /// Bytes; `None` for a missing or an empty value.
    ///
    /// # Errors
    /// The value is a number.
    pub fn bytes(self) -> Result<Option<Vec<u8>>, Error> {
        let bytes = match self.0 {
            RedisResult::Nil => Vec::new(),
            RedisResult::Status(text) => text.into_bytes(),
            RedisResult::Binary(bytes) => bytes,
            RedisResult::Int64(_) => return Err(Error::Unexpected),
        };
        Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// A text; `None` for a missing or an empty value.
    ///
    /// # Errors
    /// The value is a number, or not UTF-8.
    pub fn text(self) -> Result<Option<String>, Error> {
        let text = self.bytes()?.map(String::from_utf8).transpose();
        text.map_err(|_| Error::Unexpected)
    }

    /// A whole number.
    ///
    /// # Errors
    /// The value is not a number.
    pub fn number(self) -> Result<i64, Error> {
        match self.0 {
            RedisResult::Int64(number) => Ok(number),
            _ => Err(Error::Unexpected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_script_is_distinguished_from_failures() {
        for unknown in [
            "NOSCRIPT No matching script",
            "NoScriptError: No matching script.",
        ] {
            let error = HostError::Other(unknown.into()).into();
            assert!(matches!(error, Error::NoScript), "{unknown}");
        }
        for failed in ["broken pipe", "NOPERM this user has no permissions", ""] {
            let error = HostError::Other(failed.into()).into();
            assert!(matches!(error, Error::Failed(_)), "{failed}");
        }
    }
}
