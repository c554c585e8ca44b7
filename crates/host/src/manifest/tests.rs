//! Manifests that are accepted, and manifests that are refused.

use super::*;

const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = \"shop\"\n";

fn parse(rest: &str) -> Result<Manifest, String> {
    Manifest::parse(&format!("{HEAD}{rest}"), Path::new("spin.toml")).map_err(|error| error.to_string())
}

#[test]
fn supported_keys_are_read() {
    let manifest = parse(
        r#"
        version = "1.0.0"
        description = "A shop"
        authors = ["Someone <someone@example.com>"]
        [variables]
        host = { default = "127.0.0.1", description = "Where" }
        password = { required = true, secret = true }
        [[trigger.http]]
        id = "front"
        route = "/..."
        component = "front-door"
        executor = { type = "spin" }
        [[trigger.http]]
        route = { private = true }
        component = "back"
        [component.front-door]
        source = "front.wasm"
        description = "The door"
        allowed_outbound_hosts = ["http://back.spin.internal"]
        variables = { url = "redis://{{ host }}" }
        environment = { LANG = "C" }
        build = { command = ["one", "two"], workdir = "front", watch = ["src/**"] }
        [component.back]
        source = "back.wasm"
        [component.back.build]
        command = "make"
        "#,
    )
    .expect("a manifest with every supported key is read");

    assert_eq!(manifest.application.version.as_deref(), Some("1.0.0"));
    let Variable(password) = &manifest.variables["password"];
    assert!(
        password.secret && password.default.is_none(),
        "a required secret has no default"
    );
    assert_eq!(manifest.variables["host"].0.default.as_deref(), Some("127.0.0.1"));
    assert_eq!(manifest.trigger.http[0].route, Route::Public("/...".into()));
    assert_eq!(manifest.trigger.http[1].route, Route::Private);
    assert_eq!(manifest.component["front-door"].environment["LANG"], "C");
}

#[test]
fn unsupported_key_is_refused_with_its_name_and_line() {
    let component = "[component.a]\nsource = \"a.wasm\"\n";
    for (rest, name, line) in [
        (format!("{component}files = [\"*\"]"), "`files`", 6),
        (
            format!("{component}key_value_stores = [\"default\"]"),
            "`key_value_stores`",
            6,
        ),
        (
            format!("{component}sqlite_databases = []"),
            "`sqlite_databases`",
            6,
        ),
        (format!("{component}dependencies = {{}}"), "`dependencies`", 6),
        (
            format!("{component}allowed_http_hosts = []"),
            "`allowed_http_hosts`",
            6,
        ),
        (format!("{component}[component.a.tool.x]\n"), "`tool`", 6),
        ("[application.trigger.http]\nbase = \"/x\"".into(), "`trigger`", 4),
        (
            "[[trigger.mqtt]]\ntopic = \"t\"\ncomponent = \"a\"".into(),
            "`mqtt`",
            4,
        ),
        ("[variables]\nv = { defualt = \"\" }".into(), "`defualt`", 5),
    ] {
        let error = parse(&rest).expect_err("an unsupported key is refused");
        assert!(
            error.contains(&format!("unknown field {name}")),
            "names the key {name}: {error}"
        );
        assert!(
            error.contains(&format!("line {line}")),
            "names line {line}: {error}"
        );
        assert!(error.contains("spin up"), "says what to do: {error}");
    }
}

#[test]
fn redis_trigger_has_an_address_a_channel_and_a_component() {
    let component = "[component.a]\nsource = \"a.wasm\"\n[[trigger.redis]]\n";
    let address = "address = \"redis://{{ host }}:6379\"\n";
    let manifest = parse(&format!("{component}{address}channel = \"c\"\ncomponent = \"a\""));
    let manifest = manifest.expect("a Redis trigger");
    assert!(manifest.subscribes("a") && !manifest.has_trigger("a"));
    let wrong = [
        (
            format!("{component}channel = \"c\"\ncomponent = \"a\""),
            "address",
        ),
        (format!("{component}{address}component = \"a\""), "channel"),
        (
            format!("{component}{address}channel = \"c\"\ncomponent = \"gone\""),
            "gone",
        ),
    ];
    for (text, named) in wrong {
        let error = parse(&text).expect_err("something is missing");
        assert!(error.contains(named), "names {named}: {error}");
    }
}

#[test]
fn contradictory_manifest_is_refused() {
    let trigger = |keys: &str| format!("[component.a]\nsource = \"a.wasm\"\n[[trigger.http]]\n{keys}");
    for (rest, complaint) in [
        (
            "[[trigger.http]]\nroute = \"/\"\ncomponent = \"gone\"".into(),
            "there is no [component.gone]",
        ),
        (
            trigger("route = { private = false }\ncomponent = \"a\""),
            "private = false",
        ),
        (trigger("route = 7\ncomponent = \"a\""), "expected a route"),
        (trigger("component = \"a\""), "missing field `route`"),
        (trigger("route = \"/\""), "missing field `component`"),
        (
            trigger("route = \"/\"\ncomponent = { source = \"a.wasm\" }"),
            "invalid type: map",
        ),
        (
            trigger("route = \"/\"\ncomponent = \"a\"\nexecutor = { type = \"wagi\" }"),
            "`wagi`",
        ),
        (
            trigger("route = \"/\"\ncomponent = \"a\"\nstatic_response = {}"),
            "`static_response`",
        ),
        (
            "[variables]\nv = {}".into(),
            "either `required = true` or a `default`",
        ),
        (
            "[variables]\nv = { required = true, default = \"\" }".into(),
            "not both",
        ),
        ("[component.a_b]\nsource = \"\"".into(), "separate words with '-'"),
        (
            "[component.a--b]\nsource = \"\"".into(),
            "starts with an ASCII letter",
        ),
        (
            "[component.1a]\nsource = \"\"".into(),
            "starts with an ASCII letter",
        ),
        (
            "[component.aB]\nsource = \"\"".into(),
            "all lower case or all upper case",
        ),
        (
            "[component.a]\nsource = { url = \"https://x\" }".into(),
            "invalid type: map",
        ),
    ] {
        let error = parse(&rest).expect_err("a manifest that makes no sense is refused");
        assert!(error.contains(complaint), "says {complaint:?}: {error}");
    }
}

#[test]
fn reads_version_2_only() {
    let text = "spin_manifest_version = \"1\"\nname = \"x\"";
    let error = Manifest::parse(text, Path::new("spin.toml"))
        .expect_err("version 1 is refused")
        .to_string();
    assert!(error.contains("spin_manifest_version"), "names the key: {error}");
}
