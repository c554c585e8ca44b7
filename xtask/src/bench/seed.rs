//! The measured catalogue, orders and cart, which are the same in every run, and the messages that clients send about
//! them.

use std::fmt::Write as _;

/// How many products are on sale.
pub(super) const PRODUCTS: u32 = 100_000;

/// How many of them GetProduct reads, one after the other.
pub(super) const PRODUCTS_READ: u32 = 1_000;

/// How many orders all users have together.
pub(super) const ORDERS: u32 = 100_000;

/// The order, counted from the user's newest, after which the deep page begins. The user has a fifth of all orders.
pub(super) const DEEP: u32 = 15_000;

/// The largest number of orders on a page.
const LARGEST_PAGE: u32 = 100;

/// The user whose account, cart and orders are read.
pub(super) const USER: &str = "00000000-0000-7000-8000-00000000a001";

/// The message that reads the account.
pub(super) const GET_USER: &str = r#"{"id":"00000000-0000-7000-8000-00000000a001"}"#;

/// The message that lists the first page, of products or of orders, with the default size.
pub(super) const FIRST_PAGE: &str = "{}";

/// The message that reads the cart.
pub(super) const GET_CART: &str = "{}";

/// The search texts. One is a word of many products, for which the newest thousand are enough. One is two letters of
/// many products. The index must find the other two: a word of five products, and five Japanese characters of every
/// 120th product.
pub(super) const QUERIES: [&str; 4] = [
    r#"{"query":"sencha"}"#,
    r#"{"query":"uj"}"#,
    r#"{"query":"tokusen"}"#,
    r#"{"query":"八女の玉露"}"#,
];

/// The id of the product with this number, from 1.
fn product(number: u32) -> String {
    format!("00000000-0000-7000-8000-{number:012x}")
}

/// The message that reads a product.
pub(super) fn get_product(number: u32) -> String {
    format!(r#"{{"id":"{}"}}"#, product(number))
}

/// The messages that create `count` orders. Each has two products, like the existing orders, and an idempotency key of
/// its own. The products alternate, so that none runs out and orders do not wait for each other's stock.
pub(super) fn create_orders(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|number| {
        let first = number * 2 % PRODUCTS + 1;
        let items = [first, first + 1].map(|number| format!(r#"{{"productId":"{}","quantity":1}}"#, product(number)));
        let mut message = String::new();
        // Writing to a string does not fail.
        let _ = write!(
            message,
            r#"{{"idempotencyKey":"bench-{number}","shippingAddress":{{"name":"商 花子","postalCode":"611-0021","country":"JP","#,
        );
        let _ = write!(
            message,
            r#""region":"京都府","city":"宇治市","line1":"宇治蓮華116"}},"items":[{}]}}"#,
            items.join(",")
        );
        message
    })
}

/// The message for the page of orders after a token, and the size of that page: the largest allowed.
pub(super) fn large_page_of_orders(token: &str) -> (String, u32) {
    (
        format!(r#"{{"pageSize":{LARGEST_PAGE},"pageToken":"{token}"}}"#),
        LARGEST_PAGE,
    )
}

/// The message for the page of orders after a token, with the default size.
pub(super) fn page_of_orders(token: &str) -> String {
    format!(r#"{{"pageToken":"{token}"}}"#)
}

/// Puts the products on sale, with the ids that [`get_product`] uses, and creates the account.
///
/// The index of the search is dropped first and then created again: that takes a fifth of the time.
pub(super) fn products() -> String {
    format!(
        "set search_path = product_service;
         create temporary table searched as select pg_get_indexdef('products_searched'::regclass) as definition;
         drop index products_searched;
         insert into products (id, name, description, price, currency, image_url, created_at, updated_at)
         select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
                case n % 3
                    when 0 then (array['宇治', '静岡', '八女', '鹿児島', '西尾'])[n / 8 % 5 + 1] || 'の'
                        || (array['煎茶', '抹茶', '焙じ茶', '玄米茶', '玉露', '茎茶', '新茶', '番茶'])[n % 8 + 1] || ' ' || n
                    else (array['Uji', 'Shizuoka', 'Yame', 'Kagoshima', 'Nishio'])[n / 8 % 5 + 1] || ' '
                        || (array['Sencha', 'Matcha', 'Hojicha', 'Genmaicha', 'Gyokuro', 'Kukicha', 'Shincha', 'Bancha'])[n % 8 + 1]
                        || ' no. ' || n
                end,
                (array['A steamed green tea, fresh and a little sweet.', 'Ground fine, for a bowl or a cake. 香り高い。',
                       'Roasted over charcoal, mild and brown.', '玄米の香ばしさ。With toasted rice.'])[n % 4 + 1]
                    || case n % 20000 when 77 then ' Tokusen, 特撰。' else '' end,
                1000 + n % 9000, 'JPY', '/images/tea-' || n || '.jpg',
                timestamptz '2025-01-01 00:00:00+00' + n * interval '1 minute',
                timestamptz '2025-01-01 00:00:00+00' + n * interval '1 minute'
         from generate_series(1, {PRODUCTS}) n;
         insert into inventory (product_id, quantity) select id, 100000 from products;
         set maintenance_work_mem = '256MB';
         do $$ begin execute (select definition from searched); end $$;
         insert into user_service.users (id, email, email_key, password_hash, name)
         values ('{USER}', 'bench@example.com', 'bench@example.com', '$argon2id$nobody', 'Bench');"
    )
}

/// Creates the orders, one minute apart. Every fifth is the user's. Nine in ten are confirmed, the others cancelled or
/// rejected. Also puts five products into the user's cart.
pub(super) fn orders() -> String {
    format!(
        "set search_path = order_service;
         create temporary table placed as
         select n, moment,
                (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || '70008000'
                    || lpad(to_hex(n), 12, '0'))::uuid as id,
                case n % 5 when 0 then '{USER}'::uuid
                    else ('00000000-0000-7000-8000-0000000b' || lpad(to_hex(n % 5000), 4, '0'))::uuid end as user_id,
                case n / 5 % 20 when 7 then 'cancelled' when 13 then 'rejected' else 'confirmed' end as status
         from (select n, timestamptz '2025-01-01 00:00:00+00' + n * interval '1 minute' as moment
               from generate_series(1, {ORDERS}) n) as moments;
         insert into orders (id, user_id, status, rejection_reason, total_amount, currency, shipping_address,
                             idempotency_key, request_hash, version, created_at, updated_at)
         select id, user_id, status, case status when 'rejected' then 'there was too little in stock' end, 5000, 'JPY',
                jsonb_build_object('name', '商 花子', 'postalCode', '611-0021', 'country', 'JP', 'region', '京都府',
                    'city', '宇治市', 'line1', '宇治蓮華116', 'line2', '', 'phone', ''),
                'seed-' || n, repeat('0', 64), 2, moment, moment
         from placed;
         insert into order_items (order_id, position, product_id, name, unit_price, quantity)
         select placed.id, position, product.id, product.name, 2500, 1
         from placed cross join generate_series(1, 2) position
         join product_service.products product
             on product.id = ('00000000-0000-7000-8000-' || lpad(to_hex(n * 2 % {PRODUCTS} + position), 12, '0'))::uuid;
         insert into carts (user_id, product_ids)
         select '{USER}', array_agg(id) from (select id from product_service.products order by id limit 5) first;
         insert into cart_items (user_id, product_id, quantity, name, unit_price, currency)
         select '{USER}', id, 2, name, price, currency from product_service.products order by id limit 5;"
    )
}
