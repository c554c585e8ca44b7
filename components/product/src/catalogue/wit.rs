//! WIT adapter of the catalogue: records to use cases, and results to records.

use rpc_adapters::{
    messages::next_page_token,
    wit::{amount_and_currency, answer, types, types::Caller, types::PageRequest},
};

use super::{
    domain::{Stock, View},
    service::{CreateProduct, Found, ListProducts, UpdateProduct, UpdateStock},
};
use crate::wit::{
    Component, Provide as _,
    products::{self, Product, ProductBatch, ProductPage},
};

type Result<T> = std::result::Result<T, types::Error>;

impl products::Guest for Component {
    async fn create_product(caller: Caller, new_product: products::NewProduct) -> Result<Product> {
        let request = CreateProduct {
            name: &new_product.name,
            description: &new_product.description,
            price: Some(amount_and_currency(&new_product.price).into()),
            image_url: &new_product.image_url,
            initial_stock: new_product.initial_stock,
        };
        answer(caller, async |caller| {
            Self::catalogue().create_product(&caller, request).await
        })
        .await
    }

    async fn get_product(caller: Caller, id: String) -> Result<Product> {
        answer(caller, async |caller| {
            Self::catalogue().get_product(&caller, &id).await
        })
        .await
    }

    async fn list_products(caller: Caller, page: PageRequest, query: String) -> Result<ProductPage> {
        let request = ListProducts {
            page_size: page.size,
            page_token: &page.token,
            query: &query,
        };
        answer(caller, async |caller| {
            let page = Self::catalogue().list_products(&caller, request).await;
            page.map(|page| ProductPage {
                products: page.items.into_iter().map(Product::from).collect(),
                next_page_token: next_page_token(page.next),
            })
        })
        .await
    }

    async fn update_product(caller: Caller, id: String, change: products::ProductChange) -> Result<Product> {
        let fields = [
            ("name", change.name.is_some()),
            ("description", change.description.is_some()),
            ("price", change.price.is_some()),
            ("image_url", change.image_url.is_some()),
        ];
        let given = fields.iter().filter(|(_, is_given)| *is_given);
        let fields: Vec<&str> = given.map(|(field, _)| *field).collect();
        let request = UpdateProduct {
            id: &id,
            fields: &fields,
            name: change.name.as_deref().unwrap_or_default(),
            description: change.description.as_deref().unwrap_or_default(),
            price: change
                .price
                .as_ref()
                .map(|price| amount_and_currency(price).into()),
            image_url: change.image_url.as_deref().unwrap_or_default(),
        };
        answer(caller, async |caller| {
            Self::catalogue().update_product(&caller, request).await
        })
        .await
    }

    async fn delete_product(caller: Caller, id: String) -> Result<()> {
        answer(caller, async |caller| {
            Self::catalogue().delete_product(&caller, &id).await
        })
        .await
    }

    async fn batch_get_products(caller: Caller, ids: Vec<String>) -> Result<ProductBatch> {
        answer(caller, async |caller| {
            Self::catalogue().batch_get_products(&caller, &ids).await
        })
        .await
    }

    async fn update_stock(
        caller: Caller,
        product_id: String,
        quantity: i32,
        expected_version: i64,
    ) -> Result<Product> {
        let request = UpdateStock {
            product_id: &product_id,
            quantity,
            expected_version,
        };
        answer(caller, async |caller| {
            Self::catalogue().update_stock(&caller, request).await
        })
        .await
    }
}

impl From<View> for Product {
    fn from(
        View {
            product,
            available,
            stock,
        }: View,
    ) -> Self {
        let stock = stock.map(
            |Stock {
                 quantity,
                 reserved,
                 version,
             }| products::Stock {
                quantity,
                reserved,
                version,
            },
        );
        Self {
            id: product.id.to_string(),
            name: product.name,
            description: product.description,
            price: product.price.into(),
            image_url: product.image_url,
            available,
            stock,
            created_at: product.created_at.unix_micros(),
            updated_at: product.updated_at.unix_micros(),
        }
    }
}

impl From<Found> for ProductBatch {
    fn from(found: Found) -> Self {
        Self {
            products: found.products.into_iter().map(Product::from).collect(),
            missing_ids: found.missing.iter().map(ToString::to_string).collect(),
        }
    }
}
