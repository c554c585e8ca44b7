//! Pools of connections, one for each address. Opening a connection takes a place, and an idle session or a new one.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{server_is_full, with_causes};
use super::session::Session;
use super::tls::{self, RootCertificate};
use super::wit::Error;
use super::{Limits, address};
use crate::networking::AllowedHosts;

/// The pause before the next attempt to connect to a server that had no free connection.
const FULL_SERVER_PAUSE: Duration = Duration::from_millis(20);

/// The pools of one component, and the addresses to which it may connect. It is cheap to clone.
#[derive(Clone)]
pub struct Pools(Arc<Shared>);

struct Shared {
    allowed: Arc<AllowedHosts>,
    limits: Limits,
    by_address: Mutex<HashMap<Key, Entry>>,
}

/// The address from the component. It contains the password, so it must never be printed.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    address: String,
    root: Option<RootCertificate>,
}

struct Entry {
    pool: Arc<Pool>,
    used: Instant,
}

impl Pools {
    /// No connection is made yet.
    #[must_use]
    pub fn new(allowed: Arc<AllowedHosts>, limits: Limits) -> Self {
        Self(Arc::new(Shared {
            allowed,
            limits,
            by_address: Mutex::default(),
        }))
    }

    /// Opens a connection: an idle one, or a new one.
    pub(super) async fn open(&self, address: String, root: Option<RootCertificate>) -> Result<Lease, Error> {
        let pool = self.pool(Key { address, root })?;
        Pool::open(&pool).await
    }

    fn pool(&self, key: Key) -> Result<Arc<Pool>, Error> {
        let mut by_address = lock(&self.0.by_address);
        // A pool exists only for an address that was checked, and grants do not change.
        if let Some(entry) = by_address.get_mut(&key) {
            entry.used = Instant::now();
            return Ok(entry.pool.clone());
        }
        let config = address::parse(&key.address, &self.0.allowed)?;
        let pool = Arc::new(Pool::new(
            config,
            tls::connector(key.root.as_ref())?,
            self.0.limits,
        ));
        if by_address.len() >= self.0.limits.addresses {
            remove_oldest(&mut by_address);
        }
        by_address.insert(
            key,
            Entry {
                pool: pool.clone(),
                used: Instant::now(),
            },
        );
        Ok(pool)
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pools")
            .field("allowed", &self.0.allowed)
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

/// Connections of the removed pool stay in use, and are closed when they are returned.
fn remove_oldest(by_address: &mut HashMap<Key, Entry>) {
    let oldest = by_address
        .iter()
        .min_by_key(|(_, entry)| entry.used)
        .map(|(key, _)| key.clone());
    oldest.map(|key| by_address.remove(&key));
}

/// The connections to one address.
struct Pool {
    config: Config,
    tls: MakeRustlsConnect,
    limits: Limits,
    places: Arc<Semaphore>,
    /// The most recently used session is at the back, and is used next. So the others can exceed their idle time.
    idle: Mutex<VecDeque<Idle>>,
    runtime: Handle,
}

struct Idle {
    session: Arc<Session>,
    since: Instant,
}

impl Pool {
    fn new(config: Config, tls: MakeRustlsConnect, limits: Limits) -> Self {
        let places = Arc::new(Semaphore::new(limits.connections));
        Self {
            config,
            tls,
            limits,
            places,
            idle: Mutex::default(),
            runtime: Handle::current(),
        }
    }

    async fn open(pool: &Arc<Self>) -> Result<Lease, Error> {
        let limit = pool.limits.open_timeout;
        match tokio::time::timeout(limit, Self::take(pool)).await {
            Ok(opened) => opened,
            Err(_) if pool.places.available_permits() == 0 => Err(Error::ConnectionFailed(pool.exhausted())),
            Err(_) => Err(Error::ConnectionFailed(format!(
                "the database server gave no connection within {limit:?}"
            ))),
        }
    }

    /// Also logs the error for the operator, because a component may not log the reason.
    fn exhausted(&self) -> String {
        let Limits {
            connections,
            open_timeout,
            ..
        } = self.limits;
        let exhausted = format!(
            "all {connections} connections of the pool are in use, and none came back within {open_timeout:?}"
        );
        tracing::warn!("{exhausted}");
        exhausted
    }

    async fn take(pool: &Arc<Self>) -> Result<Lease, Error> {
        let place = pool
            .places
            .clone()
            .acquire_owned()
            .await
            .map_err(|error| Error::Other(error.to_string()))?;
        loop {
            if let Some(session) = pool.take_idle() {
                return Ok(Lease::new(session, pool, place));
            }
            match Session::connect(&pool.config, &pool.tls).await {
                Ok(session) => return Ok(Lease::new(Arc::new(session), pool, place)),
                Err(error) if server_is_full(&error) => tokio::time::sleep(FULL_SERVER_PAUSE).await,
                Err(error) => return Err(Error::ConnectionFailed(with_causes(&error))),
            }
        }
    }

    fn take_idle(&self) -> Option<Arc<Session>> {
        let mut idle = lock(&self.idle);
        loop {
            let session = idle.pop_back()?.session;
            if !session.is_closed() {
                return Some(session);
            }
        }
    }

    fn put_back(&self, session: Arc<Session>) {
        if session.is_closed() {
            return;
        }
        let mut idle = lock(&self.idle);
        idle.push_back(Idle {
            session,
            since: Instant::now(),
        });
        while idle
            .front()
            .is_some_and(|oldest| oldest.since.elapsed() > self.limits.idle_timeout)
        {
            idle.pop_front();
        }
    }
}

/// An open connection. When it is dropped, the session is cleaned and goes back to its pool, or is closed.
pub(super) struct Lease(Arc<Held>);

struct Held {
    session: Arc<Session>,
    pool: Arc<Pool>,
    /// The place is returned last, so that there are never more sessions than places.
    _place: OwnedSemaphorePermit,
}

impl Lease {
    fn new(session: Arc<Session>, pool: &Arc<Pool>, place: OwnedSemaphorePermit) -> Self {
        Self(Arc::new(Held {
            session,
            pool: pool.clone(),
            _place: place,
        }))
    }
}

impl Deref for Lease {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0.session
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let held = self.0.clone();
        if held.session.is_clean() {
            return held.put_back();
        }
        self.0.pool.runtime.spawn(async move {
            if held.session.restore().await {
                held.put_back();
            }
        });
    }
}

impl Held {
    fn put_back(&self) {
        self.pool.put_back(self.session.clone());
    }
}

/// The data behind these locks is always consistent when a lock is free, even after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
