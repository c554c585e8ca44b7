//! WIT adapter of the catalogue: it maps each function of the interface `products` to its use case.

use rpc_adapters::{Convert as _, wit::types::PageRequest, wit_methods};

use super::service::{ListProducts, UpdateProduct, UpdateStock};
use crate::wit::{
    Component, Provide as _,
    products::{Guest, NewProduct, Product, ProductBatch, ProductChange, ProductPage},
};

impl Guest for Component {
    wit_methods! {
        |caller| catalogue = Self::catalogue();
        create_product(product: NewProduct) -> Product = catalogue.create_product(caller, (&product).convert());
        get_product(id: String) -> Product = catalogue.get_product(caller, &id);
        list_products(page: PageRequest, query: String) -> ProductPage {
            products: items, next_page_token: next
        } = {
            catalogue.list_products(caller, ListProducts { page_size: page.size, page_token: &page.token, query: &query })
        };
        update_product(id: String, change: ProductChange) -> Product = async {
            let fields = [
                change.name.as_ref().map(|_| "name"),
                change.description.as_ref().map(|_| "description"),
                change.price.as_ref().map(|_| "price"),
                change.image_url.as_ref().map(|_| "image_url"),
            ];
            let change = UpdateProduct {
                id: &id,
                fields: &fields.into_iter().flatten().collect::<Vec<_>>(),
                name: (&change.name).convert(),
                description: (&change.description).convert(),
                price: (&change.price).convert(),
                image_url: (&change.image_url).convert(),
            };
            catalogue.update_product(caller, change).await
        };
        delete_product(id: String) -> () = catalogue.delete_product(caller, &id);
        batch_get_products(ids: Vec<String>) -> ProductBatch = catalogue.batch_get_products(caller, &ids);
        update_stock(product_id: String, quantity: i32, expected_version: i64) -> Product =
            catalogue.update_stock(caller, UpdateStock { product_id: &product_id, quantity, expected_version });
    }
}
