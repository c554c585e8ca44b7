//! Requests that no HTTP client would send, byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The maximum time for an answer: longer than the host waits for the head of a request.
const PATIENCE: Duration = Duration::from_secs(45);

/// The received bytes, possibly none.
#[derive(Clone, Debug)]
pub struct RawAnswer(pub Vec<u8>);

impl RawAnswer {
    /// The status of the first response, if there is one.
    pub fn status(&self) -> Option<u16> {
        let line = self.0.split(|byte| *byte == b'\r').next()?;
        let mut words = std::str::from_utf8(line).ok()?.split(' ');
        words.next()?.strip_prefix("HTTP/1.")?;
        words.next()?.parse().ok()
    }

    /// Everything as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

/// Sends `bytes` over a new connection and reads until the platform closes it. The request should have `connection: close`.
///
/// # Panics
///
/// When the platform neither answers nor closes the connection.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> RawAnswer {
    exchange(address, bytes, Afterwards::Wait).await
}

/// As [`raw`], but the client disconnects after `bytes`, even if the request is not complete.
///
/// # Panics
///
/// When the platform neither answers nor closes the connection.
pub async fn raw_cut_off(address: SocketAddr, bytes: &[u8]) -> RawAnswer {
    exchange(address, bytes, Afterwards::HangUp).await
}

enum Afterwards {
    Wait,
    HangUp,
}

async fn exchange(address: SocketAddr, bytes: &[u8], afterwards: Afterwards) -> RawAnswer {
    let mut stream = TcpStream::connect(address).await.expect("the platform listens");
    let mut answer = Vec::new();
    let exchange = async {
        // The platform may refuse the request and close the connection before it has read everything. Only its answer counts.
        let _ = stream.write_all(bytes).await;
        if matches!(afterwards, Afterwards::HangUp) {
            let _ = stream.shutdown().await;
        }
        let _ = stream.read_to_end(&mut answer).await;
    };
    let ended = tokio::time::timeout(PATIENCE, exchange).await;
    assert!(
        ended.is_ok(),
        "the platform must answer or close the connection, but did neither in {PATIENCE:?}"
    );
    RawAnswer(answer)
}
