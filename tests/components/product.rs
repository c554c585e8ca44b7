//! The product component alone, called through the WIT interface that it exports.

use futures::future::join_all;
use harness::{Product, Setup};
use host::State;
use uuid::Uuid;
use wasmtime::Store;
use wasmtime::component::{Accessor, HasSelf};

use bindings::akinai::commerce::types::{Caller, Error, Money, PageRequest, Scope, UserCaller};
use bindings::exports::akinai::commerce::products::{self, Guest};

mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "product-service" });
}

/// An instance of the component, over a database with these products.
struct Service {
    store: Store<State>,
    component: bindings::ProductService,
    // Last: the database goes after the instance that uses it.
    _setup: Setup,
}

impl Service {
    async fn start(products: &[Product]) -> Self {
        let setup = Setup::new().await;
        setup.database.insert(products).await;
        Self::of(setup).await
    }

    async fn of(setup: Setup) -> Self {
        let app = setup.load().await;
        let (mut store, instance) = app.instantiate("product").await.expect("the component starts");
        let component = bindings::ProductService::new(&mut store, &instance)
            .expect("the component exports the product service");
        Self {
            store,
            component,
            _setup: setup,
        }
    }

    /// Runs calls in the instance; they may be under way at the same time.
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

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_what_is_in_postgres() {
    let stored = Product {
        description: "From Uji.".to_owned(),
        image_url: Some("/images/matcha.jpg".to_owned()),
        price: "1980.50".to_owned(),
        quantity: 12,
        reserved: 5,
        created_at: "1970-01-01T00:00:01.000002Z".to_owned(),
        updated_at: "2026-01-02T03:04:05Z".to_owned(),
        ..Product::named("抹茶")
    };
    let mut service = Service::start(std::slice::from_ref(&stored)).await;

    let product = service
        .get(Caller::Anonymous, &stored.id.to_string())
        .await
        .expect("the product is there");

    assert_eq!(product.id, stored.id.to_string(), "the id must be the row's");
    assert_eq!(product.name, stored.name, "the name must be the row's");
    assert_eq!(
        product.description, stored.description,
        "the description must be the row's"
    );
    let Money {
        amount,
        currency_code,
    } = &product.price;
    assert_eq!(
        (amount.as_str(), currency_code.as_str()),
        ("1980.50", "JPY"),
        "the price must be exact"
    );
    assert_eq!(
        product.image_url, stored.image_url,
        "the picture must be the row's"
    );
    assert_eq!(product.available, 7, "what is reserved is not available");
    assert_eq!(
        product.created_at, 1_000_002,
        "times must be microseconds since 1970"
    );
    assert_eq!(
        product.updated_at, 1_767_323_045_000_000,
        "times must be microseconds since 1970"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_decides_what_is_seen() {
    let stored = Product {
        quantity: 12,
        reserved: 5,
        ..Product::named("matcha")
    };
    let mut service = Service::start(std::slice::from_ref(&stored)).await;
    let id = stored.id.to_string();

    for caller in [Caller::Anonymous, user()] {
        let product = service.get(caller, &id).await.expect("anyone may read products");
        assert!(
            product.stock.is_none(),
            "only admins may see the stock, but it was {:?}",
            product.stock
        );
    }
    let stock = service
        .get(admin(), &id)
        .await
        .expect("an admin may read products")
        .stock;
    let stock = stock.expect("an admin sees the stock");
    assert_eq!(
        (stock.quantity, stock.reserved, stock.version),
        (12, 5, 1),
        "and it must be the row's"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_cases_of_the_variant() {
    let mut service = Service::start(&[]).await;

    let missing = service.get(Caller::Anonymous, &Uuid::now_v7().to_string()).await;
    assert!(
        matches!(missing, Err(Error::NotFound)),
        "an unknown id must be not-found, but was {missing:?}"
    );
    let malformed = service
        .get(Caller::Anonymous, "42")
        .await
        .expect_err("42 is no id");
    assert_eq!(fields(malformed), ["id"], "the violation must name the field");
    let wrong = service
        .list(-1, "?", &"x".repeat(101))
        .await
        .expect_err("three wrong fields");
    assert_eq!(
        fields(wrong),
        ["pageSize", "pageToken", "query"],
        "all wrong fields must be named"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_on_where_the_last_one_ended() {
    let stored: Vec<Product> = (0..5)
        .map(|number| Product::named(format!("tea {number}")))
        .collect();
    let mut service = Service::start(&stored).await;
    let names =
        |page: &products::ProductPage| page.products.iter().map(|p| p.name.clone()).collect::<Vec<_>>();

    let first = service.list(3, "", "TEA").await.expect("a page");
    assert_eq!(
        names(&first),
        ["tea 4", "tea 3", "tea 2"],
        "the first page must hold the newest"
    );
    let second = service
        .list(3, &first.next_page_token, "TEA")
        .await
        .expect("a page");
    assert_eq!(
        names(&second),
        ["tea 1", "tea 0"],
        "the second page must hold the rest"
    );
    assert_eq!(second.next_page_token, "", "and be the last");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_calls_in_one_instance_do_not_meet() {
    let stored: Vec<Product> = (0..16)
        .map(|number| Product::named(format!("only for {number}")))
        .collect();
    let mut service = Service::start(&stored).await;

    for round in 0..10 {
        let ids: Vec<String> = stored.iter().map(|product| product.id.to_string()).collect();
        let answers = service
            .run(async move |accessor, products| {
                join_all(
                    ids.into_iter()
                        .map(|id| products.call_get_product(accessor, Caller::Anonymous, id)),
                )
                .await
            })
            .await;
        for (answer, asked) in answers.into_iter().zip(&stored) {
            let product = answer
                .expect("the component does not trap")
                .expect("the product is there");
            assert_eq!(
                product.id,
                asked.id.to_string(),
                "round {round}: each call must get what it asked for"
            );
            assert_eq!(
                product.name, asked.name,
                "round {round}: each call must get what it asked for"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_it_says_unavailable() {
    let nobody = xtask::services::free_port().expect("a port that nobody listens on");
    let mut service = Service::of(Setup::new().await.variable("db_port", nobody.to_string())).await;

    let answer = service.list(1, "", "").await;

    assert!(
        matches!(answer, Err(Error::Unavailable)),
        "nobody listens: it must be unavailable, but was {answer:?}"
    );
}
