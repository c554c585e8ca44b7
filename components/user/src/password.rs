//! Hashing passwords with Argon2id (RFC 9106).

use argon2::{
    Argon2,
    password_hash::{Error, PasswordHash as Phc, PasswordHasher as _, PasswordVerifier as _, SaltString},
};

use crate::{
    domain::{Guess, Password, PasswordHash},
    service::PasswordHasher,
};

/// Bytes of salt, from the host's random source (RFC 9106, section 3.1 recommends 16).
const SALT_BYTES: usize = 16;

/// A hash of the parameters below that is nobody's: its bytes are random, and what they would be the hash of is not known.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cji2enT2ICtNVcVgna/x7g$S73QmNYhZdluejSB+zyCIiOEnBz0jsLANJL1rjAWl3g";

/// Argon2id with parameters that a stranger's sign-up may cost and a thief's guess should.
pub(crate) struct Argon2id;

impl PasswordHasher for Argon2id {
    fn hash(&self, password: &Password) -> Result<PasswordHash, String> {
        hash(password).map_err(|error| error.to_string())
    }

    fn verify(&self, guess: &Guess, hash: &PasswordHash) -> Result<bool, String> {
        verify(guess, hash).map_err(|error| error.to_string())
    }

    fn verify_nobodys(&self, guess: &Guess) -> Result<(), String> {
        self.verify(guess, &PasswordHash(NOBODYS.into())).map(drop)
    }
}

/// Hashes a password with a new salt. 19 MiB of memory, two passes, one lane: the crate's defaults and OWASP's first
/// recommendation. It takes tens of milliseconds on purpose, in which the instance does nothing else.
fn hash(password: &Password) -> Result<PasswordHash, Error> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|_| Error::Crypto)?;
    let salt = SaltString::encode_b64(&salt)?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt)?;
    Ok(PasswordHash(hash.to_string()))
}

/// Compares with a hash, which says itself how it was made: a password outlives the parameters of its time.
fn verify(guess: &Guess, hash: &PasswordHash) -> Result<bool, Error> {
    match Argon2::default().verify_password(guess.as_bytes(), &Phc::new(&hash.0)?) {
        Err(Error::Password) => Ok(false),
        result => result.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_verifies_its_password_alone_and_never_repeats() {
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
    fn nobodys_hash_costs_what_a_new_one_does() {
        let made = hash(&"correct horse".parse().unwrap()).unwrap();
        let parameters = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(parameters(NOBODYS), parameters(&made.0));
        assert_eq!(NOBODYS.len(), made.0.len(), "the salt and the hash are as long");
        let guess = "correct horse".parse().unwrap();
        assert_eq!(verify(&guess, &PasswordHash(NOBODYS.into())), Ok(false));
        assert_eq!(Argon2id.verify_nobodys(&guess), Ok(()));
    }

    #[test]
    fn a_hash_of_other_parameters_is_verified_by_its_own() {
        // From the tests of Argon2's reference implementation (src/test.c).
        let other = PasswordHash(
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4".into(),
        );
        let broken = PasswordHash("$argon2id$".into());
        let guess: Guess = "password".parse().unwrap();
        assert_eq!(
            verify(&guess, &other),
            Ok(true),
            "the parameters are the hash's own"
        );
        assert!(
            verify(&guess, &broken).is_err(),
            "what is no hash is a fault, not a wrong password"
        );
    }
}
