//! `cargo xtask secrets`: the secret files that `deployments/compose.yaml` mounts, and the matching variables of the
//! application.
//!
//! They are made from the same secrets that `migrate` uses, so that the servers and the components have the same
//! passwords.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result};

use crate::backing::{self, HOOK_KEY, Variables};
use crate::hydra::{Private, REFRESH_HOOK};
use crate::manifest;
use crate::migrate::service_schemas;
use crate::origin::Origin;
use crate::secret::{Secret, Secrets};
use crate::seed;
use crate::services::{Home, Redis, SECRETS_FILE};
use crate::workspace::Workspace;

/// The address at which Hydra, in its container, reaches the platform on the machine that runs the containers.
const PLATFORM: &str = "http://host.docker.internal:3000";

/// The address at which the platform reaches Hydra's admin API, in the containers' own network (deployments/README.md).
const HYDRA_ADMIN: &str = "http://172.30.45.2:4445";

/// Writes the files into `deployments/secrets/`. A missing secret is created.
///
/// # Errors
/// They cannot be written.
pub fn write(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root().join("deployments/secrets");
    let mut secrets = Secrets::open(&Home::of(workspace)?.folder().join(SECRETS_FILE))?;
    let failed = || format!("cannot write to {}", folder.display());
    std::fs::create_dir_all(&folder).with_context(failed)?;
    // No other user of this machine can enter the folder. The files themselves are mounted into containers, whose users
    // have other user ids than ours.
    std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).with_context(failed)?;
    for (name, text) in files(workspace, &mut secrets)? {
        let path = folder.join(name);
        std::fs::write(&path, text.reveal()).with_context(failed)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).with_context(failed)?;
    }
    println!(
        "Written: {}. How to use it: deployments/README.md",
        folder.display()
    );
    Ok(())
}

/// The files, by name.
///
/// # Errors
/// A new secret cannot be saved.
pub fn files(workspace: &Workspace, secrets: &mut Secrets) -> Result<Vec<(&'static str, Secret)>> {
    let environment = environment(&variables(workspace, secrets)?);
    Ok(vec![
        ("postgres_password", secrets.get("compose.postgres")?),
        ("hydra_db_password", secrets.get("compose.hydra_db")?),
        ("redis_admin_password", secrets.get("redis.admin")?),
        ("users.acl", Redis::acl(secrets)?),
        ("hydra.yml", hydra(secrets)?),
        ("platform.env", environment),
    ])
}

/// Hydra's secret settings. JSON is also YAML.
fn hydra(secrets: &mut Secrets) -> Result<Secret> {
    let password = secrets.get("compose.hydra_db")?;
    let dsn = format!(
        "postgres://hydra:{}@postgres:5432/hydra?sslmode=disable&max_conns=20",
        password.reveal()
    );
    let private = Private {
        dsn: Secret::new(dsn),
        system: secrets.get("compose.hydra_system")?,
        cookie: secrets.get("compose.hydra_cookie")?,
        hook: Some((format!("{PLATFORM}{REFRESH_HOOK}"), secrets.get(HOOK_KEY)?)),
    };
    Ok(Secret::new(format!("{:#}\n", private.settings())))
}

/// The application's variables, for Hydra as the issuer.
fn variables(workspace: &Workspace, secrets: &mut Secrets) -> Result<Variables> {
    let mut variables = backing::keys(secrets)?;
    for schema in service_schemas(&workspace.migrations())? {
        variables.insert(
            format!("{}_db_password", schema.service),
            schema.password(secrets)?,
        );
    }
    for user in Redis::component_users() {
        variables.insert(format!("{user}_redis_user"), Secret::new(user));
        variables.insert(
            format!("{user}_redis_password"),
            secrets.get(&format!("redis.{user}"))?,
        );
    }
    let hydra: Origin = "http://localhost:4444".parse()?;
    let plain = [
        ("db_host", "127.0.0.1".to_owned()),
        ("db_port", "5432".to_owned()),
        ("db_name", "akinai".to_owned()),
        ("redis_host", "127.0.0.1".to_owned()),
        ("redis_port", "6379".to_owned()),
        ("issuer", hydra.to_string()),
        ("issuer_origin", hydra.to_string()),
        ("hydra_admin_url", HYDRA_ADMIN.to_owned()),
        ("audience", seed::AUDIENCE.to_owned()),
        ("allowed_origins", seed::ORIGINS.join(",")),
    ];
    variables.extend(plain.map(|(name, value)| (name.to_owned(), Secret::new(value))));
    // No variables of the issuer component, because this deployment does not have it.
    let declared = [
        manifest::for_hydra(workspace, workspace.root())?,
        std::fs::read_to_string(workspace.events_manifest())?.parse()?,
    ];
    variables.retain(|name, _| {
        declared
            .iter()
            .any(|manifest| manifest["variables"].get(name).is_some())
    });
    Ok(variables)
}

/// Text that a shell can read (`. FILE`). No value contains a quote.
fn environment(variables: &Variables) -> Secret {
    let mut text = String::new();
    for (name, value) in variables {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "SPIN_VARIABLE_{}='{}'", name.to_uppercase(), value.reveal());
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Vec<(&'static str, Secret)> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut secrets =
            Secrets::open(&folder.path().join("secrets.json")).expect("an absent file is an empty one");
        files(&Workspace::here(), &mut secrets).expect("made")
    }

    fn file<'a>(files: &'a [(&str, Secret)], name: &str) -> &'a str {
        let file = files.iter().find(|(known, _)| *known == name);
        file.expect("one of the files").1.reveal()
    }

    #[test]
    fn in_a_cluster_the_pages_are_served_by_https() {
        let cluster = Workspace::here().root().join("deployments/kubernetes/app.yaml");
        let cluster = std::fs::read_to_string(cluster).expect("the application in a cluster");
        for name in ["login_url", "signed_out_url"] {
            let entry = format!("{{ name: {name}, value: \"https://");
            assert!(
                cluster.contains(&entry),
                "{name} must be an https address: the cookies are secure only then"
            );
        }
    }

    #[test]
    fn every_variable_without_a_default_gets_a_value() {
        let files = made();
        let environment = file(&files, "platform.env");
        let cluster = Workspace::here().root().join("deployments/kubernetes/app.yaml");
        let cluster = std::fs::read_to_string(cluster).expect("the application in a cluster");
        for manifest in manifests() {
            let variables = manifest["variables"].as_table().expect("variables");
            let required = variables
                .iter()
                .filter(|(_, variable)| variable.get("required").is_some());
            let required: Vec<&String> = required.map(|(name, _)| name).collect();
            assert!(
                !required.is_empty(),
                "no variable is required: has the manifest's form changed?"
            );
            for name in required {
                let line = format!("SPIN_VARIABLE_{}='", name.to_uppercase());
                assert!(environment.contains(&line), "{name} has no value in platform.env");
                let entry = format!("{{ name: {name}, value");
                let is_known = cluster.contains(&entry) || name == "events_redis_password";
                assert!(is_known, "{name} has no entry in deployments/kubernetes/app.yaml");
            }
        }
    }

    #[test]
    fn no_variable_is_set_that_the_platform_does_not_have() {
        let declares = |name: &str| {
            manifests()
                .iter()
                .any(|manifest| manifest["variables"].get(name).is_some())
        };
        let files = made();
        let lines = file(&files, "platform.env").lines();
        let names: Vec<String> = lines
            .filter_map(|line| {
                Some(
                    line.strip_prefix("SPIN_VARIABLE_")?
                        .split('=')
                        .next()?
                        .to_lowercase(),
                )
            })
            .collect();
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            assert!(declares(&name), "{name} in platform.env");
        }
        let cluster = Workspace::here().root().join("deployments/kubernetes/app.yaml");
        let cluster = std::fs::read_to_string(cluster).expect("the application in a cluster");
        for entry in cluster.split("    - { name: ").skip(1) {
            let name = entry.split(',').next().expect("a name");
            assert!(declares(name), "{name} in deployments/kubernetes/app.yaml");
        }
    }

    /// The platform behind Hydra, and the application that handles events.
    fn manifests() -> [toml::Table; 2] {
        let workspace = Workspace::here();
        let events = std::fs::read_to_string(workspace.events_manifest()).expect("a manifest");
        [
            manifest::for_hydra(&workspace, workspace.root()).expect("a manifest"),
            events.parse().expect("TOML"),
        ]
    }

    #[test]
    fn a_cluster_lets_browsers_reach_every_page() {
        let read = |file| std::fs::read_to_string(file).expect("a file of the repository");
        let ingress = read(
            Workspace::here()
                .root()
                .join("deployments/kubernetes/ingress.yaml"),
        );
        let manifest = read(Workspace::here().manifest());
        let pages: Vec<&str> = manifest
            .split("[[trigger.http]]")
            .filter(|trigger| trigger.contains("component = \"user\""))
            .filter_map(|trigger| trigger.split_once("route = \"")?.1.split('"').next())
            // Hydra calls this one from within the cluster.
            .filter(|route| *route != "/oauth2/hooks/refresh")
            .collect();
        assert!(pages.len() > 5, "the pages have routes: {pages:?}");
        for page in pages {
            let path = format!("path: {page}, pathType: Exact");
            assert!(ingress.contains(&path), "the ingress leaves out {page}");
        }
    }

    #[test]
    fn both_sides_have_the_same_passwords() {
        let files = made();
        let value = |name: &str| {
            let line = file(&files, "platform.env")
                .lines()
                .find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split('\'').nth(1));
            value.expect(name).to_owned()
        };
        let acl = file(&files, "users.acl");
        assert!(
            acl.contains(&format!(
                "user bff on >{} ",
                value("SPIN_VARIABLE_BFF_REDIS_PASSWORD")
            )),
            "the bff's password"
        );
        assert!(
            acl.starts_with("user default off\n"),
            "a user of Redis has no password"
        );
        let hydra: serde_json::Value = serde_json::from_str(file(&files, "hydra.yml")).expect("JSON");
        let key = value("SPIN_VARIABLE_REFRESH_HOOK_KEY");
        assert_eq!(
            hydra["oauth2"]["refresh_token_hook"]["auth"]["config"]["value"],
            format!("Bearer {key}")
        );
        let password = file(&files, "hydra_db_password");
        assert!(
            hydra["dsn"].as_str().is_some_and(|dsn| dsn.contains(password)),
            "Hydra's own password"
        );
    }
}
