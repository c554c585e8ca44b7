//! The server under test, as the runner starts it. It reads a `ServerCompatRequest`, starts the test service, and
//! answers with a `ServerCompatResponse`. Four bytes with its length come before each message.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use prost::Message;

use super::host;
use crate::http::{self, Request};
use crate::origin::Origin;
use crate::process::{EndSignal, Process};
use crate::services::free_port;
use crate::workspace::Workspace;

/// How long the host may take until it listens. It compiles the component if it is new.
const START_LIMIT: Duration = Duration::from_secs(120);

/// The largest request of the runner that is accepted, in bytes. It contains at most a certificate.
const MOST_REQUEST: u32 = 1 << 20;

/// The fields of the runner's message that are needed. Our servers support all protocols and versions of HTTP at once.
#[derive(Clone, PartialEq, Message)]
struct ServerCompatRequest {
    #[prost(bool, tag = "4")]
    use_tls: bool,
    #[prost(uint32, tag = "6")]
    message_receive_limit: u32,
}

#[derive(Clone, PartialEq, Message)]
struct ServerCompatResponse {
    #[prost(string, tag = "1")]
    host: String,
    #[prost(uint32, tag = "2")]
    port: u32,
}

/// Serves the test service until the runner ends this process, or the host ends.
///
/// # Errors
/// The runner requests a feature that we do not support, or the host does not start or ends.
pub async fn serve(workspace: &Workspace) -> Result<()> {
    let wanted = read_request(io::stdin().lock())?;
    ensure!(
        !wanted.use_tls,
        "the runner asks for TLS, which tools/conformance/server.yaml does not claim"
    );
    let (mut host, address) = start(workspace, &wanted).await?;
    let response = ServerCompatResponse {
        host: address.ip().to_string(),
        port: address.port().into(),
    };
    write_response(io::stdout().lock(), &response)?;
    let status = host.wait().await?;
    bail!("the host ended by itself ({status})")
}

/// Starts the test service and ends it, because the host compiles a new component and caches it. The runner starts
/// several hosts at once and waits 10 s for each.
///
/// # Errors
/// It does not start.
pub(super) async fn warm_up(workspace: &Workspace) -> Result<()> {
    start(workspace, &ServerCompatRequest::default()).await.map(drop)
}

async fn start(workspace: &Workspace, wanted: &ServerCompatRequest) -> Result<(Process, SocketAddr)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let mut command = host(workspace, "conformance");
    command
        .args([
            "--variable",
            &format!("message_bytes={}", wanted.message_receive_limit),
        ])
        .args(["--listen", &address.to_string()])
        // Our standard output is for the runner.
        .stdout(Stdio::null())
        .env_remove("RUST_BACKTRACE");
    let mut host = Process::spawn(&mut command, EndSignal::Terminate)?;
    wait_until_it_answers(&mut host, address).await?;
    Ok((host, address))
}

fn read_request(mut input: impl io::Read) -> Result<ServerCompatRequest> {
    let mut length = [0; 4];
    input
        .read_exact(&mut length)
        .context("the runner sent no request")?;
    let length = u32::from_be_bytes(length);
    ensure!(
        length <= MOST_REQUEST,
        "the runner's request has {length} bytes, which is not a request"
    );
    let mut message = Vec::new();
    input.take(length.into()).read_to_end(&mut message)?;
    ensure!(
        message.len() as u64 == u64::from(length),
        "the runner's request broke off"
    );
    ServerCompatRequest::decode(&*message).context("the runner's request is not a ServerCompatRequest")
}

fn write_response(mut output: impl io::Write, response: &ServerCompatResponse) -> Result<()> {
    let message = response.encode_to_vec();
    let length = u32::try_from(message.len()).context("the response is too long")?;
    output.write_all(&[&length.to_be_bytes()[..], &message].concat())?;
    output.flush().context("the runner does not read the response")
}

/// Waits until there is an answer with any status.
async fn wait_until_it_answers(host: &mut Process, address: SocketAddr) -> Result<()> {
    const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);
    const ANSWER_LIMIT: Duration = Duration::from_secs(1);
    let question = Request::get(Origin::of(address).at("/")?);
    let began = Instant::now();
    while http::send(&question, ANSWER_LIMIT).await.is_err() {
        if let Some(status) = host.try_wait()? {
            bail!("the host ended while starting ({status})");
        }
        ensure!(
            began.elapsed() < START_LIMIT,
            "the host did not answer within {START_LIMIT:?}"
        );
        tokio::time::sleep(BETWEEN_ATTEMPTS).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_runner_begin_with_their_length() {
        // use_tls: false, http_version: 1, message_receive_limit: 204800.
        let message = [0x10, 1, 0x30, 0x80, 0xc0, 0x0c];
        let sent = [&[0, 0, 0, 6][..], &message].concat();
        let read = read_request(&*sent).expect("a request");
        assert_eq!(read.message_receive_limit, 204_800);
        assert!(read_request(&sent[..9]).is_err(), "one that broke off");
        assert!(read_request(&[0xff; 4][..]).is_err(), "one that is too long");

        let response = ServerCompatResponse {
            host: "127.0.0.1".into(),
            port: 80,
        };
        let mut written = Vec::new();
        write_response(&mut written, &response).expect("written");
        assert_eq!(written[..6], [0, 0, 0, 13, 0x0a, 9]);
        assert_eq!(
            ServerCompatResponse::decode(&written[4..]).expect("a response"),
            response
        );
    }
}
