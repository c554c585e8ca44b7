//! The schedule of the reconciler, for `up`: in a cluster a CronJob does this.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::secret::Secret;
use crate::ui;

/// How often it runs: often enough that nobody who orders wonders.
const EVERY: Duration = Duration::from_secs(10);

/// How long a run may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Calls the reconciler of the platform that listens there, for ever. What goes wrong is said once, until it goes well again.
pub async fn for_ever(listen: SocketAddr, secret: &Secret) -> Infallible {
    let mut is_well = true;
    loop {
        tokio::time::sleep(EVERY).await;
        let ran = tokio::time::timeout(LIMIT, run(listen, secret)).await;
        let ran = ran.map_err(anyhow::Error::from).flatten();
        if let (Err(error), true) = (&ran, is_well) {
            ui::detail(format_args!(
                "the reconciler did not run: {error:#}; trying again every {} s",
                EVERY.as_secs()
            ));
        }
        is_well = ran.is_ok();
    }
}

async fn run(listen: SocketAddr, secret: &Secret) -> Result<()> {
    let mut stream = TcpStream::connect(listen).await?;
    let request = format!(
        "POST /internal/reconcile HTTP/1.0\r\nhost: {listen}\r\nauthorization: Bearer {}\r\ncontent-length: 0\r\n\
         connection: close\r\n\r\n",
        secret.reveal()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let status = response.split_whitespace().nth(1).context("no HTTP response")?;
    ensure!(status == "200", "it answered {status}");
    Ok(())
}
