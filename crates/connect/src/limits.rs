//! How much one request may have.

use std::time::Duration;

/// What a [`Router`] accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest request message, in bytes, as sent and unpacked; larger ones are answered `resource_exhausted`.
    ///
    /// It bounds memory too, but not one to one: a repeated field of empty messages takes two bytes an element as sent,
    /// and here what the generated struct takes. Where memory is short, set it to what real messages need.
    pub request_bytes: usize,
    /// What all messages of one request stream may have together, in bytes, unpacked; more is answered
    /// `resource_exhausted`. None is no limit: no more of a stream is kept than one message, however long it is.
    pub stream_bytes: Option<u64>,
    /// How many messages one request stream may have; more are answered `resource_exhausted`. None is no limit.
    pub stream_messages: Option<u64>,
    /// How long a handler waits for the next message of a request stream; then the stream fails with
    /// `deadline_exceeded`. None is no limit. It needs [`Router::cut_off_after`].
    pub message_time: Option<Duration>,
}

impl Default for Limits {
    /// 4 MiB a message, as gRPC servers have it; streams of any length, whose next message comes within a minute.
    fn default() -> Self {
        Self {
            request_bytes: 4 * 1024 * 1024,
            stream_bytes: None,
            stream_messages: None,
            message_time: Some(Duration::from_secs(60)),
        }
    }
}
