//! Limits for one request, one instance and one component. Every wait has a maximum time, and every buffer a maximum size.

use std::time::Duration;

/// The number of requests that one instance answers before it is dropped: Spin's number (crates/trigger-http/src/lib.rs).
pub const INSTANCE_REUSE: usize = 128;
/// The number of requests that one instance handles at the same time: Spin's number.
pub const INSTANCE_CONCURRENCY: usize = 16;
/// How long an idle instance is kept: Spin's number.
pub const INSTANCE_IDLE: Duration = Duration::from_secs(1);
/// The interval after which a computing instance yields its thread: Spin's tick. A deadline can be late by this time.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);
/// Table elements of one instance. Our components have about 2,000 function pointers each, and a slot costs 8 bytes for
/// each element.
pub const TABLE_ELEMENTS: usize = 20_000;
/// The maximum length of a line of a component's output in the log, in bytes. A longer line is logged in pieces.
pub const LOG_LINE: usize = 8 * 1024;
/// The maximum time for a client to send a request's head. A slower client would occupy a connection without use.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum time from accepting a connection to the head of its first request.
pub const FIRST_REQUEST_TIMEOUT: Duration = HEAD_TIMEOUT;
/// How long a connection may stay without a request. Common clients close theirs after 60 to 90 s.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// The maximum time for which a client may read no byte while there is something to send.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// How much longer than a request's time the client may take to read the response. Then its connection is closed.
pub const READ_TIME: Duration = Duration::from_secs(30);
/// An HTTP/2 client that is silent for this time is sent a ping, and has the same time again to answer.
pub const HTTP2_PING: Duration = Duration::from_secs(20);
/// The maximum size of the headers of an HTTP/2 request, in bytes.
pub const HTTP2_HEADERS: u32 = 16 * 1024;
/// The time after which a response that still goes on, or a request whose body still arrives, needs one of the few places for
/// these.
pub const LONG_AFTER: Duration = Duration::from_secs(1);
/// The maximum size of a request's head, in bytes, and of the part of a body that is read ahead: the memory of one idle
/// connection. HTTP/1.1 only; for HTTP/2 it is 16 KiB.
pub const HEAD_SIZE: usize = 64 * 1024;
/// Connections open at the same time. A further one displaces the least used one. Half of the usual limit of 8,192 or more
/// files.
pub const CONNECTIONS: usize = 4_096;
/// The number of streams of one HTTP/2 connection. The limit prevents that one client takes all of a component's requests.
pub const HTTP2_STREAMS: u32 = 128;
/// The `Retry-After` for a client that was refused because of load, in seconds.
pub const RETRY_AFTER: u64 = 1;

/// The limits that an embedder may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance, in bytes. Growing beyond it fails in the guest. Default 128 MiB: an instance handles
    /// sixteen requests and computes for one at a time, and the largest use of memory in our components (an Argon2id hash)
    /// is 19 MiB.
    pub instance_memory: usize,
    /// The maximum time from a request's head to the last byte of its response. Default 30 s, after which proxies and users
    /// usually stop waiting. After that time the client gets 504, and the instance is dropped when no other caller waits for
    /// it. If the client has not sent its body, it gets 408.
    pub request_deadline: Duration,
    /// The maximum size of a request's body, in bytes. A longer one gets 413. Default 16 MiB: more than the 4 MiB that the
    /// protocol layer accepts for a message, so that clients usually get its more precise refusal.
    pub request_body: u64,
    /// Requests from outside that are in flight in one component. Further requests get 503 with `Retry-After`. Default 256: at a
    /// few milliseconds each that is far more than two cores can handle, and the number of requests that wait for a dead
    /// database stays small. Calls of other components are counted apart, up to the same number, so that clients cannot take
    /// their places. Memory for this number of instances is reserved for each component (address space only).
    pub in_flight: usize,
    /// Responses of one component that may go on for longer than [`LONG_AFTER`], which are usually streams; counted apart for
    /// clients and for other components. A further one is cut off. Default 64.
    pub long_responses: usize,
    /// Requests from outside whose bodies may arrive for longer than [`LONG_AFTER`] while a component reads them. A further one
    /// gets 503. Default 64.
    pub long_uploads: usize,
    /// The places for long responses of one component, and those for long uploads, that one client address may have. Default
    /// 16: a quarter.
    pub long_per_address: usize,
    /// Bodies that the host reads at the same time before it calls a component: short ones, and the beginnings of others, of at
    /// most 64 KiB each. A request for which there is no place gets 503. Default 1,024.
    pub bodies_read_ahead: usize,
    /// Requests that one client address may have in flight, in all components. A further one gets 429 with `Retry-After`. An
    /// IPv6 /64 network counts as one address. Default 64: a quarter of `in_flight`.
    pub requests_per_address: usize,
    /// Connections that one client address may have open. A further one is closed at once. Trusted proxies have no limit of
    /// their own. Default 256.
    pub connections_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instance_memory: 128 << 20,
            request_deadline: Duration::from_secs(30),
            request_body: 16 << 20,
            in_flight: 256,
            long_responses: 64,
            long_uploads: 64,
            long_per_address: 16,
            bodies_read_ahead: 1_024,
            requests_per_address: 64,
            connections_per_address: 256,
        }
    }
}
