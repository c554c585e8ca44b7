//! The host that the tests kill.

use std::io::{BufRead as _, Read as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use harness::allow_many_clients;
use host::chaining::{ChainedCall, Chaining, Interference};
use host::{App, Config};
use rustix::process::getpid;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::*;

/// The environment variable that makes this binary run as the host.
const IS_HOST: &str = "AKINAI_TEST_IS_HOST";

/// The line that the host prints when it listens.
const LISTENING: &str = "the host listens";

/// A host in a separate process, which is killed when this value is dropped.
pub(super) struct Host {
    child: Child,
    pub(super) api: Api,
    /// It is closed when the test process ends. Then the host exits, too.
    _stdin: ChildStdin,
}

impl Host {
    /// Starts a host on this port. It holds the calls that arrive at the point, and kills itself when this number of calls
    /// has arrived.
    pub(super) async fn start(setup: Setup, port: u16, kill: Option<(Point, usize)>) -> Self {
        let config = setup.config();
        let mut instructions = json!({
            "manifest": config.manifest,
            "variables": config.variables,
            "cache": config.cache_dir,
            "port": port,
        });
        if let Some((point, calls)) = kill {
            instructions["kill"] = json!({
                "method": point.method,
                "before": point.moment == Moment::Before,
                "calls": calls,
            });
        }
        let program = std::env::current_exe().expect("this binary has a path");
        let mut child = Command::new(program)
            .args([
                "kills::victim::host_to_kill",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(IS_HOST, "yes")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("this binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin
            .write_all(format!("{instructions}\n").as_bytes())
            .await
            .expect("the host reads");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        while let Some(line) = lines.next_line().await.expect("the host writes text") {
            if line.ends_with(LISTENING) {
                let api = Api(Client::new(format!("http://127.0.0.1:{port}")));
                return Self {
                    child,
                    api,
                    _stdin: stdin,
                };
            }
        }
        panic!("the host must listen, but ended: {:?}", child.wait().await)
    }

    /// Waits until it has killed itself.
    pub(super) async fn wait_until_killed(mut self) {
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        let ended = ended.expect("the host arrives at the point and kills itself");
        let ended = ended.expect("a process ends");
        assert_eq!(ended.code(), None, "a host that is killed has no exit code");
    }

    /// Kills it with SIGKILL.
    pub(super) async fn kill(mut self) {
        self.child.kill().await.expect("the host can be killed");
    }
}

/// Kills its own process.
struct Killer {
    method: String,
    moment: Moment,
    left: AtomicUsize,
}

impl Killer {
    fn interfere(&self, call: &ChainedCall, moment: Moment) -> BoxFuture<'static, Interference> {
        if moment != self.moment || call.path.rsplit('/').next() != Some(&self.method) {
            return future::ready(Interference::Pass).boxed();
        }
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
        }
        future::pending().boxed()
    }
}

impl Chaining for Killer {
    fn before(&self, call: &ChainedCall) -> BoxFuture<'static, Interference> {
        self.interfere(call, Moment::Before)
    }

    fn after(&self, call: &ChainedCall) -> BoxFuture<'static, Interference> {
        self.interfere(call, Moment::After)
    }
}

#[test]
#[ignore = "not a test: it runs the host that the tests kill"]
fn host_to_kill() {
    if std::env::var_os(IS_HOST).is_none() {
        return;
    }
    let mut instructions = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut instructions)
        .expect("instructions");
    let instructions: Value = serde_json::from_str(&instructions).expect("the instructions are JSON");
    // The end of the input means that the test process has ended.
    std::thread::spawn(|| {
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(serve(&instructions));
}

async fn serve(instructions: &Value) {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut config = Config::new(text(&instructions["manifest"]));
    config.cache_dir = instructions["cache"].as_str().map(PathBuf::from);
    allow_many_clients(&mut config.limits);
    let variables = instructions["variables"].as_object().expect("variables");
    config.variables = variables
        .iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect();
    if let Some(kill) = instructions.get("kill") {
        config.chaining = Some(Arc::new(Killer {
            method: text(&kill["method"]),
            moment: if kill["before"] == true {
                Moment::Before
            } else {
                Moment::After
            },
            left: AtomicUsize::new(kill["calls"].as_u64().expect("a number") as usize),
        }));
    }
    let port = instructions["port"]
        .as_u64()
        .and_then(|port| u16::try_from(port).ok());
    let app = App::load(config).await.expect("the application loads");
    let _server = app
        .serve(([127, 0, 0, 1], port.expect("a port")).into())
        .await
        .expect("a free port");
    println!("{LISTENING}");
    future::pending::<()>().await;
}
