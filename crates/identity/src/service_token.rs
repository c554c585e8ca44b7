//! Service tokens: a component shows one with each call of another component.
//!
//! A service token is a JWT with HS256 (RFC 7515, RFC 7519) and its own type, so that no other kind of token is accepted as
//! one (RFC 8725, section 3.11). Each pair of caller and callee has a key that only those two have. The key identifies the
//! caller, and the token's `iss` must agree with it. A service accepts no other credentials.
//!
//! Keys are replaced without downtime by giving the callee both, then the caller the new one, then taking the old one
//! from the callee.
//!
//! ```
//! use identity::caller::Principal;
//! use identity::service_token::{AcceptedKeys, CallClaims, Minter, MintingKey, Verifier};
//!
//! # let (old, new) = ("A".repeat(43), "E".repeat(43));
//! # let (now, one_key, two_keys) = (1_000, format!("k2:{new}"), format!("k1:{old} k2:{new}"));
//! let minter = Minter::new("bff", "user", MintingKey::parse(&one_key)?);
//! let verifier = Verifier::new("user", [("bff", AcceptedKeys::parse(&two_keys)?)])?;
//!
//! let call = CallClaims { principal: &Principal::Anonymous, request_id: &"r1".parse()?, client_address: None };
//! let token = minter.mint(&call, now);
//! assert_eq!(verifier.verify(&token, now)?.caller(), "bff");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac as _;
use kernel::UserCaller;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::caller::{Principal, SignedIn, granted, user_id};
use crate::jws::Compact;
use crate::secret::{HmacSecret, KeyTextError};
use crate::{FormError, RequestId, TokenPart, claims::ADMIN, json};

/// How long a service token lives, in seconds: longer than any call between components.
pub const LIFETIME: u64 = 30;

/// How far the clocks of two components may be apart, in seconds.
pub const SKEW: u64 = 5;

/// The largest service token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 4 * 1024;

const ALGORITHM: &str = "HS256";
const TYPE: &str = "akinai-service+jwt";

/// The longest name of a key, in bytes.
const LONGEST_NAME: usize = 64;

#[derive(Clone, Debug)]
struct NamedKey {
    id: String,
    secret: HmacSecret,
}

impl NamedKey {
    fn parse(text: &str) -> Result<Self, KeyTextError> {
        let (id, secret) = text.split_once(':').ok_or(KeyTextError::Name)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        match (1..=LONGEST_NAME).contains(&id.len()) && id.bytes().all(allowed) {
            true => Ok(Self {
                id: id.to_owned(),
                secret: HmacSecret::parse(secret)?,
            }),
            false => Err(KeyTextError::Name),
        }
    }
}

/// The key that a caller signs with. Its `Debug` form hides it.
#[derive(Clone, Debug)]
pub struct MintingKey(NamedKey);

impl MintingKey {
    /// Reads `NAME:KEY`: a name of 1 to 64 letters, digits, `.`, `_` and `-`, and 32 to 64 bytes in base64url without
    /// padding (RFC 7518, section 3.2, requires 32).
    ///
    /// # Errors
    /// [`KeyTextError::Name`], [`KeyTextError::Encoding`] or [`KeyTextError::Length`].
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        NamedKey::parse(text).map(Self)
    }
}

/// The keys that a callee accepts from one caller. Its `Debug` form hides them.
#[derive(Clone, Debug)]
pub struct AcceptedKeys(Vec<NamedKey>);

impl AcceptedKeys {
    /// Reads one or more [`MintingKey`]s with white space between them.
    ///
    /// # Errors
    /// Any of [`MintingKey::parse`]; [`KeyTextError::None`] where there is no key at all.
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        let keys: Vec<NamedKey> = text
            .split_ascii_whitespace()
            .map(NamedKey::parse)
            .collect::<Result<_, _>>()?;
        match keys.is_empty() {
            true => Err(KeyTextError::None),
            false => Ok(Self(keys)),
        }
    }
}

/// The claims for the called component.
#[derive(Clone, Copy, Debug)]
pub struct CallClaims<'a> {
    /// On whose behalf it calls.
    pub principal: &'a Principal,
    /// The id of the request that the call belongs to.
    pub request_id: &'a RequestId,
    /// Where that request came from, if it came from outside.
    pub client_address: Option<IpAddr>,
}

/// Makes the tokens for a caller's calls of one callee.
#[derive(Clone, Debug)]
pub struct Minter {
    issuer: String,
    audience: String,
    header: String,
    secret: HmacSecret,
}

impl Minter {
    /// Makes tokens from the component `issuer` to the component `audience`. Only those two know this key.
    pub fn new(issuer: &str, audience: &str, key: MintingKey) -> Self {
        let header = json!({"alg": ALGORITHM, "kid": key.0.id, "typ": TYPE});
        Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
            secret: key.0.secret,
        }
    }

    /// A token for this call, to be sent at once: it lives for [`LIFETIME`] seconds from `now`, in seconds since 1970.
    pub fn mint(&self, call: &CallClaims<'_>, now: u64) -> String {
        let claims = URL_SAFE_NO_PAD.encode(self.claims(call, now).to_string());
        let signed = format!("{}.{claims}", self.header);
        let mac = self.secret.mac().chain_update(&signed).finalize().into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    fn claims(&self, call: &CallClaims<'_>, now: u64) -> Value {
        let mut claims = Map::new();
        let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        claim("iss", json!(self.issuer));
        claim("aud", json!(self.audience));
        claim("iat", json!(now));
        claim("exp", json!(now.saturating_add(LIFETIME)));
        claim("request_id", json!(call.request_id.as_str()));
        if let Some(address) = call.client_address {
            claim("client_address", json!(address.to_string()));
        }
        if let Principal::User(signed_in) = call.principal {
            claim("sub", json!(signed_in.user.id.to_string()));
            if signed_in.user.scopes.contains(&kernel::Scope::Admin) {
                claim("scope", json!(ADMIN));
            }
            if let Some(epoch) = signed_in.epoch {
                claim("epoch", json!(epoch));
            }
            if let Some(session) = &signed_in.user.session {
                claim("sid", json!(session.as_str()));
            }
        }
        claims.into()
    }
}

/// Why a service token is refused: for the log, and safe there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceTokenError {
    /// It does not have the form of a signed token.
    #[error(transparent)]
    Form(#[from] FormError),
    /// Its header is not that of a service token: another algorithm or type, no `kid`, or more than these.
    #[error("the token is not a service token")]
    Kind,
    /// No caller has a key of that name here.
    #[error("the service token is signed with a key that is not accepted here")]
    UnknownKey,
    /// It is not signed with the key that it names.
    #[error("the service token's signature is wrong")]
    Signature,
    /// It names another caller than the one that the key belongs to.
    #[error("the service token is signed with another caller's key")]
    Issuer,
    /// It is for another component.
    #[error("the service token is for another component")]
    Audience,
    /// It has expired.
    #[error("the service token has expired")]
    Expired,
    /// It was made in the future: a clock is wrong.
    #[error("the service token was issued in the future")]
    IssuedInFuture,
    /// It lives longer than [`LIFETIME`].
    #[error("the service token lives longer than it may")]
    Lifetime,
    /// A claim is missing, or not what it must be.
    #[error("the service token's claims are malformed")]
    Claims,
}

/// Verifies the tokens of a callee's callers.
#[derive(Clone, Debug)]
pub struct Verifier {
    audience: String,
    keys: Vec<(String, NamedKey)>,
}

impl Verifier {
    /// Accepts tokens for the component `audience` from these callers. Each caller has separate keys.
    ///
    /// # Errors
    /// [`KeyTextError::Shared`] where a key, or the name of one, is given twice; [`KeyTextError::None`] without any caller.
    pub fn new<'a>(
        audience: &str,
        callers: impl IntoIterator<Item = (&'a str, AcceptedKeys)>,
    ) -> Result<Self, KeyTextError> {
        let mut keys: Vec<(String, NamedKey)> = Vec::new();
        for (caller, accepted) in callers {
            for key in accepted.0 {
                let clashes =
                    |(_, other): &(_, NamedKey)| other.id == key.id || other.secret.same(&key.secret);
                if keys.iter().any(clashes) {
                    return Err(KeyTextError::Shared);
                }
                keys.push((caller.to_owned(), key));
            }
        }
        match keys.is_empty() {
            true => Err(KeyTextError::None),
            false => Ok(Self {
                audience: audience.to_owned(),
                keys,
            }),
        }
    }

    /// Verifies a token at the time `now`, in seconds since 1970. The claims are read only after the signature is
    /// verified.
    ///
    /// # Errors
    /// Any [`ServiceTokenError`].
    pub fn verify(&self, token: &str, now: u64) -> Result<ServiceCall, ServiceTokenError> {
        let parts = Compact::split(token, MAX_TOKEN_BYTES)?;
        let (caller, key) = self.key(&parts.header)?;
        key.secret
            .mac()
            .chain_update(parts.signed)
            .verify_slice(&parts.signature)
            .map_err(|_| ServiceTokenError::Signature)?;
        let claims: Claims = read(TokenPart::Payload, &parts.payload)?.ok_or(ServiceTokenError::Claims)?;
        if claims.iss != *caller {
            return Err(ServiceTokenError::Issuer);
        }
        if claims.aud != self.audience {
            return Err(ServiceTokenError::Audience);
        }
        claims.is_of(now)?;
        claims.call().ok_or(ServiceTokenError::Claims)
    }

    fn key(&self, header: &[u8]) -> Result<&(String, NamedKey), ServiceTokenError> {
        let header: Header = read(TokenPart::Header, header)?.ok_or(ServiceTokenError::Kind)?;
        if header.alg != ALGORITHM || header.typ != TYPE {
            return Err(ServiceTokenError::Kind);
        }
        self.keys
            .iter()
            .find(|(_, key)| key.id == header.kid)
            .ok_or(ServiceTokenError::UnknownKey)
    }
}

/// A part of a token: `None` where it is a JSON object, but not this one.
fn read<T: DeserializeOwned>(part: TokenPart, bytes: &[u8]) -> Result<Option<T>, FormError> {
    let object = json::object(bytes).ok_or(FormError::Json(part))?;
    Ok(serde_json::from_value(object.into()).ok())
}

/// A header may have only the members that [`Minter`] writes. Any other (RFC 7515, section 4.1) is an attack.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// Other claims are ignored, so that a caller that says more can be deployed before its callee.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    iat: u64,
    exp: u64,
    request_id: String,
    client_address: Option<IpAddr>,
    sub: Option<String>,
    scope: Option<String>,
    epoch: Option<u64>,
    sid: Option<String>,
}

impl Claims {
    fn is_of(&self, now: u64) -> Result<(), ServiceTokenError> {
        if self
            .exp
            .checked_sub(self.iat)
            .is_none_or(|seconds| seconds > LIFETIME)
        {
            return Err(ServiceTokenError::Lifetime);
        }
        if now >= self.exp.saturating_add(SKEW) {
            return Err(ServiceTokenError::Expired);
        }
        match self.iat > now.saturating_add(SKEW) {
            true => Err(ServiceTokenError::IssuedInFuture),
            false => Ok(()),
        }
    }

    fn call(self) -> Option<ServiceCall> {
        Some(ServiceCall {
            principal: self.principal()?,
            request_id: self.request_id.parse().ok()?,
            client_address: self.client_address,
            caller: self.iss,
        })
    }

    fn principal(&self) -> Option<Principal> {
        let Some(subject) = &self.sub else {
            // Claims of a user without the user: the token is refused.
            let nothing_else = self.scope.is_none() && self.epoch.is_none() && self.sid.is_none();
            return nothing_else.then_some(Principal::Anonymous);
        };
        let scopes = self.scope.as_deref().unwrap_or_default();
        Some(Principal::User(SignedIn {
            user: UserCaller {
                id: user_id(subject)?,
                scopes: granted(scopes.split(' ').any(|scope| scope == ADMIN)),
                session: self.sid.as_deref().map(str::parse).transpose().ok()?,
            },
            epoch: self.epoch,
        }))
    }
}

/// A verified call by one of our components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceCall {
    caller: String,
    principal: Principal,
    request_id: RequestId,
    client_address: Option<IpAddr>,
}

impl ServiceCall {
    /// The component that calls: the one that the key belongs to.
    pub fn caller(&self) -> &str {
        &self.caller
    }

    /// On whose behalf it calls.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The id of the request that the call belongs to.
    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// Where that request came from, if it came from outside.
    pub fn client_address(&self) -> Option<IpAddr> {
        self.client_address
    }
}
