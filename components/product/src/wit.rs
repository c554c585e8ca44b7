//! The WIT exports: bindings, and what the adapters of both topics have in common.

use rpc_adapters::wit::types;

use crate::store::StoreError;

// Generated code: its items are documented in `wit/`.
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "product-service",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        with: { "akinai:commerce/types@0.1.0": rpc_adapters::wit::types },
    });

    export!(Component with_types_in self);

    use super::Component;
}

pub(crate) use bindings::exports::akinai::commerce::{inventory, products};

/// Exports both interfaces; their functions are in the topics.
pub(crate) struct Component;

/// What a caller sees when a store has no answer; the cause goes to the log.
pub(crate) fn no_answer(error: &StoreError) -> types::Error {
    spin_adapters::log::error(web::request_id::RequestIds::NONE, error);
    match error {
        StoreError::Unavailable(_) => types::Error::Unavailable,
        StoreError::Failed(_) => types::Error::Internal,
    }
}
