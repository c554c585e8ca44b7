//! docs/ADD-A-SERVICE.md matches the present workspace: each file that it creates is new, and each line that it names
//! exists. `cargo xtask test --long` also compiles the result and calls the new service.

use std::collections::BTreeSet;

use xtask::process::Scratch;
use xtask::tutorial::{self, TutorialStep};
use xtask::workspace::Workspace;

#[test]
fn every_step_of_the_tutorial_fits_the_workspace() {
    let workspace = Workspace::here();
    let copy = Scratch::new("tutorial").expect("a folder");
    let steps = tutorial::steps(&workspace).expect("the page can be followed");
    let changed: BTreeSet<&str> = steps
        .iter()
        .filter_map(|step| match step {
            TutorialStep::Change { file, .. } => Some(file.as_str()),
            _ => None,
        })
        .collect();
    for file in changed {
        let (original, copied) = (workspace.root().join(file), copy.path().join(file));
        std::fs::create_dir_all(copied.parent().expect("a folder")).expect("a folder can be made");
        std::fs::copy(&original, &copied).unwrap_or_else(|error| panic!("{}: {error}", original.display()));
    }
    for step in &steps {
        if let TutorialStep::Create { file, .. } = step {
            let path = workspace.root().join(file);
            assert!(!path.exists(), "{file} exists already");
        }
        step.apply(copy.path())
            .unwrap_or_else(|error| panic!("{error:#}"));
    }
    let is_answered = matches!(steps.last(), Some(TutorialStep::Answer(_)));
    assert!(
        is_answered,
        "the page ends in a call of the new service and its answer"
    );
}
