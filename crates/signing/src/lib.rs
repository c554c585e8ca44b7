//! The issuer's signing keys: reading them, sealing them for the database, signing with them, and their public halves.
//!
//! All functions are pure functions of bytes, except for random numbers from the system: no I/O and no clock. It is a
//! separate crate because two programs use it: the issuer component, and the program that makes the first key outside of
//! WebAssembly, where finding two primes does not take seconds.
//!
//! ```
//! use signing::{SealingKey, SigningKey};
//!
//! # fn works() -> Result<(), Box<dyn std::error::Error>> {
//! # let (pem, secret, claims) = ("", "", serde_json::Map::new());
//! let key = SigningKey::from_pem(pem)?;
//! let sealed = SealingKey::parse(secret)?.seal(&key)?; // what the database keeps
//! let token = key.sign("at+jwt", &claims)?;
//! # Ok(()) }
//! ```

mod jws;
mod key;
mod random;
mod seal;

pub use jws::{Verified, VerifyingKeys};
pub use key::{SigningKey, SigningKeyError};
pub use seal::{KeySealError, SealingKey};
