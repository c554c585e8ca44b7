//! Passwords: as typed, and as hashed. None of these types shows its content in its `Debug` form.

use std::{fmt, str::FromStr};

use kernel::UserId;

/// A password as the user typed it: 8 to 128 characters of any kind, unchanged.
pub(crate) struct Password(String);

/// A text that is too short or too long for a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 8 to 128 characters")]
pub(crate) struct PasswordError;

impl Password {
    /// The bytes to hash.
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

/// A text that a person typed as their password: 1 to 128 characters, unchanged. It is only compared with a hash, so a
/// user whose password was allowed by older rules can still sign in.
pub(crate) struct TypedPassword(String);

/// A text that cannot be the password of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 128 characters")]
pub(crate) struct TypedPasswordError;

impl TypedPassword {
    /// The bytes to compare with the hash.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for TypedPassword {
    type Err = TypedPasswordError;

    fn from_str(text: &str) -> Result<Self, TypedPasswordError> {
        let fits = (1..=128).contains(&text.chars().count());
        fits.then(|| Self(text.into())).ok_or(TypedPasswordError)
    }
}

impl fmt::Debug for TypedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedPassword(…)")
    }
}

/// The hash of a password: a PHC string with the algorithm, its parameters, the salt and the hash.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(pub(crate) String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// The hash with which a typed password is compared, and the epoch of the account at that time.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) user: UserId,
    pub(crate) password_hash: PasswordHash,
    pub(crate) epoch: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn typed_password_may_be_shorter_than_a_new_password_but_not_longer() {
        for (text, fits) in [("", false), ("x", true), ("1234567", true), (" spaces ", true)] {
            assert_eq!(text.parse::<TypedPassword>().is_ok(), fits, "{text:?}");
        }
        assert!("あ".repeat(128).parse::<TypedPassword>().is_ok());
        assert!("あ".repeat(129).parse::<TypedPassword>().is_err());
    }

    #[test]
    fn debug_form_shows_neither_a_password_nor_its_hash() {
        let password: Password = "correct horse".parse().unwrap();
        let typed: TypedPassword = "correct horse".parse().unwrap();
        let hash = PasswordHash("$argon2id$secret".into());
        let printed = format!("{password:?} {typed:?} {hash:?}");
        assert!(
            !printed.contains("horse") && !printed.contains("argon2id"),
            "{printed}"
        );
    }
}
