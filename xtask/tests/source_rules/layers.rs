//! The layers of a component: `domain` ← `service` ← adapters ← `lib.rs`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use toml::Table;
use xtask::workspace::Workspace;

use crate::source::{CodePath, SOURCES, Source, is_io_of_std};
use crate::{Offence, assert_kept, assert_refused};

/// The crates that `domain` and `service` may name: values and arithmetic, no transport and no storage. Form encoding
/// is included, because a query string is part of OAuth's rules.
const PURE: [&str; 15] = [
    "alloc",
    "base64",
    "core",
    "form_urlencoded",
    "futures",
    "getrandom",
    "identity",
    "kernel",
    "sha2",
    "signing",
    "std",
    "subtle",
    "thiserror",
    "unicode_normalization",
    "uuid",
];

/// The parts of `crates/web` that they may name. The rest of that crate is HTTP.
const PURE_IN_WEB: &str = "constant_time";

/// All crates that a member of the workspace can depend on, by their names in code.
static FOREIGN: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let manifest = Workspace::here().root().join("Cargo.toml");
    let manifest: Table = std::fs::read_to_string(manifest)
        .expect("Cargo.toml")
        .parse()
        .expect("TOML");
    let dependencies = manifest["workspace"]["dependencies"].as_table().expect("a table");
    dependencies.keys().map(|name| name.replace('-', "_")).collect()
});

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Domain,
    Service,
    Adapter,
    Wiring,
}

impl Layer {
    fn of(module: &[String]) -> Layer {
        match module
            .iter()
            .map(String::as_str)
            .find(|name| ["domain", "service"].contains(name))
        {
            Some("domain") => Layer::Domain,
            Some(_) => Layer::Service,
            None if module.is_empty() => Layer::Wiring,
            None => Layer::Adapter,
        }
    }
}

/// Checks the rules of the layers in one component.
fn offences_in(component: &[&Source]) -> Vec<Offence> {
    let modules: BTreeSet<String> = component
        .iter()
        .filter_map(|source| source.module().first().cloned())
        .collect();
    let mut offences = Vec::new();
    for source in component {
        let layer = Layer::of(&source.module());
        for path in &source.code_paths {
            if let Some(sentence) = offence(layer, path, &modules) {
                offences.push(Offence {
                    file: source.path.clone(),
                    line: path.line,
                    sentence,
                });
            }
        }
    }
    offences
}

fn offence(layer: Layer, path: &CodePath, modules: &BTreeSet<String>) -> Option<String> {
    let shown = path.segments.join("::");
    if path.segments[0] == "crate" {
        let inside = &path.segments[1..];
        let is_wiring = inside.first().is_none_or(|name| !modules.contains(name));
        return match (layer, Layer::of(inside)) {
            (Layer::Wiring, _) => None,
            _ if is_wiring => Some(format!(
                "`{shown}` is in lib.rs. Rule: lib.rs imports the other modules and not the reverse. Have lib.rs pass what \
                 this module needs, as an argument or by a trait, or move the item into a module"
            )),
            (Layer::Domain, Layer::Service) => Some(format!(
                "`domain` names `{shown}`. Rule: `domain` imports `domain` only. Move the type to `domain`, or this code to \
                 `service`"
            )),
            (Layer::Domain | Layer::Service, Layer::Adapter) => Some(format!(
                "`{shown}` is an adapter. Rule: `domain` and `service` import no adapter. Declare a trait (a port) in \
                 `service` and let the adapter implement it, or move the pure part to `domain`"
            )),
            _ => None,
        };
    }
    if !matches!(layer, Layer::Domain | Layer::Service) {
        return None;
    }
    let first = path.segments[0].as_str();
    let is_pure = PURE.contains(&first) || first == "web" && path.segments[1] == PURE_IN_WEB;
    let is_foreign = FOREIGN.contains(first) && !is_pure;
    (is_foreign || is_io_of_std(&path.segments)).then(|| {
        format!(
            "`{shown}` belongs to an adapter. Rule: `domain` and `service` are pure: they name no crate for HTTP, SQL, Redis, \
             Spin or a format. Move this code to an adapter (store, rpc, wit, HTTP), behind a trait in `service` if a use case \
             needs it"
        )
    })
}

#[test]
fn domain_and_service_import_no_adapter_and_no_foreign_crate_and_adapters_import_no_wiring() {
    let components: BTreeSet<&str> = SOURCES
        .iter()
        .map(Source::package)
        .filter(|package| package.starts_with("components/"))
        .collect();
    assert!(components.len() >= 6, "only {components:?} found");
    let of = |component: &str| -> Vec<&Source> {
        let sources = SOURCES
            .iter()
            .filter(|source| source.package() == component && !source.is_test);
        sources.collect()
    };
    assert_kept(
        components
            .into_iter()
            .flat_map(|component| offences_in(&of(component)))
            .collect(),
    );
}

/// The offences of a component with this one file, and with a module `store`.
fn offences_of(file: &str, code: &str) -> Vec<Offence> {
    let path = format!("components/shop/src/{file}");
    let store = Source::of("components/shop/src/store.rs", "");
    let domain = Source::of("components/shop/src/domain.rs", "");
    offences_in(&[&Source::of(&path, code), &store, &domain])
}

#[test]
fn code_that_breaks_the_layers_is_refused() {
    let cases = [
        (
            "domain.rs",
            "use serde::Deserialize;",
            "`serde::Deserialize` belongs to an adapter",
        ),
        (
            "service/cart.rs",
            "use http::{HeaderMap};",
            "`http::HeaderMap` belongs to an adapter",
        ),
        (
            "service/cart.rs",
            "fn f() { spin_sdk::http::send() }",
            "`spin_sdk::http::send` belongs to an adapter",
        ),
        (
            "carts/service.rs",
            "fn f() { std::fs::read(x) }",
            "`std::fs::read` belongs to an adapter",
        ),
        (
            "domain/cart.rs",
            "use api::shop::v1::Cart;",
            "`api::shop::v1::Cart` belongs to an adapter",
        ),
        (
            "service.rs",
            "use crate::store::Postgres;",
            "`crate::store::Postgres` is an adapter",
        ),
        ("service.rs", "use super::store;", "`crate::store` is an adapter"),
        (
            "domain.rs",
            "use crate::service::Ports;",
            "`crate::service::Ports` is in lib.rs",
        ),
        (
            "carts/domain.rs",
            "use super::service::Ports;",
            "`domain` names `crate::carts::service::Ports`",
        ),
        (
            "store.rs",
            "use crate::DATABASE;",
            "`crate::DATABASE` is in lib.rs",
        ),
        (
            "rpc/messages.rs",
            "use crate::{new_shop};",
            "`crate::new_shop` is in lib.rs",
        ),
    ];
    for (file, code, sentence) in cases {
        let place = format!("components/shop/src/{file}:1: {sentence}");
        assert_refused(&offences_of(file, code), &place, "Rule: ");
    }
}

#[test]
fn code_that_keeps_the_layers_is_accepted() {
    let cases = [
        ("domain.rs", "use kernel::Money; use std::time::Duration;"),
        (
            "service.rs",
            "use crate::domain::Cart; enum E { A } fn f() { E::A; Self::g(); }",
        ),
        ("store.rs", "use crate::domain::Cart; use serde::Serialize;"),
        (
            "lib.rs",
            "mod store; use store::Postgres; fn f() { spin_adapters::clock::now() }",
        ),
        ("service/tests.rs", "use serde_json::json;"),
    ];
    for (file, code) in cases {
        assert_eq!(offences_of(file, code), [], "{file}: {code}");
    }
}
