//! The bindings of a component's WIT world.

/// Generates the module `bindings` from a world of `wit/`, with the records of this crate for the interface `types`.
/// `export = Type` also exports the world's interfaces, which the type implements; without, `bindings::export!` does.
#[macro_export]
macro_rules! wit_bindings {
    ($world:tt $(, export = $Component:ident)?) => {
        // Generated code: its items are documented in `wit/`.
        #[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
        pub(crate) mod bindings {
            ::spin_sdk::wit_bindgen::generate!({
                path: "../../wit",
                world: $world,
                runtime_path: "spin_sdk::wit_bindgen::rt",
                with: { "akinai:commerce/types@0.2.0": ::rpc_adapters::wit::types },
            });
            $(
                export!($Component with_types_in self);

                use super::$Component;
            )?
        }
    };
}
