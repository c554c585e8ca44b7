//! The product component alone, called through the WIT interfaces that it exports.

mod changes;
mod reads;
mod stock;

use crate::service::call;
use bindings::akinai::commerce::types::{Caller, Error, PageRequest, Scope, UserCaller};
use bindings::exports::akinai::commerce::products::{self, Guest};
use futures::future::join_all;
use harness::{Product, Setup};
use host::State;
use uuid::Uuid;
use wasmtime::component::{Accessor, HasSelf};

mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "product-service" });
}

/// An instance of the component, over a database with these products.
type Service = crate::service::Service<bindings::ProductService>;

impl Service {
    async fn start(products: &[Product]) -> Self {
        let setup = Setup::new().await;
        setup.database.insert(products).await;
        Self::of(setup).await
    }

    async fn of(setup: Setup) -> Self {
        let bind = |store: &mut _, instance: &_| bindings::ProductService::new(store, instance);
        Self::named("product", setup, bind).await
    }

    /// Runs calls in the instance. They may run at the same time.
    async fn run<R: 'static>(
        &mut self,
        calls: impl AsyncFnOnce(&Accessor<State, HasSelf<State>>, &Guest) -> R,
    ) -> R {
        let products = self.component.akinai_commerce_products();
        let run = self
            .store
            .run_concurrent(async move |accessor| calls(accessor, products).await);
        run.await.expect("the component does not trap")
    }

    async fn get(&mut self, caller: Caller, id: &str) -> Result<products::Product, Error> {
        let id = id.to_owned();
        self.run(async move |accessor, products| products.call_get_product(accessor, caller, id).await)
            .await
            .expect("the component does not trap")
    }

    async fn list(&mut self, size: i32, token: &str, query: &str) -> Result<products::ProductPage, Error> {
        let page = PageRequest {
            size,
            token: token.to_owned(),
        };
        let query = query.to_owned();
        self.run(async move |accessor, products| {
            products
                .call_list_products(accessor, Caller::Anonymous, page, query)
                .await
        })
        .await
        .expect("the component does not trap")
    }
}

fn admin() -> Caller {
    Caller::User(UserCaller {
        id: Uuid::now_v7().to_string(),
        scopes: vec![Scope::Admin],
        session: None,
    })
}

fn user() -> Caller {
    Caller::User(UserCaller {
        id: Uuid::now_v7().to_string(),
        scopes: Vec::new(),
        session: None,
    })
}

fn fields(error: Error) -> Vec<String> {
    match error {
        Error::InvalidArgument(violations) => {
            violations.into_iter().map(|violation| violation.field).collect()
        }
        other => panic!("the request must be an invalid argument, but the answer was {other:?}"),
    }
}
