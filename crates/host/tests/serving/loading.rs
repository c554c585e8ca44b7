//! An application that cannot run fails at loading, with the reason.

use crate::harness::{MANIFEST, load};

async fn refusal(manifest: &str) -> String {
    match load(manifest, host::Limits::default()).await {
        Ok(_) => panic!("this should not load: {manifest}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn application_that_cannot_run_is_refused_with_the_reason() {
    for (manifest, complaints) in [
        (
            MANIFEST.replace("[component.back]", "[component.back]\nfiles = [\"*\"]"),
            ["unknown field `files`", "spin up"],
        ),
        (
            MANIFEST.replace("probe.wasm", "gone.wasm"),
            ["gone.wasm", "Build the components first"],
        ),
        (
            MANIFEST.replace("probe.wasm", "spin.toml"),
            ["[component.back]", "spin.toml"],
        ),
        (
            MANIFEST.replace("http://front.spin", "http://absent.spin"),
            ["absent", "[[trigger.http]]"],
        ),
        (
            MANIFEST.replace("http://self", "no host"),
            ["[component.front]", "no host"],
        ),
        (
            MANIFEST.replace("\"/...\"", "\"/:/...\""),
            ["component front", "must be named"],
        ),
        (
            format!("[variables]\nsecret = {{ required = true }}\n{MANIFEST}"),
            ["secret", "SPIN_VARIABLE_SECRET"],
        ),
    ] {
        let error = refusal(&manifest).await;
        for complaint in complaints {
            assert!(error.contains(complaint), "says {complaint:?}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn single_component_can_be_instantiated() {
    let app = load(MANIFEST, host::Limits::default())
        .await
        .expect("the application loads");
    app.instantiate("back")
        .await
        .expect("a private component can be instantiated");
    let error = app
        .instantiate("absent")
        .await
        .err()
        .expect("one that does not exist cannot")
        .to_string();
    assert!(
        error.contains("[component.absent]"),
        "names the component: {error}"
    );
}
