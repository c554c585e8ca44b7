//! Connect adapter of the catalogue: messages to use cases, and results to messages.

use api::product::v1::{
    BatchGetProductsRequest, BatchGetProductsResponse, CreateProductRequest, CreateProductResponse,
    DeleteProductRequest, DeleteProductResponse, GetProductRequest, GetProductResponse, ListProductsRequest,
    ListProductsResponse, Product, ProductService, UpdateProductRequest, UpdateProductResponse,
    UpdateStockRequest, UpdateStockResponse,
};
use connect::ConnectError;
use rpc_adapters::messages::{
    amount_and_currency, invalid_argument, money, next_page_token, pieces, store_error, timestamp,
};
use web::challenge;

use super::{
    domain::{Stock, View},
    service::{Catalogue, CreateProduct, Error, Found, ListProducts, UpdateProduct, UpdateStock},
    store::Postgres,
};

/// `product.v1.ProductService`.
pub(crate) struct Rpc(pub(crate) Catalogue<Postgres>);

impl ProductService for Rpc {
    rpc_adapters::unary! { |self, context, caller|
        create_product(request: CreateProductRequest) -> CreateProductResponse {
            self.0.create_product(&caller, (&request).into()).await
        }

        get_product(request: GetProductRequest) -> GetProductResponse {
            self.0.get_product(&caller, &request.id).await
        }

        list_products(request: ListProductsRequest) -> ListProductsResponse {
            let page = self.0.list_products(&caller, (&request).into()).await;
            page.map(|page| ListProductsResponse {
                products: page.items.into_iter().map(Product::from).collect(),
                next_page_token: next_page_token(page.next),
            })
        }

        update_product(request: UpdateProductRequest) -> UpdateProductResponse {
            let mask = request.update_mask.as_ref();
            let fields: Vec<&str> = mask.iter().flat_map(|mask| &mask.paths).map(String::as_str).collect();
            let change = UpdateProduct {
                id: &request.id,
                fields: &fields,
                name: &request.name,
                description: &request.description,
                price: request.price.as_ref().map(|price| amount_and_currency(price).into()),
                image_url: &request.image_url,
            };
            self.0.update_product(&caller, change).await
        }

        delete_product(request: DeleteProductRequest) -> DeleteProductResponse {
            let deleted = self.0.delete_product(&caller, &request.id).await;
            deleted.map(|()| DeleteProductResponse {})
        }

        batch_get_products(request: BatchGetProductsRequest) -> BatchGetProductsResponse {
            self.0.batch_get_products(&caller, &request.ids).await
        }

        update_stock(request: UpdateStockRequest) -> UpdateStockResponse {
            self.0.update_stock(&caller, (&request).into()).await
        }
    }
}

rpc_adapters::responses! {
    View => product in CreateProductResponse, GetProductResponse, UpdateProductResponse, UpdateStockResponse;
}

impl<'a> From<&'a ListProductsRequest> for ListProducts<'a> {
    fn from(request: &'a ListProductsRequest) -> Self {
        Self {
            page_size: request.page_size,
            page_token: &request.page_token,
            query: &request.query,
        }
    }
}

impl<'a> From<&'a CreateProductRequest> for CreateProduct<'a> {
    fn from(request: &'a CreateProductRequest) -> Self {
        Self {
            name: &request.name,
            description: &request.description,
            price: request
                .price
                .as_ref()
                .map(|price| amount_and_currency(price).into()),
            image_url: request.image_url.as_deref().unwrap_or_default(),
            initial_stock: request.initial_stock.unwrap_or_default(),
        }
    }
}

impl<'a> From<&'a UpdateStockRequest> for UpdateStock<'a> {
    fn from(request: &'a UpdateStockRequest) -> Self {
        Self {
            product_id: &request.product_id,
            quantity: request.quantity,
            expected_version: request.expected_version,
        }
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
        let version = |stock: Stock| stock.version.try_into().unwrap_or(i64::MAX);
        Self {
            id: product.id.to_string(),
            name: product.name,
            description: product.description,
            price: Some(money(product.price)),
            image_url: product.image_url.unwrap_or_default(),
            available: pieces(available),
            created_at: Some(timestamp(product.created_at)),
            updated_at: Some(timestamp(product.updated_at)),
            quantity: stock.map(|stock| pieces(stock.quantity)),
            reserved: stock.map(|stock| pieces(stock.reserved)),
            version: stock.map(version),
        }
    }
}

impl From<Found> for BatchGetProductsResponse {
    fn from(found: Found) -> Self {
        Self {
            products: found.products.into_iter().map(Product::from).collect(),
            missing_ids: found.missing.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The one table of the catalogue's errors. The WIT adapter uses it, too.
impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => invalid_argument(&violations),
            Error::Unauthenticated => challenge::sign_in(),
            Error::AdminOnly => Self::permission_denied("only admins may call this method"),
            Error::NotFound => Self::not_found("there is no product with this id"),
            Error::OtherVersion(version) => Self::aborted(format!(
                "the stock was changed meanwhile and is at version {version}: read it again, then retry"
            )),
            Error::BelowReserved(reserved) => Self::failed_precondition(format!(
                "the quantity cannot be below the {reserved} pieces that are reserved for orders"
            )),
            Error::Store(error) => {
                store_error(&error, "the catalogue cannot be reached at the moment; try again")
            }
        }
    }
}
