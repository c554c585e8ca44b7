//! The times that a client's connection is bound to, whatever the client reads or sends.
//!
//! hyper's own limits are not enough: the time for the head of a request starts only when the protocol is known, an idle HTTP/2
//! connection stays for ever, and a response that the client does not read is never polled.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::limits::{FIRST_REQUEST_TIMEOUT, HEAD_TIMEOUT, IDLE_TIMEOUT, WRITE_TIMEOUT};

/// The beginning of HTTP/2 (RFC 9113, section 3.4). No method of HTTP/1.1 begins like that.
const HTTP2_PREFACE: &[u8] = b"PRI";

/// The longest pause between two looks at a connection. A connection may be closed this much late.
const LOOK: Duration = Duration::from_secs(5);

/// The reason why the host closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The client sent no request.
    NoRequest,
    /// The client sent the beginning of a request, and not its whole head.
    SlowHead,
    /// The client sent no further request.
    Idle,
    /// The client reads nothing.
    NotRead,
    /// A response was not read within its time.
    Unfinished,
    /// There are too many connections, and this one is the least used.
    Displaced,
}

/// A client's connection.
pub(crate) struct ClientConnection {
    state: Mutex<ConnectionState>,
    displaced: Notify,
    /// The maximum time from a request's head until its response is sent. `None` for a proxy, whose connection is that of many
    /// clients.
    response_time: Option<Duration>,
}

struct ConnectionState {
    opened: Instant,
    /// When the last response was sent; `None` before the first request.
    idle_since: Option<Instant>,
    /// The requests whose responses are not sent yet, by number, with the times of their heads.
    open: BTreeMap<u64, Instant>,
    next: u64,
    /// Since when the client has taken no byte of what is to be sent.
    blocked_since: Option<Instant>,
    /// Over HTTP/1.1: since when the head of a request arrives.
    head_since: Option<Instant>,
    is_http2: bool,
}

/// A request whose response is not sent yet.
pub(crate) struct OpenRequest {
    connection: Arc<ClientConnection>,
    number: u64,
}

impl ClientConnection {
    pub(crate) fn new(response_time: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(ConnectionState {
                opened: Instant::now(),
                idle_since: None,
                open: BTreeMap::new(),
                next: 0,
                blocked_since: None,
                head_since: None,
                is_http2: false,
            }),
            displaced: Notify::new(),
            response_time,
        })
    }

    /// Notes the head of a request. The request is open until the returned value is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> OpenRequest {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.head_since = None;
        state.open.insert(number, Instant::now());
        OpenRequest {
            connection: self.clone(),
            number,
        }
    }

    /// Ready with the reason when the connection has to be closed.
    pub(crate) async fn closed(&self) -> Closed {
        let time_is_up = async {
            loop {
                let (due, reason) = self.state().due(self.response_time);
                let now = Instant::now();
                if due <= now {
                    return reason;
                }
                tokio::time::sleep_until(due.min(now + LOOK)).await;
            }
        };
        tokio::select! {
            reason = time_is_up => reason,
            () = self.displaced.notified() => Closed::Displaced,
        }
    }

    /// Closes the connection for another one.
    pub(crate) fn displace(&self) {
        self.displaced.notify_one();
    }

    /// How little this connection is used: one that sent no request comes before one that is idle, and of each the oldest comes
    /// first. `None` if a request is open.
    pub(crate) fn idleness(&self) -> Option<(bool, Instant)> {
        let state = self.state();
        let since = state.idle_since.unwrap_or(state.opened);
        state.open.is_empty().then_some((state.next > 0, since))
    }

    /// Notes what the client sent.
    fn received(&self, bytes: &[u8]) {
        let mut state = self.state();
        let is_first = state.next == 0 && state.head_since.is_none();
        state.is_http2 |= is_first && bytes.starts_with(HTTP2_PREFACE);
        if !bytes.is_empty() && !state.is_http2 && state.open.is_empty() {
            state.head_since.get_or_insert_with(Instant::now);
        }
    }

    fn wrote(&self, is_blocked: bool) {
        let mut state = self.state();
        state.blocked_since = match is_blocked {
            true => state.blocked_since.or_else(|| Some(Instant::now())),
            false => None,
        };
    }

    fn state(&self) -> MutexGuard<'_, ConnectionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionState {
    /// When the connection has to be closed, and why, if nothing happens until then.
    fn due(&self, response_time: Option<Duration>) -> (Instant, Closed) {
        let waiting = match (self.open.values().min(), self.idle_since) {
            (Some(head), _) => response_time.map(|time| (*head + time, Closed::Unfinished)),
            (None, Some(since)) => Some((since + IDLE_TIMEOUT, Closed::Idle)),
            (None, None) => Some((self.opened + FIRST_REQUEST_TIMEOUT, Closed::NoRequest)),
        };
        let head = self
            .head_since
            .map(|since| (since + HEAD_TIMEOUT, Closed::SlowHead));
        let blocked = self
            .blocked_since
            .map(|since| (since + WRITE_TIMEOUT, Closed::NotRead));
        let first = [waiting, head, blocked]
            .into_iter()
            .flatten()
            .min_by_key(|(due, _)| *due);
        first.unwrap_or_else(|| (Instant::now() + IDLE_TIMEOUT, Closed::Idle))
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut state = self.connection.state();
        state.open.remove(&self.number);
        state.idle_since = Some(Instant::now());
    }
}

/// The stream of a connection, which notes whether the client reads.
pub(crate) struct Watched {
    pub(crate) stream: TcpStream,
    pub(crate) connection: Arc<ClientConnection>,
}

impl Watched {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.get_mut().stream)
    }

    fn noted<T>(&self, result: Poll<T>) -> Poll<T> {
        self.connection.wrote(result.is_pending());
        result
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let connection = self.connection.clone();
        let result = self.stream().poll_read(cx, buffer);
        connection.received(&buffer.filled()[before..]);
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = self.as_mut().stream().poll_write(cx, bytes);
        self.noted(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = self.as_mut().stream().poll_write_vectored(cx, buffers);
        self.noted(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE_TIME: Option<Duration> = Some(Duration::from_secs(60));

    /// After how many seconds a connection is closed, and why, if nothing happens: from the time that it was opened.
    fn due(connection: &ClientConnection) -> (u64, Closed) {
        let state = connection.state();
        let (due, reason) = state.due(RESPONSE_TIME);
        (due.duration_since(state.opened).as_secs(), reason)
    }

    #[test]
    fn connection_without_a_request_is_closed() {
        assert_eq!(
            due(&ClientConnection::new(RESPONSE_TIME)),
            (10, Closed::NoRequest)
        );
    }

    #[test]
    fn connection_without_a_further_request_is_closed_later() {
        let connection = ClientConnection::new(RESPONSE_TIME);
        drop(connection.begin());
        assert_eq!(due(&connection), (75, Closed::Idle));
    }

    #[test]
    fn head_that_arrives_slowly_has_its_own_time() {
        let connection = ClientConnection::new(RESPONSE_TIME);
        drop(connection.begin());
        connection.received(b"G");
        assert_eq!(due(&connection), (10, Closed::SlowHead));
        drop(connection.begin());
        assert_eq!(due(&connection), (75, Closed::Idle), "the head has arrived");

        let http2 = ClientConnection::new(RESPONSE_TIME);
        http2.received(b"PRI * HTTP/2.0");
        drop(http2.begin());
        http2.received(b"a ping");
        assert_eq!(due(&http2), (75, Closed::Idle), "over HTTP/2, a frame is no head");
    }

    #[test]
    fn connection_of_a_proxy_is_not_closed_for_one_response() {
        let connection = ClientConnection::new(None);
        let _open = connection.begin();
        assert_eq!(connection.state().due(None).1, Closed::Idle);
        connection.wrote(true);
        assert_eq!(connection.state().due(None).1, Closed::NotRead);
    }

    #[test]
    fn connection_with_a_response_that_is_not_sent_in_time_is_closed() {
        let connection = ClientConnection::new(RESPONSE_TIME);
        let first = connection.begin();
        let _second = connection.begin();
        let opened = connection.state().opened;
        connection
            .state()
            .open
            .insert(1, opened + Duration::from_secs(20));
        assert_eq!(
            due(&connection),
            (60, Closed::Unfinished),
            "other requests do not prolong the time of the first"
        );
        drop(first);
        assert_eq!(
            due(&connection),
            (80, Closed::Unfinished),
            "the second has its own time"
        );
    }

    #[test]
    fn connection_whose_client_reads_nothing_is_closed() {
        let connection = ClientConnection::new(RESPONSE_TIME);
        let _open = connection.begin();
        connection.wrote(true);
        let blocked_since = connection.state().blocked_since;
        connection.wrote(true);
        assert_eq!(
            connection.state().blocked_since,
            blocked_since,
            "since the first time"
        );
        assert_eq!(due(&connection), (20, Closed::NotRead));
        connection.wrote(false);
        assert_eq!(
            due(&connection),
            (60, Closed::Unfinished),
            "the client has read meanwhile"
        );
    }

    #[test]
    fn least_used_connection_is_displaced_first() {
        let (new, idle, used) = (
            ClientConnection::new(RESPONSE_TIME),
            ClientConnection::new(RESPONSE_TIME),
            ClientConnection::new(RESPONSE_TIME),
        );
        drop(idle.begin());
        let _open = used.begin();
        assert!(
            new.idleness() < idle.idleness(),
            "no request was sent over the first"
        );
        assert_eq!(used.idleness(), None, "a request is open");
    }

    #[tokio::test]
    async fn displaced_connection_is_closed_at_once() {
        let connection = ClientConnection::new(RESPONSE_TIME);
        connection.displace();
        assert_eq!(connection.closed().await, Closed::Displaced);
    }
}
