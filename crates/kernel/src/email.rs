//! E-mail addresses.

use std::str::FromStr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::text::{TextError, clean, fold, is_hidden};

/// The reason why a text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// The text does not have the form of an address.
    #[error("must be an e-mail address such as mina@example.com")]
    Form,
    /// The text has an invisible character.
    #[error("must not contain invisible characters")]
    Hidden,
    /// The text violates the rules for all texts.
    #[error(transparent)]
    Text(#[from] TextError),
}

/// A text with the form of an e-mail address: one `@`, a local part before it, and a domain name with a dot after it. Only a
/// message can show whether mail to the address arrives.
///
/// Internationalized addresses (RFC 6531) are accepted. Quoted local parts and comments (RFC 5322) are refused, because
/// people do not type them. Every character must be visible, because otherwise two addresses could look the same. The
/// exception is joiners in the domain: IDNA allows them where they change the visible text (RFC 5892, appendix A).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    shown: String,
    key: String,
}

impl Email {
    /// The maximum length of an address to which mail can be sent (RFC 5321, section 4.5.3.1.3, less the brackets), in
    /// characters.
    const MOST: usize = 254;
    /// The maximum length of a local part (RFC 5321, section 4.5.3.1.1), in characters.
    const MOST_LOCAL: usize = 64;

    /// A stored address, which may have been accepted by other rules. A text that is not an address by the current rules is
    /// shown unchanged, and equals no other address.
    pub fn kept(text: String) -> Self {
        text.parse().unwrap_or_else(|_| Self {
            key: text.to_lowercase(),
            shown: text,
        })
    }

    /// The address as the user typed it, except for an internationalized domain, which is in the form that people read
    /// (U-labels, RFC 5890) and never has `xn--`.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// The form in which addresses are compared: the [folded](fold) local part, and the domain in U-labels.
    ///
    /// In theory the case of the local part matters (RFC 5321, section 2.4). In practice a user would create a second
    /// account by mistake. Both forms of a domain name are the same name (RFC 5890, section 2.3.2.4).
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        let (local, domain) = text.split_once('@').ok_or(EmailError::Form)?;
        let is_joiner = |c: char| matches!(c, '\u{200c}' | '\u{200d}');
        if local.chars().any(is_hidden) || domain.chars().any(|c| is_hidden(c) && !is_joiner(c)) {
            return Err(EmailError::Hidden);
        }
        let local = clean(local, Self::MOST)?;
        let domain = Domain::parse(domain).ok_or(EmailError::Form)?;
        // The folded text is checked, too: ＠ folds to @.
        let folded = fold(&local);
        let shown = format!("{local}@{}", domain.shown);
        if shown.chars().count() > Self::MOST {
            return Err(TextError::TooLong(Self::MOST).into());
        }
        let is_address = is_local_part(&local) && is_local_part(&folded);
        is_address
            .then(|| Self {
                shown,
                key: format!("{folded}@{}", domain.key),
            })
            .ok_or(EmailError::Form)
    }
}

fn is_local_part(local: &str) -> bool {
    let allowed = |c: char| !c.is_whitespace() && !r#""(),:;<>@[\]"#.contains(c);
    let dots = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    (1..=Email::MOST_LOCAL).contains(&local.chars().count()) && dots && local.chars().all(allowed)
}

/// The domain of an address.
struct Domain {
    shown: String,
    key: String,
}

impl Domain {
    /// Parses a name with a dot by UTS #46 (not transitional). It may have letters, digits and hyphens (STD 3), and a length
    /// that DNS allows.
    fn parse(text: &str) -> Option<Self> {
        let (uts46, letters, hyphens) = (Uts46::new(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
        let ascii = uts46
            .to_ascii(text.as_bytes(), letters, hyphens, DnsLength::Verify)
            .ok()?;
        let (unicode, is_valid) = uts46.to_unicode(ascii.as_bytes(), letters, hyphens);
        is_valid.ok()?;
        let key = unicode.contains('.').then(|| unicode.into_owned())?;
        // A name without U-labels is shown as it was typed, unless its characters differ from the ASCII ones in width.
        let shown = match text.is_ascii() && key.is_ascii() {
            true => text.to_owned(),
            false => key.clone(),
        };
        Some(Self { shown, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<Email>().unwrap().as_str().to_owned()
    }

    fn key(text: &str) -> String {
        text.parse::<Email>().unwrap().key().to_owned()
    }

    #[test]
    fn common_addresses_are_accepted() {
        let accepted = [
            "mina@example.com",
            "Mina@Example.COM",
            "first.last+tag@sub.example.co.jp",
            "o'brien_42@example.museum",
            "用户@例子.广告",
            "x@1.example",
            "x@a--b.example",
        ];
        for text in accepted {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown("  mina@example.com\n"), "mina@example.com");
    }

    #[test]
    fn text_that_is_not_an_address_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long_label = format!("a@{}.com", "b".repeat(64));
        let long_name = format!("a@{}com", "abcdefgh.".repeat(32));
        let refused = [
            "",
            "@",
            "mina",
            "mina@",
            "@example.com",
            "mina@example",
            "mina@@example.com",
            "mi na@example.com",
            "mina@exam ple.com",
            ".mina@example.com",
            "mina.@example.com",
            "mi..na@example.com",
            "mina@.com",
            "mina@example..com",
            "mina@example.com.",
            "mina@-example.com",
            "mina@example-.com",
            "mina@ex_ample.com",
            "mina@xn--a.com",
            "\"mina\"@example.com",
            "mina@[127.0.0.1]",
            "a@b.c, d@e.f",
            "a＠b@example.com",
            "mina@example.com\0",
            &long_local,
            &long_label,
            &long_name,
        ];
        for text in refused {
            assert!(text.parse::<Email>().is_err(), "{text:?} is no address");
        }
    }

    #[test]
    fn address_with_an_invisible_character_is_refused() {
        for hidden in [
            '\u{200b}',
            '\u{ad}',
            '\u{200e}',
            '\u{202e}',
            '\u{2066}',
            '\u{2060}',
            '\u{feff}',
            '\u{fe0f}',
            '\u{e0100}',
            '\u{180e}',
            '\u{3164}',
            '\u{34f}',
            '\u{e0041}',
            '\u{2800}',
            '\u{fff9}',
            '\u{7f}',
            '\0',
        ] {
            for text in [
                format!("mi{hidden}na@example.com"),
                format!("mina@exam{hidden}ple.com"),
                format!("mina@example.com{hidden}"),
            ] {
                assert!(text.parse::<Email>().is_err(), "{text:?} is no address");
            }
        }
        for joiner in ['\u{200c}', '\u{200d}'] {
            assert_eq!(
                format!("mi{joiner}na@example.com").parse::<Email>(),
                Err(EmailError::Hidden)
            );
            assert!(format!("mina@exam{joiner}ple.com").parse::<Email>().is_err());
        }
        assert_eq!(
            shown("x@نامه\u{200c}ای.com"),
            "x@نامه\u{200c}ای.com",
            "where it can be seen"
        );
    }

    #[test]
    fn addresses_that_differ_in_case_or_width_are_equal() {
        for (one, other) in [
            ("Mina@Example.COM", "mina@example.com"),
            ("ＭＩＮＡ@ｅｘａｍｐｌｅ．com", "mina@example.com"),
            ("ÄÖ@example.com", "a\u{308}ö@example.com"),
            ("straße@example.com", "STRASSE@example.com"),
        ] {
            assert_eq!(key(one), key(other), "{one} and {other}");
        }
        assert_ne!(
            key("mina@straße.example"),
            key("mina@strasse.example"),
            "two domains"
        );
    }

    #[test]
    fn both_forms_of_a_domain_are_equal_and_the_readable_one_is_shown() {
        for text in [
            "x@bücher.example",
            "x@BÜCHER.example",
            "x@bu\u{308}cher.example",
            "x@xn--bcher-kva.example",
            "x@XN--BCHER-KVA.example",
            "x@bücher。example",
        ] {
            assert_eq!(
                (shown(text).as_str(), key(text).as_str()),
                ("x@bücher.example", "x@bücher.example")
            );
        }
        assert_eq!(shown("x@xn--fsqu00a.xn--0zwm56d"), "x@例子.测试");
    }

    #[test]
    fn stored_address_that_is_not_valid_any_more_is_still_read() {
        let kept = Email::kept("mi\u{200b}na@Example.com".into());
        assert_eq!(kept.as_str(), "mi\u{200b}na@Example.com");
        assert_eq!(
            Email::kept("x@xn--bcher-kva.example".into()).as_str(),
            "x@bücher.example"
        );
    }
}
