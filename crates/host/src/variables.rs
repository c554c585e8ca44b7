//! Variables of the application, and the variables of its components.
//!
//! The manifest declares application variables. A value comes from the command line (`--variable`), otherwise from the
//! environment (`SPIN_VARIABLE_<NAME>`), otherwise it is the default. This is the order of Spin's own command. A
//! component has variables of its own, which are templates such as `postgres://{{ db_host }}`, and can read only these.
//! Unlike in Spin, everything is resolved once, before a component runs, so a missing value is found at the start and
//! not by the first request. No `.env` file is read.
//!
//! No value is ever printed, secret or not: `Debug` and errors contain only names of variables.

mod host;
mod template;

use std::collections::BTreeMap;
use std::env::VarError;
use std::fmt;
use std::sync::Arc;

pub use host::{Variables, VariablesView, add_to_linker};
use template::{Part, Template};

/// The prefix of a variable's name, in capitals, in the environment.
const ENVIRONMENT_PREFIX: &str = "SPIN_VARIABLE_";

/// Why variables cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text cannot be the name of a variable.
    #[error("variable {name:?}: {reason}")]
    Name {
        /// The text.
        name: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// A template ends inside `{{ … }}`.
    #[error("template {0:?}: there is a {{{{ without its }}}}")]
    Unclosed(String),
    /// A template or the command line names a variable that the manifest does not declare.
    #[error("there is no variable {name:?}; the manifest declares {declared}")]
    Unknown {
        /// The name.
        name: String,
        /// The declared names.
        declared: String,
    },
    /// A required variable has no value.
    #[error("required variables have no value: {}. Set each with --variable NAME=VALUE or in the environment, as {ENVIRONMENT_PREFIX}{}", .0.join(", "), .0[0].to_uppercase())]
    Missing(Vec<String>),
    /// A value in the environment is not valid UTF-8.
    #[error("{ENVIRONMENT_PREFIX}{} in the environment is not valid UTF-8", .0.to_uppercase())]
    NotText(String),
}

/// A variable as the manifest declares it.
#[derive(Clone)]
pub struct Declaration {
    /// The value if no other source has one. `None` for a required variable.
    pub default: Option<String>,
    /// Whether the manifest declares it as a secret. No value is printed in either case.
    pub secret: bool,
}

impl fmt::Debug for Declaration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_default = self.default.is_some();
        f.debug_struct("Declaration")
            .field("has_default", &has_default)
            .field("secret", &self.secret)
            .finish()
    }
}

/// The application's variables, each with its value.
pub struct Resolver(BTreeMap<String, String>);

impl Resolver {
    /// Gives each declared variable its value: the one in `given` (the command line), otherwise the environment's,
    /// otherwise its default. `environment` is [`std::env::var`], except in tests.
    ///
    /// # Errors
    /// An invalid name, required variables without a value (all of them are named), or a given variable that is not declared.
    pub fn new(
        declared: BTreeMap<String, Declaration>,
        given: &BTreeMap<String, String>,
        environment: impl Fn(&str) -> Result<String, VarError>,
    ) -> Result<Self, Error> {
        declared.keys().try_for_each(|name| check_name(name))?;
        if let Some(name) = given.keys().find(|name| !declared.contains_key(*name)) {
            return Err(unknown(name, declared.keys()));
        }
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, declaration) in declared {
            let value = match given.get(&name) {
                Some(value) => Some(value.clone()),
                None => from_environment(&name, &environment)?.or(declaration.default),
            };
            match value {
                Some(value) => _ = values.insert(name, value),
                None => missing.push(name),
            }
        }
        if missing.is_empty() {
            Ok(Self(values))
        } else {
            Err(Error::Missing(missing))
        }
    }

    /// Replaces the variables in a template.
    ///
    /// # Errors
    /// An unclosed `{{`, or an unknown variable.
    pub fn resolve(&self, template: &str) -> Result<String, Error> {
        let mut text = String::with_capacity(template.len());
        for part in Template::parse(template)?.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Variable(name) => {
                    text.push_str(self.0.get(name).ok_or_else(|| unknown(name, self.0.keys()))?);
                }
            }
        }
        Ok(text)
    }

    /// Resolves the variables of one component, given by name and template.
    ///
    /// # Errors
    /// As [`Resolver::resolve`], and for an invalid name.
    pub fn component(&self, id: &str, templates: &BTreeMap<String, String>) -> Result<Values, Error> {
        let mut values = BTreeMap::new();
        for (name, template) in templates {
            check_name(name)?;
            values.insert(name.clone(), self.resolve(template)?);
        }
        Ok(Values {
            component: id.into(),
            values: Arc::new(values),
        })
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolver").field(&self.0.keys()).finish()
    }
}

/// The variables of one component. Cheap to clone.
#[derive(Clone)]
pub struct Values {
    component: Arc<str>,
    values: Arc<BTreeMap<String, String>>,
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values")
            .field("component", &self.component)
            .field("names", &self.values.keys())
            .finish_non_exhaustive()
    }
}

/// Spin's rule: names must be valid in capitals in the environment, and as file names.
fn check_name(name: &str) -> Result<(), Error> {
    broken_rule(name).map_or(Ok(()), |reason| {
        Err(Error::Name {
            name: name.to_owned(),
            reason,
        })
    })
}

fn broken_rule(name: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() {
        Some("a name must not be empty")
    } else if !name.chars().all(allowed) {
        Some("a name has only lower-case letters, digits and underscores")
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Some("a name starts with a letter")
    } else if name.ends_with('_') {
        Some("a name ends with a letter or digit")
    } else if name.contains("__") {
        Some("a name has no two underscores in a row")
    } else {
        None
    }
}

fn from_environment(
    name: &str,
    environment: impl Fn(&str) -> Result<String, VarError>,
) -> Result<Option<String>, Error> {
    match environment(&format!("{ENVIRONMENT_PREFIX}{}", name.to_uppercase())) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Error::NotText(name.to_owned())),
    }
}

fn unknown<'a>(name: &str, declared: impl Iterator<Item = &'a String>) -> Error {
    let declared: Vec<&str> = declared.map(String::as_str).collect();
    let declared = if declared.is_empty() {
        "none".to_owned()
    } else {
        declared.join(", ")
    };
    Error::Unknown {
        name: name.to_owned(),
        declared,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(rows: &[(&str, Option<&str>)]) -> BTreeMap<String, Declaration> {
        let declaration = |default: Option<&str>| Declaration {
            default: default.map(str::to_owned),
            secret: true,
        };
        rows.iter()
            .map(|&(name, default)| (name.to_owned(), declaration(default)))
            .collect()
    }

    fn texts(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
        rows.iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn nothing(_: &str) -> Result<String, VarError> {
        Err(VarError::NotPresent)
    }

    /// Spin: runtime-factors/src/build.rs puts the command line first; variables-env/src/lib.rs get_sync;
    /// expressions/src/lib.rs ProviderResolver::resolve_variable ends at the default.
    #[test]
    fn command_line_precedes_environment_precedes_default() {
        let environment = |name: &str| match name {
            "SPIN_VARIABLE_A" | "SPIN_VARIABLE_B_2" => Ok("environment".to_owned()),
            "SPIN_VARIABLE_EMPTY" => Ok(String::new()),
            _ => Err(VarError::NotPresent),
        };
        let declared = declared(&[
            ("a", Some("default")),
            ("b_2", Some("default")),
            ("c", Some("default")),
            ("empty", Some("default")),
        ]);
        let resolver = Resolver::new(declared, &texts(&[("a", "given")]), environment).unwrap();
        let resolved = resolver
            .resolve("{{ a }} {{ b_2 }} {{ c }} [{{ empty }}]")
            .unwrap();
        assert_eq!(resolved, "given environment default []");
    }

    #[test]
    fn error_names_each_missing_variable_and_how_to_set_it() {
        let declared = declared(&[("db_password", None), ("key", None), ("host", Some("h"))]);
        let error = Resolver::new(declared, &BTreeMap::new(), nothing)
            .unwrap_err()
            .to_string();
        for expected in [
            "db_password, key",
            "--variable NAME=VALUE",
            "SPIN_VARIABLE_DB_PASSWORD",
        ] {
            assert!(error.contains(expected), "expected {expected:?} in: {error}");
        }
    }

    #[test]
    fn given_variable_must_be_declared() {
        let error = Resolver::new(
            declared(&[("db_host", Some("h"))]),
            &texts(&[("dbhost", "secret")]),
            nothing,
        )
        .unwrap_err()
        .to_string();
        assert_eq!(
            error,
            r#"there is no variable "dbhost"; the manifest declares db_host"#
        );
    }

    #[test]
    fn environment_variable_that_is_not_utf_8_is_refused() {
        let environment = |_: &str| Err(VarError::NotUnicode("x".into()));
        let error = Resolver::new(declared(&[("key", Some("d"))]), &BTreeMap::new(), environment)
            .unwrap_err()
            .to_string();
        assert_eq!(error, "SPIN_VARIABLE_KEY in the environment is not valid UTF-8");
    }

    /// Spin: expressions/src/lib.rs Key::validate.
    #[test]
    fn names_follow_spins_rule() {
        for good in ["a", "a1", "a_b", "abc_1_d"] {
            assert!(check_name(good).is_ok(), "{good:?} is a name");
        }
        for bad in ["", "A", "1a", "_a", "a_", "a__b", "a-b", "a b", "ä"] {
            assert!(check_name(bad).is_err(), "{bad:?} is not a name");
        }
    }

    #[test]
    fn component_has_only_its_own_variables() {
        let resolver = Resolver::new(
            declared(&[("host", Some("h")), ("password", Some("p"))]),
            &BTreeMap::new(),
            nothing,
        )
        .unwrap();
        let values = resolver
            .component("c", &texts(&[("url", "x://u:{{ password }}@{{ host }}")]))
            .unwrap();
        assert_eq!(*values.values, texts(&[("url", "x://u:p@h")]));
        assert!(
            resolver
                .component("c", &texts(&[("url", "{{ other }}")]))
                .is_err(),
            "an unknown variable in a template is an error"
        );
        assert!(
            resolver.component("c", &texts(&[("URL", "x")])).is_err(),
            "a bad name is an error"
        );
    }

    #[test]
    fn no_value_is_ever_printed() {
        let declared = declared(&[("key", Some("TOPSECRET"))]);
        let resolver = Resolver::new(declared.clone(), &texts(&[("key", "TOPSECRET")]), nothing).unwrap();
        let values = resolver
            .component("c", &texts(&[("url", "x-{{ key }}")]))
            .unwrap();
        let error = resolver.resolve("{{ key }} {{ nope }}").unwrap_err();
        let printed = format!("{declared:?} {resolver:?} {values:?} {error} {error:?}");
        assert!(!printed.contains("TOPSECRET"), "a value was printed: {printed}");
        assert!(printed.contains("key"), "names are printed: {printed}");
    }
}
