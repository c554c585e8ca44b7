//! The keys that the issuer signs tokens with: reading them, sealing them for the database, signing, and what of them the
//! public may see.
//!
//! Pure functions of bytes, but for random numbers from the system: no I/O and no clock. A crate of its own because two
//! programs need it that share nothing else: the issuer component, and whoever makes its first key outside of WebAssembly
//! (finding two primes takes seconds in there).
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
pub use key::{KeyError, SigningKey};
pub use seal::{SealError, SealingKey};
