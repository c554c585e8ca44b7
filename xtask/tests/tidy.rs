//! Habits of this repository that neither the compiler nor clippy checks. A test checks them instead of a reviewer.

use std::path::{Path, PathBuf};

use xtask::workspace::Workspace;

/// Folders with generated files.
const GENERATED: [&str; 7] = [
    ".git",
    ".akinai",
    ".schemathesis",
    ".venv",
    "node_modules",
    "target",
    "gen",
];

/// The extensions of text files of ours.
const TEXT: [&str; 12] = [
    "rs", "toml", "md", "sql", "proto", "wit", "sh", "lua", "json", "js", "ts", "yaml",
];

fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Workspace::here().root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && !path.is_symlink() && !GENERATED.contains(&name.as_str()) {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| TEXT.contains(&extension.to_string_lossy().as_ref()))
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Checks every file, and reports all offences together, each with its line.
fn check(offence: &str, is_offender: impl Fn(&Path, &str) -> bool) {
    let mut offenders = Vec::new();
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("text in UTF-8");
        for (number, line) in text.lines().enumerate() {
            if is_offender(&file, line) {
                let path = file.strip_prefix(Workspace::here().root()).unwrap_or(&file);
                offenders.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(offenders.is_empty(), "{offence}:\n{}", offenders.join("\n"));
}

#[test]
fn no_line_ends_in_spaces_or_holds_a_tab() {
    check("a space at the end of a line, or a tab", |file, line| {
        let is_markdown = file.extension().is_some_and(|extension| extension == "md");
        (line.ends_with(' ') && !is_markdown) || line.contains('\t')
    });
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    // Written in two parts, so that this file does not break its own rule.
    let folders = [
        concat!("/ro", "ot/."),
        concat!("/ho", "me/"),
        concat!("/Use", "rs/"),
        concat!("/wo", "rk/"),
    ];
    check("a path that exists on one machine only", |_, line| {
        folders.iter().any(|folder| line.contains(folder))
    });
}

#[test]
fn no_code_contains_a_mark_for_later_work() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
        concat!("HA", "CK"),
    ];
    check("work left for later: do it, or open an issue", |file, line| {
        let is_code = file.extension().is_some_and(|extension| extension == "rs");
        is_code
            && marks.iter().any(|mark| {
                // As a string of its own, one of them is ISO 4217's code for "no currency".
                line.replace(&format!("\"{mark}\""), "")
                    .split(|c: char| !c.is_ascii_alphanumeric())
                    .any(|word| word == *mark)
            })
    });
}

#[test]
fn every_file_says_what_it_is_for() {
    /// The lines that a reader sees first.
    const TOP: usize = 20;
    let is_documented = |text: &str| {
        text.lines()
            .take(TOP)
            .any(|line| line.starts_with("//!") || line.starts_with("///"))
    };
    let silent: Vec<String> = files()
        .iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .filter(|file| !is_documented(&std::fs::read_to_string(file).expect("text in UTF-8")))
        .map(|file| file.display().to_string())
        .collect();
    assert!(
        silent.is_empty(),
        "these files do not say at their top what they are for:\n{}",
        silent.join("\n")
    );
}

#[test]
fn every_crate_begins_with_its_documentation() {
    let roots = ["src/lib.rs", "src/main.rs"];
    let silent: Vec<String> = files()
        .iter()
        .filter(|file| roots.iter().any(|root| file.ends_with(root)))
        .filter(|file| {
            !std::fs::read_to_string(file)
                .expect("text in UTF-8")
                .starts_with("//!")
        })
        .map(|file| file.display().to_string())
        .collect();
    assert!(
        silent.is_empty(),
        "these crates do not begin with `//!`:\n{}",
        silent.join("\n")
    );
}

#[test]
fn lock_files_of_npm_name_no_host() {
    check(
        "a registry's address in a lock file (see tools/.npmrc)",
        |file, line| file.ends_with("package-lock.json") && line.contains("\"resolved\""),
    );
}

/// A path in backticks, such as `crates/host/src`, in the pages about this repository.
#[test]
fn pages_name_files_that_exist() {
    /// The folders at the root.
    const FOLDERS: [&str; 11] = [
        ".cargo",
        "components",
        "crates",
        "docs",
        "examples",
        "migrations",
        "proto",
        "tests",
        "tools",
        "wit",
        "xtask",
    ];
    let is_place = |text: &str| {
        let is_plain = text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        // `migrations/SERVICE` stands for the folders of all services.
        let is_placeholder = |part: &str| part.chars().all(|c| c.is_ascii_uppercase());
        let is_one = !text.trim_end_matches('/').split('/').any(is_placeholder);
        is_plain
            && is_one
            && text
                .split_once('/')
                .is_some_and(|(first, _)| FOLDERS.contains(&first))
    };
    // The tutorial creates files, and the changelog names old ones.
    let is_about_now = |file: &Path| !file.ends_with("ADD-A-SERVICE.md") && !file.ends_with("CHANGELOG.md");
    let root = Workspace::here().root().to_owned();
    // An example's page names files of the example.
    let exists = |file: &Path, text: &str| root.join(text).exists() || file.with_file_name(text).exists();
    check("a file that does not exist", |file, line| {
        let is_page = file.extension().is_some_and(|extension| extension == "md");
        let mut quoted = line.split('`').skip(1).step_by(2);
        is_page && is_about_now(file) && quoted.any(|text| is_place(text) && !exists(file, text))
    });
}
