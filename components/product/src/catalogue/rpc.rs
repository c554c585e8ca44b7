//! Connect adapter of the catalogue: it maps each method to its use case.

use api::product::v1::*;
use rpc_adapters::{Convert as _, connect_methods};

use super::{
    service::{Catalogue, UpdateProduct},
    store::Postgres,
};

/// `product.v1.ProductService`.
pub(crate) struct Rpc(pub(crate) Catalogue<Postgres>);

impl ProductService for Rpc {
    connect_methods! {
        |self, context, caller, request| catalogue = &self.0;
        create_product(CreateProductRequest) -> CreateProductResponse { product } =
            catalogue.create_product(caller, (&request).convert());
        get_product(GetProductRequest) -> GetProductResponse { product } =
            catalogue.get_product(caller, &request.id);
        list_products(ListProductsRequest) -> ListProductsResponse { products: items, next_page_token: next } =
            catalogue.list_products(caller, (&request).convert());
        update_product(UpdateProductRequest) -> UpdateProductResponse { product } = async {
            let fields = request.update_mask.iter().flat_map(|mask| &mask.paths).map(String::as_str);
            let change = UpdateProduct {
                id: &request.id,
                fields: &fields.collect::<Vec<_>>(),
                name: &request.name,
                description: &request.description,
                price: (&request.price).convert(),
                image_url: &request.image_url,
            };
            catalogue.update_product(caller, change).await
        };
        delete_product(DeleteProductRequest) -> DeleteProductResponse {} =
            catalogue.delete_product(caller, &request.id);
        batch_get_products(BatchGetProductsRequest) -> BatchGetProductsResponse {
            products: products, missing_ids: missing
        } = catalogue.batch_get_products(caller, &request.ids);
        update_stock(UpdateStockRequest) -> UpdateStockResponse { product } =
            catalogue.update_stock(caller, (&request).convert());
    }
}
