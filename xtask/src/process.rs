//! Child processes that end when this process ends.
//!
//! Every child gets a process group of its own. One small shell per process of ours, the *guard*, has a list of these
//! groups. The guard reads from a pipe that this process holds open. It ends the groups when the pipe closes: when this
//! process returns, panics, or is killed with a signal that no program can handle. So no child keeps running after a
//! Ctrl-C, a `kill` or a `kill -9`.
//!
//! The alternative is Linux's `PR_SET_PDEATHSIG`. It needs unsafe code between fork and exec, fires when the *thread*
//! that started the child ends, and reaches only the child, not the compilers that a killed `cargo` leaves running.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Cargo with the environment of a terminal. `cargo run` sets variables about our own package. Build scripts that read
/// them (that of `ring`, for example) would run again whenever `cargo xtask` and a plain cargo alternate, and
/// everything up to our host would be compiled again.
pub fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("CARGO_PKG_") || name_text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// How often to check whether a running child has ended.
const POLL: Duration = Duration::from_millis(10);

/// How long a dropped [`Process`] waits for the child to end after the signal, before it kills the child.
const PATIENCE: Duration = Duration::from_secs(10);

/// The signal on which a program shuts down cleanly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndSignal {
    /// SIGTERM: the signal of most programs.
    Terminate,
    /// SIGINT: Postgres closes its connections and shuts down cleanly. On SIGTERM it would wait for the clients.
    Interrupt,
}

impl EndSignal {
    fn number(self) -> Signal {
        match self {
            EndSignal::Terminate => Signal::TERM,
            EndSignal::Interrupt => Signal::INT,
        }
    }

    /// The name that the shell's `kill -s` uses.
    fn name(self) -> &'static str {
        match self {
            EndSignal::Terminate => "TERM",
            EndSignal::Interrupt => "INT",
        }
    }
}

/// A running child in a process group of its own. Dropping it ends the child and waits until it has ended.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    group: Pid,
    end_signal: EndSignal,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` as the leader of a new process group, without a standard input, and registers the group with
    /// the guard.
    ///
    /// # Errors
    /// The program is missing or cannot be run; the message names it.
    pub fn spawn(command: &mut Command, end_signal: EndSignal) -> Result<Process> {
        let name = Path::new(command.get_program())
            .file_name()
            .unwrap_or(command.get_program())
            .to_string_lossy()
            .into_owned();
        guard()?;
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run `{}`", command.get_program().display()))?;
        let group = Pid::from_child(&child);
        let process = Process {
            name,
            child,
            group,
            end_signal,
            ended: None,
        };
        write_to_guard(&format!("watch {} {group}", end_signal.name()))?;
        Ok(process)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child's standard output, if it was started with a pipe for it. Only the first call returns it.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The exit status, once the child has ended; `None` while it runs.
    ///
    /// # Errors
    /// The operating system no longer has the child.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self
                .child
                .try_wait()
                .with_context(|| format!("cannot wait for {}", self.name))?;
            if self.ended.is_some() {
                self.kill_rest_of_group()?;
            }
        }
        Ok(self.ended)
    }

    /// Sends a signal to the child and the processes that it has started.
    ///
    /// # Errors
    /// The process has ended already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process_group(self.group, signal)
            .with_context(|| format!("cannot send a signal to {}", self.name))
    }

    /// Waits until the child ends by itself.
    ///
    /// # Errors
    /// As [`Process::try_wait`].
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sends the end signal, waits up to `patience`, then kills the rest of the group.
    ///
    /// # Errors
    /// As [`Process::try_wait`].
    pub async fn stop(&mut self, patience: Duration) -> Result<()> {
        self.send_end_signal();
        let deadline = Instant::now() + patience;
        while self.try_wait()?.is_none() && Instant::now() < deadline {
            tokio::time::sleep(POLL).await;
        }
        self.kill()
    }

    fn send_end_signal(&self) {
        if self.ended.is_none() {
            // Only the leader gets the signal: it ends its own children best. It may have ended just before; that is no
            // error.
            let _ = kill_process(self.group, self.end_signal.number());
        }
    }

    fn kill(&mut self) -> Result<()> {
        if self.ended.is_none() {
            let _ = kill_process_group(self.group, Signal::KILL);
            self.ended = Some(
                self.child
                    .wait()
                    .with_context(|| format!("cannot wait for {}", self.name))?,
            );
            self.kill_rest_of_group()?;
        }
        Ok(())
    }

    /// A leader can end before its children. `cargo` does, when it gets the signal during a build.
    fn kill_rest_of_group(&self) -> Result<()> {
        let _ = kill_process_group(self.group, Signal::KILL);
        write_to_guard(&format!("forget {}", self.group))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.send_end_signal();
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        // A failure here cannot be handled further. The guard tries once more.
        let _ = self.kill();
    }
}

/// A temporary folder. It is deleted when this is dropped, or by the guard if this process is killed first.
#[derive(Debug)]
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    /// Makes an empty folder `akinai-NAME-XXXXXX` in the system's temporary folder. Other users may enter it (a
    /// Postgres that runs as another user has its files there), but not list it.
    ///
    /// # Errors
    /// The temporary folder is not writable.
    pub fn new(name: &str) -> Result<Scratch> {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::Builder::new()
            .prefix(&format!("akinai-{name}-"))
            .permissions(std::fs::Permissions::from_mode(0o711))
            .tempdir()
            .with_context(|| format!("cannot make a folder in {}", std::env::temp_dir().display()))?;
        write_to_guard(&format!("remove {}", folder.path().display()))?;
        Ok(Scratch(folder))
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The guard gets its line first: if the deletion below fails, only an orphaned folder is left.
        let _ = write_to_guard(&format!("keep {}", self.0.path().display()));
    }
}

/// Runs `command` to its end with its output on our terminal.
///
/// # Errors
/// It cannot be started, or fails: the message has the command line and the exit status.
pub async fn run(command: &mut Command) -> Result<()> {
    let status = Process::spawn(command, EndSignal::Terminate)?.wait().await?;
    if !status.success() {
        bail!("`{}` failed: {status}", command_line(command));
    }
    Ok(())
}

/// Runs `command` to its end and returns what it wrote to its standard output, as text.
///
/// # Errors
/// It cannot be started, or fails: the message has the command line, the exit status and what it wrote to its
/// standard error.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run `{}`", command.get_program().display()))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!(
            "`{}` failed: {}\n{}",
            command_line(command),
            output.status,
            errors.trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as one would type it, for messages. Variables set for it are left out: some are secret.
pub fn command_line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .fold(String::new(), |mut line, word| {
            let separator = if line.is_empty() { "" } else { " " };
            // Writing to a string cannot fail.
            let _ = write!(line, "{separator}{}", quoted(word));
            line
        })
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+/.,:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The guard of this process. It is started when it is first needed.
fn guard() -> Result<&'static Mutex<ChildStdin>> {
    static GUARD: OnceLock<Mutex<ChildStdin>> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(guard) = GUARD.get() {
        return Ok(guard);
    }
    // In a group of its own too, because it must survive the Ctrl-C that ends this process.
    let mut shell = Command::new("sh")
        .args(["-c", include_str!("guard.sh"), "akinai-guard"])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot run `sh`")?;
    let pipe = shell.stdin.take().context("`sh` was started without a pipe")?;
    Ok(GUARD.get_or_init(|| Mutex::new(pipe)))
}

fn write_to_guard(line: &str) -> Result<()> {
    let mut pipe = guard()?.lock().unwrap_or_else(PoisonError::into_inner);
    pipe.write_all(format!("{line}\n").as_bytes())
        .context("the shell that watches over child processes is gone: was it killed? Start again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let mut command = Command::new("cargo");
        command.args(["run", "--", "it's", "a b", ""]);
        assert_eq!(command_line(&command), r"cargo run -- 'it'\''s' 'a b' ''");
    }

    #[test]
    fn output_reports_the_standard_error_of_what_failed() {
        let error = output(Command::new("sh").args(["-c", "echo out; echo reason >&2; exit 3"]))
            .expect_err("a command that exits with 3 was taken for a success");
        let text = format!("{error:#}");
        assert!(
            text.contains("exit status: 3") && text.contains("reason"),
            "the reason is missing: {text}"
        );
    }

    #[tokio::test]
    async fn a_dropped_process_ends_with_its_group() {
        let folder = Scratch::new("process-test").expect("a temporary folder");
        let file = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", file.display());
        let process =
            Process::spawn(Command::new("sh").args(["-c", &script]), EndSignal::Terminate).expect("sh runs");
        let grandchild = loop {
            match std::fs::read_to_string(&file) {
                Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
                _ => tokio::time::sleep(POLL).await,
            }
        };
        assert!(is_running(&grandchild), "the grandchild never ran");
        drop(process);
        // SIGTERM ends `sh`, but not its background job, and SIGKILL takes some time.
        let deadline = Instant::now() + Duration::from_secs(5);
        while is_running(&grandchild) {
            assert!(
                Instant::now() < deadline,
                "the grandchild {grandchild} outlived the dropped process"
            );
            tokio::time::sleep(POLL).await;
        }
    }

    fn is_running(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
            !stat
                .rsplit(')')
                .next()
                .is_some_and(|rest| rest.trim_start().starts_with('Z'))
        })
    }
}
