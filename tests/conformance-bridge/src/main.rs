//! `conformance-bridge HOST [ARGUMENT…]`: connects the Connect project's conformance runner with the client under test,
//! which is a component (tests/conformance-client).
//!
//! The runner writes `ClientCompatRequest`s to our standard input, each with its length before it, and reads
//! `ClientCompatResponse`s from our standard output, in any order. We pass each on to a host that runs the component, over
//! HTTP. `HOST ARGUMENT…` starts one: our own, or Spin. The address to listen at is added as the last argument.
//!
//! A component cannot choose the version of HTTP for a call. The environment of a host names one server that speaks HTTP/2. So
//! there is one host for all servers that are called by HTTP/1.1, and one host for each server that is called by HTTP/2.

mod host;
mod messages;

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader, stdin, stdout};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, OnceCell, Semaphore, mpsc};

use crate::host::Host;
use crate::messages::{Order, Report};

/// How many calls are made at the same time.
const AT_ONCE: usize = 16;

/// The maximum size of an order, in bytes: more than the runner ever sends.
const LONGEST: usize = 16 << 20;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = async {
        // The hosts end with this process, if it ends in order.
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            outcome = run(std::env::args().skip(1).collect()) => outcome,
            _ = terminate.recv() => Ok(()),
        }
    };
    match outcome.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Vec<String>) -> Result<()> {
    if command.is_empty() {
        bail!("say how to start a host: conformance-bridge HOST [ARGUMENT…]");
    }
    let hosts = Arc::new(Hosts {
        command,
        running: Mutex::default(),
    });
    // The runner wants its first report within 20 s, in which a component cannot always be compiled. Started once without
    // orders, we have the host compile it, and keep it for the next time.
    hosts.calling(None).await?;
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let (reports, reported) = mpsc::unbounded_channel();
    let writing = tokio::spawn(write(reported));
    let mut orders = BufReader::new(stdin());
    while let Some(order) = read(&mut orders).await? {
        let place = places.clone().acquire_owned().await?;
        let (hosts, reports) = (hosts.clone(), reports.clone());
        tokio::spawn(async move {
            // Nothing reads the reports where writing them has failed, which `writing` tells.
            let _ = reports.send(hosts.report(order).await);
            drop(place);
        });
    }
    drop(reports);
    writing.await?
}

/// The next message from the runner; none at the end.
async fn read(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> Result<Option<Bytes>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error).context("cannot read from the runner"),
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > LONGEST {
        bail!("the runner announces a message of {length} bytes");
    }
    let mut message = vec![0; length];
    from.read_exact(&mut message)
        .await
        .context("the runner broke off within a message")?;
    Ok(Some(message.into()))
}

/// Writes reports as they come.
async fn write(mut reports: mpsc::UnboundedReceiver<Bytes>) -> Result<()> {
    let mut out = stdout();
    while let Some(report) = reports.recv().await {
        let length = u32::try_from(report.len()).context("a report is too long")?;
        out.write_all(&length.to_be_bytes()).await?;
        out.write_all(&report).await?;
        out.flush().await?;
    }
    Ok(())
}

/// The hosts that are running, by the server that they call by HTTP/2.
struct Hosts {
    command: Vec<String>,
    running: Mutex<HashMap<Option<String>, Place>>,
}

/// The address of a host after its start.
type Place = Arc<OnceCell<Arc<Host>>>;

impl Hosts {
    /// The report of an order. A failure to execute it is reported, too.
    async fn report(&self, order: Bytes) -> Bytes {
        let read = Order::decode(&*order).unwrap_or_default();
        let carried_out = async {
            let host = self.calling(read.server_by_http2()).await?;
            host.post(order).await
        };
        match carried_out.await {
            Ok(report) => report,
            Err(error) => Report::failed(read.test_name, format!("{error:#}"))
                .encode_to_vec()
                .into(),
        }
    }

    /// The host that calls this server by HTTP/2, and all others by HTTP/1.1. It runs then.
    async fn calling(&self, server: Option<String>) -> Result<Arc<Host>> {
        // Not held while a host starts: others answer meanwhile.
        let place = self
            .running
            .lock()
            .await
            .entry(server.clone())
            .or_default()
            .clone();
        let start = async || Host::start(&self.command, server.as_deref()).await.map(Arc::new);
        place.get_or_try_init(start).await.cloned()
    }
}
