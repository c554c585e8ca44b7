//! Each type name exists once in the workspace, so that a search for it has one result.

use std::collections::BTreeMap;

use crate::source::{SOURCES, Source};
use crate::{Offence, assert_kept, assert_refused};

/// Names with the same meaning everywhere: the error, the options or the entry of their own module.
const GENERIC: [&str; 10] = [
    "Config",
    "Error",
    "Limits",
    "Options",
    "Postgres",
    "Result",
    "Rpc",
    "Settings",
    "Component",
    "Client",
];

/// Names that two types still have. The list only gets shorter: give a type a more precise name, and delete its line
/// here.
const STILL_TWICE: [&str; 26] = [
    "Application",
    "Batch",
    "Callers",
    "Catalogue",
    "Connection",
    "Database",
    "Enum",
    "Found",
    "Inventory",
    "Key",
    "Message",
    "Origin",
    "Product",
    "Provide",
    "Quantity",
    "QuantityError",
    "Redis",
    "Remote",
    "Reply",
    "Router",
    "Service",
    "Shortage",
    "Status",
    "StatusError",
    "Store",
    "Stream",
];

/// Tools, test programs and examples are not counted: their types are not read together with other packages.
fn is_counted(source: &Source) -> bool {
    let package = source.package();
    !source.is_test
        && (package.starts_with("crates/") || package.starts_with("components/") || package == "xtask")
}

fn offences_in(sources: &[&Source], still_twice: &[&str]) -> Vec<Offence> {
    let mut places: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
    for source in sources {
        for declared in &source.types {
            places
                .entry(&declared.name)
                .or_default()
                .push((&source.path, declared.line));
        }
    }
    let is_twice = |name: &str| places.get(name).is_some_and(|places| places.len() > 1);
    let unique = still_twice.iter().filter(|name| !is_twice(name));
    let mut offences: Vec<Offence> = unique
        .map(|name| Offence {
            file: "xtask/tests/source_rules/names.rs".to_owned(),
            line: 1,
            sentence: format!("the type `{name}` exists once now. Delete its line in STILL_TWICE"),
        })
        .collect();
    for (name, places) in &places {
        if places.len() == 1 || GENERIC.contains(name) || still_twice.contains(name) {
            continue;
        }
        let others = places[1..].iter().map(|(file, line)| format!("{file}:{line}"));
        let others = others.collect::<Vec<_>>().join(", ");
        offences.push(Offence {
            file: places[0].0.to_owned(),
            line: places[0].1,
            sentence: format!(
                "the type `{name}` exists also at {others}. Rule: a type's name exists once in the workspace. Name each after \
                 what it is in its crate"
            ),
        });
    }
    offences
}

#[test]
fn each_type_name_exists_once() {
    let sources: Vec<&Source> = SOURCES.iter().filter(|source| is_counted(source)).collect();
    assert_kept(offences_in(&sources, &STILL_TWICE));
}

#[test]
fn type_name_that_exists_twice_is_refused() {
    let one = Source::of("crates/a/src/lib.rs", "pub struct Answer;\npub struct Error;");
    let other = Source::of(
        "crates/b/src/x.rs",
        "\npub(crate) enum Answer {}\npub enum Error {}\nstruct Private;",
    );
    let private = Source::of("crates/c/src/x.rs", "struct Answer; pub enum Private {}");
    let sources = [&one, &other, &private];
    let offences = offences_in(&sources, &[]);
    assert_refused(
        &offences,
        "crates/a/src/lib.rs:1: ",
        "`Answer` exists also at crates/b/src/x.rs:2.",
    );
    assert_eq!(offences_in(&sources, &["Answer"]), []);
    assert_refused(
        &offences_in(&[&one], &["Answer"]),
        "xtask/tests/",
        "`Answer` exists once now",
    );
}
