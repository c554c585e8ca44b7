//! Hashing passwords with Argon2id (RFC 9106).

use argon2::{
    Argon2,
    password_hash::{Error, PasswordHasher as _, SaltString},
};

use crate::{
    domain::{Password, PasswordHash},
    service::PasswordHasher,
};

/// Bytes of salt, from the host's random source (RFC 9106, section 3.1 recommends 16).
const SALT_BYTES: usize = 16;

/// Argon2id with parameters that a stranger's sign-up may cost and a thief's guess should.
pub(crate) struct Argon2id;

impl PasswordHasher for Argon2id {
    fn hash(&self, password: &Password) -> Result<PasswordHash, String> {
        hash(password).map_err(|error| error.to_string())
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

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHash as Phc, PasswordVerifier};

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

        let verify = |text: &[u8]| Argon2::default().verify_password(text, &Phc::new(&first.0).unwrap());
        assert!(
            verify(b"correct horse battery").is_ok(),
            "the password itself is accepted"
        );
        assert!(verify(b"correct horse batterY").is_err(), "any other is refused");
    }
}
