//! docs/CONFIGURATION.md describes the variables that spin.toml has now.

use xtask::{configuration, workspace::Workspace};

#[test]
fn configuration_reference_is_up_to_date() {
    let workspace = Workspace::here();
    let written = std::fs::read_to_string(configuration::file(&workspace)).expect("docs/CONFIGURATION.md");
    let expected = configuration::reference(&workspace).expect("a reference of spin.toml");
    assert!(
        written == expected,
        "docs/CONFIGURATION.md is stale: run `cargo xtask configuration`"
    );
}
