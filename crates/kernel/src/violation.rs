//! Violations: the invalid fields of a request. All of them are reported at once, so that a user can correct a form at once.

use std::{borrow::Cow, fmt};

/// A field with an invalid value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// The field's path in the request, with the names and indexes of JSON: `price.amount`, `items[2].quantity`.
    pub field: Cow<'static, str>,
    /// The rule that the value breaks, as a text that can follow the name of the field. It never contains the value.
    pub description: String,
}

/// Collects violations while a request is parsed: all fields are parsed before the request is refused.
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
/// assert_eq!(refused.iter().map(|violation| &*violation.field).collect::<Vec<_>>(), ["pageSize", "country"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Returns the value, or adds a violation.
    pub fn take<T>(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        parsed: Result<T, impl fmt::Display>,
    ) -> Option<T> {
        parsed.map_err(|error| self.add(field, error)).ok()
    }

    /// Returns the value, or adds its violations.
    pub fn take_all<T>(&mut self, parsed: Result<T, Self>) -> Option<T> {
        parsed.map_err(|violations| self.0.extend(violations.0)).ok()
    }

    /// Whether there is no violation.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value, or adds its violations below `path`: `take_within("items[2]", …)` adds the field `quantity` of an
    /// item as `items[2].quantity`.
    pub fn take_within<T>(&mut self, path: impl fmt::Display, parsed: Result<T, Self>) -> Option<T> {
        let note = |violations: Self| {
            for FieldViolation { field, description } in violations.0 {
                self.add(format!("{path}.{field}"), description);
            }
        };
        parsed.map_err(note).ok()
    }

    /// Adds a violation.
    pub fn add(&mut self, field: impl Into<Cow<'static, str>>, description: impl fmt::Display) {
        self.0.push(FieldViolation {
            field: field.into(),
            description: description.to_string(),
        });
    }

    /// The violations, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &FieldViolation> {
        self.0.iter()
    }

    /// A single violation, for a request that can have only one.
    pub fn one(field: impl Into<Cow<'static, str>>, description: impl fmt::Display) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_within_an_item_have_its_path() {
        let mut violations = Violations::default();
        let item: Result<(), _> = Err(Violations::one("quantity", "must be 1 or more"));
        assert_eq!(violations.take_within(format_args!("items[{}]", 2), item), None);
        assert_eq!(violations.take_within("items[3]", Ok(1)), Some(1));
        assert_eq!(violations.to_string(), "items[2].quantity must be 1 or more");
    }
}
