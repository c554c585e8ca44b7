//! Text with `{{ variables }}`, by the rules of Spin's `expressions` crate: there is no escape, and `}}` outside of
//! braces is ordinary text.

use super::Error;

/// A template in its parts, in order.
#[derive(Debug, PartialEq)]
pub(super) struct Template<'a>(pub(super) Vec<Part<'a>>);

/// One part of a template.
#[derive(Debug, PartialEq)]
pub(super) enum Part<'a> {
    Literal(&'a str),
    /// The name between the braces, without the spaces around it.
    Variable(&'a str),
}

impl<'a> Template<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Error> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, opened)) = rest.split_once("{{") {
            let (name, after) = opened
                .split_once("}}")
                .ok_or_else(|| Error::Unclosed(text.to_owned()))?;
            parts.extend((!literal.is_empty()).then_some(Part::Literal(literal)));
            parts.push(Part::Variable(name.trim()));
            rest = after;
        }
        parts.extend((!rest.is_empty()).then_some(Part::Literal(rest)));
        Ok(Self(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spin: expressions/src/template.rs Template::new and its tests.
    #[test]
    fn templates_are_parsed_as_in_spin() {
        use Part::{Literal, Variable};
        let rows = [
            ("", vec![]),
            ("a", vec![Literal("a")]),
            ("a-{{ v }}-b", vec![Literal("a-"), Variable("v"), Literal("-b")]),
            ("{{v}}{{  w }}", vec![Variable("v"), Variable("w")]),
            ("a }} b { c", vec![Literal("a }} b { c")]),
            ("{{ a {{ b }} }}", vec![Variable("a {{ b"), Literal(" }}")]),
            ("{{}}", vec![Variable("")]),
            ("{{{ v }}}", vec![Variable("{ v"), Literal("}")]),
        ];
        for (text, parts) in rows {
            assert_eq!(
                Template::parse(text).unwrap(),
                Template(parts),
                "the parts of {text:?}"
            );
        }
        let error = Template::parse("{{ a }} {{ b").unwrap_err().to_string();
        assert_eq!(error, r#"template "{{ a }} {{ b": there is a {{ without its }}"#);
    }
}
