//! The reasons why an access token is refused.

use crate::jws::{FormError, MAX_KEY_ID};

/// Why a token is refused. It is for the log, and safe there: no part of the token is repeated. A client is only told that the
/// token is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not have the form of a signed token.
    #[error(transparent)]
    Form(#[from] FormError),
    /// `alg` is missing, `none`, a MAC, or anything else but RS256 and ES256 (RFC 8725, sections 3.1 and 3.2).
    #[error("the token's algorithm is neither RS256 nor ES256")]
    Algorithm,
    /// A header that would bring a key along, change how the token is read, or wrap another token (RFC 7515, sections
    /// 4.1.2 to 4.1.6 and 4.1.11; RFC 7797; RFC 7519, section 5.2).
    #[error("the token's header has {0}, which is never accepted")]
    Header(&'static str),
    /// `typ` is not that of an access token (RFC 9068, section 4; RFC 8725, section 3.11).
    #[error("the token's typ is not that of an access token")]
    Type,
    /// `kid` is not a text, or longer than [`MAX_KEY_ID`].
    #[error("the token's kid is not a text of at most {MAX_KEY_ID} bytes")]
    KeyId,
    /// The key set has no such key: it may be older than the key. See [`TokenError::is_unknown_key`].
    #[error("the token is signed with a key that is not in the JWKS")]
    UnknownKey,
    /// It has no `kid`, and several keys fit.
    #[error("the token names no key, and several fit its algorithm")]
    NoKeyId,
    /// The key is of another type than the algorithm (RFC 8725, section 3.1).
    #[error("the token's key is of another type than its algorithm")]
    KeyType,
    /// The signature was not made with that key, or not of these bytes.
    #[error("the token's signature is wrong")]
    Signature,
    /// A required claim is missing.
    #[error("the token has no {0}")]
    Missing(&'static str),
    /// A claim has the wrong type, or is too long, too large or negative.
    #[error("the token's {0} is malformed")]
    Malformed(&'static str),
    /// A claim is in two places, with two values.
    #[error("the token contradicts itself about {0}")]
    Contradiction(&'static str),
    /// It is from another issuer (RFC 7519, section 4.1.1).
    #[error("the token is from another issuer")]
    Issuer,
    /// It is for another API (RFC 7519, section 4.1.3).
    #[error("the token is for another audience")]
    Audience,
    /// It has expired (RFC 7519, section 4.1.4).
    #[error("the token has expired")]
    Expired,
    /// It is not valid yet: `nbf` (RFC 7519, section 4.1.5).
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` lies in the future (RFC 7519, section 4.1.6): a clock is wrong.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// It has a claim that only ID tokens have. An ID token proves a login to the client and grants nothing here.
    #[error("the token has {0}: it is an ID token, not an access token")]
    IdToken(&'static str),
    /// It is bound to a key of its holder (`cnf`: RFC 8705, RFC 9449), and the holder would have to prove possession of that
    /// key. As a bearer token it would lose this protection.
    #[error("the token is bound to its sender, which is not supported")]
    SenderConstrained,
}

impl TokenError {
    /// Whether a newer key set could change the result: the issuer may have added a key after this set was fetched.
    pub fn is_unknown_key(self) -> bool {
        self == Self::UnknownKey
    }

    /// Whether the signature is the issuer's, and only the claims are refused: the token has expired, for example. Such a token is
    /// no attempt to forge one.
    pub fn has_valid_signature(self) -> bool {
        match self {
            Self::Missing(_)
            | Self::Malformed(_)
            | Self::Contradiction(_)
            | Self::Issuer
            | Self::Audience
            | Self::Expired
            | Self::NotYetValid
            | Self::IssuedInFuture
            | Self::IdToken(_)
            | Self::SenderConstrained => true,
            Self::Form(_)
            | Self::Algorithm
            | Self::Header(_)
            | Self::Type
            | Self::KeyId
            | Self::UnknownKey
            | Self::NoKeyId
            | Self::KeyType
            | Self::Signature => false,
        }
    }
}
