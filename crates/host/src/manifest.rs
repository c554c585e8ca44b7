//! `spin.toml`, version 2: the part of Spin's manifest that this host supports.
//!
//! A key that is not described here is refused with its name and place. No key is ignored, so an application that
//! starts has everything that its manifest requires.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::variables::Declaration;

/// The reason why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file does not exist or cannot be read.
    #[error("cannot read the manifest {}: {source}\nName another one with --manifest PATH.", path.display())]
    Read {
        /// The file as it was named.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The file is not TOML, or contains something that this host does not support.
    #[error("{}: {source}{}", path.display(), hint(source))]
    Parse {
        /// The file as it was named.
        path: PathBuf,
        /// The fault, with the line and the column.
        source: toml::de::Error,
    },
    /// Each part is well-formed, but the parts contradict each other.
    #[error("{}: {problem}", path.display())]
    Invalid {
        /// The file as it was named.
        path: PathBuf,
        /// The contradiction, and what to change.
        problem: String,
    },
}

/// The advice for a key or a form that Spin may support but this host does not.
fn hint(error: &toml::de::Error) -> &'static str {
    let message = error.message();
    if message.starts_with("unknown field") || message.contains("expected a string") {
        "\nThis host runs a part of Spin's manifest and refuses the rest, so that nothing is silently left out: \
         change this key, or run the application with `spin up`."
    } else {
        ""
    }
}

/// A whole, checked manifest: every trigger names an existing component.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `spin_manifest_version = 2`.
    #[serde(rename = "spin_manifest_version")]
    _version: Version2,
    /// `[application]`.
    pub application: Application,
    /// `[variables]`: the variables that the operator may or must set.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    /// `[[trigger.http]]`.
    #[serde(default)]
    pub trigger: Triggers,
    /// `[component.ID]`.
    #[serde(default)]
    pub component: BTreeMap<ComponentId, Component>,
}

/// `[application]`: the name of the application.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Shown by `/.well-known/spin/info` and in the log.
    pub name: String,
    /// Shown by `/.well-known/spin/info`.
    #[serde(default)]
    pub version: Option<String>,
    /// For people. The host does not use it.
    #[serde(default)]
    pub description: Option<String>,
    /// For people. The host does not use it.
    #[serde(default)]
    pub authors: Vec<String>,
}

/// An application variable: either it has a default, or it is required.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawVariable")]
pub struct Variable(pub Declaration);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVariable {
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default)]
    required: bool,
    default: Option<String>,
    #[serde(default)]
    secret: bool,
}

impl TryFrom<RawVariable> for Variable {
    type Error = &'static str;

    // The same exclusive choice as in Spin: crates/loader/src/local.rs, `locked_variable`.
    fn try_from(raw: RawVariable) -> Result<Self, Self::Error> {
        if raw.required == raw.default.is_some() {
            return Err("a variable has either `required = true` or a `default`, not both and not neither");
        }
        Ok(Self(Declaration {
            default: raw.default,
            secret: raw.secret,
        }))
    }
}

/// `[trigger]`: HTTP and Redis triggers are supported.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triggers {
    /// `[[trigger.http]]`, in the order of the file: of two equal routes the last one counts.
    #[serde(default)]
    pub http: Vec<HttpTrigger>,
    /// `[[trigger.redis]]`.
    #[serde(default)]
    pub redis: Vec<RedisTrigger>,
}

/// `[[trigger.redis]]`: a channel and the component that handles its messages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisTrigger {
    /// A name for messages. The host has no other use for it.
    #[serde(default, rename = "id")]
    _id: Option<String>,
    /// The address of the server; may contain `{{ templates }}`. Spin also supports one address for all triggers,
    /// `[application.trigger.redis]`. In this host each trigger has its own address.
    pub address: String,
    /// The channel; may contain `{{ templates }}`.
    pub channel: String,
    /// The component, by its id.
    pub component: ComponentId,
}

/// `[[trigger.http]]`: a route and the component that answers it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTrigger {
    /// A name for messages. The host has no other use for it.
    #[serde(default, rename = "id")]
    _id: Option<String>,
    /// The route that the component answers.
    pub route: Route,
    /// The component, by its id.
    pub component: ComponentId,
    /// `executor = { type = "spin" }`, Spin's default and the only one supported.
    #[serde(default, rename = "executor")]
    _executor: Option<Executor>,
}

/// `route = "/pattern"` or `route = { private = true }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawRoute")]
pub enum Route {
    /// A route that is reached from outside, with a pattern for [`crate::routes`].
    Public(String),
    /// A route that only other components reach, as `http://ID.spin.internal`.
    Private,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a route: a string such as \"/shop/...\", or { private = true }"
)]
enum RawRoute {
    Public(String),
    Private(PrivateRoute),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrivateRoute {
    private: bool,
}

impl TryFrom<RawRoute> for Route {
    type Error = &'static str;

    fn try_from(raw: RawRoute) -> Result<Self, Self::Error> {
        match raw {
            RawRoute::Public(pattern) => Ok(Self::Public(pattern)),
            RawRoute::Private(PrivateRoute { private: true }) => Ok(Self::Private),
            RawRoute::Private(PrivateRoute { private: false }) => {
                Err("a route is a pattern or { private = true }; { private = false } says nothing")
            }
        }
    }
}

// `http` is Spin's name for it, and `spin` is an alias in Spin: crates/http/src/config.rs, `HttpExecutorType`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "type", rename_all = "lowercase")]
enum Executor {
    #[serde(alias = "spin")]
    Http,
}

/// `[component.ID]`: a WebAssembly component and its grants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// The .wasm file, relative to the manifest.
    pub source: PathBuf,
    /// For people. The host does not use it.
    #[serde(default)]
    pub description: Option<String>,
    /// The addresses to which the component may connect; may contain `{{ templates }}`.
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    /// The values that the component reads through `spin:variables`; may contain `{{ templates }}`.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// The environment variables of the component.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The build command. The host only checks its form, and does not use it: it runs the file in `source`.
    #[serde(default, rename = "build")]
    _build: Option<Build>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    #[serde(rename = "command")]
    _command: Commands,
    #[serde(default, rename = "workdir")]
    _workdir: Option<String>,
    #[serde(default, rename = "watch")]
    _watch: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a command or a list of commands")]
enum Commands {
    One(#[expect(dead_code, reason = "read to be checked")] String),
    Many(#[expect(dead_code, reason = "read to be checked")] Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "toml::Value")]
struct Version2;

impl TryFrom<toml::Value> for Version2 {
    type Error = String;

    fn try_from(version: toml::Value) -> Result<Self, Self::Error> {
        match version.as_integer() {
            Some(2) => Ok(Self),
            _ => Err(format!(
                "this host reads `spin_manifest_version = 2`, not {version}"
            )),
        }
    }
}

/// The id of a component: words of ASCII letters and digits, separated by `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ComponentId(String);

impl ComponentId {
    /// The id as it is in the manifest.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for ComponentId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ComponentId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        let problem = words_problem(&id).map(|problem| format!("component id {id:?}: {problem}"));
        problem.map_or(Ok(Self(id)), Err)
    }
}

/// The reason why `id` is not words separated by `-`: Spin's rule, crates/serde/src/id.rs.
fn words_problem(id: &str) -> Option<String> {
    if id.contains('_') {
        return Some("separate words with '-', not '_'".to_owned());
    }
    id.split('-')
        .find_map(|word| word_problem(word).map(|problem| format!("{problem} in {word:?}")))
}

fn word_problem(word: &str) -> Option<&'static str> {
    if !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Some("a word starts with an ASCII letter");
    }
    if !word.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Some("a word holds only ASCII letters and digits");
    }
    let mixed =
        word.contains(|c: char| c.is_ascii_uppercase()) && word.contains(|c: char| c.is_ascii_lowercase());
    mixed.then_some("a word is all lower case or all upper case")
}

impl Manifest {
    /// Reads and checks the manifest at `path`. Blocks on the file.
    ///
    /// # Errors
    /// [`ManifestError`]: the fault, its place, and what to do.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let text = std::fs::read_to_string(path).map_err(|source| ManifestError::Read {
            path: path.into(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Whether a Redis trigger leads to this component.
    pub fn subscribes(&self, component: &str) -> bool {
        self.trigger
            .redis
            .iter()
            .any(|trigger| trigger.component.as_str() == component)
    }

    /// Whether an HTTP trigger leads to this component, so that it answers HTTP.
    pub fn has_trigger(&self, component: &str) -> bool {
        self.trigger
            .http
            .iter()
            .any(|trigger| trigger.component.as_str() == component)
    }

    /// Checks `text`, the content of `path`.
    ///
    /// # Errors
    /// As [`Manifest::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|source| ManifestError::Parse {
            path: path.into(),
            source,
        })?;
        let http = manifest
            .trigger
            .http
            .iter()
            .map(|trigger| ("http", &trigger.component));
        let redis = manifest
            .trigger
            .redis
            .iter()
            .map(|trigger| ("redis", &trigger.component));
        let dangling = http
            .chain(redis)
            .find(|(_, component)| !manifest.component.contains_key(*component));
        match dangling {
            None => Ok(manifest),
            Some((kind, component)) => Err(ManifestError::Invalid {
                path: path.into(),
                problem: format!(
                    "a [[trigger.{kind}]] names component {component}, but there is no [component.{component}]"
                ),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
