//! Migrations of rows that older versions have written. The rows stay usable, and today's rules find them.

use std::path::Path;

use kernel::{Currency, Email};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use xtask::migrate::{ServiceSchema, create_database, migrate, service_schemas};
use xtask::process::Scratch;
use xtask::secret::Secrets;
use xtask::services::{Durability, Postgres, SECRETS_FILE};
use xtask::workspace::Workspace;

/// The last day of migrations without these rules.
const BEFORE: &str = "20261122";

/// Rows of older versions: amounts with two decimals in every currency, keys in quotes, e-mail addresses folded only by
/// the case of their letters.
const ROWS: &str = r#"
    insert into product_service.products (id, name, description, price, currency) values
        (gen_random_uuid(), 'ﾏｯﾁｬ', '', 1980, 'JPY'),
        (gen_random_uuid(), 'Straße', 'İstanbul', 1980.50, 'JPY'),
        (gen_random_uuid(), 'ΣΊΣΥΦΟΣ', '', 5.25, 'KWD'),
        (gen_random_uuid(), '㍿', '', 19.80, 'EUR'),
        (gen_random_uuid(), 'Zoo', '', 3, 'ABC');
    insert into order_service.orders (id, user_id, status, total_amount, currency, shipping_address, idempotency_key, request_hash)
    select gen_random_uuid(), '00000000-0000-7000-8000-000000000001', 'confirmed', amount, currency, '{}', key, ''
    from (values ('"k1"', 1980, 'JPY'), ('"k\"\\2"', 1980.50, 'JPY'), ('k3', 19.80, 'EUR'), ('"k3"', 19.80, 'EUR'),
                 ('"k"4"', 3, 'ABC')) as o (key, amount, currency);
    insert into order_service.order_items (order_id, position, product_id, name, unit_price, quantity)
    select id, 1, gen_random_uuid(), 'tea', total_amount, 1 from order_service.orders;
    insert into order_service.carts (user_id) values ('00000000-0000-7000-8000-000000000001');
    insert into order_service.cart_items (user_id, product_id, quantity, name, unit_price, currency)
    values ('00000000-0000-7000-8000-000000000001', gen_random_uuid(), 1, 'tea', 1980.50, 'JPY');
    insert into order_service.cart_additions (user_id, request_key, product_id, quantity)
    values ('00000000-0000-7000-8000-000000000001', '"k1"', gen_random_uuid(), 1);
"#;

/// E-mail addresses, each of an account of its own, and whether a search by today's key finds the account.
const ADDRESSES: [(&str, bool); 9] = [
    ("Mina@Example.com", true),
    ("x@bücher.example", true),
    ("y@xn--bcher-kva.example", true),
    ("z@xn--fsqu00a.xn--0zwm56d", true),
    ("p@XN--IHQWCRB4CV8A8DQG056PQJYE.example", true),
    ("STRAßE@xn--strae-oqa.example", true),
    ("ｍｉｎａ@ｅｘａｍｐｌｅ.org", true),
    // Two accounts have the same address. The account that was created first keeps it.
    ("q@bücher.example", true),
    ("q@xn--bcher-kva.example", false),
];

/// The migrations up to a day, in a folder of their own.
fn until(day: &str, all: &[ServiceSchema], folder: &Path) -> Vec<ServiceSchema> {
    let copy = |schema: &ServiceSchema| {
        let to = folder.join(&schema.service);
        std::fs::create_dir_all(&to).expect("a folder");
        for file in std::fs::read_dir(&schema.folder).expect("the migrations") {
            let file = file.expect("a file");
            let name = file.file_name().to_string_lossy().into_owned();
            if &name[..day.len()] <= day {
                std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
            }
        }
        ServiceSchema {
            service: schema.service.clone(),
            folder: to,
        }
    };
    all.iter().map(copy).collect()
}

async fn texts(connection: &mut PgConnection, query: &str) -> Vec<String> {
    let rows = sqlx::query_scalar(query).fetch_all(connection).await;
    rows.expect("the query is right")
}

/// The decimals of each currency, from the function `minor_units` of a schema.
async fn decimals(connection: &mut PgConnection, schema: &str, currencies: &[Currency]) -> Vec<i32> {
    let codes: Vec<&str> = currencies.iter().map(Currency::code).collect();
    let query = format!(
        "select {schema}.minor_units(code) from unnest($1::text[]) with ordinality as c (code, place) order by place"
    );
    let rows = sqlx::query_scalar(&query).bind(codes).fetch_all(connection).await;
    rows.expect("the function is there")
}

/// All currencies.
fn currencies() -> Vec<Currency> {
    let letters = || 'A'..='Z';
    let codes =
        letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}"))));
    codes.filter_map(|code| code.parse().ok()).collect()
}

#[tokio::test]
async fn rows_of_older_versions_stay_usable() {
    let scratch = Scratch::new("test").expect("a temporary folder");
    let postgres = Postgres::start(scratch.path(), Durability::Disposable)
        .await
        .expect("Postgres starts");
    create_database(&postgres.admin_url(), "shop")
        .await
        .expect("created");
    let url = postgres.admin_url_of("shop");
    let mut secrets = Secrets::open(&scratch.path().join(SECRETS_FILE)).expect("readable");
    let all = service_schemas(&Workspace::here().migrations()).expect("readable");
    let before = until(BEFORE, &all, &scratch.path().join("before"));
    migrate(&url, &before, &mut secrets)
        .await
        .expect("the older migrations run");
    let mut connection = PgConnection::connect(url.reveal())
        .await
        .expect("it accepts the connection");
    connection.execute(ROWS).await.expect("rows that were right");
    for (address, _) in ADDRESSES {
        let insert = "insert into user_service.users (id, email, email_key, password_hash) \
                      values (gen_random_uuid(), $1, $2, '$argon2id$')";
        let insert = sqlx::query(insert).bind(address).bind(address.to_lowercase());
        insert
            .execute(&mut connection)
            .await
            .expect("an address that was right");
    }

    migrate(&url, &all, &mut secrets)
        .await
        .expect("the newer ones run over them");

    let prices = "select price::text || ' ' || currency || ' ' || split_part(searched, e'\\n', 1) \
                  from product_service.products order by price";
    assert_eq!(
        texts(&mut connection, prices).await,
        [
            "3.00 ABC zoo",
            "5.250 KWD σίσυφοσ",
            "19.80 EUR 株式会社",
            "1980 JPY マッチャ",
            "1981 JPY strasse"
        ],
        "prices are rounded, and names are searched in the form of today"
    );
    let orders = "select total_amount || ' ' || currency || ' ' || idempotency_key from order_service.orders \
                  order by total_amount, idempotency_key";
    assert_eq!(
        texts(&mut connection, orders).await,
        [
            "3.00 ABC \"k\"4\"",
            "19.80 EUR \"k3\"",
            "19.80 EUR k3",
            "1980 JPY k1",
            "1980.5 JPY k\"\\2"
        ],
        "the amounts of orders are unchanged, and their keys have no quotes"
    );
    let others = "select unit_price::text from order_service.cart_items union all \
                  select request_key from order_service.cart_additions";
    assert_eq!(texts(&mut connection, others).await, ["1981", "k1"]);

    let currencies = currencies();
    let expected: Vec<i32> = currencies
        .iter()
        .map(|currency| currency.decimals() as i32)
        .collect();
    for schema in ["product_service", "order_service"] {
        assert_eq!(
            decimals(&mut connection, schema, &currencies).await,
            expected,
            "{schema} has the same currencies as the kernel"
        );
    }

    for (address, is_found) in ADDRESSES {
        let key = address.parse::<Email>().expect("an address").key().to_owned();
        let found = "select email from user_service.users where email_key = $1";
        let found: Option<String> = sqlx::query_scalar(found)
            .bind(&key)
            .fetch_optional(&mut connection)
            .await
            .expect("the query is right");
        assert_eq!(
            found.as_deref() == Some(address),
            is_found,
            "{address} by {key}: {found:?}"
        );
    }

    let cancel = "update order_service.orders set status = 'cancelled', version = version + 1";
    connection
        .execute(cancel)
        .await
        .expect("all orders can be changed");
    for wrong in [
        "update product_service.products set price = 1.5 where currency = 'JPY'",
        "update product_service.products set price = 100000000",
        "update order_service.cart_items set unit_price = 1.5",
        "update order_service.orders set total_amount = 1.555",
    ] {
        let refused = connection
            .execute(wrong)
            .await
            .expect_err("a constraint is broken");
        let refused = refused.into_database_error().expect("the database refuses it");
        assert!(refused.is_check_violation(), "{wrong}: {refused}");
    }
}
