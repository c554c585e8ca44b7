//! Words that stand for a noun with a name (client, caller, user, instance, row) make a sentence hard to understand.

use crate::source::files;
use crate::{Offence, assert_refused};

/// Written in two parts, so that this file is not counted.
const WORDS: [&str; 8] = [
    concat!("nob", "ody"),
    concat!("no ", "one"),
    concat!("who", "ever"),
    concat!("some", "body"),
    concat!("any", "body"),
    concat!("every", "body"),
    concat!("who", "m"),
    concat!("one ", "another"),
];

/// The present number: in the license, in merged migrations, in a file of another project, and in the name of a user of
/// the operating system.
const LARGEST_COUNT: usize = 17;

const TEXT: [&str; 20] = [
    "", "css", "go", "html", "js", "json", "lua", "md", "mod", "proto", "py", "rs", "sh", "sql", "toml",
    "ts", "txt", "wit", "yaml", "yml",
];

fn offences_in(file: &str, text: &str) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.to_ascii_lowercase();
        for word in WORDS {
            offences.extend(line.matches(word).map(|_| Offence {
                file: file.to_owned(),
                line: number + 1,
                sentence: format!("\"{word}\". Name the noun: client, caller, user, instance, row"),
            }));
        }
    }
    offences
}

#[test]
fn words_that_hide_a_noun_are_rare() {
    let files = files(&TEXT);
    let offences: Vec<Offence> = files
        .iter()
        .flat_map(|(file, text)| offences_in(file, text))
        .collect();
    let lines: Vec<String> = offences.iter().map(Offence::to_string).collect();
    assert!(
        lines.len() <= LARGEST_COUNT,
        "there are {} of these words, and at most {LARGEST_COUNT} are allowed:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

#[test]
fn listed_word_is_reported_with_its_line() {
    let text = format!("A client calls.\n{} calls.", WORDS[0].to_uppercase());
    assert_refused(&offences_in("README.md", &text), "README.md:2: ", "Name the noun");
}
