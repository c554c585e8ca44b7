//! How long a file and a function may be.

use crate::source::{SOURCES, Source, files};
use crate::{Offence, assert_kept, assert_refused};

const LINES_OF_A_FILE: usize = 500;
const LINES_OF_A_FUNCTION: usize = 60;

/// Files that are longer still. The list only shrinks: split a file by topic, and delete its line here.
const STILL_LONG: [&str; 0] = [];

fn file_offences(files: &[(&str, usize)], still_long: &[&str]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (file, lines) in files {
        let is_known = still_long.contains(file);
        let sentence = match (*lines > LINES_OF_A_FILE, is_known) {
            (true, false) => format!(
                "the file has {lines} lines. Rule: a file has at most {LINES_OF_A_FILE}. Split it by topic"
            ),
            (false, true) => "the file is short enough now. Delete its line in STILL_LONG, in \
                              xtask/tests/source_rules/sizes.rs"
                .to_owned(),
            _ => continue,
        };
        offences.push(Offence {
            file: (*file).to_owned(),
            line: *lines,
            sentence,
        });
    }
    let gone = still_long
        .iter()
        .filter(|known| !files.iter().any(|(file, _)| file == *known));
    offences.extend(gone.map(|known| {
        Offence {
            file: (*known).to_owned(),
            line: 1,
            sentence:
                "the file does not exist. Delete its line in STILL_LONG, in xtask/tests/source_rules/sizes.rs"
                    .to_owned(),
        }
    }));
    offences
}

fn function_offences(source: &Source) -> Vec<Offence> {
    let long = source
        .functions
        .iter()
        .filter(|function| function.lines > LINES_OF_A_FUNCTION);
    long.map(|function| Offence {
        file: source.path.clone(),
        line: function.line,
        sentence: format!(
            "the function `{}` has {} lines. Rule: a function has at most {LINES_OF_A_FUNCTION}. Divide it into steps with names",
            function.name, function.lines
        ),
    })
    .collect()
}

#[test]
fn files_have_at_most_500_lines() {
    let others = files(&["go", "js", "lua", "py", "sh", "ts"]);
    let others = others
        .iter()
        .map(|(file, text)| (file.as_str(), text.lines().count()));
    let rust = SOURCES.iter().map(|source| (source.path.as_str(), source.lines));
    let all: Vec<(&str, usize)> = rust.chain(others).collect();
    assert_kept(file_offences(&all, &STILL_LONG));
}

#[test]
fn functions_have_at_most_60_lines() {
    assert_kept(SOURCES.iter().flat_map(function_offences).collect());
}

#[test]
fn long_files_and_functions_are_refused() {
    let files = [("a.rs", 501), ("b.rs", 500), ("c.rs", 501)];
    assert_refused(
        &file_offences(&files, &["c.rs"]),
        "a.rs:501: ",
        "Split it by topic",
    );
    assert_refused(
        &file_offences(&files[1..2], &["b.rs"]),
        "b.rs:500: ",
        "STILL_LONG",
    );
    assert_refused(&file_offences(&[], &["d.rs"]), "d.rs:1: ", "does not exist");

    let function = |lines: usize| format!("\nimpl X {{\n fn f() {{{}}}\n}}", "\n".repeat(lines - 1));
    let long = Source::of("crates/a/src/lib.rs", &function(61));
    assert_refused(
        &function_offences(&long),
        "crates/a/src/lib.rs:3: ",
        "`f` has 61 lines",
    );
    let short = Source::of("crates/a/src/lib.rs", &function(60));
    assert_eq!(function_offences(&short), []);
}
