//! The WIT exports of both topics.

use crate::{
    catalogue::{self, service::Catalogue},
    inventory::{self as stock, service::Inventory},
};

rpc_adapters::wit_bindings!("product-service", export = Component);

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
