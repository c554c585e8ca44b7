//! The compact serialization that both kinds of token share (RFC 7515, section 7.1).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The longest `kid`, in bytes, of a key or a token.
pub const MAX_KEY_ID: usize = 256;

/// One of the three parts of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPart {
    /// The algorithm, the type and the key id.
    Header,
    /// The claims.
    Payload,
    /// The signature, or the MAC.
    Signature,
}

impl fmt::Display for TokenPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// Why a text does not have the form of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// It is longer than a token may be.
    #[error("the token has more than {0} bytes")]
    TooLong(usize),
    /// A JWS has three parts with a point between them (RFC 7515, section 7.1); five would be a JWE (RFC 7516).
    #[error("the token does not have three parts")]
    Parts,
    /// It has another alphabet, padding, white space, or bits at the end that a lenient decoder would drop (RFC 7515, section 2; RFC
    /// 4648, section 3.5).
    #[error("the token's {0} is not base64url in its one canonical form, without padding")]
    Encoding(TokenPart),
    /// It is not JSON, not an object, nested too deep, or has a member name twice (RFC 7519, section 7.2).
    #[error("the token's {0} is not a JSON object in which each name comes once")]
    Json(TokenPart),
}

/// The parts of a token. Header and payload are decoded; all three are canonical base64url.
#[derive(Clone)]
pub(crate) struct Compact<'a> {
    /// The signed bytes: header and payload as they were sent (RFC 7515, section 5.2, step 8).
    pub(crate) signed: &'a [u8],
    pub(crate) header: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    /// The signature as it was sent.
    pub(crate) encoded_signature: &'a str,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Splits a token of at most `limit` bytes.
    pub(crate) fn split(token: &'a str, limit: usize) -> Result<Self, FormError> {
        if token.len() > limit {
            return Err(FormError::TooLong(limit));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(FormError::Parts)?;
        let (header, payload) = signed.split_once('.').ok_or(FormError::Parts)?;
        if payload.contains('.') {
            return Err(FormError::Parts);
        }
        Ok(Self {
            signed: signed.as_bytes(),
            header: decode(TokenPart::Header, header)?,
            payload: decode(TokenPart::Payload, payload)?,
            encoded_signature: signature,
            signature: decode(TokenPart::Signature, signature)?,
        })
    }
}

fn decode(part: TokenPart, text: &str) -> Result<Vec<u8>, FormError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| FormError::Encoding(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_parts_of_canonical_base64url() {
        let cases = [
            ("e30.e30.AA", Ok(())),
            ("..", Ok(())),
            ("", Err(FormError::Parts)),
            ("e30", Err(FormError::Parts)),
            ("e30.e30", Err(FormError::Parts)),
            ("e30.e30.AA.AA", Err(FormError::Parts)),
            ("e30.e30.AA.AA.AA", Err(FormError::Parts)),
            ("e30=.e30.AA", Err(FormError::Encoding(TokenPart::Header))),
            ("e30.e31.AA", Err(FormError::Encoding(TokenPart::Payload))),
            ("e30.e30.A+", Err(FormError::Encoding(TokenPart::Signature))),
            ("e30.e30.AB", Err(FormError::Encoding(TokenPart::Signature))),
            (" e30.e30.AA", Err(FormError::Encoding(TokenPart::Header))),
            ("e30.e30.AA\n", Err(FormError::Encoding(TokenPart::Signature))),
            ("e30.e30.茶", Err(FormError::Encoding(TokenPart::Signature))),
            ("e30.e30.AAAAAAAAAAAAAAAAA", Err(FormError::TooLong(24))),
        ];
        for (token, expected) in cases {
            assert_eq!(Compact::split(token, 24).map(|_| ()), expected, "{token:?}");
        }
    }
}
