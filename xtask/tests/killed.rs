//! When a process of ours ends, by any cause, the servers that it started end too, and its temporary folder is deleted.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use xtask::process::Scratch;
use xtask::services::{Durability, Postgres, Redis};

/// Not a test, but the process that the tests below kill. It starts both servers, prints their folder, and waits.
#[tokio::test]
#[ignore = "started by the other tests of this file"]
async fn victim() {
    let scratch = Scratch::new("victim").expect("a temporary folder");
    let _postgres = Postgres::start(scratch.path(), Durability::Disposable)
        .await
        .expect("Postgres starts");
    let _redis = Redis::start(scratch.path()).await.expect("Redis starts");
    println!("\nfolder {}", scratch.path().display());
    tokio::time::sleep(Duration::from_secs(600)).await;
}

#[test]
fn a_killed_process_leaves_nothing_behind() {
    for signal in [Signal::KILL, Signal::TERM, Signal::INT] {
        let (mut victim, folder) = start_victim();
        assert!(!processes_in(&folder).is_empty(), "no server runs in {folder}");
        kill_process(Pid::from_child(&victim), signal).expect("killed");
        victim.wait().expect("it ended");

        let deadline = Instant::now() + Duration::from_secs(15);
        while !processes_in(&folder).is_empty() || Path::new(&folder).exists() {
            let left = processes_in(&folder);
            assert!(
                Instant::now() < deadline,
                "15 s after {signal:?}, {folder} exists, with the processes {left:?}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn start_victim() -> (Child, String) {
    let this_program = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(this_program)
        .args(["--exact", "victim", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program runs");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let folder = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("folder ").map(str::to_owned))
        .expect("the victim prints the folder of its servers");
    (child, folder)
}

/// The command lines of processes that name `folder`. Each server is started with the paths of its files.
fn processes_in(folder: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let command_lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    command_lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(folder))
        .collect()
}
