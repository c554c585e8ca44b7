//! Hashing passwords with Argon2id (RFC 9106).

use argon2::{
    Argon2,
    password_hash::{Error, PasswordHash as Phc, PasswordHasher as _, PasswordVerifier as _, SaltString},
};

use super::{
    domain::{Password, PasswordHash, TypedPassword},
    service::PasswordHasher,
};

/// Bytes of salt, from the host's random source (RFC 9106, section 3.1 recommends 16).
const SALT_BYTES: usize = 16;

/// A hash with the parameters below. A password is compared with it if there is no account. Its bytes are random, so it
/// is the hash of no known password.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cji2enT2ICtNVcVgna/x7g$S73QmNYhZdluejSB+zyCIiOEnBz0jsLANJL1rjAWl3g";

/// Argon2id. Its parameters are cheap enough for each sign-up, and make guessing expensive for an attacker who has
/// stolen the database.
pub(crate) struct Argon2id;

impl PasswordHasher for Argon2id {
    fn hash(&self, password: &Password) -> Result<PasswordHash, String> {
        hash(password).map_err(|error| error.to_string())
    }

    fn verify(&self, typed: &TypedPassword, hash: &PasswordHash) -> Result<bool, String> {
        verify(typed, hash).map_err(|error| error.to_string())
    }

    fn verify_without_account(&self, typed: &TypedPassword) -> Result<(), String> {
        self.verify(typed, &PasswordHash(DUMMY_HASH.into())).map(drop)
    }
}

/// Hashes a password with a new salt. 19 MiB of memory, two passes, one lane: the crate's defaults and OWASP's first
/// recommendation. It takes tens of milliseconds on purpose. The instance does nothing else meanwhile.
fn hash(password: &Password) -> Result<PasswordHash, Error> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|_| Error::Crypto)?;
    let salt = SaltString::encode_b64(&salt)?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt)?;
    Ok(PasswordHash(hash.to_string()))
}

/// Compares a password with a hash. The hash contains its own parameters, so it stays valid when the parameters for new
/// hashes change.
fn verify(typed: &TypedPassword, hash: &PasswordHash) -> Result<bool, Error> {
    match Argon2::default().verify_password(typed.as_bytes(), &Phc::new(&hash.0)?) {
        Err(Error::Password) => Ok(false),
        result => result.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_verifies_its_own_password_only_and_has_a_new_salt_each_time() {
        let password: Password = "correct horse battery".parse().unwrap();
        let (first, second) = (hash(&password).unwrap(), hash(&password).unwrap());
        assert!(
            first.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "a PHC string of Argon2id"
        );
        assert!(first != second, "each hash has a salt of its own");

        let accepts = |text: &str| verify(&text.parse().unwrap(), &first).unwrap();
        assert!(
            accepts("correct horse battery"),
            "the password itself is accepted"
        );
        assert!(!accepts("correct horse batterY"), "any other is refused");
    }

    #[test]
    fn dummy_hash_is_as_expensive_as_a_new_hash() {
        let made = hash(&"correct horse".parse().unwrap()).unwrap();
        let parameters = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(parameters(DUMMY_HASH), parameters(&made.0));
        assert_eq!(
            DUMMY_HASH.len(),
            made.0.len(),
            "the salt and the hash are as long"
        );
        let guess = "correct horse".parse().unwrap();
        assert_eq!(verify(&guess, &PasswordHash(DUMMY_HASH.into())), Ok(false));
        assert_eq!(Argon2id.verify_without_account(&guess), Ok(()));
    }

    #[test]
    fn hash_with_other_parameters_is_verified_with_these() {
        // From the tests of Argon2's reference implementation (src/test.c).
        let other = PasswordHash(
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4".into(),
        );
        let broken = PasswordHash("$argon2id$".into());
        let guess: TypedPassword = "password".parse().unwrap();
        assert_eq!(
            verify(&guess, &other),
            Ok(true),
            "the parameters are the hash's own"
        );
        assert!(
            verify(&guess, &broken).is_err(),
            "a malformed hash is an error, not a wrong password"
        );
    }
}
