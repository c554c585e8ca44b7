//! `spin:variables`: the host functions, and the state of one instance.

use std::fmt;

use wasmtime::component::{Accessor, HasData, Linker};

use super::{Values, broken_rule};

#[allow(
    missing_docs,
    reason = "generated; the interface is documented in wit/deps/spin-variables"
)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "akinai:host/variables",
        imports: { default: trappable },
    });
}

use bindings::spin::variables::variables as wit;

/// The state of one instance: the variables of its component.
pub struct Variables(Values);

impl Variables {
    /// The state of an instance of the component with these values.
    #[must_use]
    pub fn new(values: Values) -> Self {
        Self(values)
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Gives the host functions access to the state in a store.
#[derive(Debug)]
pub struct VariablesView<'a> {
    /// The state of the instance.
    pub state: &'a mut Variables,
}

/// Adds `spin:variables@3.0.0`.
///
/// # Errors
/// The linker already has it.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> VariablesView<'_>,
) -> wasmtime::Result<()> {
    wit::add_to_linker::<T, Capability>(linker, view)
}

struct Capability;

impl HasData for Capability {
    type Data<'a> = VariablesView<'a>;
}

impl wit::Host for VariablesView<'_> {}

impl<T: Send + 'static> wit::HostWithStore<T> for Capability {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> wasmtime::Result<Result<String, wit::Error>> {
        Ok(accessor.with(|mut access| lookup(&access.get().state.0, &name)))
    }
}

/// The kinds of errors are the same as in Spin (`factor-variables/src/host.rs`, `expressions/src/lib.rs`).
fn lookup(values: &Values, name: &str) -> Result<String, wit::Error> {
    if let Some(reason) = broken_rule(name) {
        return Err(wit::Error::InvalidName(format!("{name:?}: {reason}")));
    }
    let undefined = || {
        wit::Error::Undefined(format!(
            "component {:?} has no variable {name:?}",
            values.component
        ))
    };
    values.values.get(name).cloned().ok_or_else(undefined)
}
