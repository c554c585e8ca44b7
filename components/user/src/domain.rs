//! What an account is, and what may be an e-mail address, a password and a name.

use std::{fmt, str::FromStr};

use kernel::{Caller, TextError, Timestamp, UserId, clean};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) email: Email,
    pub(crate) name: Name,
    pub(crate) roles: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// What a new account is made of.
#[derive(Clone, Debug)]
pub(crate) struct NewUser {
    pub(crate) id: UserId,
    pub(crate) email: Email,
    pub(crate) password_hash: PasswordHash,
    pub(crate) name: Name,
}

/// A text that is no e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EmailError {
    #[error("must be an e-mail address such as mina@example.com")]
    Form,
    #[error(transparent)]
    Text(#[from] TextError),
}

/// An e-mail address by form: one `@`, something before it, a domain name with a dot after it. Whether mail arrives is
/// for a message to it to find out. Internationalized addresses (RFC 6531) are addresses; quoted local parts and
/// comments (RFC 5322), which nobody types, are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email(String);

impl Email {
    /// The longest address that mail can be sent to (RFC 5321, section 4.5.3.1.3, less the brackets), in characters.
    const MOST: usize = 254;
    /// The longest local part (RFC 5321, section 4.5.3.1.1), in characters.
    const MOST_LOCAL: usize = 64;

    /// As the person typed it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What makes two addresses the same: the letters, whatever their case. The local part's case matters in theory
    /// (RFC 5321, section 2.4) and is an invitation to open a second account by mistake in practice.
    pub(crate) fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        let text = clean(text, Self::MOST)?;
        let (local, domain) = text.split_once('@').ok_or(EmailError::Form)?;
        let well_formed = is_local_part(local) && is_domain(domain);
        well_formed.then_some(Self(text)).ok_or(EmailError::Form)
    }
}

fn is_local_part(local: &str) -> bool {
    let allowed = |c: char| !c.is_whitespace() && !r#""(),:;<>@[\]"#.contains(c);
    let dots = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    (1..=Email::MOST_LOCAL).contains(&local.chars().count()) && dots && local.chars().all(allowed)
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.chars().count())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c == '-' || c.is_alphanumeric())
    };
    domain.contains('.') && domain.split('.').all(is_label)
}

/// A password as it was typed: 8 to 128 characters, of any kind, none cut off or changed. Never printed.
pub(crate) struct Password(String);

/// A text that is too short or too long for a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 8 to 128 characters")]
pub(crate) struct PasswordError;

impl Password {
    /// What the hash is made of.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for Password {
    type Err = PasswordError;

    fn from_str(text: &str) -> Result<Self, PasswordError> {
        let fits = (8..=128).contains(&text.chars().count());
        fits.then(|| Self(text.into())).ok_or(PasswordError)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What is kept of a password: a PHC string with the algorithm, its parameters, the salt and the hash. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(pub(crate) String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// What a person wants to be called: up to 100 characters, possibly none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        clean(text, 100).map(Self)
    }
}

/// Which accounts a caller may reach. It goes into the SQL, too: a use case that forgot to ask would find nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The caller's own.
    Own(UserId),
    /// Everybody's.
    All,
}

impl Reach {
    /// What this caller reaches; `None` for nobody.
    pub(crate) fn of(caller: &Caller) -> Option<Self> {
        match caller {
            Caller::Anonymous => None,
            Caller::User(_) if caller.is_admin() => Some(Self::All),
            Caller::User(user) => Some(Self::Own(user.id)),
        }
    }

    /// Whether this account is within it.
    pub(crate) fn covers(self, id: UserId) -> bool {
        match self {
            Self::All => true,
            Self::Own(own) => own == id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_people_have_are_accepted() {
        let accepted = [
            "mina@example.com",
            "first.last+tag@sub.example.co.jp",
            "o'brien_42@example.museum",
            "用户@例子.广告",
            "x@xn--fsqu00a.xn--0zwm56d",
        ];
        for text in accepted {
            assert_eq!(text.parse::<Email>().as_ref().map(Email::as_str), Ok(text));
        }
        assert_eq!(
            "  mina@example.com\n".parse::<Email>().unwrap().as_str(),
            "mina@example.com"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long_label = format!("a@{}.com", "b".repeat(64));
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
            "mina@-example.com",
            "mina@example-.com",
            "\"mina\"@example.com",
            "mina@[127.0.0.1]",
            "a@b.c, d@e.f",
            "mina@example.com\0",
            &long_local,
            &long_label,
        ];
        for text in refused {
            assert!(text.parse::<Email>().is_err(), "{text:?} is no address");
        }
        let long = format!("a@{}.com", "b.".repeat(130));
        assert_eq!(
            long.parse::<Email>(),
            Err(EmailError::Text(TextError::TooLong(254)))
        );
    }

    #[test]
    fn case_and_normalization_do_not_make_another_address() {
        let key = |text: &str| text.parse::<Email>().unwrap().key();
        assert_eq!(key("Mina@Example.COM"), key("mina@example.com"));
        assert_eq!(key("jose\u{301}@example.com"), key("JOSÉ@example.com"));
    }

    #[test]
    fn passwords_are_counted_in_characters_and_kept_as_typed() {
        for (text, fits) in [
            ("1234567", false),
            ("12345678", true),
            ("パスワード一二三", true),
            (" spaces ", true),
        ] {
            assert_eq!(text.parse::<Password>().is_ok(), fits, "{text:?}");
        }
        assert!("あ".repeat(128).parse::<Password>().is_ok());
        assert!("あ".repeat(129).parse::<Password>().is_err());
        assert_eq!(" spaces ".parse::<Password>().unwrap().as_bytes(), b" spaces ");
    }

    #[test]
    fn neither_a_password_nor_its_hash_is_ever_printed() {
        let password: Password = "correct horse".parse().unwrap();
        let hash = PasswordHash("$argon2id$secret".into());
        let printed = format!("{password:?} {hash:?}");
        assert!(
            !printed.contains("horse") && !printed.contains("argon2id"),
            "{printed}"
        );
    }
}
