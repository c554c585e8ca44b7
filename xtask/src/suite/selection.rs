//! The tests that a command selects, and their requirements: components, servers, programs of other projects.

use std::collections::BTreeSet;
use std::io::Read as _;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::build;
use crate::compile;
use crate::process::{EndSignal, Process, command_line};
use crate::workspace::Workspace;

/// The packages whose components some tests need, by test target and the start of the tests' names. All other tests
/// that run the host need all components.
const NEEDED_PACKAGES: [(&str, &str, &[&str]); 9] = [
    ("capabilities", "", &["akinai-probe"]),
    ("components", "inventory::", &["akinai-product"]),
    ("components", "issuer::", &["akinai-issuer"]),
    ("components", "order::", &["akinai-order"]),
    (
        "components",
        "outgoing::",
        &["akinai-conformance", "akinai-conformance-client"],
    ),
    ("components", "pages::", &["akinai-bff", "akinai-user"]),
    ("components", "product::", &["akinai-product"]),
    ("components", "user::", &["akinai-user"]),
    ("serving", "", &["akinai-probe"]),
];

/// Test targets that need Ory Hydra, a browser or clients of other projects. The other targets do not.
const WITH_COUNTERPARTS: [&str; 2] = ["end_to_end", "hydra"];

/// The packages that run the host. Their tests need components, and so do the tests of packages that depend on them.
const HOSTS: [&str; 2] = ["akinai-host", "akinai-tests"];

/// The requirements of the selected tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// The packages of the components.
    pub(super) packages: BTreeSet<String>,
    /// Postgres, Redis and the migrated template.
    pub(super) servers: bool,
    pub(super) counterparts: bool,
}

/// A selected test. Unit tests and documentation tests have no target.
#[derive(Debug, PartialEq, Eq)]
struct Selected {
    target: Option<String>,
    name: String,
}

/// Finds the tests that these arguments of `cargo test` select, and their requirements. The tests have been compiled.
///
/// # Errors
/// No test is selected, or the tests cannot be listed.
pub(super) async fn needs(workspace: &Workspace, arguments: &[String]) -> Result<Needs> {
    let selected = selected(&list(workspace, arguments).await?)?;
    if selected.is_empty() {
        bail!("no test is selected by `{}`", arguments.join(" "));
    }
    let metadata = build::metadata(workspace)?;
    let mut every = build::packages_of_all_components(&metadata, workspace);
    let mut needs = needs_of(&selected, &targets_with_components(&metadata), &every);
    if !needs.packages.is_empty() {
        // The whole application is loaded, so every component must exist, even one that no test calls.
        every.retain(|package| !build::is_built(workspace, package, &metadata));
        needs.packages.extend(every);
    }
    Ok(needs)
}

fn needs_of(selected: &[Selected], with_components: &BTreeSet<String>, every: &[String]) -> Needs {
    let mut needs = Needs::default();
    for Selected { target, name } in selected {
        let Some(target) = target else { continue };
        needs.counterparts |= WITH_COUNTERPARTS.contains(&target.as_str());
        if with_components.contains(target) {
            needs.servers |= target != "serving";
            let row = NEEDED_PACKAGES
                .iter()
                .find(|(of, beginning, _)| of == target && name.starts_with(beginning));
            match row {
                Some((.., packages)) => needs
                    .packages
                    .extend(packages.iter().map(|&name| name.to_owned())),
                None => needs.packages.extend(every.iter().cloned()),
            }
        }
    }
    needs
}

/// The test targets of the packages that run the host.
fn targets_with_components(metadata: &Value) -> BTreeSet<String> {
    let array = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let is_host = |name: &Value| name.as_str().is_some_and(|name| HOSTS.contains(&name));
    array(&metadata["packages"])
        .iter()
        .filter(|package| {
            let dependencies = array(&package["dependencies"]);
            is_host(&package["name"]) || dependencies.iter().any(|dependency| is_host(&dependency["name"]))
        })
        .flat_map(|package| array(&package["targets"]))
        .filter(|target| array(&target["kind"]).iter().any(|kind| kind == "test"))
        .filter_map(|target| target["name"].as_str().map(str::to_owned))
        .collect()
}

/// The output of cargo and the test programs when they list the selected tests. Both streams go into one pipe, so that
/// each program's tests follow its name.
async fn list(workspace: &Workspace, arguments: &[String]) -> Result<String> {
    let (mut reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    let mut cargo = compile::linting_cargo()?;
    cargo.args(["test", "--workspace"]).args(arguments);
    if !arguments.iter().any(|argument| argument == "--") {
        cargo.arg("--");
    }
    cargo
        .args(["--list", "--format", "terse"])
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_TERM_QUIET", "false")
        .current_dir(workspace.root())
        .stdout(writer.try_clone().context("cannot make a pipe")?)
        .stderr(writer);
    let command = command_line(&cargo);
    let mut process = Process::spawn(&mut cargo, EndSignal::Terminate)?;
    // The command holds our ends of the pipe. They must be closed, because the pipe is read to its end.
    drop(cargo);
    let listening = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    let status = process.wait().await?;
    let text = listening.await?.context("cannot read cargo's output")?;
    if !status.success() {
        bail!("`{command}` failed: {status}\n{text}");
    }
    Ok(text)
}

/// Reads lines such as `Running tests/order/main.rs (target/debug/deps/order-0f3a)` and `cart::is_empty: test`.
///
/// # Errors
/// The output does not show to which program a test belongs: options such as `-q` change cargo's output.
fn selected(list: &str) -> Result<Vec<Selected>> {
    let (mut program, mut selected) = (None, Vec::new());
    for line in list.lines().map(str::trim) {
        if let Some(running) = line.strip_prefix("Running ") {
            program = target_of(running);
        } else if line.starts_with("Doc-tests ") {
            program = Some(None);
        } else if let Some(name) = line.strip_suffix(": test") {
            let Some(target) = &program else {
                bail!(
                    "cargo does not show to which program the test {name} belongs: leave out -q, -v and --color"
                );
            };
            selected.push(Selected {
                target: target.clone(),
                name: name.to_owned(),
            });
        }
    }
    Ok(selected)
}

/// The test target of a `Running` line: `Some(None)` for unit tests, `None` if the line has another form.
fn target_of(running: &str) -> Option<Option<String>> {
    let (source, program) = running.strip_suffix(')')?.rsplit_once(" (")?;
    let (name, _) = program.rsplit('/').next()?.rsplit_once('-')?;
    Some((!source.starts_with("unittests ")).then(|| name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "    Finished `test` profile\n     \
        Running unittests src/lib.rs (target/debug/deps/akinai_order-05d1)\n\
        service::tests::an_order: test\n     \
        Running tests/components/main.rs (target/debug/deps/components-9a)\n\
        order::a_cart_is_kept: test\n   \
        Doc-tests akinai_connect\n";

    fn one(target: &str, name: &str) -> Selected {
        Selected {
            target: (!target.is_empty()).then(|| target.to_owned()),
            name: name.to_owned(),
        }
    }

    #[test]
    fn listed_test_belongs_to_the_target_above_it() {
        assert_eq!(
            selected(LIST).expect("plain lines"),
            [
                one("", "service::tests::an_order"),
                one("components", "order::a_cart_is_kept")
            ]
        );
    }

    #[test]
    fn list_without_program_names_is_refused() {
        let quiet = "order::a_cart_is_kept: test\n";
        let verbose =
            "Running `/target/debug/deps/components-9a --list --format terse`\norder::a_cart: test\n";
        let coloured = "\u{1b}[1mRunning\u{1b}[0m tests/main.rs (target/debug/deps/components-9a)\norder::a_cart: test\n";
        for list in [quiet, verbose, coloured] {
            let error = selected(list).expect_err("the program is unknown").to_string();
            assert!(error.contains("leave out -q, -v and --color"), "{error}");
        }
    }

    #[test]
    fn requirements_follow_from_target_and_module() {
        let with_components = ["components", "end_to_end", "serving"].map(str::to_owned).into();
        let every = ["akinai-bff", "akinai-order", "akinai-probe"].map(str::to_owned);
        let cases = [
            (one("", "service::an_order"), "", false, false),
            (one("tidy", "no_tabs"), "", false, false),
            (one("components", "order::a_cart"), "akinai-order", true, false),
            (
                one("components", "new::a_test"),
                "akinai-bff akinai-order akinai-probe",
                true,
                false,
            ),
            (one("serving", "limits::memory"), "akinai-probe", false, false),
            (
                one("end_to_end", "edge::x"),
                "akinai-bff akinai-order akinai-probe",
                true,
                true,
            ),
            (one("hydra", "keys_stay"), "", false, true),
        ];
        for (selected, packages, servers, counterparts) in cases {
            let expected = Needs {
                packages: packages.split_whitespace().map(str::to_owned).collect(),
                servers,
                counterparts,
            };
            assert_eq!(needs_of(&[selected], &with_components, &every), expected);
        }
    }

    #[test]
    fn every_named_target_and_package_exists() {
        let metadata = build::metadata(&Workspace::here()).expect("metadata");
        let (targets, all) = (
            targets_with_components(&metadata),
            build::packages_of_all_components(&metadata, &Workspace::here()),
        );
        let test_targets = |package: &Value| package["targets"].as_array().cloned().unwrap_or_default();
        let known: Vec<Value> = metadata["packages"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(test_targets)
            .collect();
        for target in WITH_COUNTERPARTS {
            assert!(
                known.iter().any(|known| known["name"] == target),
                "there is no test target {target}"
            );
        }
        for (target, _, packages) in NEEDED_PACKAGES {
            assert!(targets.contains(target), "there is no test target {target}");
            for package in packages {
                assert!(
                    all.iter().any(|known| known == package),
                    "{package} is not a component"
                );
            }
        }
    }
}
