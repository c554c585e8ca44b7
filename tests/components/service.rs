//! A component alone in an instance, for calls through its WIT interfaces.

use harness::Setup;
use host::State;
use wasmtime::Store;
use wasmtime::component::Instance;

/// An instance of a component, with its own database.
pub(crate) struct Service<B> {
    pub(crate) store: Store<State>,
    pub(crate) component: B,
    // This field is last: the database is dropped after the instance that uses it.
    pub(crate) setup: Setup,
}

impl<B> Service<B> {
    /// An instance of the component with this name. `bind` finds its exports.
    pub(crate) async fn named(
        name: &str,
        setup: Setup,
        bind: impl FnOnce(&mut Store<State>, &Instance) -> wasmtime::Result<B>,
    ) -> Self {
        let app = setup.load().await;
        let (mut store, instance) = app.instantiate(name).await.expect("the component starts");
        let component = bind(&mut store, &instance).expect("the component exports its service");
        Self {
            store,
            component,
            setup,
        }
    }
}

/// Calls a function of an interface of the component.
macro_rules! call {
    ($service:ident.$interface:ident().$function:ident($($argument:expr),*)) => {{
        let interface = $service.component.$interface();
        $service
            .store
            .run_concurrent(async |accessor| interface.$function(accessor, $($argument),*).await)
            .await
            .flatten()
            .expect("the component does not trap")
    }};
}

pub(crate) use call;
