//! The WIT exports of both topics.

use crate::{
    catalogue::{self, service::Catalogue},
    inventory::{self as stock, service::Inventory},
};

// Generated code: its items are documented in `wit/`.
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "product-service",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        with: { "akinai:commerce/types@0.2.0": rpc_adapters::wit::types },
    });

    export!(Component with_types_in self);

    use super::Component;
}

pub(crate) use bindings::exports::akinai::commerce::{inventory, products};

/// Exports both interfaces; the topics implement their functions.
pub(crate) struct Component;

/// The use cases that the exported functions call. `lib.rs` provides them: an exported function has no `self` to hold them.
pub(crate) trait Provide {
    /// The use cases of the catalogue.
    fn catalogue() -> Catalogue<catalogue::store::Postgres>;

    /// The use cases of the inventory.
    fn inventory() -> Inventory<stock::store::Postgres>;
}
