//! The listener: HTTP/1.1 and HTTP/2 (with prior knowledge) over TCP, in front of an application.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::dispatch::Application;
use crate::limits::{CONNECTIONS, HEAD_SIZE, HEAD_TIMEOUT, HTTP2_STREAMS};

/// The pause when the system has no free sockets. Without it the loop would use a whole core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running server. Dropping it interrupts all requests; [`Server::shutdown`] lets them finish.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    stop: Option<oneshot::Sender<Duration>>,
    running: JoinHandle<()>,
}

impl Server {
    /// The listen address, with the port that the system chose if it was 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Stops accepting connections at once, lets requests in flight finish for at most `grace`, and then drops the
    /// remaining ones.
    pub fn shutdown(mut self, grace: Duration) -> BoxFuture<'static, ()> {
        async move {
            if let Some(stop) = self.stop.take() {
                // The server's task ends only by this, or with its runtime. In the second case there is nothing left to
                // stop.
                _ = stop.send(grace);
            }
            _ = (&mut self.running).await;
        }
        .boxed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Starts to serve `application` on `address`.
///
/// # Errors
/// The address cannot be used for listening.
pub(crate) async fn serve(application: Arc<Application>, address: SocketAddr) -> io::Result<Server> {
    let listener = TcpListener::bind(address).await?;
    let local_addr = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(run(application, listener, stopped));
    Ok(Server {
        local_addr,
        stop: Some(stop),
        running,
    })
}

async fn run(application: Arc<Application>, listener: TcpListener, mut stopped: oneshot::Receiver<Duration>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let grace = loop {
        tokio::select! {
            grace = &mut stopped => break grace.unwrap_or_default(),
            accepted = accept(&listener, &slots) => {
                _ = connections.spawn(serve_connection(application.clone(), accepted, graceful.watcher()));
            }
            Some(_) = connections.join_next() => {}
        }
    };
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            "{} connections were still busy after {grace:?} and are cut off",
            connections.len()
        );
    }
}

/// An open connection, which counts until it is closed.
struct Accepted {
    stream: TcpStream,
    client: SocketAddr,
    _slot: Option<OwnedSemaphorePermit>,
}

/// The next connection. The server continues if accepting fails: the client may have left, or there may be no free
/// sockets.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Accepted {
    // The semaphore is never closed, so there is always a slot at some time.
    let slot = slots.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                return Accepted {
                    stream,
                    client,
                    _slot: slot,
                };
            }
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(application: Arc<Application>, accepted: Accepted, watcher: Watcher) {
    let Accepted {
        stream,
        client,
        _slot,
    } = accepted;
    // Head and body of a response are written separately: a client that acknowledges late would wait 40 ms for the body.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%client, "connection lost before its first request: {error}");
        return;
    }
    let Ok(address) = HeaderValue::from_str(&client.to_string()) else {
        unreachable!("an address is ASCII");
    };
    let service = service_fn(move |request: Request<Incoming>| {
        let (application, address) = (application.clone(), address.clone());
        async move { Ok::<_, Infallible>(application.outside(request, address).await) }
    });
    let protocol = protocol();
    let connection = protocol.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%client, "connection ended: {error}");
    }
}

fn protocol() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_SIZE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS);
    builder
}
