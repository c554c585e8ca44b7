//! Redis: a cache, never the truth. Every call has a limit, and a service goes on without it.
//!
//! An instance keeps one connection, which any number of requests share: answers come in the order of the commands, and
//! nothing on it belongs to a request.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use sha1::{Digest as _, Sha1};
use spin_sdk::redis::{Connection, Error as HostError, RedisParameter, RedisResult};

use crate::{
    clock::{Elapsed, within},
    variables,
};

/// How long an instance goes without Redis after a failure: waiting for one that hangs, request by request, would cost
/// more than a cache is worth.
const PAUSE: Duration = Duration::from_secs(2);

/// Redis did not do what it was asked. The text is for the log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The address is not known.
    #[error("Redis: {0}")]
    Unknown(#[from] variables::Error),
    /// No answer in time.
    #[error("Redis: {0}")]
    Slow(#[from] Elapsed),
    /// Not reachable, the connection broke, or it refused.
    #[error("Redis: {0}")]
    Failed(String),
    /// It does not know a script by its digest.
    #[error("Redis: it does not know the script")]
    NoScript,
    /// It failed a moment ago, and was not asked.
    #[error("Redis: not asked, it failed a moment ago")]
    Paused,
    /// The answer is not what the command gives.
    #[error("Redis: an answer of another form than expected")]
    Unexpected,
}

impl Error {
    /// Whether it is Redis that is away, which is said elsewhere, and no fault of the command's.
    pub fn is_away(&self) -> bool {
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
            // Hosts put Redis's NOSCRIPT into words of their own.
            HostError::Other(cause) if cause.to_ascii_lowercase().contains("noscript") => Self::NoScript,
            HostError::Other(cause) => Self::Failed(cause),
        }
    }
}

/// A Redis, as the component's user of it.
#[derive(Clone)]
pub struct Redis {
    address: Rc<str>,
    /// How long a command may take, connecting included.
    limit: Duration,
}

/// What an instance knows of its Redis.
enum Link {
    Open(Rc<Connection>),
    /// It failed then.
    Failed(Instant),
}

thread_local! {
    static LINK: RefCell<Option<Link>> = const { RefCell::new(None) };
}

impl Redis {
    /// The Redis whose address is in this variable. An instance has one. How long a command may take, connecting included,
    /// is in the variable `redis_timeout`, in seconds.
    ///
    /// # Errors
    /// The variables cannot be read.
    pub async fn from_variable(name: &'static str) -> Result<Self, variables::Error> {
        Ok(Self {
            address: variables::get(name).await?,
            limit: variables::seconds("redis_timeout").await?,
        })
    }

    /// Runs a command within its time. An array comes as its elements.
    ///
    /// It must do no harm to run it twice: when the kept connection turns out to be dead (Redis was restarted meanwhile),
    /// the command is run again, once, on a new one.
    ///
    /// # Errors
    /// See [`Error`]. Whether the command was done is open after [`Error::Slow`] and [`Error::Failed`].
    pub async fn execute(&self, command: &str, arguments: &[Argument<'_>]) -> Result<Vec<Value>, Error> {
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

    /// Runs a script: by its digest, as a rule, so that its text is sent only to a Redis that does not know it yet.
    ///
    /// # Errors
    /// As [`Redis::execute`].
    pub async fn run(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[Argument<'_>],
    ) -> Result<Vec<Value>, Error> {
        let count = Argument::Number(keys.len() as i64);
        let keys = keys.iter().map(|key| Argument::Text(key));
        let rest: Vec<_> = [count]
            .into_iter()
            .chain(keys)
            .chain(arguments.iter().copied())
            .collect();
        let with = |first| -> Vec<_> { [first].into_iter().chain(rest.iter().copied()).collect() };
        match self
            .execute("EVALSHA", &with(Argument::Text(&script.digest)))
            .await
        {
            Err(Error::NoScript) => self.execute("EVAL", &with(Argument::Text(&script.text))).await,
            answer => answer,
        }
    }

    /// Whether Redis answers in time. Asks even if it failed a moment ago.
    ///
    /// # Errors
    /// As [`Redis::execute`].
    pub async fn ping(&self) -> Result<(), Error> {
        LINK.with_borrow_mut(|link| {
            if let Some(Link::Failed(_)) = link {
                *link = None;
            }
        });
        self.execute("PING", &[]).await?;
        Ok(())
    }
}

/// The connection that the instance keeps, if it has one.
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
}

impl Argument<'_> {
    fn parameter(&self) -> RedisParameter {
        match *self {
            Self::Text(text) => RedisParameter::Binary(text.as_bytes().to_vec()),
            Self::Bytes(bytes) => RedisParameter::Binary(bytes.to_vec()),
            Self::Number(number) => RedisParameter::Int64(number),
        }
    }
}

/// A value of an answer.
#[derive(Debug)]
pub struct Value(RedisResult);

impl Value {
    /// Bytes; none for nothing, and for no bytes.
    ///
    /// # Errors
    /// It is a number.
    pub fn bytes(self) -> Result<Option<Vec<u8>>, Error> {
        let bytes = match self.0 {
            RedisResult::Nil => Vec::new(),
            RedisResult::Status(text) => text.into_bytes(),
            RedisResult::Binary(bytes) => bytes,
            RedisResult::Int64(_) => return Err(Error::Unexpected),
        };
        Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// A text; none for nothing, and for the empty one.
    ///
    /// # Errors
    /// It is a number, or not UTF-8.
    pub fn text(self) -> Result<Option<String>, Error> {
        let text = self.bytes()?.map(String::from_utf8).transpose();
        text.map_err(|_| Error::Unexpected)
    }

    /// A whole number.
    ///
    /// # Errors
    /// It is none.
    pub fn number(self) -> Result<i64, Error> {
        match self.0 {
            RedisResult::Int64(number) => Ok(number),
            _ => Err(Error::Unexpected),
        }
    }
}

/// A Lua script, known to Redis by the digest of its text.
#[derive(Clone, Debug)]
pub struct Script {
    text: String,
    digest: String,
}

impl Script {
    /// A script made of these parts, one after the other.
    pub fn new(parts: &[&str]) -> Self {
        let text = parts.concat();
        let digest = Sha1::digest(&text);
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { text, digest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_script_is_told_from_failures() {
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

    #[test]
    fn a_script_is_named_by_the_sha_1_of_its_text() {
        let script = Script::new(&["return ", "1"]);
        assert_eq!(script.digest, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    }
}
