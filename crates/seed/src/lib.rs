//! The first rows of a database, for `cargo xtask up`: the issuer's signing key and the demo accounts.
//!
//! It is made here, natively and apart from `xtask`: inside WebAssembly it takes seconds to find the primes of a key, and what
//! makes a key and hashes a password would be the larger part of what `xtask` is compiled from, before anything else is. No
//! I/O and no SQL: `xtask` says what the database has, and stores what it lacks.

use argon2::{
    Argon2,
    password_hash::{
        Error as HashError, PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signing::{KeySealError, SealingKey, SigningKey, SigningKeyError};
use uuid::Uuid;

/// Bytes of salt (RFC 9106, section 3.1).
const SALT_BYTES: usize = 16;

/// The rows in the database, and the secrets that belong to them.
#[derive(Deserialize)]
pub struct Wanted {
    /// The keys of the issuer component; `None` if another issuer signs.
    pub issuer: Option<Issuer>,
    /// The accounts, in an order that the answer keeps.
    pub accounts: Vec<Account>,
}

/// The keys of the issuer component.
#[derive(Deserialize)]
pub struct Issuer {
    /// The key that encrypts signing keys: the variable `issuer_sealing_key`.
    pub sealing_key: String,
    /// The key that signs, if there is one.
    pub signing_key: Option<SealedKey>,
}

/// A signing key as the database has it.
#[derive(Deserialize)]
pub struct SealedKey {
    /// Its `kid`.
    pub id: String,
    /// The key, encrypted by [`SealingKey::seal`].
    pub sealed_key: String,
}

/// A demo account.
#[derive(Deserialize)]
pub struct Account {
    /// The password that we know.
    pub password: String,
    /// The hash in the database, if the account exists.
    pub password_hash: Option<String>,
}

/// The rows that `xtask` stores.
#[derive(Debug, Serialize)]
pub struct Made {
    /// The key that signs, if the issuer component needs one.
    pub signing_key: Option<Found<NewKey>>,
    /// The state of each requested account.
    pub accounts: Vec<Found<NewAccount>>,
}

/// The state of a required row.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found<T> {
    /// It was missing, and this is it.
    New(T),
    /// It exists, and our secret fits.
    Ours,
    /// It exists, and our secret does not fit.
    Foreign,
}

/// A row of `issuer_service.signing_keys`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct NewKey {
    /// Its `kid`.
    pub id: String,
    /// Sealed with the sealing key.
    pub sealed_key: String,
    /// The key in the issuer's key set.
    pub public_jwk: Value,
}

/// The columns of a row of `user_service.users` that SQL cannot make.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct NewAccount {
    /// A UUID of version 7, as the user service's own.
    pub id: String,
    /// A PHC string of Argon2id, as the user service's own.
    pub password_hash: String,
}

/// The reason why nothing was made. It contains no secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sealing key is malformed.
    #[error(transparent)]
    Seal(#[from] KeySealError),
    /// No key could be made.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    /// No password could be hashed.
    #[error("passwords cannot be hashed: {0}")]
    Hash(HashError),
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        Self::Hash(error)
    }
}

/// Makes what is missing, and says of the rest whether our secrets fit. A new key of 2048 bits takes up to a second or two,
/// each account some tens of milliseconds.
///
/// # Errors
/// Any [`Error`].
pub fn make(wanted: &Wanted) -> Result<Made, Error> {
    Ok(Made {
        signing_key: wanted.issuer.as_ref().map(signing_key).transpose()?,
        accounts: wanted.accounts.iter().map(account).collect::<Result<_, _>>()?,
    })
}

fn signing_key(issuer: &Issuer) -> Result<Found<NewKey>, Error> {
    let sealing_key = SealingKey::parse(&issuer.sealing_key)?;
    match &issuer.signing_key {
        Some(key) => Ok(fits(sealing_key.open(&key.id, &key.sealed_key).is_ok())),
        None => Ok(Found::New(new_key(&sealing_key)?)),
    }
}

fn fits<T>(it_does: bool) -> Found<T> {
    if it_does { Found::Ours } else { Found::Foreign }
}

fn new_key(sealing_key: &SealingKey) -> Result<NewKey, Error> {
    let key = SigningKey::generate()?;
    Ok(NewKey {
        id: key.id().to_owned(),
        sealed_key: sealing_key.seal(&key)?,
        public_jwk: key.public_jwk(),
    })
}

fn account(account: &Account) -> Result<Found<NewAccount>, Error> {
    match &account.password_hash {
        Some(hash) => Ok(fits(verifies(&account.password, hash))),
        None => Ok(Found::New(NewAccount {
            id: Uuid::now_v7().to_string(),
            password_hash: hash(&account.password)?,
        })),
    }
}

/// With the parameters that the user service hashes with, so that a seeded account is like any other.
fn hash(password: &str) -> Result<String, HashError> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|_| HashError::Crypto)?;
    let salt = SaltString::encode_b64(&salt)?;
    Ok(Argon2::default()
        .hash_password(password.as_bytes(), &salt)?
        .to_string())
}

/// Whether the password has this hash. A text that is not a PHC string matches no password.
fn verifies(password: &str, hash: &str) -> bool {
    let hash = PasswordHash::new(hash);
    hash.is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wanted(
        sealing_key: char,
        signing_key: Option<SealedKey>,
        accounts: &[(&str, Option<&str>)],
    ) -> Wanted {
        let account = |(password, hash): &(&str, Option<&str>)| Account {
            password: (*password).to_owned(),
            password_hash: hash.map(str::to_owned),
        };
        Wanted {
            issuer: Some(Issuer {
                sealing_key: sealing_key.to_string().repeat(48),
                signing_key,
            }),
            accounts: accounts.iter().map(account).collect(),
        }
    }

    #[test]
    fn missing_rows_are_made_and_match_our_secrets() {
        let made = make(&wanted('A', None, &[("correct horse", None)])).unwrap();
        let (Some(Found::New(key)), [Found::New(account)]) = (&made.signing_key, &made.accounts[..]) else {
            panic!("something was not made: {made:?}");
        };
        assert_eq!(Uuid::parse_str(&account.id).unwrap().get_version_num(), 7);
        assert!(
            account
                .password_hash
                .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
        );
        assert_eq!(key.public_jwk["kid"], key.id.as_str());
        assert!(key.public_jwk.get("d").is_none(), "the private half is shown");

        let kept = || {
            Some(SealedKey {
                id: key.id.clone(),
                sealed_key: key.sealed_key.clone(),
            })
        };
        let hash = Some(account.password_hash.as_str());
        let accounts = [("correct horse", hash), ("another", hash)];
        let again = make(&wanted('A', kept(), &accounts)).unwrap();
        assert_eq!(again.signing_key, Some(Found::Ours), "its sealing key opens it");
        assert_eq!(again.accounts, [Found::Ours, Found::Foreign]);
        let elsewhere = make(&wanted('B', kept(), &[])).unwrap();
        assert_eq!(
            elsewhere.signing_key,
            Some(Found::Foreign),
            "another sealing key opened it"
        );
    }

    #[test]
    fn a_malformed_hash_or_key_is_foreign() {
        let key = Some(SealedKey {
            id: String::new(),
            sealed_key: String::new(),
        });
        let accounts = [("hunter2", Some("hunter2")), ("", Some("$argon2id$"))];
        let made = make(&wanted('A', key, &accounts)).unwrap();
        assert_eq!(made.accounts, [Found::Foreign, Found::Foreign]);
        assert_eq!(made.signing_key, Some(Found::Foreign));
    }

    #[test]
    fn for_another_issuer_no_key_is_made() {
        let made = make(&Wanted {
            issuer: None,
            ..wanted('A', None, &[("correct horse", None)])
        });
        let made = made.unwrap();
        assert_eq!((made.signing_key, made.accounts.len()), (None, 1));
    }

    #[test]
    fn a_malformed_sealing_key_is_an_error_that_does_not_quote_it() {
        let mut short = wanted('A', None, &[]);
        short.issuer.as_mut().unwrap().sealing_key = "hunter2".into();
        let error = make(&short).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
