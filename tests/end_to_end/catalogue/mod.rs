//! The catalogue through the bff: clients get the products in Postgres.

mod admins;
mod lists;
mod products;

use harness::{Client, Platform, Product};
use serde_json::{Value, json};
use uuid::Uuid;

const GET: &str = "product.v1.ProductService/GetProduct";

const LIST: &str = "product.v1.ProductService/ListProducts";

/// `count` products, oldest first.
fn numbered(count: usize) -> Vec<Product> {
    (0..count)
        .map(|number| Product::named(format!("tea {number}")))
        .collect()
}

fn names(page: &Value) -> Vec<String> {
    let products = page["products"].as_array().map(Vec::as_slice).unwrap_or_default();
    products
        .iter()
        .map(|product| product["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

async fn delete(platform: &Platform, product: &Product) {
    let delete = "update product_service.products set is_deleted = true, deleted_at = now() where id = $1";
    let deleted = platform.database().sql().execute(delete, &[&product.id]).await;
    assert_eq!(
        deleted.expect("a product can be deleted"),
        1,
        "there is one such product"
    );
}
