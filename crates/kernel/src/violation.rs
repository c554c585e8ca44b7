//! What is wrong with a request, field by field: all of it at once, so that a form is corrected in one go.

use std::fmt;

/// One field that does not hold what it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// The field's path in the request, in lowerCamelCase as in JSON: `price.amount`.
    pub field: &'static str,
    /// What it must be, in words that can follow the field's name. Never repeats what was sent.
    pub description: String,
}

/// Collects violations while a request is parsed: every field is looked at, and only then is the request refused.
///
/// ```
/// # use akinai_kernel::{Country, PageSize, Violations};
/// fn parse(size: i32, country: &str) -> Result<(PageSize, Country), Violations> {
///     let mut violations = Violations::default();
///     let size = violations.take("pageSize", PageSize::try_from(size));
///     let country = violations.take("country", country.parse());
///     size.zip(country).ok_or(violations)
/// }
/// let refused = parse(500, "Japan").unwrap_err();
/// assert_eq!(refused.iter().map(|violation| violation.field).collect::<Vec<_>>(), ["pageSize", "country"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Keeps the value, or notes why there is none.
    pub fn take<T>(&mut self, field: &'static str, parsed: Result<T, impl fmt::Display>) -> Option<T> {
        parsed.map_err(|error| self.add(field, error)).ok()
    }

    /// Notes a violation.
    pub fn add(&mut self, field: &'static str, description: impl fmt::Display) {
        self.0.push(FieldViolation {
            field,
            description: description.to_string(),
        });
    }

    /// The violations, in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = &FieldViolation> {
        self.0.iter()
    }

    /// A single violation, where a request can have only one.
    pub fn one(field: &'static str, description: impl fmt::Display) -> Self {
        let mut violations = Self::default();
        violations.add(field, description);
        violations
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{} {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}
