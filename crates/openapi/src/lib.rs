//! The public API as an OpenAPI document, made from the contracts in `proto/` and the comments in them.
//!
//! It describes the Connect protocol with JSON, which is what a program without a Connect library speaks: `POST
//! /package.Service/Method` with a message in proto3 JSON, the same by GET for methods without side effects, and errors in
//! Connect's shape. [`docs/openapi.json`](../../docs/openapi.json) is what it makes; `cargo xtask openapi` writes it.

mod comment;
mod contract;
mod operation;
mod schema;

use std::fmt;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::contract::Contract;
use crate::schema::Schemas;

/// The contracts of the public services. Those that are not here are for services alone.
const PUBLIC: [&str; 3] = [
    "order/v1/order.proto",
    "product/v1/product.proto",
    "user/v1/user.proto",
];

/// The contracts of messages that only errors carry.
const OF_DETAILS: [&str; 1] = ["google/rpc/error_details.proto"];

/// The messages that errors carry.
const DETAILS: [&str; 3] = [
    "google.rpc.BadRequest",
    "order.v1.TotalChanged",
    "product.v1.StockShortage",
];

/// The OpenAPI document of the contracts in a folder.
///
/// # Errors
/// The contracts do not compile, or have something for which this crate has no schema: the message names it.
pub fn document(contracts: &Path) -> Result<Value, Error> {
    let files: Vec<&str> = PUBLIC.into_iter().chain(OF_DETAILS).collect();
    let contract = Contract::compile(contracts, &files)?;
    let mut schemas = Schemas::of(&contract);
    let mut paths = Map::new();
    let mut tags = Vec::new();
    for service in contract
        .services
        .iter()
        .filter(|service| PUBLIC.contains(&&*service.file))
    {
        tags.push(json!({ "name": service.name, "description": service.comment }));
        for method in &service.methods {
            let path = format!("/{}/{}", service.name, method.descriptor.name());
            paths.insert(path, operation::of(service, method, &mut schemas)?);
        }
    }
    for detail in DETAILS {
        schemas.message(detail)?;
    }
    let mut components = operation::components();
    components["schemas"][operation::ERROR] = operation::error(&DETAILS);
    for (name, schema) in schemas.finish() {
        components["schemas"][name] = schema;
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Akinai",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "http://127.0.0.1:3000", "description": "What `cargo xtask up` runs." }],
        "tags": tags,
        "paths": paths,
        "components": components,
    }))
}

const INTRODUCTION: &str = "\
    A commerce backend: accounts, the catalogue and its stock, carts and orders.\n\n\
    Its methods are those of the Connect protocol (https://connectrpc.com/docs/protocol) with JSON. A message is proto3 JSON: \
    a field that is absent has its default value, numbers of 64 bits are written as strings and read as strings or numbers, \
    and members that are not known are ignored. A request may have 256 KiB, and may be compressed with gzip. The same methods \
    can be called with binary messages, and by gRPC and gRPC-Web, with code that is generated from the contracts in proto/.";

/// The reason why there is no document.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use api::{order::v1::order_service, product::v1::product_service, user::v1::user_service};
    use connect::Callers as Rule;

    use super::*;
    use crate::comment::Callers;

    #[test]
    fn comments_say_who_may_call_as_the_access_option_does() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let contract = Contract::compile(&root.join("proto"), &PUBLIC).expect("the contracts compile");
        for service in [
            &order_service::SERVICE,
            &product_service::SERVICE,
            &user_service::SERVICE,
        ] {
            let described = contract
                .services
                .iter()
                .find(|described| described.name == service.name);
            let described = described.expect(service.name);
            for (method, described) in service.methods.iter().zip(&described.methods) {
                let rule = method.access.as_ref().expect(method.path).callers;
                let expected = match rule {
                    Rule::Public => Callers::Anyone,
                    Rule::Role => Callers::Admin,
                    Rule::User | Rule::Owner(_) => Callers::SignedIn,
                    Rule::Component => panic!("{} is not public", method.path),
                };
                assert_eq!(
                    Callers::of(&described.comment),
                    expected,
                    "the comment of {} and its access option {rule:?}",
                    method.path
                );
            }
        }
    }

    #[test]
    fn document_in_docs_is_what_the_contracts_say() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let current = document(&root.join("proto")).expect("the contracts have a document");
        let text = std::fs::read(root.join("docs/openapi.json")).unwrap_or_default();
        let checked_in: Option<Value> = serde_json::from_slice(&text).ok();
        assert!(
            checked_in == Some(current),
            "docs/openapi.json is not what the contracts in proto/ say: run `cargo xtask openapi`"
        );
    }
}
