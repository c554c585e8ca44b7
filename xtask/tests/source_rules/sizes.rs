//! The largest length of a file and of a function.

use crate::source::{SOURCES, Source, files};
use crate::{Offence, assert_kept, assert_refused};

const LINES_OF_A_FILE: usize = 500;
const LINES_OF_A_FUNCTION: usize = 60;

fn file_offences(files: &[(&str, usize)]) -> Vec<Offence> {
    let long = files.iter().filter(|(_, lines)| *lines > LINES_OF_A_FILE);
    long.map(|(file, lines)| Offence {
        file: (*file).to_owned(),
        line: *lines,
        sentence: format!(
            "the file has {lines} lines. Rule: a file has at most {LINES_OF_A_FILE}. Split it by topic"
        ),
    })
    .collect()
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
    assert_kept(file_offences(&all));
}

#[test]
fn functions_have_at_most_60_lines() {
    assert_kept(SOURCES.iter().flat_map(function_offences).collect());
}

#[test]
fn long_files_and_functions_are_refused() {
    let files = [("a.rs", 501), ("b.rs", 500)];
    assert_refused(&file_offences(&files), "a.rs:501: ", "Split it by topic");
    assert_eq!(file_offences(&files[1..]), []);

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
