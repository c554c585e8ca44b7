//! Reading products.

use super::*;

#[test]
fn pages_hold_every_product_once() {
    let catalogue = catalogue(7);
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        let request = ListProducts {
            page_size: 3,
            page_token: &token,
            query: "",
        };
        let page = run(catalogue.list_products(&Caller::Anonymous, request)).unwrap();
        names.extend(page.items.into_iter().map(|view| view.product.name));
        match page.next {
            Some(next) => token = next.encode(),
            None => break,
        }
    }
    let newest_first: Vec<String> = (0..7).rev().map(|n| format!("tea {n}")).collect();
    assert_eq!(names, newest_first);
}

#[test]
fn page_token_of_another_query_is_refused() {
    let catalogue = catalogue(3);
    let list = |page_token: &str, query: &str| {
        let request = ListProducts {
            page_size: 1,
            page_token,
            query,
        };
        run(catalogue.list_products(&Caller::Anonymous, request))
    };
    let token = |query: &str| list("", query).unwrap().next.unwrap().encode();
    for (of, with) in [("tea", "te"), ("tea", ""), ("", "tea")] {
        assert_eq!(
            fields(list(&token(of), with)),
            ["pageToken"],
            "of {of:?}, with {with:?}"
        );
    }
    for query in ["tea", ""] {
        assert_eq!(
            list(&token(query), query).unwrap().items.len(),
            1,
            "with its own, {query:?}"
        );
    }
    assert_eq!(
        list(&token(" tea"), "tea ").unwrap().items.len(),
        1,
        "space around a query is none of it"
    );
}

#[test]
fn all_invalid_fields_of_a_list_are_named_at_once() {
    let long = "x".repeat(101);
    let request = ListProducts {
        page_size: 101,
        page_token: "nonsense",
        query: &long,
    };
    let Err(Error::Invalid(violations)) = run(catalogue(0).list_products(&Caller::Anonymous, request)) else {
        panic!("a request with three faults is invalid");
    };
    let fields: Vec<_> = violations.iter().map(|violation| &*violation.field).collect();
    assert_eq!(fields, ["pageSize", "pageToken", "query"]);
}

#[test]
fn only_admins_see_the_stock() {
    let catalogue = catalogue(1);
    let id = first(&catalogue);
    for caller in [Caller::Anonymous, user(vec![])] {
        let view = run(catalogue.get_product(&caller, &id)).unwrap();
        assert_eq!((view.available, view.stock), (3, None), "what {caller:?} sees");
    }
    let view = run(catalogue.get_product(&user(vec![Scope::Admin]), &id)).unwrap();
    assert_eq!(
        view.stock,
        Some(Stock {
            quantity: 5,
            reserved: 2,
            version: 7
        }),
        "an admin sees it all"
    );
}

#[test]
fn unknown_product_is_not_found_and_malformed_id_is_invalid() {
    let catalogue = catalogue(1);
    let unknown = run(catalogue.get_product(&Caller::Anonymous, &ProductId::generate().to_string()));
    assert!(matches!(unknown, Err(Error::NotFound)), "got {unknown:?}");
    let malformed = run(catalogue.get_product(&Caller::Anonymous, "42"));
    assert!(matches!(malformed, Err(Error::Invalid(_))), "got {malformed:?}");
}

#[test]
fn batch_has_the_order_of_the_request() {
    let catalogue = catalogue(3);
    let known: Vec<String> = catalogue
        .store
        .0
        .borrow()
        .iter()
        .map(|row| row.0.id.to_string())
        .collect();
    let missing = ProductId::generate();
    let ids = [
        &known[2],
        &missing.to_string(),
        &known[0],
        &known[2],
        &missing.to_string(),
    ]
    .map(Clone::clone);
    let found = run(catalogue.batch_get_products(&Caller::Anonymous, &ids)).unwrap();
    let names: Vec<_> = found
        .products
        .iter()
        .map(|view| view.product.name.as_str())
        .collect();
    assert_eq!(names, ["tea 0", "tea 2", "tea 0"]);
    assert_eq!(found.missing, [missing, missing]);

    let refused = run(catalogue.batch_get_products(&Caller::Anonymous, &["x".into()]));
    assert_eq!(fields(refused), ["ids[0]"]);
}
