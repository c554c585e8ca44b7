//! Parameters of a statement.

use spin_sdk::pg::ParameterValue;

use super::Error;

/// A value for a parameter of a statement; see [`parameter`]. An array of `uuid`s is passed as texts and cast in SQL.
pub type Parameter = ParameterValue;

/// Refuses texts with a NUL, which Postgres cannot store. Texts from clients are refused earlier, by the parser, with a
/// better error. This check is the last defence.
pub(super) fn refuse_nul(parameters: &[Parameter]) -> Result<(), Error> {
    let has_nul = |parameter: &Parameter| match parameter {
        Parameter::Str(text) => text.contains('\0'),
        Parameter::ArrayStr(texts) => texts.iter().flatten().any(|text| text.contains('\0')),
        _ => false,
    };
    match parameters.iter().position(has_nul) {
        Some(index) => Err(Error::Failed(format!(
            "parameter ${} has a NUL character",
            index + 1
        ))),
        None => Ok(()),
    }
}

/// Parameters of statements.
pub mod parameter {
    use kernel::AccessScope;

    use super::Parameter;

    /// A `uuid`: an id of the kernel.
    pub fn uuid(id: impl ToString) -> Parameter {
        Parameter::Uuid(id.to_string())
    }

    /// A text, or a value that is passed as text and cast in SQL, such as an amount.
    pub fn text(value: impl ToString) -> Parameter {
        Parameter::Str(value.to_string())
    }

    /// A text or null.
    pub fn optional(value: Option<impl ToString>) -> Parameter {
        value.map_or(Parameter::DbNull, text)
    }

    /// A `text[]`.
    pub fn texts(values: impl IntoIterator<Item = impl ToString>) -> Parameter {
        let values = values.into_iter().map(|value| Some(value.to_string()));
        Parameter::ArrayStr(values.collect())
    }

    /// Two parameters for the condition that a row is in the caller's access scope: whether all rows are in it, and
    /// otherwise the user whose rows are in it.
    pub fn in_scope(scope: AccessScope) -> [Parameter; 2] {
        match scope {
            AccessScope::All => [Parameter::Boolean(true), Parameter::DbNull],
            AccessScope::Own(user) => [Parameter::Boolean(false), uuid(user)],
        }
    }

    /// A `bigint`. Numbers beyond its range become its maximum; versions and limits never come near it.
    pub fn number(value: u64) -> Parameter {
        Parameter::Int64(value.try_into().unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_with_a_nul_character_are_refused() {
        let text = |text: &str| Parameter::Str(text.into());
        let list =
            |texts: &[&str]| Parameter::ArrayStr(texts.iter().map(|text| Some((*text).to_owned())).collect());
        let fine = [
            text("a"),
            list(&["", "商"]),
            Parameter::DbNull,
            Parameter::Int64(0),
        ];
        assert!(refuse_nul(&fine).is_ok());
        for wrong in [text("a\0"), list(&["a", "\0"])] {
            let error = refuse_nul(&[text("secret"), wrong]).unwrap_err().to_string();
            assert_eq!(error, "parameter $2 has a NUL character");
        }
    }
}
