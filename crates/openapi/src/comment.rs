//! Parses the comments in the contracts. They are written for people, but with a small number of fixed phrases. Other text
//! is only copied.

/// A comment without its line breaks, but for those between paragraphs.
pub(crate) fn paragraphs(comment: &str) -> String {
    let lines: Vec<&str> = comment.lines().map(str::trim).collect();
    let paragraphs = lines
        .split(|line| line.is_empty())
        .filter(|lines| !lines.is_empty());
    paragraphs
        .map(|lines| lines.join(" "))
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// The first sentence of a comment, without its full stop.
pub(crate) fn first_sentence(comment: &str) -> &str {
    let end = comment
        .find(". ")
        .or(comment.find(".\n"))
        .unwrap_or(comment.len());
    comment[..end].trim_end_matches('.')
}

/// The text between backticks.
pub(crate) fn quoted(comment: &str) -> impl Iterator<Item = &str> {
    comment.split('`').skip(1).step_by(2)
}

/// Who may call a method, by the first paragraph of its comment. The rule itself is the method's option
/// `akinai.auth.v1.access`; a test compares the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callers {
    /// With or without a token: "Anyone".
    Anyone,
    /// With a token that has the scope `admin`: "Admin only."
    Admin,
    /// With a token.
    SignedIn,
}

impl Callers {
    pub(crate) fn of(comment: &str) -> Self {
        let first = comment.split("\n\n").next().unwrap_or_default();
        match first {
            first if first.contains("Anyone") => Self::Anyone,
            first if first.ends_with("Admin only.") => Self::Admin,
            _ => Self::SignedIn,
        }
    }
}

/// The limits of a field.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// "Required." at the beginning.
    pub(crate) required: bool,
    /// "UUID" or "UUIDs": what the text is, or each text.
    pub(crate) uuid: bool,
    /// "1 to 200 characters": of the text, or each text.
    pub(crate) shortest: Option<u64>,
    /// That, or "at most 200 characters".
    pub(crate) longest: Option<u64>,
    /// "1 to 999", of a number. It is from 0 where "0 or absent" has a meaning.
    pub(crate) range: Option<(u64, u64)>,
    /// "at most 100", of a list.
    pub(crate) most: Option<u64>,
}

impl Limits {
    pub(crate) fn of(comment: &str) -> Self {
        let words: Vec<&str> = comment.split_whitespace().collect();
        let mut limits = Self {
            required: comment.starts_with("Required."),
            uuid: words.iter().any(|word| matches!(bare(word), "UUID" | "UUIDs")),
            ..Self::default()
        };
        for (at, word) in words.iter().enumerate() {
            let number = |at: usize| bare(words.get(at)?).parse::<u64>().ok();
            let of_characters = |at: usize| words.get(at).is_some_and(|word| bare(word) == "characters");
            match (*word, number(at + 1)) {
                ("to", Some(highest)) => {
                    let Some(lowest) = at.checked_sub(1).and_then(number) else {
                        continue;
                    };
                    match of_characters(at + 2) {
                        true => (limits.shortest, limits.longest) = (Some(lowest), Some(highest)),
                        false => limits.range = limits.range.or(Some((lowest, highest))),
                    }
                }
                ("most", Some(most)) => match of_characters(at + 2) {
                    true => limits.longest = limits.longest.or(Some(most)),
                    false => limits.most = limits.most.or(Some(most)),
                },
                _ => {}
            }
        }
        if comment.contains("0 or absent") {
            limits.range = limits.range.map(|(_, highest)| (0, highest));
        }
        limits
    }
}

/// A word without the punctuation behind it.
fn bare(word: &str) -> &str {
    word.trim_end_matches(['.', ',', ';', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_from_the_phrases_of_the_contracts() {
        let none = Limits::default;
        let cases = [
            ("What it is called.", none()),
            (
                "Required. The UUID of the product.",
                Limits {
                    required: true,
                    uuid: true,
                    ..none()
                },
            ),
            (
                "Required. 1 to 200 characters.",
                Limits {
                    required: true,
                    shortest: Some(1),
                    longest: Some(200),
                    ..none()
                },
            ),
            (
                "At least one; at most 2000 characters.",
                Limits {
                    longest: Some(2000),
                    ..none()
                },
            ),
            (
                "How many at most: 1 to 100; 0 or absent means 20.",
                Limits {
                    range: Some((0, 100)),
                    ..none()
                },
            ),
            (
                "How many pieces: 1 to 999.",
                Limits {
                    range: Some((1, 999)),
                    ..none()
                },
            ),
            (
                "All the roles, at most 10, each at most 32 characters; empty takes every role away.",
                Limits {
                    most: Some(10),
                    longest: Some(32),
                    ..none()
                },
            ),
            (
                "The UUIDs of the products, at most 100; more are refused.",
                Limits {
                    uuid: true,
                    most: Some(100),
                    ..none()
                },
            ),
        ];
        for (comment, expected) in cases {
            assert_eq!(Limits::of(comment), expected, "{comment}");
        }
    }

    #[test]
    fn callers_are_read_from_the_first_paragraph() {
        let cases = [
            (
                "Reads one product. Anyone.\n\nErrors: `not_found`.",
                Callers::Anyone,
            ),
            ("Registers an account. Anyone may call it.", Callers::Anyone),
            (
                "Lists the living accounts, oldest first. Admin only.",
                Callers::Admin,
            ),
            (
                "Reads one account. Self and admin.\n\nAnyone else is refused.",
                Callers::SignedIn,
            ),
        ];
        for (comment, expected) in cases {
            assert_eq!(Callers::of(comment), expected, "{comment}");
        }
    }

    #[test]
    fn comments_are_unwrapped_and_summed_up() {
        let comment = paragraphs(" Reads one\n product. Anyone.\n\n Errors: `not_found`.\n");
        assert_eq!(comment, "Reads one product. Anyone.\n\nErrors: `not_found`.");
        assert_eq!(first_sentence(&comment), "Reads one product");
        assert_eq!(first_sentence("The new product."), "The new product");
        assert_eq!(quoted(&comment).collect::<Vec<_>>(), ["not_found"]);
    }
}
