//! Follows docs/ADD-A-SERVICE.md step by step in a copy of the workspace.
//!
//! The page has instructions in a fixed form. A block of code follows each of them:
//!
//! - Create `FILE`:
//! - In `FILE`, below the line `LINE`, add: (or above)
//! - In `FILE`, replace the line `LINE` by:
//!
//! Blocks in `sh` are commands. The block in `json` is the answer of the last command.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::net::TcpStream;
use toml::Table;

use crate::build;
use crate::process::{EndSignal, Process, output};
use crate::services::free_port;
use crate::workspace::{BuildProfile, Workspace};

/// The page.
const PAGE: &str = "docs/ADD-A-SERVICE.md";

/// The address in the page at which `cargo xtask up` listens.
const UP: &str = "http://127.0.0.1:3000";

/// A step of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TutorialStep {
    /// A new file.
    Create {
        /// The path, relative to the root of the workspace.
        file: String,
        /// The content.
        text: String,
    },
    /// A change of a file at the only line with this text.
    Change {
        /// The path, relative to the root of the workspace.
        file: String,
        /// The line, without leading and trailing spaces.
        line: String,
        /// The kind of change.
        place: LinePlace,
        /// The new lines.
        text: String,
    },
    /// A command in a shell, at the root of the workspace.
    Run(String),
    /// The output of the last command.
    Answer(String),
}

/// Where new lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinePlace {
    /// Above the line.
    Above,
    /// Below the line.
    Below,
    /// Instead of the line.
    Instead,
}

/// Reads the steps of the page.
///
/// # Errors
/// The page cannot be read, or a block of code has no instruction.
pub fn steps(workspace: &Workspace) -> Result<Vec<TutorialStep>> {
    let page = std::fs::read_to_string(workspace.root().join(PAGE)).context(PAGE)?;
    parse(&page)
}

fn parse(page: &str) -> Result<Vec<TutorialStep>> {
    let (mut steps, mut instruction) = (Vec::new(), String::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            if !line.is_empty() {
                line.clone_into(&mut instruction);
            }
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let text = block.join("\n");
        match language {
            "sh" => steps.extend(
                block
                    .iter()
                    .map(|command| TutorialStep::Run((*command).to_owned())),
            ),
            "json" => steps.push(TutorialStep::Answer(text)),
            _ => steps.push(step(&instruction, text + "\n")?),
        }
        instruction.clear();
    }
    Ok(steps)
}

/// The step for an instruction and the block below it.
fn step(instruction: &str, text: String) -> Result<TutorialStep> {
    let words: Vec<&str> = instruction.split('`').collect();
    let change = |file: &str, line: &str, place| TutorialStep::Change {
        file: file.to_owned(),
        line: line.to_owned(),
        place,
        text: text.clone(),
    };
    match words[..] {
        ["Create ", file, ":"] => Ok(TutorialStep::Create {
            file: file.to_owned(),
            text,
        }),
        ["In ", file, ", above the line ", line, ", add:"] => Ok(change(file, line, LinePlace::Above)),
        ["In ", file, ", below the line ", line, ", add:"] => Ok(change(file, line, LinePlace::Below)),
        ["In ", file, ", replace the line ", line, " by:"] => Ok(change(file, line, LinePlace::Instead)),
        _ => bail!("{PAGE}: {instruction:?} is not a known instruction"),
    }
}

impl TutorialStep {
    /// Performs the step in the copy of the workspace at `root`. Commands are not run.
    ///
    /// # Errors
    /// The file exists already, lacks the line, or has it twice.
    pub fn apply(&self, root: &Path) -> Result<()> {
        match self {
            TutorialStep::Create { file, text } => {
                let path = root.join(file);
                ensure!(!path.exists(), "{PAGE}: {file} exists already");
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                std::fs::write(&path, text).with_context(|| path.display().to_string())
            }
            TutorialStep::Change {
                file,
                line,
                place,
                text,
            } => {
                let path = root.join(file);
                let old = std::fs::read_to_string(&path).with_context(|| format!("{PAGE} changes {file}"))?;
                let new =
                    changed(&old, line, *place, text).with_context(|| format!("{PAGE} changes {file}"))?;
                std::fs::write(&path, new).with_context(|| path.display().to_string())
            }
            TutorialStep::Run(_) | TutorialStep::Answer(_) => Ok(()),
        }
    }
}

fn changed(old: &str, line: &str, place: LinePlace, text: &str) -> Result<String> {
    let found = old.lines().filter(|found| found.trim() == line).count();
    ensure!(
        found == 1,
        "the line `{line}` must be there once, but is there {found} times"
    );
    let mut new = String::new();
    for found in old.lines() {
        let is_it = found.trim() == line;
        if is_it && place != LinePlace::Below {
            new.push_str(text);
        }
        if !is_it || place != LinePlace::Instead {
            new.push_str(found);
            new.push('\n');
        }
        if is_it && place == LinePlace::Below {
            new.push_str(text);
        }
    }
    Ok(new)
}

/// Copies the sources of the workspace to a folder, and performs all steps there. The folder's `target` is kept, so
/// that less is compiled the next time.
///
/// # Errors
/// A file cannot be copied, or a step does not match the files.
pub fn apply_in_copy(workspace: &Workspace, copy: &Path) -> Result<()> {
    copy_sources(workspace.root(), copy)?;
    steps(workspace)?.iter().try_for_each(|step| step.apply(copy))
}

/// Folders that are generated.
const NOT_SOURCES: [&str; 6] = [".git", ".akinai", ".venv", "gen", "node_modules", "target"];

fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in std::fs::read_dir(to)? {
        let path = entry?.path();
        let is_made = path.file_name().is_some_and(|name| name == "target");
        match path.is_dir() {
            true if is_made => {}
            true => std::fs::remove_dir_all(&path)?,
            false => std::fs::remove_file(&path)?,
        }
    }
    copy_folder(from, to)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_symlink() || NOT_SOURCES.iter().any(|folder| name == *folder) {
            continue;
        }
        let copy = to.join(name);
        if path.is_dir() {
            copy_folder(&path, &copy)?;
        } else {
            std::fs::copy(&path, &copy).with_context(|| path.display().to_string())?;
            // The copy keeps the original's time, because cargo compiles newer files again.
            let modified = path.metadata()?.modified()?;
            std::fs::File::options()
                .write(true)
                .open(&copy)?
                .set_modified(modified)?;
        }
    }
    Ok(())
}

/// Follows the whole page in a copy below `target/`: compiles the result, runs the commands, and compares the answer.
///
/// # Errors
/// A step does not match the files, a command fails, or the answer differs.
pub async fn follow(workspace: &Workspace) -> Result<()> {
    let copy = Workspace::at(workspace.root().join("target/tutorial"));
    apply_in_copy(workspace, copy.root())?;
    let packages = build::packages_of_application(&copy)?;
    build::components_for_few_tests(&copy, &packages).await?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let mut host = Command::new(workspace.native_program(BuildProfile::Dev, "akinai-host"));
    host.arg("--manifest")
        .arg(copy.manifest())
        .args(["--listen", &listen.to_string()])
        .envs(required_variables(&copy)?);
    let _host = Process::spawn(&mut host, EndSignal::Terminate)?;
    wait_until_it_listens(listen).await?;

    let mut printed = String::new();
    for step in steps(&copy)? {
        match step {
            TutorialStep::Run(command) => {
                let command = command.replace(UP, &format!("http://{listen}"));
                let what = format!("{PAGE}: `{command}`");
                printed = run_in_shell(&copy, command).await.context(what)?;
            }
            TutorialStep::Answer(expected) => {
                let json = |text: &str| serde_json::from_str::<serde_json::Value>(text);
                let is_right = json(&printed).ok() == Some(json(&expected)?);
                ensure!(
                    is_right,
                    "{PAGE} shows the answer {expected}, but the answer is {printed}"
                );
            }
            TutorialStep::Create { .. } | TutorialStep::Change { .. } => {}
        }
    }
    Ok(())
}

/// A value for each variable of the application that has no default. The host has no servers here, so the values need
/// only be valid.
fn required_variables(workspace: &Workspace) -> Result<Vec<(String, String)>> {
    let manifest: Table = std::fs::read_to_string(workspace.manifest())?.parse()?;
    let variables = manifest["variables"].as_table().context("no variables")?;
    let key: String = "tutorial".chars().cycle().take(42).chain(['A']).collect();
    let required = variables
        .iter()
        .filter(|(_, variable)| variable.get("required").is_some());
    let value = |name: &str| match name.ends_with("_service_key") {
        true => format!("1:{key}"),
        false => key.clone(),
    };
    let environment = |name: &str| (format!("SPIN_VARIABLE_{}", name.to_uppercase()), value(name));
    Ok(required.map(|(name, _)| environment(name)).collect())
}

async fn wait_until_it_listens(address: SocketAddr) -> Result<()> {
    const LIMIT: Duration = Duration::from_secs(180);
    let connected = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let waited = tokio::time::timeout(LIMIT, connected).await;
    waited.with_context(|| format!("the host does not listen on {address}"))
}

/// Runs a command, and returns what it prints.
async fn run_in_shell(workspace: &Workspace, command: String) -> Result<String> {
    let root = workspace.root().to_owned();
    let run = move || output(Command::new("bash").args(["-c", &command]).current_dir(root));
    tokio::task::spawn_blocking(run).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_become_steps() {
        let page = "Text.\n\nIn `a.rs`, below the line `x,`, add:\n\n```rust\n    y,\n```\n\n```sh\nls\n```\n\n```json\n{}\n```\n";
        let expected = [
            TutorialStep::Change {
                file: "a.rs".to_owned(),
                line: "x,".to_owned(),
                place: LinePlace::Below,
                text: "    y,\n".to_owned(),
            },
            TutorialStep::Run("ls".to_owned()),
            TutorialStep::Answer("{}".to_owned()),
        ];
        assert_eq!(parse(page).expect("it is a page"), expected);
        assert!(parse("Change `a.rs`:\n\n```rust\n```\n").is_err());
    }

    #[test]
    fn text_is_added_or_replaced_at_the_named_line() {
        let file = "a\n  b,\nc\n";
        for (place, expected) in [
            (LinePlace::Above, "a\nnew\n  b,\nc\n"),
            (LinePlace::Below, "a\n  b,\nnew\nc\n"),
            (LinePlace::Instead, "a\nnew\nc\n"),
        ] {
            assert_eq!(changed(file, "b,", place, "new\n").expect("it fits"), expected);
        }
        for file in ["a\n", "b,\nb,\n"] {
            let error = changed(file, "b,", LinePlace::Above, "").expect_err("it does not fit");
            assert!(error.to_string().contains("must be there once"), "{error}");
        }
    }
}
