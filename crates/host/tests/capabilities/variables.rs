//! `spin:variables`.

use serde_json::json;

use crate::harness::Probe;

/// Spin: factor-variables/src/host.rs v3::HostWithStore::get, expressions/src/lib.rs Resolver::get_template and Key::new.
#[tokio::test(flavor = "multi_thread")]
async fn component_reads_only_its_own_variables() {
    let probe = Probe::with(
        "[component.probe.variables]\nurl = \"x://{{ host }}:{{port}}/\"\nplain = \"as it is\"\n\
         [variables]\nhost = { default = \"db.example\" }\nport = { default = \"5432\", secret = true }",
    )
    .await;
    let rows = [
        ("url", json!({ "value": "x://db.example:5432/" })),
        ("plain", json!({ "value": "as it is" })),
        // A variable of the application is not a variable of the component.
        (
            "host",
            json!({ "error": r#"Error::Undefined("component \"probe\" has no variable \"host\"")"# }),
        ),
        (
            "Host",
            json!({ "error": r#"Error::InvalidName("\"Host\": a name has only lower-case letters, digits and underscores")"# }),
        ),
        (
            "",
            json!({ "error": r#"Error::InvalidName("\"\": a name must not be empty")"# }),
        ),
    ];
    for (name, expected) in rows {
        assert_eq!(
            probe.get(&format!("/variable?name={name}")).await,
            expected,
            "variable {name:?}"
        );
    }
}
