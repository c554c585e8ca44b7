//! The rules of docs/ARCHITECTURE.md and CONTRIBUTING.md about source code that the compiler does not check. The
//! message of a broken rule has file and line, the rule, and what to do.
//!
//! Each rule has two tests: the workspace keeps the rule, and code that breaks it gets the message.

mod circles;
mod crates;
mod layers;
mod names;
mod redis_keys;
mod sizes;
mod source;
mod spin;
mod words;

use std::fmt;

/// A line that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Offence {
    file: String,
    line: usize,
    /// The rule, and what to do.
    sentence: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.sentence)
    }
}

/// Fails with all offences, one a line.
fn assert_kept(mut offences: Vec<Offence>) {
    offences.sort();
    offences.dedup();
    let lines: Vec<String> = offences.iter().map(Offence::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} broken:\n{}\n",
        lines.len(),
        lines.join("\n")
    );
}

/// Checks that a rule refuses this code with exactly one offence, which begins with `place` and contains `part`.
fn assert_refused(offences: &[Offence], place: &str, part: &str) {
    let lines: Vec<String> = offences.iter().map(Offence::to_string).collect();
    assert!(
        lines.len() == 1 && lines[0].starts_with(place) && lines[0].contains(part),
        "expected one offence at {place} with {part:?}, but there are {lines:#?}"
    );
}
