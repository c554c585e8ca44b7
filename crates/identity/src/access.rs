//! Access tokens of clients: JWTs (RFC 7519) that an OAuth 2.0 issuer has signed for this API (RFC 9068, in Ory Hydra's
//! dialect). They are verified with the issuer's public keys alone.
//!
//! RFC 8725 lists the attacks on JWTs. The algorithm comes from a list of two, the key comes from the issuer's set alone, and a
//! header that brings a key, or the address of one, is refused.
//!
//! ```
//! use identity::access::{Policy, UnverifiedToken};
//! use identity::jwks::Jwks;
//!
//! # fn reads() -> Option<()> {
//! let policy = Policy::new("https://issuer.example", "https://api.example")?;
//! # let (text, jwks, now) = ("", Jwks::parse(b"").ok()?, 0);
//! let token = UnverifiedToken::parse(text).ok()?;
//! let _seen_before = token.hash();
//! let token = token.verify(&jwks, &policy, now).ok()?;
//! println!("{} may {:?}", token.subject(), token.scopes());
//! # Some(()) }
//! ```

use std::fmt;

use jsonwebtoken::Algorithm;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::claims::{self, Scopes};
use crate::json::{self, Object};
use crate::jwks::{self, Jwks};
use crate::jws::{Compact, FormError, MAX_KEY_ID, TokenPart};
use kernel::SessionId;

pub use crate::claims::ADMIN;
pub use crate::token_error::TokenError;

/// The largest access token, in bytes: what fits into a header on every server on the way.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How far the issuer's clock and ours may be apart, in seconds (RFC 7519, section 4.1.4).
pub const SKEW: u64 = 30;

/// A token's SHA-256. Caches have it instead of the token, so that a reader of a cache finds no token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of the token as it was sent.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TokenHash {
    /// 64 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({self})")
    }
}

/// Which issuer's tokens are accepted, and for which API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    issuer: String,
    audience: String,
}

impl Policy {
    /// Tokens whose `iss` is exactly this issuer and whose `aud` has exactly this audience: an identifier of the API, never
    /// a client's (RFC 9068, section 4). `None` where either is empty: an empty text would be equal to an empty `iss` or `aud`.
    pub fn new(issuer: &str, audience: &str) -> Option<Self> {
        let named = !issuer.is_empty() && !audience.is_empty();
        named.then(|| Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
        })
    }
}

/// The subject that a token claims, which is not verified. Use it only to find the entry of the same token in a cache.
pub fn claimed_subject(token: &str) -> Option<String> {
    let parts = Compact::split(token, MAX_TOKEN_BYTES).ok()?;
    let claims = json::object(&parts.payload)?;
    Some(claims.get("sub")?.as_str()?.to_owned())
}

/// A token with the right form. Its signature and its claims are not verified.
#[derive(Clone)]
pub struct UnverifiedToken<'a> {
    parts: Compact<'a>,
    hash: TokenHash,
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl<'a> UnverifiedToken<'a> {
    /// Reads the token's form and header (RFC 7515, sections 4 and 5.2). That is cheap, and enough to look the token up in a
    /// cache.
    ///
    /// # Errors
    /// More than [`MAX_TOKEN_BYTES`], not three parts of canonical base64url, or a header that is not accepted:
    /// [`TokenError::Form`], [`Algorithm`](TokenError::Algorithm), [`Header`](TokenError::Header),
    /// [`Type`](TokenError::Type) or [`KeyId`](TokenError::KeyId).
    pub fn parse(token: &'a str) -> Result<Self, TokenError> {
        let parts = Compact::split(token, MAX_TOKEN_BYTES)?;
        let header = json::object(&parts.header).ok_or(FormError::Json(TokenPart::Header))?;
        refuse_members(&header)?;
        refuse_other_types(&header)?;
        Ok(Self {
            hash: TokenHash::of(token),
            algorithm: algorithm(&header)?,
            key_id: key_id(&header)?,
            parts,
        })
    }

    /// The `kid` of the token.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The token's hash.
    pub fn hash(&self) -> TokenHash {
        self.hash
    }

    /// Verifies the signature, then the claims (RFC 7519, section 7.2; RFC 9068, section 4), at the time `now` in seconds
    /// since 1970. The claims are read only after the signature is verified.
    ///
    /// # Errors
    /// Every [`TokenError`] from [`UnknownKey`](TokenError::UnknownKey) on, or a payload that is not a JSON object.
    pub fn verify(&self, keys: &Jwks, policy: &Policy, now: u64) -> Result<AccessToken, TokenError> {
        let key = keys.find(self.algorithm, self.key_id())?;
        if !key.verifies(&self.parts) {
            return Err(TokenError::Signature);
        }
        let claims = json::object(&self.parts.payload).ok_or(FormError::Json(TokenPart::Payload))?;
        refuse_other_tokens(&claims)?;
        check_policy(&claims, policy)?;
        let (issued_at, expires_at) = lifetime(&claims, now)?;
        let subject = claims::name("sub", &claims)?;
        let client_id = claims::name("client_id", &claims)?;
        let scopes = claims::scopes(&claims)?;
        let (kind, scopes) = match subject == client_id {
            true => (TokenKind::Machine, scopes.without(ADMIN)),
            false => (TokenKind::User, scopes),
        };
        Ok(AccessToken {
            kind,
            scopes,
            epoch: claims::epoch(&claims)?,
            session: claims::session(&claims)?,
            subject,
            client_id,
            issued_at,
            expires_at,
            hash: self.hash,
        })
    }
}

impl fmt::Debug for UnverifiedToken<'_> {
    /// Without the token, which is as good as a password until it expires.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedToken")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

fn refuse_members(header: &Object) -> Result<(), TokenError> {
    // A key of the sender's choice, another way to read the token, or a token or a JWE inside.
    let refused = ["jwk", "jku", "x5u", "x5c", "crit", "b64", "cty", "enc", "zip"];
    match refused.into_iter().find(|name| header.contains_key(*name)) {
        Some(name) => Err(TokenError::Header(name)),
        None => Ok(()),
    }
}

fn refuse_other_types(header: &Object) -> Result<(), TokenError> {
    let name = match header.get("typ") {
        None => return Ok(()),
        Some(Value::String(name)) => name.to_ascii_lowercase(),
        Some(_) => return Err(TokenError::Type),
    };
    // RFC 7515, section 4.1.9: `application/` may be left out.
    match name.strip_prefix("application/").unwrap_or(&name) {
        "jwt" | "at+jwt" => Ok(()),
        _ => Err(TokenError::Type),
    }
}

fn algorithm(header: &Object) -> Result<Algorithm, TokenError> {
    header
        .get("alg")
        .and_then(Value::as_str)
        .and_then(jwks::algorithm)
        .ok_or(TokenError::Algorithm)
}

fn key_id(header: &Object) -> Result<Option<String>, TokenError> {
    match header.get("kid") {
        None => Ok(None),
        Some(Value::String(id)) if id.len() <= MAX_KEY_ID => Ok(Some(id.clone())),
        Some(_) => Err(TokenError::KeyId),
    }
}

/// ID tokens (OpenID Connect Core, sections 2 and 3.1.3.6) come from the same issuer and are signed with the same key.
fn refuse_other_tokens(claims: &Object) -> Result<(), TokenError> {
    if let Some(name) = ["nonce", "at_hash"]
        .into_iter()
        .find(|name| claims.contains_key(*name))
    {
        return Err(TokenError::IdToken(name));
    }
    match claims.contains_key("cnf") {
        true => Err(TokenError::SenderConstrained),
        false => Ok(()),
    }
}

fn check_policy(claims: &Object, policy: &Policy) -> Result<(), TokenError> {
    if claims::issuer(claims)? != policy.issuer {
        return Err(TokenError::Issuer);
    }
    match claims::is_for(&policy.audience, claims)? {
        true => Ok(()),
        false => Err(TokenError::Audience),
    }
}

/// When the token was issued and when it ends, if `now` is between the two.
fn lifetime(claims: &Object, now: u64) -> Result<(u64, u64), TokenError> {
    let expires_at = claims::required_date("exp", claims)?;
    let issued_at = claims::required_date("iat", claims)?;
    let not_before = claims::date("nbf", claims)?.unwrap_or(0);
    let latest = now.saturating_add(SKEW);
    if now >= expires_at.saturating_add(SKEW) {
        return Err(TokenError::Expired);
    }
    if not_before > latest {
        return Err(TokenError::NotYetValid);
    }
    match issued_at > latest {
        true => Err(TokenError::IssuedInFuture),
        false => Ok((issued_at, expires_at)),
    }
}

/// On whose behalf a token was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A client on its own behalf (RFC 6749, section 4.4): `sub` is `client_id` (RFC 9068, section 2.2).
    Machine,
    /// A person, through a client.
    User,
}

/// A verified access token for this API, valid at the time of verification. Only the user service can say whether its user
/// may still use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    subject: String,
    client_id: String,
    kind: TokenKind,
    scopes: Scopes,
    epoch: Option<u64>,
    session: Option<SessionId>,
    issued_at: u64,
    expires_at: u64,
    hash: TokenHash,
}

impl AccessToken {
    /// The subject (RFC 7519, section 4.1.2): 1 to 255 bytes, no control characters.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The client that the token was issued to (RFC 8693, section 4.3): 1 to 255 bytes, no control characters.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Whether it was issued for a user or for a machine.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// Its scopes. A machine's token never has the scope [`ADMIN`], even if the issuer has granted it.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The user's epoch when the token was granted, if consent put it there.
    pub fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// The login session, if consent put it there.
    pub fn session(&self) -> Option<&SessionId> {
        self.session.as_ref()
    }

    /// When it was issued: seconds since 1970.
    pub fn issued_at(&self) -> u64 {
        self.issued_at
    }

    /// When it ends: seconds since 1970. Tokens are accepted for [`SKEW`] seconds longer.
    pub fn expires_at(&self) -> u64 {
        self.expires_at
    }

    /// The token's hash.
    pub fn hash(&self) -> TokenHash {
        self.hash
    }
}
