//! Logs the output of a component line by line, with the name of the component.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::limits::LOG_LINE;

/// One of the two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// One stream of one instance. Clones share the line that is being written.
#[derive(Clone)]
pub(crate) struct Output {
    component: Arc<str>,
    stream: Stream,
    line: Arc<Mutex<Line>>,
}

/// The bytes of an unfinished line, at most [`LOG_LINE`].
#[derive(Default)]
struct Line(Vec<u8>);

impl Line {
    /// Receives `text` and passes each complete line to `log`, without its line break.
    fn push(&mut self, text: &[u8], mut log: impl FnMut(&str)) {
        for piece in text.split_inclusive(|&byte| byte == b'\n') {
            for chunk in piece.chunks(LOG_LINE) {
                if self.0.len() + chunk.len() > LOG_LINE {
                    self.flush(&mut log);
                }
                self.0.extend_from_slice(chunk);
            }
            if piece.ends_with(b"\n") {
                self.flush(&mut log);
            }
        }
    }

    fn flush(&mut self, log: &mut impl FnMut(&str)) {
        let text = String::from_utf8_lossy(&self.0);
        log(text.trim_end_matches(['\n', '\r']));
        self.0.clear();
    }
}

impl Output {
    pub(crate) fn new(component: Arc<str>, stream: Stream) -> Self {
        Self {
            component,
            stream,
            line: Arc::default(),
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, line: &str) {
        let component = &*self.component;
        match self.stream {
            Stream::Stdout => tracing::info!(target: "component", component, "{line}"),
            Stream::Stderr => tracing::warn!(target: "component", component, "{line}"),
        }
    }

    fn push(&self, text: &[u8]) {
        self.line().push(text, |line| self.log(line));
    }
}

impl Drop for Output {
    // The instance has ended. Its last output had no line break, such as the message of a panic.
    fn drop(&mut self) {
        if Arc::strong_count(&self.line) == 1 && !self.line().0.is_empty() {
            self.line().flush(&mut |line| self.log(line));
        }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    // The default would write from a separate task and lose the last output of a guest that traps.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, text: &[u8]) -> Poll<io::Result<usize>> {
        self.push(text);
        Poll::Ready(Ok(text.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl OutputStream for Output {
    fn write(&mut self, text: Bytes) -> StreamResult<()> {
        self.push(&text);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(LOG_LINE)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(writes: &[&[u8]]) -> (Vec<String>, usize) {
        let mut line = Line::default();
        let mut logged = Vec::new();
        for write in writes {
            line.push(write, |text| logged.push(text.to_owned()));
        }
        (logged, line.0.len())
    }

    #[test]
    fn lines_are_put_together_from_writes() {
        let (logged, rest) = lines(&[b"one\ntw", b"o\r\n", b"\n", b"three"]);
        assert_eq!(
            logged,
            ["one", "two", ""],
            "complete lines are logged, without their line breaks"
        );
        assert_eq!(rest, 5, "an unfinished line waits");
    }

    #[test]
    fn bytes_that_are_not_text_are_logged_too() {
        assert_eq!(lines(&[b"\xff!\n"]).0, ["\u{fffd}!"]);
    }

    #[test]
    fn output_without_line_breaks_is_limited_in_memory() {
        let megabyte = vec![b'x'; 1 << 20];
        let (logged, rest) = lines(&[&megabyte, b"tail"]);
        assert!(
            logged.iter().all(|line| line.len() <= LOG_LINE),
            "no line is longer than the limit"
        );
        let total = rest + logged.iter().map(String::len).sum::<usize>();
        assert_eq!(total, megabyte.len() + 4, "and nothing is lost");
    }
}
