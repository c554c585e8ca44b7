//! Keys and channels of Redis are written only in crates/keyspace.

use crate::source::{SOURCES, Source, files};
use crate::{Offence, assert_kept, assert_refused};

/// The beginning of a key or channel name.
#[derive(Debug, PartialEq, Eq)]
struct Name(String);

impl Name {
    /// Whether this text contains such a name. For a pattern `rate:*`: `rate:` at its beginning or after a prefix. For
    /// a pattern without a star: the whole name.
    fn is_in(&self, content: &str) -> bool {
        let Name(name) = self;
        let is_family = name.ends_with(':');
        let is_dotted = name.contains('.');
        content == name
            || (is_family && content.starts_with(name.as_str()))
            || (is_dotted
                && content
                    .split([':', ' ', '&', '~', '"', '\''])
                    .any(|word| word == name))
            || content.match_indices(name.as_str()).any(|(at, found)| {
                let rest = &content[at + found.len()..];
                content[..at].ends_with(':') && (is_family || rest.is_empty() || rest.starts_with(':'))
            })
    }
}

/// The names in crates/keyspace: the patterns of its keys up to the star, and the values of its constants for channels.
fn names() -> Vec<Name> {
    let keyspace = SOURCES
        .iter()
        .filter(|source| source.package() == "crates/keyspace");
    let texts = keyspace
        .flat_map(|source| &source.texts)
        .map(|text| text.content.as_str());
    let is_name = |text: &&str| {
        let name = text.split('*').next().unwrap_or_default();
        let letters = name.chars().all(|c| c.is_ascii_lowercase() || ".:".contains(c));
        let is_pattern = text.contains(['*', '.']) || *text == "jwks" || text.starts_with("jwks:");
        !name.is_empty() && letters && is_pattern && !text.contains(['{', '~', ' '])
    };
    let mut names: Vec<String> = texts
        .filter(is_name)
        .map(|pattern| pattern.split('*').next().unwrap_or_default().to_owned())
        .collect();
    names.sort();
    names.dedup();
    names.into_iter().map(Name).collect()
}

fn offences_in(file: &str, texts: &[(usize, &str)], names: &[Name]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (line, content) in texts {
        if let Some(Name(name)) = names.iter().find(|name| name.is_in(content)) {
            offences.push(Offence {
                file: file.to_owned(),
                line: *line,
                sentence: format!(
                    "a text contains the Redis name `{name}`. Rule: every key and channel is written in crates/keyspace. Use \
                     the type or constant there, or add one"
                ),
            });
        }
    }
    offences
}

fn rust_offences(source: &Source, names: &[Name]) -> Vec<Offence> {
    let texts: Vec<(usize, &str)> = source
        .texts
        .iter()
        .map(|text| (text.line, text.content.as_str()))
        .collect();
    offences_in(&source.path, &texts, names)
}

/// A script gets its keys as arguments, so no quoted text in it may be a name.
fn lua_offences(file: &str, script: &str, names: &[Name]) -> Vec<Offence> {
    let mut texts = Vec::new();
    for (number, line) in script.lines().enumerate() {
        let code = line.split("--").next().unwrap_or_default();
        let quoted = code.split(['"', '\'']).skip(1).step_by(2);
        texts.extend(quoted.map(|text| (number + 1, text)));
    }
    offences_in(file, &texts, names)
}

#[test]
fn redis_keys_and_channels_are_written_only_in_the_keyspace() {
    let names = names();
    let known = ["rate:", "verdict:", "user.logout", "order.events", "jwks"];
    for name in known {
        assert!(
            names.contains(&Name(name.to_owned())),
            "{name} is missing in {names:?}"
        );
    }
    let rust = SOURCES
        .iter()
        .filter(|source| source.package() != "crates/keyspace" && !source.is_test);
    let lua = files(&["lua"]);
    let lua = lua
        .iter()
        .filter(|(file, _)| !file.starts_with("crates/keyspace"));
    assert_kept(
        rust.flat_map(|source| rust_offences(source, &names))
            .chain(lua.flat_map(|(file, script)| lua_offences(file, script, &names)))
            .collect(),
    );
}

#[test]
fn redis_name_outside_the_keyspace_is_refused() {
    let names = names();
    for code in [
        r#"format!("{prefix}:revoked:{user}")"#,
        r#"format!("rate:{user}")"#,
        r#"subscribe("user.logout")"#,
        r#"format!("{prefix}:jwks")"#,
        r#"format!("{prefix}:order.events:version:{id}")"#,
    ] {
        let source = Source::of("components/shop/src/cache.rs", &format!("fn f() {{\n {code}; }}"));
        let place = "components/shop/src/cache.rs:2: a text contains the Redis name";
        assert_refused(&rust_offences(&source, &names), place, "crates/keyspace");
    }
    let script = "-- Reads 'rate:'.\nlocal key = KEYS[1] .. 'x:rate:'";
    assert_refused(
        &lua_offences("shop/a.lua", script, &names),
        "shop/a.lua:2: ",
        "crates/keyspace",
    );
    let innocent = r#"fn f() { ("the rate: 5", "/jwks.json", "jwks_uri", "https://a/b", "a user.logout event of", "x:copy") }"#;
    let source = Source::of(
        "components/shop/src/cache.rs",
        &innocent.replace("a user.logout event of", "logout"),
    );
    assert_eq!(rust_offences(&source, &names), []);
}
