//! The examples of RFC 7515, 7517 and 7519.
//!
//! None of their tokens is an access token, so none is accepted. Signatures are checked before claims: a token whose
//! signature is good is refused for what it says.

use identity::FormError;
use identity::access::{TokenError, UnverifiedToken};
use identity::jwks::{Jwks, JwksError, SkipReason};
use serde_json::json;

use crate::tokens::*;

/// The claims of all the examples: `{"iss":"joe", "exp":1300819380, "http://example.com/is_root":true}`.
const PAYLOAD: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

const A2_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

const A3_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

#[test]
fn the_signatures_of_rfc_7515_a_2_and_a_3_are_good() {
    let keys = set(&[
        json!({"kty": "RSA", "n": RSA_N, "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-256", "x": EC_X, "y": EC_Y}),
    ]);
    for (header, signature) in [
        ("eyJhbGciOiJSUzI1NiJ9", A2_SIGNATURE),
        ("eyJhbGciOiJFUzI1NiJ9", A3_SIGNATURE),
    ] {
        let genuine = format!("{header}.{PAYLOAD}.{signature}");
        assert_eq!(
            verify_with(&keys, &genuine),
            Err(TokenError::Issuer),
            "joe is another issuer: {genuine}"
        );

        let mut altered = decode(signature);
        altered[10] ^= 1;
        let altered = format!("{header}.{PAYLOAD}.{}", encode(altered));
        assert_eq!(
            verify_with(&keys, &altered),
            Err(TokenError::Signature),
            "{altered}"
        );
        let altered = format!("{header}.{}.{signature}", PAYLOAD.replacen("Q", "A", 1));
        assert_eq!(
            verify_with(&keys, &altered),
            Err(TokenError::Signature),
            "{altered}"
        );
    }
}

#[test]
fn signatures_of_the_tests_are_those_of_the_rfc() {
    let signed = format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}");
    assert_eq!(
        encode(rs256(signed.as_bytes())),
        A2_SIGNATURE,
        "PKCS #1 v1.5 leaves nothing to chance"
    );
}

#[test]
fn the_public_keys_of_rfc_7517_a_1_are_one_for_encryption_and_one_for_us() {
    let document = r#"{"keys":
       [
         {"kty":"EC",
          "crv":"P-256",
          "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
          "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
          "use":"enc",
          "kid":"1"},

         {"kty":"RSA",
          "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
          "e":"AQAB",
          "alg":"RS256",
          "kid":"2011-04-29"}
       ]
     }"#;
    let keys = Jwks::parse(document.as_bytes()).unwrap();
    assert_eq!(keys.skipped(), [(0, SkipReason::Use)]);
    let token = signed(&json!({"alg": "RS256", "kid": "2011-04-29"}), &claims());
    assert_eq!(
        verify_with(&keys, &token),
        Err(TokenError::Signature),
        "the key is there, and another one"
    );
}

#[test]
fn the_symmetric_keys_of_rfc_7517_a_3_are_no_key_set() {
    let document = json!({"keys": [
        {"kty": "oct", "alg": "A128KW", "k": "GawgguFyGrWKav7AX4VKUg"},
        {"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"},
    ]});
    let error = Jwks::parse(document.to_string().as_bytes()).unwrap_err();
    assert_eq!(error, JwksError::NoKey);
}

#[test]
fn the_tokens_of_rfc_7519_are_no_access_tokens() {
    let hs256 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9";
    let encrypted = "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0";
    let cases = [
        (
            "3.1",
            format!("{hs256}.{PAYLOAD}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            TokenError::Algorithm,
        ),
        (
            "6.1",
            format!("eyJhbGciOiJub25lIn0.{PAYLOAD}."),
            TokenError::Algorithm,
        ),
        (
            "A.1",
            format!("{encrypted}.QR1Owv2ug2Wy.AxY8DCtDaGlsbGljb3RoZQ.MKOle7UQrG6n.fiK51VwhsxJ-siBMR-YFiA"),
            TokenError::Form(FormError::Parts),
        ),
    ];
    for (section, token, expected) in cases {
        assert_eq!(
            UnverifiedToken::parse(&token).err(),
            Some(expected),
            "section {section}"
        );
    }
}
