//! Access tokens from outside: JWTs (RFC 7519) that an OAuth 2.0 issuer signed for this API (RFC 9068, and what Ory Hydra
//! makes of it), verified with nothing but the issuer's public keys.
//!
//! The traps that RFC 8725 lists are closed by leaving things out: the algorithm comes from a list of two, the key from
//! the issuer's set alone, and everything that a token could say about keys of its own is refused.
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

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::json::{self, Object};
use crate::jwks::{Algorithm, Jwks, MAX_KEY_ID};
use crate::jws::Compact;
use crate::{FormError, Part, Scopes, claims};
use kernel::SessionId;

/// The largest access token, in bytes: what fits into a header on every server on the way.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How far the issuer's clock and ours may be apart, in seconds (RFC 7519, section 4.1.4).
pub const SKEW: u64 = 30;

/// The scope that everything marked admin in the API asks for.
pub const ADMIN: &str = "admin";

/// Why a token is refused: for the log, and safe there, as none of it repeats the token. What a stranger is told is that
/// the token is not valid, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no signed token at all.
    #[error(transparent)]
    Form(#[from] FormError),
    /// `alg` is missing, `none`, a MAC, or anything else but RS256 and ES256 (RFC 8725, sections 3.1 and 3.2).
    #[error("the token's algorithm is neither RS256 nor ES256")]
    Algorithm,
    /// A header that would bring a key along, change how the token is read, or wrap another token (RFC 7515, sections
    /// 4.1.2 to 4.1.6 and 4.1.11; RFC 7797; RFC 7519, section 5.2).
    #[error("the token's header has {0}, which is never accepted")]
    Header(&'static str),
    /// `typ` says that it is something else than an access token (RFC 9068, section 4; RFC 8725, section 3.11).
    #[error("the token's typ is that of something else")]
    Type,
    /// `kid` is no text, or longer than [`MAX_KEY_ID`].
    #[error("the token's kid is no text of at most {MAX_KEY_ID} bytes")]
    KeyId,
    /// The key set has no such key: it may be older than the key. See [`TokenError::is_unknown_key`].
    #[error("the token is signed with a key that is not in the JWKS")]
    UnknownKey,
    /// No `kid`, and several keys that it could be.
    #[error("the token names no key, and several fit its algorithm")]
    NoKeyId,
    /// The key is of another type than the algorithm (RFC 8725, section 3.1).
    #[error("the token's key is of another type than its algorithm")]
    KeyType,
    /// The signature is not that key's, or not of these bytes.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim that has to be there is not.
    #[error("the token has no {0}")]
    Missing(&'static str),
    /// A claim that has another type than it must have, or is too long, too large or negative.
    #[error("the token's {0} is malformed")]
    Malformed(&'static str),
    /// A claim stands in two places, with two values.
    #[error("the token contradicts itself about {0}")]
    Contradiction(&'static str),
    /// Another issuer's (RFC 7519, section 4.1.1).
    #[error("the token is from another issuer")]
    Issuer,
    /// For another API (RFC 7519, section 4.1.3).
    #[error("the token is for another audience")]
    Audience,
    /// Its time is up (RFC 7519, section 4.1.4).
    #[error("the token has expired")]
    Expired,
    /// Its time has not come: `nbf` (RFC 7519, section 4.1.5).
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` lies in the future (RFC 7519, section 4.1.6): a clock is wrong.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// It has a claim that only ID tokens have: it proves a login to the client, and grants nothing here.
    #[error("the token has {0}: it is an ID token, not an access token")]
    IdToken(&'static str),
    /// It is bound to a key of its holder's (`cnf`: RFC 8705, RFC 9449), who would have to prove that; taken as a bearer
    /// token it would lose the protection that its holder asked for.
    #[error("the token is bound to its sender, which is not supported")]
    SenderConstrained,
}

impl TokenError {
    /// Whether a newer key set could change the answer: the issuer may have a new key since this one was fetched.
    pub fn is_unknown_key(self) -> bool {
        self == Self::UnknownKey
    }
}

/// A token's SHA-256: what it is remembered by, so that whoever reads the memory finds no token in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of the token as it was sent, whatever it is.
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

/// Whose tokens count, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    issuer: String,
    audience: String,
}

impl Policy {
    /// Tokens whose `iss` is exactly this issuer and whose `aud` has exactly this audience: an identifier of the API, never
    /// a client's (RFC 9068, section 4). `None` where either is empty, which would let tokens pass that name nobody.
    pub fn new(issuer: &str, audience: &str) -> Option<Self> {
        let named = !issuer.is_empty() && !audience.is_empty();
        named.then(|| Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
        })
    }
}

/// Whom a token says that it is for, not verified: for looking up what is known of that very token, and nothing else.
pub fn claimed_subject(token: &str) -> Option<String> {
    let parts = Compact::split(token, MAX_TOKEN_BYTES).ok()?;
    let claims = json::object(&parts.payload)?;
    Some(claims.get("sub")?.as_str()?.to_owned())
}

/// A token in form, of which nothing is known to be true.
#[derive(Clone)]
pub struct UnverifiedToken<'a> {
    parts: Compact<'a>,
    hash: TokenHash,
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl<'a> UnverifiedToken<'a> {
    /// Reads the token's form and header (RFC 7515, sections 4 and 5.2): cheap, and enough to look up whether it was seen
    /// before.
    ///
    /// # Errors
    /// More than [`MAX_TOKEN_BYTES`], not three parts of canonical base64url, or a header that is not accepted:
    /// [`TokenError::Form`], [`Algorithm`](TokenError::Algorithm), [`Header`](TokenError::Header),
    /// [`Type`](TokenError::Type) or [`KeyId`](TokenError::KeyId).
    pub fn parse(token: &'a str) -> Result<Self, TokenError> {
        let parts = Compact::split(token, MAX_TOKEN_BYTES)?;
        let header = json::object(&parts.header).ok_or(FormError::Json(Part::Header))?;
        refuse_members(&header)?;
        refuse_other_types(&header)?;
        Ok(Self {
            hash: TokenHash::of(token),
            algorithm: algorithm(&header)?,
            key_id: key_id(&header)?,
            parts,
        })
    }

    /// The `kid` that the token names its key by.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What the token is remembered by.
    pub fn hash(&self) -> TokenHash {
        self.hash
    }

    /// Verifies the signature, then the claims (RFC 7519, section 7.2; RFC 9068, section 4), at the time `now` in seconds
    /// since 1970. No claim is looked at before the signature is known to be genuine.
    ///
    /// # Errors
    /// Whatever [`TokenError`] lists from [`UnknownKey`](TokenError::UnknownKey) on, or a payload that is no JSON object.
    pub fn verify(&self, keys: &Jwks, policy: &Policy, now: u64) -> Result<AccessToken, TokenError> {
        let key = keys.find(self.algorithm, self.key_id())?;
        if !key.verifies(self.parts.signed, &self.parts.signature) {
            return Err(TokenError::Signature);
        }
        let claims = json::object(&self.parts.payload).ok_or(FormError::Json(Part::Payload))?;
        refuse_other_tokens(&claims)?;
        refuse_strangers(&claims, policy)?;
        let (issued_at, expires_at) = lifetime(&claims, now)?;
        let subject = claims::name("sub", &claims)?;
        let client_id = claims::name("client_id", &claims)?;
        let scopes = claims::scopes(&claims)?;
        let (kind, scopes) = match subject == client_id {
            true => (Kind::Machine, scopes.without(ADMIN)),
            false => (Kind::User, scopes),
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
    /// Without the token, which is as good as a password until it ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedToken")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

fn refuse_members(header: &Object) -> Result<(), TokenError> {
    // Keys of the token's own choice; ways to read it that nobody here knows; another token or a JWE inside.
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
        .and_then(Algorithm::named)
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

fn refuse_strangers(claims: &Object, policy: &Policy) -> Result<(), TokenError> {
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

/// Who a token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A client on its own behalf (RFC 6749, section 4.4): `sub` is `client_id` (RFC 9068, section 2.2).
    Machine,
    /// A person, through a client.
    User,
}

/// A genuine access token for this API, valid at the time it was verified at. Whether its user may still use it is another
/// question, which only the user service can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    subject: String,
    client_id: String,
    kind: Kind,
    scopes: Scopes,
    epoch: Option<u64>,
    session: Option<SessionId>,
    issued_at: u64,
    expires_at: u64,
    hash: TokenHash,
}

impl AccessToken {
    /// Whom the token is about (RFC 7519, section 4.1.2): 1 to 255 bytes, no control characters.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Which client got the token (RFC 8693, section 4.3): 1 to 255 bytes, no control characters.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Whether it speaks for a user.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What it allows. [`ADMIN`] is never among a machine's, whatever the issuer granted.
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

    /// What the token is remembered by.
    pub fn hash(&self) -> TokenHash {
        self.hash
    }
}
