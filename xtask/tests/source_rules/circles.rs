//! Modules that import each other in a circle cannot be understood one at a time.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{SOURCES, Source};
use crate::{Offence, assert_kept, assert_refused};

/// The crates to which the rule applies.
const CRATES: [&str; 4] = [
    "crates/connect",
    "crates/connect-grpc",
    "crates/host",
    "crates/identity",
];

/// The imports between modules, each with its first place.
type Imports = BTreeMap<String, BTreeMap<String, (String, usize)>>;

/// The graph of a crate's top-level modules. A name that lib.rs re-exports counts as the module that declares it.
fn imports(sources: &[&Source]) -> Imports {
    let modules: BTreeSet<String> = sources
        .iter()
        .filter_map(|source| source.module().first().cloned())
        .collect();
    let reexported: BTreeMap<&str, &str> = sources
        .iter()
        .filter(|source| source.module().is_empty())
        .flat_map(|root| &root.code_paths)
        .filter(|path| path.is_import && path.segments.len() > 1 && modules.contains(&path.segments[0]))
        .filter_map(|path| Some((path.segments.last()?.as_str(), path.segments[0].as_str())))
        .collect();
    let mut imports = Imports::new();
    for source in sources {
        let Some(importer) = source.module().first().cloned() else {
            continue;
        };
        for path in source
            .code_paths
            .iter()
            .filter(|path| path.segments[0] == "crate")
        {
            let Some(name) = path.segments.get(1) else {
                continue;
            };
            let imported = match modules.contains(name) {
                true => name.as_str(),
                false => reexported.get(name.as_str()).copied().unwrap_or_default(),
            };
            if !imported.is_empty() && imported != importer {
                let place = (source.path.clone(), path.line);
                let known = imports.entry(importer.clone()).or_default();
                known.entry(imported.to_owned()).or_insert(place);
            }
        }
    }
    imports
}

/// The shortest path from one module to another, including both.
fn way(imports: &Imports, from: &str, to: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![from.to_owned()]];
    let mut seen = BTreeSet::from([from.to_owned()]);
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let last = way.last().map(String::as_str).unwrap_or_default();
            if last == to {
                return Some(way);
            }
            for next in imports.get(last).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(next.clone()) {
                    longer.push([&way[..], std::slice::from_ref(next)].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

/// One offence for each circle of modules.
fn offences_in(sources: &[&Source]) -> Vec<Offence> {
    let imports = imports(sources);
    let (mut offences, mut known) = (Vec::new(), BTreeSet::new());
    for (importer, imported) in &imports {
        for (module, (file, line)) in imported {
            let Some(back) = way(&imports, module, importer) else {
                continue;
            };
            let members: BTreeSet<String> = back.iter().cloned().collect();
            if known.insert(members) {
                offences.push(Offence {
                    file: file.clone(),
                    line: *line,
                    sentence: format!(
                        "the modules import each other in a circle: {importer} → {}. Rule: modules of this crate form no circle. \
                         Move what both need to a module of its own, or pass it as an argument",
                        back.join(" → ")
                    ),
                });
            }
        }
    }
    offences
}

#[test]
fn modules_form_no_circles() {
    let of = |package: &str| -> Vec<&Source> {
        SOURCES
            .iter()
            .filter(|source| source.package() == package && !source.is_test)
            .collect()
    };
    assert_kept(
        CRATES
            .into_iter()
            .flat_map(|package| offences_in(&of(package)))
            .collect(),
    );
}

#[test]
fn circle_of_modules_is_refused() {
    let root = Source::of("crates/shop/src/lib.rs", "mod a; mod b; mod c; pub use a::Apple;");
    let a = Source::of("crates/shop/src/a.rs", "\nuse crate::b::Banana;");
    let b = Source::of("crates/shop/src/b/mod.rs", "use crate::c::Cherry;");
    let c = Source::of("crates/shop/src/c.rs", "fn f() { crate::Apple::new() }");
    let offences = offences_in(&[&root, &a, &b, &c]);
    let first = offences.first().cloned();
    assert_refused(first.as_slice(), "crates/shop/src/a.rs:2: ", "a → b → c → a");
    assert_eq!(offences_in(&[&root, &a, &b]), []);
}
