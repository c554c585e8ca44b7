//! wrk, the load generator: found, run, and read.

use std::cell::Cell;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::seed;
use crate::debian::{self, Wanted};
use crate::process::{EndSignal, Process};
use crate::workspace::Workspace;

/// Makes wrk send our requests and print what came back as JSON.
const SCRIPT: &str = "xtask/src/bench/wrk.lua";

/// An installed or unpacked wrk.
pub(super) struct Wrk {
    program: PathBuf,
    libraries: Vec<PathBuf>,
    script: PathBuf,
    output: tempfile::NamedTempFile,
}

/// What wrk sends.
pub(super) enum Load {
    /// GET / of the hello component.
    Hello,
    /// POSTs of the messages in a file, one a line, in turn.
    Calls {
        /// The path of the RPC.
        path: &'static str,
        /// The file with the messages.
        messages: PathBuf,
        /// Who calls, where somebody does.
        tokens: Option<Tokens>,
    },
}

/// Bearer tokens.
pub(super) struct Tokens {
    /// The file, one a line.
    pub(super) file: PathBuf,
    /// How many of them were sent before; none where they may be sent again.
    pub(super) sent: Option<Cell<u64>>,
}

impl Load {
    pub(super) fn hello() -> Load {
        Load::Hello
    }

    /// Reads each of `count` products in turn.
    pub(super) fn get_product(folder: &Path, count: u32) -> Result<Load> {
        let messages: Vec<String> = (1..=count).map(seed::get_product).collect();
        Load::calls(
            folder,
            "/product.v1.ProductService/GetProduct",
            "get",
            &messages.join("\n"),
        )
    }

    /// Lists the first page.
    pub(super) fn list_products(folder: &Path) -> Result<Load> {
        Load::calls(
            folder,
            "/product.v1.ProductService/ListProducts",
            "list",
            seed::LIST_PRODUCTS,
        )
    }

    /// Reads a user's own account, with these tokens in turn.
    pub(super) fn get_user(folder: &Path, name: &str, tokens: Tokens) -> Result<Load> {
        let load = Load::calls(folder, "/user.v1.UserService/GetUser", name, seed::GET_USER)?;
        Ok(match load {
            Load::Calls { path, messages, .. } => Load::Calls {
                path,
                messages,
                tokens: Some(tokens),
            },
            Load::Hello => load,
        })
    }

    /// Notes what was sent, those included that nobody waited for.
    pub(super) fn sent(&self, requests: u64) {
        if let Load::Calls {
            tokens: Some(Tokens { sent: Some(sent), .. }),
            ..
        } = self
        {
            sent.set(sent.get() + requests);
        }
    }

    fn calls(folder: &Path, path: &'static str, name: &str, messages: &str) -> Result<Load> {
        let file = folder.join(format!("{name}.jsonl"));
        std::fs::write(&file, messages).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Load::Calls {
            path,
            messages: file,
            tokens: None,
        })
    }
}

/// What one run of wrk saw.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// Requests answered.
    pub(super) requests: u64,
    /// Of these and of those not answered: connections that failed, answers that were no success, answers too late.
    pub(super) lost: u64,
    /// Requests answered a second.
    pub(super) per_second: f64,
    /// The median latency.
    pub(super) p50: Duration,
    /// The latency that one of a hundred requests exceeds.
    pub(super) p99: Duration,
}

impl Wrk {
    /// The installed wrk, else Debian's, unpacked into `.akinai/`.
    pub(super) async fn find(workspace: &Workspace) -> Result<Wrk> {
        let script = workspace.root().join(SCRIPT);
        let output = tempfile::NamedTempFile::new()?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        if let Some(program) = std::env::split_paths(&path)
            .map(|folder| folder.join("wrk"))
            .find(|file| file.is_file())
        {
            return Ok(Wrk {
                program,
                libraries: Vec::new(),
                script,
                output,
            });
        }
        let wanted = Wanted {
            packages: &["wrk"],
            family: &[],
        };
        let root = debian::unpack(&wanted, &workspace.private().join("wrk"))
            .await
            .context(
                "wrk, the load generator, is not installed, and unpacking Debian's failed.\n\
             Install it (Debian: `apt-get install wrk`)",
            )?;
        Ok(Wrk {
            program: root.join("usr/bin/wrk"),
            libraries: debian::library_folders(&root)?,
            script,
            output,
        })
    }

    /// Runs it against a server. One thread: the machine's other cores are for what is measured.
    pub(super) async fn run(
        &self,
        address: SocketAddr,
        load: &Load,
        concurrency: u32,
        time: Duration,
    ) -> Result<Sample> {
        let mut command = Command::new(&self.program);
        if !self.libraries.is_empty() {
            command.env("LD_LIBRARY_PATH", debian::search_path(&self.libraries));
        }
        command
            .args(["--threads", "1", "--timeout", "10s"])
            .args(["--connections", &concurrency.to_string()])
            .args(["--duration", &format!("{}s", time.as_secs())])
            .arg("--script")
            .arg(&self.script)
            .arg(format!("http://{address}/"));
        if let Load::Calls {
            path,
            messages,
            tokens,
        } = load
        {
            command.args(["--", path]).arg(messages);
            if let Some(Tokens { file, sent }) = tokens {
                let sent = sent.as_ref().map_or(0, Cell::get);
                command.arg(file).arg(sent.to_string());
            }
        }
        let output = File::create(self.output.path())?;
        command.stdout(output.try_clone()?).stderr(output);
        let status = Process::spawn(&mut command, EndSignal::Terminate)?.wait().await?;
        let text = std::fs::read_to_string(self.output.path())?;
        match text.lines().find_map(|line| line.strip_prefix("akinai: ")) {
            Some(json) if status.success() => parse(json).with_context(|| format!("wrk printed {json}")),
            _ => bail!("wrk failed ({status}):\n{}", text.trim()),
        }
    }
}

/// Reads what the script prints.
fn parse(json: &str) -> Result<Sample> {
    let value: Value = serde_json::from_str(json)?;
    let number = |name: &str| value[name].as_f64().with_context(|| format!("{name} is missing"));
    let microseconds = |name: &str| number(name).map(|micros| Duration::from_secs_f64(micros / 1e6));
    let requests = number("requests")?;
    Ok(Sample {
        requests: requests as u64,
        lost: number("lost")? as u64,
        per_second: requests / microseconds("duration")?.as_secs_f64(),
        p50: microseconds("p50")?,
        p99: microseconds("p99")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_script_prints_is_read() {
        let sample = parse(r#"{"requests":30000,"lost":2,"duration":1500000,"p50":3200,"p99":9100.5}"#);
        let expected = Sample {
            requests: 30_000,
            lost: 2,
            per_second: 20_000.0,
            p50: Duration::from_micros(3_200),
            p99: Duration::from_nanos(9_100_500),
        };
        assert_eq!(sample.expect("a whole report"), expected);
        assert!(
            parse(r#"{"requests":1}"#).is_err(),
            "half a report must not count as one"
        );
    }
}
