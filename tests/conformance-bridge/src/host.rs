//! A host that runs the client under test.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// The environment variable that tells a host which server speaks HTTP/2 without TLS. It is Spin's; our host reads it, too.
const H2C: &str = "SPIN_OUTBOUND_H2C_PRIOR_KNOWLEDGE";

/// The maximum time until a host listens. It may have to compile the component.
const START: Duration = Duration::from_secs(120);

/// The pause between two checks whether a starting host listens.
const POLL: Duration = Duration::from_millis(20);

/// A running host. Dropping it ends it.
pub(crate) struct Host {
    _process: Child,
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Host {
    /// Starts a host with this command, and waits until it listens. It calls `server` by HTTP/2, and all others by HTTP/1.1.
    pub(crate) async fn start(command: &[String], server: Option<&str>) -> Result<Self> {
        let (program, arguments) = command.split_first().context("there is no command")?;
        let address = free_address().await?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(address.to_string())
            .env_remove(H2C)
            .envs(server.map(|server| (H2C, server)))
            // The servers of the suite break the protocol on purpose, and calls are cancelled. Otherwise that would be
            // logged as warnings.
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            // Standard output belongs to the runner's protocol.
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let mut process = command.spawn().with_context(|| format!("cannot run {program}"))?;
        let deadline = Instant::now() + START;
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = process.try_wait()? {
                bail!("{program} ended before it listened: {status}");
            }
            if Instant::now() > deadline {
                bail!("{program} does not listen after {} s", START.as_secs());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(Self {
            _process: process,
            address,
            client: Client::builder(TokioExecutor::new()).build_http(),
        })
    }

    /// Makes the component execute an order. Returns its report.
    pub(crate) async fn post(&self, order: Bytes) -> Result<Bytes> {
        let request = http::Request::post(format!("http://{}/", self.address)).body(Full::new(order))?;
        let response = self
            .client
            .request(request)
            .await
            .context("the host does not answer")?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status != http::StatusCode::OK {
            bail!(
                "the component answered {status}: {}",
                String::from_utf8_lossy(&body)
            );
        }
        Ok(body)
    }
}

/// An address that was free a moment ago. Spin does not take port 0.
async fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Ok(listener.local_addr()?)
}
