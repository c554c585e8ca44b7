//! The header's other members.

use identity::access::TokenError::*;
use serde_json::json;

use super::refused;
use crate::tokens::*;

#[test]
fn critical_extensions_are_refused() {
    for critical in [json!(["exp"]), json!([]), json!("b64"), json!(["b64"])] {
        refused(&with_header(&json!({"crit": critical})), Header("crit"));
    }
}

#[test]
fn an_unencoded_payload_is_refused() {
    for value in [json!(false), json!(true)] {
        refused(&with_header(&json!({"b64": value})), Header("b64"));
    }
    refused(
        &with_header(&json!({"b64": false, "crit": ["b64"]})),
        Header("crit"),
    );
}

#[test]
fn a_token_in_a_token_is_refused() {
    let inner = with_claims(&json!({}));
    let header = with(header("ES256"), &json!({"cty": "JWT"})).to_string();
    refused(&token(&header, &inner, es256), Header("cty"));
}

#[test]
fn a_compressed_token_is_refused() {
    refused(&with_header(&json!({"zip": "DEF"})), Header("zip"));
}

#[test]
fn tokens_of_other_types_are_refused() {
    let others = [
        "id_token",
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "akinai-service+jwt",
        "application/application/jwt",
        "text/jwt",
        "jwt ",
        "",
    ];
    for other in others {
        refused(&with_header(&json!({"typ": other})), Type);
    }
    refused(&with_header(&json!({"typ": ["JWT"]})), Type);
}
