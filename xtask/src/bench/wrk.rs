//! Finds and runs wrk, the load generator, and reads its results.

use std::cell::Cell;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::debian::{self, WantedPackage};
use crate::process::{EndSignal, Process};
use crate::workspace::Workspace;

/// The script that makes wrk send our requests and print the results as JSON.
const SCRIPT: &str = "xtask/src/bench/wrk.lua";

/// An installed or unpacked wrk.
pub(super) struct Wrk {
    program: PathBuf,
    libraries: Vec<PathBuf>,
    script: PathBuf,
    output: tempfile::NamedTempFile,
}

/// A load for wrk.
pub(super) enum Load {
    /// GET / of the hello component.
    Hello,
    /// POSTs of messages, in turn.
    Calls {
        /// The path of the RPC.
        path: &'static str,
        /// The messages, in JSON.
        messages: Lines,
        /// The bearer tokens of the callers. `None` for anonymous requests.
        tokens: Option<Lines>,
    },
}

/// One request of a load.
pub(super) struct BenchRequest {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) token: Option<String>,
    pub(super) message: String,
}

impl BenchRequest {
    /// GET of a path, without a token.
    pub(super) fn get(path: &'static str) -> BenchRequest {
        BenchRequest {
            method: "GET",
            path,
            token: None,
            message: String::new(),
        }
    }
}

/// The lines of a file from which requests are made.
pub(super) struct Lines {
    file: PathBuf,
    all: Vec<String>,
    /// How many of them have been sent. `None` if they may be sent repeatedly.
    sent: Option<Cell<usize>>,
}

impl Lines {
    /// Each line is sent once.
    pub(super) fn once(file: PathBuf, lines: impl Iterator<Item = String>) -> Result<Lines> {
        Lines::write(file, lines, Some(Cell::new(0)))
    }

    /// The lines are sent repeatedly.
    pub(super) fn again(file: PathBuf, lines: impl Iterator<Item = String>) -> Result<Lines> {
        Lines::write(file, lines, None)
    }

    fn write(file: PathBuf, lines: impl Iterator<Item = String>, sent: Option<Cell<usize>>) -> Result<Lines> {
        let all: Vec<String> = lines.collect();
        std::fs::write(&file, all.join("\n")).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Lines { file, all, sent })
    }

    /// How many lines to skip.
    fn skipped(&self) -> usize {
        self.sent.as_ref().map_or(0, Cell::get)
    }

    /// The line that is sent with the request of this number, from 0.
    fn at(&self, number: usize) -> Option<&str> {
        let index = match &self.sent {
            Some(sent) => sent.get() + number,
            None => number % self.all.len().max(1),
        };
        self.all.get(index).map(String::as_str)
    }

    /// How many lines are left to send. `None` if they may be sent repeatedly.
    fn left(&self) -> Option<usize> {
        let sent = self.sent.as_ref()?;
        Some(self.all.len().saturating_sub(sent.get()))
    }

    /// Records that requests were sent, and checks that there were enough lines.
    fn note(&self, requests: usize) -> Result<()> {
        if let Some(sent) = &self.sent {
            sent.set(sent.get() + requests);
            ensure!(
                sent.get() <= self.all.len(),
                "requests were sent twice that must be sent once: more than {} were answered in the time",
                self.all.len()
            );
        }
        Ok(())
    }
}

impl Load {
    pub(super) fn calls(path: &'static str, messages: Lines, tokens: Option<Lines>) -> Load {
        Load::Calls {
            path,
            messages,
            tokens,
        }
    }

    /// The next `count` requests. They count as sent.
    pub(super) fn take(&self, count: usize) -> Result<Vec<BenchRequest>> {
        let requests = (0..count).map(|number| match self {
            Load::Hello => Some(BenchRequest::get("/")),
            Load::Calls {
                path,
                messages,
                tokens,
            } => {
                let token = match tokens {
                    Some(tokens) => Some(tokens.at(number)?.to_owned()),
                    None => None,
                };
                Some(BenchRequest {
                    method: "POST",
                    path,
                    token,
                    message: messages.at(number)?.to_owned(),
                })
            }
        });
        let requests = requests
            .collect::<Option<_>>()
            .context("there is nothing left to send")?;
        self.sent(count)?;
        Ok(requests)
    }

    /// How many requests are left of messages that must not be sent twice. `None` if the load has no such limit.
    pub(super) fn left(&self) -> Option<usize> {
        let Load::Calls { messages, tokens, .. } = self else {
            return None;
        };
        let tokens = tokens.as_ref().and_then(Lines::left);
        messages.left().into_iter().chain(tokens).min()
    }

    /// Records sent requests, including those whose answers were not read.
    ///
    /// # Errors
    /// A message was sent twice that must be sent once.
    pub(super) fn sent(&self, requests: usize) -> Result<()> {
        if let Load::Calls { messages, tokens, .. } = self {
            messages.note(requests)?;
            tokens.as_ref().map_or(Ok(()), |tokens| tokens.note(requests))?;
        }
        Ok(())
    }
}

/// The results of one run of wrk.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// Answered requests.
    pub(super) requests: u64,
    /// Failures: failed connections, answers other than a success, and late answers. Answered requests can be among them.
    pub(super) lost: u64,
    /// Requests answered a second.
    pub(super) per_second: f64,
    /// The median latency.
    pub(super) p50: Duration,
    /// The latency that one of a hundred requests exceeds.
    pub(super) p99: Duration,
}

impl Wrk {
    /// Finds the installed wrk, or else Debian's, unpacked into `.akinai/`.
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
        let wanted = WantedPackage {
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

    /// Runs wrk against a server. It uses one thread, because the machine's other cores are for the server.
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
            command.args(["--", path]);
            for lines in [Some(messages), tokens.as_ref()].into_iter().flatten() {
                command.arg(&lines.file).arg(lines.skipped().to_string());
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

/// Reads the output of the script.
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
    fn messages_for_one_use_are_not_sent_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let lines = |name: &str, lines: &[&str]| {
            (
                folder.path().join(name),
                lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>(),
            )
        };
        let (file, messages) = lines("messages", &["1", "2", "3"]);
        let messages = Lines::once(file, messages.into_iter()).expect("written");
        let (file, tokens) = lines("tokens", &["a", "b"]);
        let tokens = Lines::again(file, tokens.into_iter()).expect("written");
        let load = Load::calls("/a.B/C", messages, Some(tokens));
        let sent = |count| -> Option<Vec<(String, Option<String>)>> {
            let requests = load.take(count).ok()?.into_iter();
            Some(requests.map(|request| (request.message, request.token)).collect())
        };
        let with = |message: &str, token: &str| (message.to_owned(), Some(token.to_owned()));
        assert_eq!(sent(2), Some(vec![with("1", "a"), with("2", "b")]));
        assert_eq!(sent(1), Some(vec![with("3", "a")]), "sent lines are skipped");
        assert_eq!(sent(1), None, "no line is left");
        assert!(load.sent(1).is_err(), "wrk began again from the first");
    }

    #[test]
    fn output_of_the_script_is_read() {
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
            "an incomplete report is an error"
        );
    }
}
