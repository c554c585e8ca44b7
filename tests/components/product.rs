//! The product component alone, called through the WIT interface that it exports.

use futures::future::join_all;
use harness::{Product, Setup};
use host::State;
use uuid::Uuid;
use wasmtime::component::{Accessor, HasSelf};

use crate::service::call;
use bindings::akinai::commerce::types::{Caller, Error, Money, PageRequest, Scope, UserCaller};
use bindings::exports::akinai::commerce::inventory::{ReservationItem, ReservationStatus, ReserveError};
use bindings::exports::akinai::commerce::products::{self, Guest, NewProduct, ProductChange};

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
async fn an_instance_with_nothing_to_ask_holds_no_connection() {
    let stored = Product::named("抹茶");
    let setup = Setup::new().await;
    setup.database.insert(std::slice::from_ref(&stored)).await;
    let app = setup.load().await;
    let mut idle = Vec::new();
    // A host has 64 connections for a component.
    for number in 1..=65 {
        let started = app.instantiate("product").await;
        let (mut store, instance) = started.expect("the component starts");
        let component = bindings::ProductService::new(&mut store, &instance).expect("it exports its service");
        let (products, id) = (component.akinai_commerce_products(), stored.id.to_string());
        let read = store.run_concurrent(async |accessor| {
            products.call_get_product(accessor, Caller::Anonymous, id).await
        });
        let read = read.await.flatten().expect("the component does not trap");
        assert!(
            read.is_ok(),
            "instance {number} must reach the database beside those that are idle, but: {read:?}"
        );
        idle.push(store);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_what_is_in_postgres() {
    let stored = Product {
        description: "From Uji.".to_owned(),
        image_url: Some("/images/matcha.jpg".to_owned()),
        price: "1980.50".to_owned(),
        currency: "EUR".to_owned(),
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
        ("1980.50", "EUR"),
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
    let other = service.list(3, &first.next_page_token, "tea 1").await;
    assert_eq!(
        fields(other.expect_err("a token of another query")),
        ["pageToken"]
    );
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
    let closed_port = xtask::services::free_port().expect("a port without a listener");
    let mut service = Service::of(Setup::new().await.variable("db_port", closed_port.to_string())).await;

    let answer = service.list(1, "", "").await;

    assert!(
        matches!(answer, Err(Error::Unavailable)),
        "without a listener it must be unavailable, but was {answer:?}"
    );
}

fn money(amount: &str) -> Money {
    Money {
        amount: amount.to_owned(),
        currency_code: "JPY".to_owned(),
    }
}

fn new_product(name: &str) -> NewProduct {
    NewProduct {
        name: name.to_owned(),
        description: "From Uji.".to_owned(),
        price: money("1980"),
        image_url: "/tea.jpg".to_owned(),
        initial_stock: 7,
    }
}

fn unchanged() -> ProductChange {
    ProductChange {
        name: None,
        description: None,
        price: None,
        image_url: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_adds_a_product_and_changes_only_what_is_named() {
    let mut service = Service::start(&[]).await;
    let made = call!(
        service
            .akinai_commerce_products()
            .call_create_product(admin(), new_product(" 煎茶 "))
    )
    .expect("a new product");
    assert_eq!((made.name.as_str(), made.price.amount.as_str()), ("煎茶", "1980"));
    assert_eq!((made.image_url.as_deref(), made.available), (Some("/tea.jpg"), 7));
    let stock = made.stock.expect("an admin sees the stock");
    assert_eq!((stock.quantity, stock.reserved, stock.version), (7, 0, 1));
    let found = service
        .get(Caller::Anonymous, &made.id)
        .await
        .expect("it is there");
    assert_eq!((&found.name, found.created_at), (&made.name, made.created_at));

    let nothing = call!(service.akinai_commerce_products().call_update_product(
        admin(),
        made.id.clone(),
        unchanged()
    ));
    assert_eq!(fields(nothing.expect_err("a change of nothing")), ["updateMask"]);
    let same = ProductChange {
        name: Some("煎茶".to_owned()),
        image_url: Some("/tea.jpg".to_owned()),
        price: Some(money("1980.0")),
        ..unchanged()
    };
    let kept = call!(
        service
            .akinai_commerce_products()
            .call_update_product(admin(), made.id.clone(), same)
    )
    .expect("the same again");
    assert_eq!(
        kept.updated_at, made.updated_at,
        "what is as it was has not changed"
    );
    let cheaper = ProductChange {
        price: Some(money("999")),
        ..unchanged()
    };
    let changed = call!(service.akinai_commerce_products().call_update_product(
        admin(),
        made.id.clone(),
        cheaper
    ))
    .expect("a new price");
    assert_eq!(changed.price.amount, "999");
    assert_eq!(
        (&changed.name, &changed.description),
        (&made.name, &made.description)
    );
    assert_eq!(changed.image_url, made.image_url, "what is not named stays");
    assert!(
        changed.updated_at > made.updated_at,
        "the time of the change is kept"
    );
    let bare = ProductChange {
        name: Some("番茶".to_owned()),
        description: Some(String::new()),
        image_url: Some(String::new()),
        ..unchanged()
    };
    let bare = call!(
        service
            .akinai_commerce_products()
            .call_update_product(admin(), made.id.clone(), bare)
    )
    .expect("a change");
    assert_eq!((bare.name.as_str(), bare.description.as_str()), ("番茶", ""));
    assert_eq!((bare.image_url, bare.price.amount.as_str()), (None, "999"));
    assert_eq!(
        service.list(5, "", "番茶").await.expect("a page").products.len(),
        1,
        "the new name is found"
    );
    assert!(
        service
            .list(5, "", "煎茶")
            .await
            .expect("a page")
            .products
            .is_empty(),
        "the old one is not"
    );

    call!(
        service
            .akinai_commerce_products()
            .call_delete_product(admin(), made.id.clone())
    )
    .expect("it is deleted");
    call!(
        service
            .akinai_commerce_products()
            .call_delete_product(admin(), made.id.clone())
    )
    .expect("a repeat answers the same");
    let gone = call!(service.akinai_commerce_products().call_update_product(
        admin(),
        made.id.clone(),
        ProductChange {
            name: Some("x".to_owned()),
            ..unchanged()
        }
    ));
    assert!(
        matches!(gone, Err(Error::NotFound)),
        "what is deleted cannot be changed: {gone:?}"
    );
    let gone = call!(
        service
            .akinai_commerce_products()
            .call_update_stock(admin(), made.id.clone(), 5, 1)
    );
    assert!(matches!(gone, Err(Error::NotFound)), "nor counted: {gone:?}");
    let never = call!(
        service
            .akinai_commerce_products()
            .call_delete_product(admin(), Uuid::now_v7().to_string())
    );
    assert!(
        matches!(never, Err(Error::NotFound)),
        "what never was cannot be deleted: {never:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_change_the_catalogue() {
    let stored = Product::named("tea");
    let mut service = Service::start(std::slice::from_ref(&stored)).await;
    let id = stored.id.to_string();
    for (caller, expected) in [
        (Caller::Anonymous, "Unauthenticated"),
        (user(), "PermissionDenied"),
    ] {
        let change = ProductChange {
            name: Some("x".to_owned()),
            ..unchanged()
        };
        let refusals = [
            call!(
                service
                    .akinai_commerce_products()
                    .call_create_product(caller.clone(), new_product("x"))
            )
            .map(drop),
            call!(
                service
                    .akinai_commerce_products()
                    .call_update_product(caller.clone(), id.clone(), change)
            )
            .map(drop),
            call!(
                service
                    .akinai_commerce_products()
                    .call_delete_product(caller.clone(), id.clone())
            ),
            call!(
                service
                    .akinai_commerce_products()
                    .call_update_stock(caller.clone(), id.clone(), 9, 1)
            )
            .map(drop),
        ];
        for refusal in refusals {
            let refusal = refusal.expect_err("only admins may");
            assert!(
                format!("{refusal:?}").contains(expected),
                "must be {expected}: {refusal:?}"
            );
        }
    }
    let page = service.list(10, "", "").await.expect("a page");
    assert_eq!(page.products.len(), 1, "nothing was added or deleted");
    assert_eq!(
        (page.products[0].name.as_str(), page.products[0].available),
        ("tea", 5),
        "nor changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_counted_once_for_each_version() {
    let stored = Product {
        quantity: 12,
        reserved: 5,
        ..Product::named("matcha")
    };
    let mut service = Service::start(std::slice::from_ref(&stored)).await;
    let id = stored.id.to_string();

    let low = call!(
        service
            .akinai_commerce_products()
            .call_update_stock(admin(), id.clone(), 4, 1)
    );
    assert!(
        matches!(low, Err(Error::FailedPrecondition)),
        "5 are reserved: {low:?}"
    );
    let exact = call!(
        service
            .akinai_commerce_products()
            .call_update_stock(admin(), id.clone(), 5, 1)
    )
    .expect("as many as are reserved");
    let stock = exact.stock.expect("an admin sees the stock");
    assert_eq!(
        (stock.quantity, stock.reserved, stock.version, exact.available),
        (5, 5, 2, 0)
    );
    let old = call!(
        service
            .akinai_commerce_products()
            .call_update_stock(admin(), id.clone(), 9, 1)
    );
    assert!(
        matches!(old, Err(Error::Aborted)),
        "the version is another by now: {old:?}"
    );

    let answers = service
        .run(async |accessor, products| {
            let count = |quantity| products.call_update_stock(accessor, admin(), id.clone(), quantity, 2);
            join_all((10..26).map(count)).await
        })
        .await;
    let answers: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.expect("the component does not trap"))
        .collect();
    let won: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    assert_eq!(won.len(), 1, "of sixteen at once on one version, one counts");
    let aborted = answers
        .iter()
        .filter(|answer| matches!(answer, Err(Error::Aborted)))
        .count();
    assert_eq!(aborted, 15, "and the others are told");
    let now = service
        .get(admin(), &stored.id.to_string())
        .await
        .expect("the product");
    assert_eq!(now.available, won[0].available, "what it set is what is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_products_come_in_the_order_asked() {
    let mut stored: Vec<Product> = (0..3)
        .map(|number| Product::named(format!("tea {number}")))
        .collect();
    stored[1].is_deleted = true;
    let mut service = Service::start(&stored).await;
    let ids: Vec<String> = stored.iter().map(|product| product.id.to_string()).collect();
    let unknown = Uuid::now_v7().to_string();
    let asked = [&ids[2], &unknown, &ids[0], &ids[1], &ids[2]]
        .map(Clone::clone)
        .to_vec();

    let batch = call!(
        service
            .akinai_commerce_products()
            .call_batch_get_products(Caller::Anonymous, asked)
    )
    .expect("a batch");
    let names: Vec<_> = batch
        .products
        .iter()
        .map(|product| product.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["tea 2", "tea 0", "tea 2"],
        "in the order asked, twice if asked twice"
    );
    assert_eq!(
        batch.missing_ids,
        [unknown, ids[1].clone()],
        "the deleted one is missing, too"
    );
    let none = call!(
        service
            .akinai_commerce_products()
            .call_batch_get_products(Caller::Anonymous, vec![])
    )
    .expect("an empty batch");
    assert!(none.products.is_empty() && none.missing_ids.is_empty());
    let hundred = vec![ids[0].clone(); 100];
    let batch = call!(
        service
            .akinai_commerce_products()
            .call_batch_get_products(Caller::Anonymous, hundred)
    )
    .expect("a hundred");
    assert_eq!(batch.products.len(), 100);
    for (wrong, field) in [
        (vec![ids[0].clone(); 101], "ids"),
        (vec![ids[0].clone(), "42".to_owned()], "ids[1]"),
    ] {
        let refused = call!(
            service
                .akinai_commerce_products()
                .call_batch_get_products(Caller::Anonymous, wrong)
        );
        assert_eq!(fields(refused.expect_err("the ids must be refused")), [field]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_what_is_rare_old_or_common_page_by_page() {
    let mut service = Service::start(&[]).await;
    // More than the newest thousand, among which a search looks first.
    let products = "
        set search_path = product_service;
        insert into products (id, name, description, price, currency)
        select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Tea ' || n,
               concat_ws(' ', '香り高い煎茶。', case when n <= 30 then 'ZEBRAWOOD 古材' end,
                         case when n % 700 = 1 then '稀' end, case when n = 2500 then '100%_\\ off' end),
               1, 'JPY'
        from generate_series(1, 2500) n;
        insert into inventory (product_id, quantity) select id, 1 from products";
    let done = service.setup.database.sql().batch_execute(products).await;
    done.expect("the products fit the schema");

    let expected: [(&str, Vec<u32>); 13] = [
        ("zebrawood", (1..=30).rev().collect()),
        ("Ze", (1..=30).rev().collect()),
        ("古材", (1..=30).rev().collect()),
        ("古", (1..=30).rev().collect()),
        ("稀", vec![2101, 1401, 701, 1]),
        ("tea 250", vec![2500, 250]),
        ("高い煎茶", (1..=2500).rev().collect()),
        ("茶", (1..=2500).rev().collect()),
        ("100%_\\", vec![2500]),
        ("_", vec![2500]),
        // Its pieces are all there, but not together.
        ("zebrawood 香り", vec![]),
        ("1 香り", vec![]),
        ("wooden", vec![]),
    ];
    for (query, expected) in expected {
        for size in [7, 100] {
            let (mut found, mut token) = (Vec::new(), String::new());
            loop {
                let page = service.list(size, &token, query).await.expect("a page");
                let names = page.products.iter().map(|product| product.name.clone());
                found.extend(
                    names.map(|name| name.trim_start_matches("Tea ").parse::<u32>().expect("a number")),
                );
                token = page.next_page_token;
                // A few pages are enough of what is common.
                if token.is_empty() || found.len() > 300 {
                    break;
                }
            }
            let expected = if token.is_empty() {
                &expected[..]
            } else {
                &expected[..found.len()]
            };
            assert_eq!(found, expected, "what {query:?} finds, {size} at a time");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_can_be_called_in_process() {
    let tea = Product::named("tea");
    let mut service = Service::start(std::slice::from_ref(&tea)).await;
    let (order, minute) = (Uuid::now_v7().to_string(), 60_000_000);
    let items = |quantity| {
        vec![ReservationItem {
            product_id: tea.id.to_string(),
            quantity,
        }]
    };
    macro_rules! inventory {
        ($function:ident($($argument:expr),*)) => {
            call!(service.akinai_commerce_inventory().$function(Caller::Anonymous, $($argument),*))
        };
    }
    match inventory!(call_reserve_stock(order.clone(), items(6), minute)) {
        Err(ReserveError::Short(short)) => {
            assert_eq!((short.len(), short[0].requested, short[0].available), (1, 6, 5));
        }
        other => panic!("there are only 5, but the answer was {other:?}"),
    }
    let wrong = inventory!(call_reserve_stock(order.clone(), items(1), 999_999));
    match wrong {
        Err(ReserveError::Other(error)) => assert_eq!(fields(error), ["ttl"]),
        other => panic!("less than a second is no time, but the answer was {other:?}"),
    }
    let held = inventory!(call_reserve_stock(order.clone(), items(3), minute)).expect("there are 5");
    assert_eq!(
        (held.status, held.items[0].quantity),
        (ReservationStatus::Reserved, 3)
    );
    assert_eq!(held.expires_at.expect("it expires") - held.created_at, 60_000_000);
    let found = inventory!(call_get_reservation(order.clone())).expect("it is there");
    assert_eq!(
        (found.status, found.expires_at),
        (ReservationStatus::Reserved, held.expires_at)
    );
    let taken = inventory!(call_commit_reservation(order.clone())).expect("it is held");
    assert_eq!(taken.status, ReservationStatus::Committed);
    let kept = inventory!(call_release_reservation(order.clone())).expect("an answer");
    assert_eq!(
        kept.status,
        ReservationStatus::Committed,
        "what was committed stays so"
    );
    let back = inventory!(call_restock(order.clone())).expect("it was taken");
    assert_eq!(back.status, ReservationStatus::Restocked);
    assert_eq!(inventory!(call_expire_reservations(10)).expect("a count"), 0);
    let unknown = inventory!(call_restock(Uuid::now_v7().to_string()));
    assert!(matches!(unknown, Err(Error::NotFound)), "got {unknown:?}");
}
