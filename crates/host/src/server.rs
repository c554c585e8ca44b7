//! The listener: HTTP/1.1 and HTTP/2 (with prior knowledge) over TCP, in front of an application.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};
use http::{HeaderValue, Request};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use wasmtime_wasi_http::Error;

use crate::clients::{Share, Shares};
use crate::connection::{ClientConnection, OpenRequest, Watched};
use crate::dispatch::Application;
use crate::limits::{CONNECTIONS, HEAD_SIZE, HTTP2_HEADERS, HTTP2_PING, HTTP2_STREAMS};
use crate::load_log::Refusals;
use crate::reply::Reply;

/// The pause when the system has no free sockets. Without it the loop would use a whole core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running server. Dropping it interrupts all requests; [`Server::shutdown`] lets them finish.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    stop: Option<oneshot::Sender<Duration>>,
    running: JoinHandle<()>,
    usage: Usage,
}

#[derive(Clone)]
struct Usage {
    application: Arc<Application>,
    connections: Arc<Shares>,
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Usage")
            .field("connections", &self.connections.total())
            .field("requests", &self.application.requests_in_flight())
            .finish()
    }
}

impl Server {
    /// The listen address, with the port that the system chose if it was 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The number of open connections, without those of trusted proxies.
    pub fn connections(&self) -> usize {
        self.usage.connections.total()
    }

    /// The number of requests from outside that are in flight, in all components.
    pub fn requests_in_flight(&self) -> usize {
        self.usage.application.requests_in_flight()
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
    let usage = Usage {
        connections: Shares::new(application.limits().connections_per_address),
        application,
    };
    let running = tokio::spawn(run(usage.clone(), listener, stopped));
    Ok(Server {
        local_addr,
        stop: Some(stop),
        running,
        usage,
    })
}

async fn run(usage: Usage, listener: TcpListener, mut stopped: oneshot::Receiver<Duration>) {
    let graceful = GracefulShutdown::new();
    let Usage {
        application,
        connections: shares,
    } = usage;
    let mut open = OpenConnections::new(shares);
    let mut connections = JoinSet::new();
    let grace = loop {
        tokio::select! {
            grace = &mut stopped => break grace.unwrap_or_default(),
            (stream, peer) = accept(&listener) => {
                let is_proxy = application.trusts(peer.ip());
                let Some(accepted) = open.admit(peer, is_proxy, application.response_time()) else {
                    continue;
                };
                let number = accepted.number;
                let serving = serve_connection(application.clone(), stream, accepted, graceful.watcher());
                _ = connections.spawn(async move {
                    serving.await;
                    number
                });
            }
            Some(ended) = connections.join_next() => {
                if let Ok(number) = ended {
                    open.remove(number);
                }
            }
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

/// The next connection. The server continues if accepting fails: the client may have left, or there may be no free
/// sockets.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The open connections, and the number that each client has of them.
struct OpenConnections {
    by_number: HashMap<u64, Arc<ClientConnection>>,
    next: u64,
    shares: Arc<Shares>,
    refused: Refusals,
}

/// An open connection, which counts until it is closed.
struct Accepted {
    number: u64,
    peer: SocketAddr,
    connection: Arc<ClientConnection>,
    /// `None` for a trusted proxy.
    _share: Option<Share>,
}

impl OpenConnections {
    fn new(shares: Arc<Shares>) -> Self {
        Self {
            by_number: HashMap::new(),
            next: 0,
            shares,
            refused: Refusals::default(),
        }
    }

    /// Admits a connection. If there are too many, it takes the place of the least used one. `None` if the client has too many
    /// connections, or if all connections are in use.
    fn admit(&mut self, peer: SocketAddr, is_proxy: bool, response_time: Duration) -> Option<Accepted> {
        let share = match is_proxy {
            true => None,
            false => Some(self.share_of(peer)?),
        };
        if self.by_number.len() >= CONNECTIONS && !self.displace_one() {
            self.refuse("the maximum number of connections is in use");
            return None;
        }
        let response_time = (!is_proxy).then_some(response_time);
        let (number, connection) = (self.next, ClientConnection::new(response_time));
        self.next += 1;
        self.by_number.insert(number, connection.clone());
        Some(Accepted {
            number,
            peer,
            connection,
            _share: share,
        })
    }

    fn share_of(&self, peer: SocketAddr) -> Option<Share> {
        let share = self.shares.take(peer.ip().into());
        if share.is_none() {
            self.refuse("one address has the maximum number of connections");
        }
        share
    }

    fn refuse(&self, cause: &'static str) {
        self.refused.count(cause, move |connections| {
            tracing::warn!(connections, "connections refused: {cause}")
        });
    }

    /// Closes the least used connection. False if all are in use.
    fn displace_one(&mut self) -> bool {
        let unused = self.by_number.iter().filter_map(|(number, connection)| {
            let idleness = connection.idleness()?;
            Some((idleness, *number))
        });
        let Some((_, number)) = unused.min() else {
            return false;
        };
        if let Some(connection) = self.by_number.remove(&number) {
            connection.displace();
        }
        self.refused.count("displaced", |connections| {
            tracing::warn!(connections, "idle connections closed for new ones");
        });
        true
    }

    fn remove(&mut self, number: u64) {
        self.by_number.remove(&number);
    }
}

async fn serve_connection(
    application: Arc<Application>,
    stream: TcpStream,
    accepted: Accepted,
    watcher: Watcher,
) {
    let peer = accepted.peer;
    // Head and body of a response are written separately: a client that acknowledges late would wait 40 ms for the body.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, "connection lost before its first request: {error}");
        return;
    }
    let Ok(address) = HeaderValue::from_str(&peer.to_string()) else {
        unreachable!("an address is ASCII");
    };
    let connection = accepted.connection.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (application, address, open) = (application.clone(), address.clone(), connection.begin());
        async move {
            let share = application.share_of(peer.ip(), request.headers()).map(Arc::new);
            let response = match &share {
                Some(share) => application.outside(request, address, share.clone()).await,
                None => application.refuse_client(request),
            };
            Ok::<_, Infallible>(response.map(|reply| SentReply {
                reply,
                _open: open,
                _share: share,
            }))
        }
    });
    let stream = Watched {
        stream,
        connection: accepted.connection.clone(),
    };
    let protocol = protocol();
    let serving = watcher.watch(protocol.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        result = serving => {
            if let Err(error) = result {
                tracing::debug!(%peer, "connection ended: {error}");
            }
        }
        reason = accepted.connection.closed() => {
            tracing::debug!(%peer, "connection closed: {reason:?}");
        }
    }
}

/// The body of a response that is sent over a connection.
struct SentReply {
    reply: Reply,
    _open: OpenRequest,
    /// Held until the response is sent: an unread response takes memory.
    _share: Option<Arc<Share>>,
}

impl Body for SentReply {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.reply).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.reply.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.reply.size_hint()
    }
}

fn protocol() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // `ClientConnection` has the times, because hyper counts the time between two requests as time for a head.
        .header_read_timeout(None)
        .max_buf_size(HEAD_SIZE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(HTTP2_HEADERS)
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING);
    builder
}
