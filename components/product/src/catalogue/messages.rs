//! Conversions for both adapters: the fields of messages and records, and the code of each error.

use api::product::v1 as message;
use connect::ConnectError;
use rpc_adapters::{
    conversions,
    messages::{invalid_argument, store_error},
};
use web::challenge;

use super::{
    domain::{Stock, View},
    service::{CreateProduct, Error, Found, ListProducts, UpdateStock},
};
use crate::wit::products as record;

conversions! {
    View as view => message::Product = {
        id: view.product.id, name: view.product.name, description: view.product.description,
        price: view.product.price, image_url: view.product.image_url, available,
        created_at: view.product.created_at, updated_at: view.product.updated_at,
        quantity: view.stock.map(|stock| stock.quantity), reserved: view.stock.map(|stock| stock.reserved),
        version: view.stock.map(|stock| stock.version),
    };
    View as view => record::Product = {
        id: view.product.id, name: view.product.name, description: view.product.description,
        price: view.product.price, image_url: view.product.image_url, available, stock,
        created_at: view.product.created_at, updated_at: view.product.updated_at,
    };
    Stock as stock => record::Stock = { quantity, reserved, version };
    Found as found => record::ProductBatch = { products, missing_ids: found.missing };
    &message::CreateProductRequest, &record::NewProduct as request => CreateProduct = {
        name, description, price, image_url, initial_stock,
    };
    &message::ListProductsRequest as request => ListProducts = { page_size, page_token, query };
    &message::UpdateStockRequest as request => UpdateStock = { product_id, quantity, expected_version };
}

/// The only table of the catalogue's errors. A client gets an error's own text, unless that contains a cause for the
/// log.
impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Invalid(violations) => invalid_argument(&violations),
            Error::Unauthenticated => challenge::sign_in(),
            Error::AdminOnly => Self::permission_denied(text),
            Error::NotFound => Self::not_found(text),
            Error::OtherVersion(_) => Self::aborted(text),
            Error::BelowReserved(_) => Self::failed_precondition(text),
            Error::Store(error) => {
                store_error(&error, "the catalogue cannot be reached at the moment; try again")
            }
        }
    }
}
