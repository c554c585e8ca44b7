//! What one request, one instance and one component may take. Nothing waits forever and nothing grows without bound.

use std::time::Duration;

/// Requests that one instance answers before it is dropped: Spin's number (crates/trigger-http/src/lib.rs).
pub const INSTANCE_REUSE: usize = 128;
/// Requests that one instance works on at the same time: Spin's number.
pub const INSTANCE_CONCURRENCY: usize = 16;
/// How long an instance with nothing to do is kept: Spin's number.
pub const INSTANCE_IDLE: Duration = Duration::from_secs(1);
/// How often a computing instance lets others have the thread: Spin's tick. It is also how late a deadline can be.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);
/// Table elements of one instance. A component of ours has about 2,000 function pointers; a slot costs 8 bytes each.
pub const TABLE_ELEMENTS: usize = 20_000;
/// The longest line of a component's output in the log, in bytes. What is longer is logged in pieces.
pub const LOG_LINE: usize = 8 * 1024;
/// How long a client may take to send a request's head. Slower ones would hold a connection for nothing.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A request's head, in bytes, and what is read ahead of a body: what one idle connection may cost. HTTP/1.1 only;
/// HTTP/2 has 16 KiB of its own.
pub const HEAD_SIZE: usize = 64 * 1024;
/// Connections open at the same time; more wait in the kernel's backlog. Half of the usual limit of 8,192 or more files.
pub const CONNECTIONS: usize = 4_096;
/// Streams of one HTTP/2 connection, so that one client cannot take a component's whole share of requests.
pub const HTTP2_STREAMS: u32 = 128;
/// What a client that was turned away for load is told to wait, in seconds.
pub const RETRY_AFTER: u64 = 1;

/// The limits that an embedder may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance, in bytes; growing beyond it fails inside the guest. Default 128 MiB: an instance
    /// works on sixteen requests and computes for one at a time, and the hungriest of ours (an Argon2id hash) takes 19 MiB.
    pub instance_memory: usize,
    /// From a request's head to the last byte of its response. Default 30 s, the usual patience of proxies and browsers'
    /// users alike. Beyond it the client gets 504, and the instance is dropped when no other caller waits for it; 408 if it was
    /// the client that had not sent its body.
    pub request_deadline: Duration,
    /// A request's body, in bytes; a longer one gets 413. Default 16 MiB: above the 4 MiB that the protocol layer takes
    /// for a message, so that its own, better-worded refusal is what clients usually see.
    pub request_body: u64,
    /// Requests in flight in one component; beyond it the answer is 503 with `Retry-After`. Default 256: at a few
    /// milliseconds each that is far more than two cores can do, and what waits behind a dead database stays small.
    /// As many short bodies, of 64 KiB at most, may be on their way to a component that is not asked before they are there.
    /// Memory for instances is set aside (address space only) to this number for each component.
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instance_memory: 128 << 20,
            request_deadline: Duration::from_secs(30),
            request_body: 16 << 20,
            in_flight: 256,
        }
    }
}
