//! Where the Spin SDK may be named.

use crate::source::{SOURCES, Source};
use crate::{Offence, assert_kept, assert_refused};

/// `crates/spin-adapters`, the WIT bindings, and the files whose export a macro of the SDK makes. The example is a component for
/// readers who have only the SDK and `crates/connect`.
fn may_name_the_sdk(source: &Source) -> bool {
    const FILES: [&str; 3] = [
        "crates/rpc-adapters/src/wit.rs",
        "crates/rpc-adapters/src/wit_bindings.rs",
        "components/events/src/lib.rs",
    ];
    let is_wit_adapter =
        source.package().starts_with("components/") && source.module().iter().any(|name| name == "wit");
    source.is_test
        || ["crates/spin-adapters", "examples/greeter"].contains(&source.package())
        || FILES.contains(&source.path.as_str())
        || is_wit_adapter
}

fn offences_in(source: &Source) -> Vec<Offence> {
    if may_name_the_sdk(source) {
        return Vec::new();
    }
    let paths = source
        .code_paths
        .iter()
        .filter(|path| path.segments[0] == "spin_sdk");
    paths
        .map(|path| Offence {
            file: source.path.clone(),
            line: path.line,
            sentence: format!(
                "`{}`. Rule: only crates/spin-adapters and WIT bindings name the Spin SDK. Use a function of spin-adapters, or add \
                 one there",
                path.segments.join("::")
            ),
        })
        .collect()
}

#[test]
fn only_the_adapters_and_wit_bindings_name_the_spin_sdk() {
    assert_kept(SOURCES.iter().flat_map(offences_in).collect());
}

#[test]
fn the_spin_sdk_elsewhere_is_refused() {
    let source = Source::of(
        "components/shop/src/store.rs",
        "fn f() {\n    spin_sdk::pg::open(x)\n}",
    );
    let place = "components/shop/src/store.rs:2: `spin_sdk::pg::open`";
    assert_refused(&offences_in(&source), place, "only crates/spin-adapters");
    let adapter = Source::of("crates/spin-adapters/src/pg.rs", "use spin_sdk::pg;");
    assert_eq!(offences_in(&adapter), []);
}
