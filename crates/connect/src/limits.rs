//! Limits for one request.

use std::time::Duration;

/// The limits of a [`Router`](crate::Router).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum size of a request message in bytes, as sent and decompressed. Larger ones are answered `resource_exhausted`.
    ///
    /// It also limits memory, but not exactly: an element of a repeated field of empty messages has two bytes in the
    /// request, and the size of the generated struct in memory. If memory is short, set the limit to the size of real
    /// messages.
    pub request_bytes: usize,
    /// The maximum size of all messages of one request stream together, in bytes, decompressed. More is answered
    /// `resource_exhausted`. `None` is no limit: only one message of a stream is kept in memory, even if the stream is long.
    pub stream_bytes: Option<u64>,
    /// The maximum number of messages of one request stream. More are answered `resource_exhausted`. `None` is no limit.
    pub stream_messages: Option<u64>,
    /// How long a handler waits for the next message of a request stream. Then the stream fails with `deadline_exceeded`.
    /// `None` is no limit. It requires [`Router::cut_off_after`](crate::Router::cut_off_after).
    pub message_time: Option<Duration>,
}

impl Default for Limits {
    /// 4 MiB per message, as in gRPC servers; streams of any length, in which the next message must come within a minute.
    fn default() -> Self {
        Self {
            request_bytes: 4 * 1024 * 1024,
            stream_bytes: None,
            stream_messages: None,
            message_time: Some(Duration::from_secs(60)),
        }
    }
}
