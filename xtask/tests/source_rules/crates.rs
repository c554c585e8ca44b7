//! Allowed dependencies between crates.

use std::collections::BTreeMap;

use toml::Table;
use xtask::workspace::Workspace;

use crate::source::{SOURCES, Source, is_io_of_std};
use crate::{Offence, assert_kept, assert_refused};

/// Crates that other projects use, or that are independent of our services, with our crates that they may depend on.
const INDEPENDENT: [(&str, &[&str]); 7] = [
    ("crates/connect", &[]),
    ("crates/connect-build", &[]),
    ("crates/connect-grpc", &["connect", "connect-build"]),
    ("crates/host", &[]),
    ("crates/kernel", &[]),
    ("crates/signing", &["kernel"]),
    ("crates/identity", &["kernel"]),
];

/// Crates that do no I/O. They may not depend on these foreign crates.
const PURE: [&str; 4] = [
    "crates/identity",
    "crates/kernel",
    "crates/keyspace",
    "crates/signing",
];

/// Crates that do I/O, run tasks or are a transport.
const IMPURE: [&str; 9] = [
    "http",
    "hyper",
    "prost",
    "redis",
    "spin-sdk",
    "sqlx",
    "tokio",
    "tokio-postgres",
    "wasmtime",
];

/// The components of the application, and the packages of contracts. The host must not name them.
const SERVICES: [&str; 11] = [
    "bff",
    "issuer-admin",
    "akinai:commerce",
    "product.spin.internal",
    "order.spin.internal",
    "user.spin.internal",
    "issuer.spin.internal",
    "user.v1",
    "product.v1",
    "order.v1",
    "order.events",
];

fn manifest(package: &str) -> String {
    let file = Workspace::here().root().join(package).join("Cargo.toml");
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The names in `[workspace.dependencies]` that are crates of this workspace.
fn own_crates() -> Vec<String> {
    let root: Table = manifest("").parse().expect("TOML");
    let dependencies = root["workspace"]["dependencies"].as_table().expect("a table");
    let own = dependencies
        .iter()
        .filter(|(_, value)| value.get("path").is_some());
    own.map(|(name, _)| name.clone()).collect()
}

/// The names in `[dependencies]`, each with its line.
fn dependencies(manifest: &str) -> BTreeMap<String, usize> {
    let table: Table = manifest.parse().expect("TOML");
    let Some(dependencies) = table.get("dependencies").and_then(toml::Value::as_table) else {
        return BTreeMap::new();
    };
    let line = |name: &str| {
        let begins = |line: &str| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        };
        manifest.lines().position(begins).map_or(1, |line| line + 1)
    };
    dependencies
        .keys()
        .map(|name| (name.clone(), line(name)))
        .collect()
}

fn dependency_offences(package: &str, manifest: &str, own: &[String]) -> Vec<Offence> {
    let allowed = INDEPENDENT
        .iter()
        .find(|(name, _)| *name == package)
        .map(|(_, allowed)| *allowed);
    let is_pure = PURE.contains(&package);
    let mut offences = Vec::new();
    for (name, line) in dependencies(manifest) {
        let is_refused_own =
            own.contains(&name) && allowed.is_some_and(|allowed| !allowed.contains(&name.as_str()));
        let sentence = if is_refused_own {
            let may = allowed
                .filter(|allowed| !allowed.is_empty())
                .map_or("no crate".to_owned(), |a| a.join(", "));
            format!(
                "{package} depends on `{name}`. Rule: of this workspace it may depend on {may}. Pass what it needs as an \
                 argument, or move this code to the crate that uses it"
            )
        } else if is_pure && IMPURE.contains(&name.as_str()) {
            format!(
                "{package} depends on `{name}`. Rule: this crate does no I/O and uses no transport. Move this code to an \
                 adapter"
            )
        } else {
            continue;
        };
        offences.push(Offence {
            file: format!("{package}/Cargo.toml"),
            line,
            sentence,
        });
    }
    offences
}

/// Uses of the standard library's I/O in a crate without I/O.
fn io_offences(source: &Source) -> Vec<Offence> {
    let paths = source
        .code_paths
        .iter()
        .filter(|path| is_io_of_std(&path.segments));
    paths
        .map(|path| Offence {
            file: source.path.clone(),
            line: path.line,
            sentence: format!(
                "`{}`. Rule: {} does no I/O and has no clock. Take the content or the time as an argument",
                path.segments.join("::"),
                source.package()
            ),
        })
        .collect()
}

/// Texts of the host that name a service.
fn service_offences(source: &Source) -> Vec<Offence> {
    let named = |content: &str| SERVICES.into_iter().find(|service| content.contains(service));
    let texts = source
        .texts
        .iter()
        .filter_map(|text| Some((text.line, named(&text.content)?)));
    texts
        .map(|(line, service)| Offence {
            file: source.path.clone(),
            line,
            sentence: format!(
                "`{service}`. Rule: the host names no service: it runs any spin.toml. Put the value into the manifest, or make \
                 it a variable or an option"
            ),
        })
        .collect()
}

fn production(package: &str) -> impl Iterator<Item = &'static Source> {
    SOURCES
        .iter()
        .filter(move |source| source.package() == package && !source.is_test)
}

#[test]
fn independent_and_pure_crates_have_only_allowed_dependencies() {
    let own = own_crates();
    assert!(own.len() > 10, "only {own:?} found");
    let packages = INDEPENDENT.iter().map(|(package, _)| *package).chain(PURE);
    assert_kept(
        packages
            .flat_map(|package| dependency_offences(package, &manifest(package), &own))
            .collect(),
    );
}

#[test]
fn pure_crates_do_no_io_and_read_no_clock() {
    assert_kept(
        PURE.into_iter()
            .flat_map(production)
            .flat_map(io_offences)
            .collect(),
    );
}

#[test]
fn host_names_no_service() {
    assert_kept(production("crates/host").flat_map(service_offences).collect());
}

#[test]
fn crates_that_break_these_rules_are_refused() {
    let own = ["kernel".to_owned()];
    let manifest = "[package]\n[dependencies]\nbytes.workspace = true\nkernel.workspace = true\n";
    let found = dependency_offences("crates/connect", manifest, &own);
    assert_refused(
        &found,
        "crates/connect/Cargo.toml:4: ",
        "it may depend on no crate",
    );

    let found = dependency_offences(
        "crates/kernel",
        "[dependencies]\ntokio = { workspace = true }\n",
        &own,
    );
    assert_refused(&found, "crates/kernel/Cargo.toml:2: ", "does no I/O");

    let clock = Source::of(
        "crates/identity/src/access.rs",
        "\nfn f() { std::time::SystemTime::now(); }",
    );
    assert_refused(
        &io_offences(&clock),
        "crates/identity/src/access.rs:2: ",
        "has no clock",
    );

    let host = Source::of(
        "crates/host/src/routes.rs",
        "const A: &str = \"product.spin.internal\";",
    );
    assert_refused(
        &service_offences(&host),
        "crates/host/src/routes.rs:1: ",
        "names no service",
    );
}
