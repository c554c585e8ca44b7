//! The catalogue that is measured: the same in every run.

/// What a client sends to list products: the first page, of the default size.
pub(super) const LIST_PRODUCTS: &str = "{}";

/// What a client sends to read the product with this number, from 1.
pub(super) fn get_product(number: u32) -> String {
    format!(r#"{{"id":"00000000-0000-7000-8000-{number:012x}"}}"#)
}

/// The user whose account is read.
pub(super) const USER: &str = "00000000-0000-7000-8000-00000000a001";

/// What a client sends to read it.
pub(super) const GET_USER: &str = r#"{"id":"00000000-0000-7000-8000-00000000a001"}"#;

/// Puts `count` products on sale, with ids as [`get_product`] counts them, and opens the account.
pub(super) fn sql(count: u32) -> String {
    format!(
        "set search_path = product_service;
         insert into products (id, name, description, price, currency, image_url, created_at, updated_at)
         select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
                'Sencha no. ' || n,
                'A steamed green tea from Uji, fresh and a little sweet, with a grassy scent. 香り高い煎茶。',
                1000 + n, 'JPY', '/images/sencha-' || n || '.jpg',
                timestamptz '2026-01-01 00:00:00+00' + n * interval '1 minute',
                timestamptz '2026-01-01 00:00:00+00' + n * interval '1 minute'
         from generate_series(1, {count}) n;
         insert into inventory (product_id, quantity) select id, 100 from products;
         analyze products, inventory;
         insert into user_service.users (id, email, email_key, password_hash, name)
         values ('{USER}', 'bench@example.com', 'bench@example.com', '$argon2id$nobody', 'Bench');"
    )
}
