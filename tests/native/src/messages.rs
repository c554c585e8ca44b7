//! The JSON messages of product.v1 for the two measured calls.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Asks for one product.
#[derive(Serialize, Deserialize)]
pub(crate) struct GetProductRequest {
    pub(crate) id: Uuid,
}

/// One product.
#[derive(Serialize, Deserialize)]
pub(crate) struct GetProductResponse {
    pub(crate) product: Product,
}

/// Asks for a page; the defaults are those of the contract.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ListProductsRequest {
    pub(crate) page_size: i32,
    pub(crate) page_token: String,
    pub(crate) query: String,
}

impl Default for ListProductsRequest {
    fn default() -> Self {
        Self {
            page_size: 20,
            page_token: String::new(),
            query: String::new(),
        }
    }
}

/// One page, newest product first.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListProductsResponse {
    pub(crate) products: Vec<Product>,
    /// Id of the last product of this page, or empty on the last one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) next_page_token: String,
}

/// A product as clients see it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Product {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) price: Money,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) image_url: String,
    pub(crate) available: i32,
    /// RFC 3339, in UTC.
    pub(crate) created_at: String,
    /// RFC 3339, in UTC.
    pub(crate) updated_at: String,
}

/// An amount and the currency it is in.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Money {
    /// A decimal, such as `1980.00`.
    pub(crate) amount: String,
    /// ISO 4217.
    pub(crate) currency_code: String,
}
