//! Ory Hydra: its version, and its settings besides `deployments/hydra/hydra.yml`. They are used for a container
//! (`cargo xtask secrets`), for `up --issuer hydra` and for tests. [`crate::services::Hydra`] runs it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::backing::Variables;
use crate::go::GoProgram;
use crate::http::{self, Request};
use crate::origin::Origin;
use crate::process::output;
use crate::secret::{Secret, Secrets};
use crate::seed::{SERVICE, SHOP};
use crate::services::free_ports;
use crate::ui;
use crate::workspace::Workspace;

/// The version that all of this is written for. `tools/hydra/go.mod` and the image in `deployments/compose.yaml` have
/// the same one.
pub const VERSION: &str = "v2.3.0";

/// The template from which the databases of tests are copied, and the role that owns all of them.
pub const TEMPLATE: &str = "hydra_template";

/// The path at which Hydra checks whether a user may still refresh. Hydra sends a key of its own, and no ingress routes
/// to this path.
pub const REFRESH_HOOK: &str = "/oauth2/hooks/refresh";

/// Hydra, built by us.
const PROGRAM: GoProgram = GoProgram {
    name: "hydra",
    package: "github.com/ory/hydra/v2",
    linker_flags: "-s -w -X github.com/ory/hydra/v2/driver/config.Version=v2.3.0",
};

/// How long one answer of Hydra may take.
const LIMIT: Duration = Duration::from_secs(15);

/// The `hydra` on the `PATH` if it has our [`VERSION`]. Otherwise one that is built here, once.
///
/// # Errors
/// There is no Hydra, and none can be built. The message says what to install.
pub async fn program(workspace: &Workspace) -> Result<PathBuf> {
    match installed() {
        Some(version) if version == VERSION => return Ok(PathBuf::from("hydra")),
        Some(version) => ui::detail(format_args!("the installed Hydra is {version}: it is not used")),
        None => {}
    }
    PROGRAM.get(workspace).await.with_context(|| {
        format!(
            "there is no Ory Hydra {VERSION} here, and none can be built.\n\
             Install Go 1.24 or newer (https://go.dev/dl), or Hydra {VERSION} itself \
             (https://github.com/ory/hydra/releases/tag/{VERSION}), so that `hydra` is on the PATH"
        )
    })
}

/// The version of the installed Hydra. The password cracker of the same name prints no such line.
fn installed() -> Option<String> {
    version(&output(Command::new("hydra").arg("version")).ok()?)
}

/// `Version:    v2.3.0` → `v2.3.0`.
fn version(text: &str) -> Option<String> {
    let version = text.lines().find_map(|line| line.strip_prefix("Version:"))?;
    Some(version.trim().to_owned())
}

/// Hydra's secret settings.
#[derive(Clone, Debug)]
pub struct Private {
    /// Its database, as a `postgres://` URL.
    pub dsn: Secret,
    /// The secret with which it encrypts data in its database.
    pub system: Secret,
    /// The secret with which it signs its cookies.
    pub cookie: Secret,
    /// The URL of [`REFRESH_HOOK`], and the bearer key that Hydra sends there.
    pub hook: Option<(String, Secret)>,
}

impl Private {
    /// Takes the keys from `secrets`. A missing key is created.
    ///
    /// # Errors
    /// A key cannot be saved.
    pub fn of(dsn: Secret, secrets: &mut Secrets, hook: Option<(String, Secret)>) -> Result<Private> {
        Ok(Private {
            dsn,
            system: secrets.get("hydra.system")?,
            cookie: secrets.get("hydra.cookie")?,
            hook,
        })
    }

    /// The settings in the form of Hydra's configuration.
    pub fn settings(&self) -> Value {
        let mut settings = json!({
            "dsn": self.dsn.reveal(),
            "secrets": { "system": [self.system.reveal()], "cookie": [self.cookie.reveal()] },
        });
        if let Some((url, key)) = &self.hook {
            let bearer = format!("Bearer {}", key.reveal());
            settings["oauth2"]["refresh_token_hook"] = json!({
                "url": url,
                "auth": {
                    "type": "api_key",
                    "config": { "in": "header", "name": "Authorization", "value": bearer },
                },
            });
        }
        settings
    }
}

/// The addresses of Hydra and the platform that differ from those in `hydra.yml`.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where Hydra's public API listens.
    pub public: SocketAddr,
    /// Where its admin API listens. It does not authenticate callers, so only this machine can reach the address.
    pub admin: SocketAddr,
    /// The address of the public API for browsers: the `iss` of its tokens.
    pub issuer: Origin,
    /// The address of the sign-in pages for browsers.
    pub pages: Origin,
    /// Origins whose pages may call the public API from a browser. They replace those in `hydra.yml`. In addition, the
    /// origins that a client lists may call, where the request names the client.
    pub allowed_origins: Option<Vec<String>>,
}

impl Place {
    /// Uses free ports of this machine, for a platform whose pages are at `pages`.
    ///
    /// # Errors
    /// No port is free.
    pub fn on_free_ports(pages: Origin) -> Result<Place> {
        let [public, admin] = free_ports()?.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        Ok(Place {
            public,
            admin,
            issuer: Origin::of(public),
            pages,
            allowed_origins: None,
        })
    }

    /// The same on other free ports: for a second try after another program has taken one of them.
    ///
    /// # Errors
    /// No port is free.
    pub fn on_other_ports(self) -> Result<Place> {
        Ok(Place {
            allowed_origins: self.allowed_origins,
            ..Place::on_free_ports(self.pages)?
        })
    }

    /// The addresses in the form of Hydra's configuration.
    pub fn settings(&self) -> Value {
        let page = |name: &str| format!("{}/oauth2/{name}", self.pages);
        let listen =
            |address: SocketAddr| json!({ "host": address.ip().to_string(), "port": address.port() });
        let mut settings = json!({
            "serve": { "public": listen(self.public), "admin": listen(self.admin) },
            "urls": {
                "self": { "issuer": self.issuer.to_string() },
                "login": page("login"),
                "consent": page("consent"),
                "logout": page("logout"),
                "error": page("error"),
                "post_logout_redirect": page("signed-out"),
            },
        });
        if let Some(origins) = &self.allowed_origins {
            settings["serve"]["public"]["cors"]["allowed_origins"] = json!(origins);
        }
        settings
    }

    /// The address at which the platform's components reach the admin API: the variable `hydra_admin_url`.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// The variables with which the platform accepts this Hydra's tokens and calls its admin API.
    pub fn variables(&self) -> Variables {
        let variables = [
            ("issuer", self.issuer.to_string()),
            ("issuer_origin", self.issuer.to_string()),
            ("hydra_admin_url", self.admin_url()),
        ];
        variables
            .map(|(name, value)| (name.to_owned(), Secret::new(value)))
            .into()
    }

    /// Adds the missing clients of `deployments/hydra/clients/`. An existing client is not changed. Returns whether the
    /// client [`SERVICE`] has the secret `service_secret`.
    ///
    /// # Errors
    /// Hydra does not answer, or refuses a client.
    pub async fn add_clients(&self, workspace: &Workspace, service_secret: &Secret) -> Result<bool> {
        for id in [SHOP, SERVICE] {
            let file = workspace
                .root()
                .join(format!("deployments/hydra/clients/{id}.json"));
            let text =
                std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let mut client: Value =
                serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))?;
            if id == SERVICE {
                client["client_secret"] = service_secret.reveal().into();
            }
            self.add_client(id, &client).await?;
        }
        self.has_secret(SERVICE, service_secret).await
    }

    async fn add_client(&self, id: &str, client: &Value) -> Result<()> {
        let clients = format!("{}/admin/clients", self.admin_url());
        let known = http::send(&Request::get(format!("{clients}/{id}").parse()?), LIMIT).await?;
        if known.status == 200 {
            return Ok(());
        }
        let added = http::send(&Request::json(clients.parse()?, client), LIMIT).await?;
        match added.status {
            201 => Ok(()),
            status => bail!(
                "Hydra refuses the client `{id}` ({status}): {}",
                added.body.trim()
            ),
        }
    }

    /// Requests a token with the secret. There is no other way to check it.
    async fn has_secret(&self, client: &str, secret: &Secret) -> Result<bool> {
        let url = format!("http://{}/oauth2/token", self.public).parse()?;
        let mut request = Request::form(url, [("grant_type", "client_credentials")]);
        let login = STANDARD.encode(format!("{client}:{}", secret.reveal()));
        request.headers.push(("authorization", format!("Basic {login}")));
        Ok(http::send(&request, LIMIT).await?.status == 200)
    }
}

/// Merges configurations: objects are merged, and a later value replaces an earlier one.
pub fn merged(parts: impl IntoIterator<Item = Value>) -> Value {
    parts.into_iter().fold(json!({}), |mut all, part| {
        merge(&mut all, part);
        all
    })
}

fn merge(all: &mut Value, part: Value) {
    match (all, part) {
        (Value::Object(all), Value::Object(part)) => {
            for (name, value) in part {
                merge(all.entry(name).or_insert(Value::Null), value);
            }
        }
        (all, part) => *all = part,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_version_is_read_from_what_hydra_prints() {
        let printed = "Version:    v2.3.0\nGit Hash:   undefined\nBuild Time: undefined\n";
        assert_eq!(version(printed).as_deref(), Some("v2.3.0"));
        assert_eq!(
            version("Hydra v9.4 (c) 2022 by van Hauser/THC\nSyntax: hydra [[["),
            None
        );
    }

    #[test]
    fn the_module_the_images_and_the_linker_have_the_same_version() {
        let read = |file: &str| {
            std::fs::read_to_string(Workspace::here().root().join(file)).expect("a file of the repository")
        };
        let module = read("tools/hydra/go.mod");
        let required = module
            .lines()
            .find(|line| line.trim().starts_with("github.com/ory/hydra/v2 v"));
        let required = required.expect("the module requires Hydra").trim();
        assert!(
            required.starts_with(&format!("github.com/ory/hydra/v2 {VERSION}")),
            "{required}"
        );
        assert!(PROGRAM.linker_flags.ends_with(&format!("={VERSION}")));
        let compose = read("deployments/compose.yaml");
        let images: BTreeSet<_> = compose
            .lines()
            .filter_map(|line| line.trim().strip_prefix("image: oryd/hydra:"))
            .collect();
        assert_eq!(images, BTreeSet::from([VERSION]), "the images in compose.yaml");
    }

    #[test]
    fn parts_of_a_configuration_are_merged() {
        let parts = [
            json!({ "a": { "b": 1, "c": [1, 2] }, "d": 4 }),
            json!({ "a": { "c": [3], "e": 5 }, "f": {} }),
        ];
        assert_eq!(
            merged(parts),
            json!({ "a": { "b": 1, "c": [3], "e": 5 }, "d": 4, "f": {} })
        );
    }

    #[test]
    fn refresh_hook_is_configured_only_if_it_is_given() {
        let mut private = Private {
            dsn: Secret::new("postgres://x"),
            system: Secret::new("s"),
            cookie: Secret::new("c"),
            hook: None,
        };
        assert_eq!(private.settings().get("oauth2"), None);
        private.hook = Some(("http://shop.test/hook".to_owned(), Secret::new("key")));
        let hook = &private.settings()["oauth2"]["refresh_token_hook"];
        assert_eq!(hook["url"], "http://shop.test/hook");
        assert_eq!(hook["auth"]["config"]["value"], "Bearer key");
    }
}
