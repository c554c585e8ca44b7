//! Connect adapter of the catalogue: message in, domain call, message out.

use api::{
    common::v1::Money,
    product::v1::{
        BatchGetProductsRequest, BatchGetProductsResponse, CreateProductRequest, CreateProductResponse,
        DeleteProductRequest, DeleteProductResponse, GetProductRequest, GetProductResponse,
        ListProductsRequest, ListProductsResponse, Product, ProductService, UpdateProductRequest,
        UpdateProductResponse, UpdateStockRequest, UpdateStockResponse,
    },
};
use connect::{ConnectError, Context};
use kernel::Caller;
use rpc_adapters::messages::{caller, invalid_argument, timestamp};
use web::challenge;
use web::request_id::RequestIds;

use super::{
    domain::{Stock, View},
    service::{Catalogue, CreateProduct, Error, ListProducts, Price, UpdateProduct, UpdateStock},
    store::Postgres,
};
use crate::store::StoreError;

/// `product.v1.ProductService`.
pub(crate) struct Rpc;

impl ProductService for Rpc {
    async fn create_product(
        &self,
        context: &mut Context,
        request: CreateProductRequest,
    ) -> Result<CreateProductResponse, ConnectError> {
        let request = CreateProduct {
            name: &request.name,
            description: &request.description,
            price: request.price.as_ref().map(price),
            image_url: request.image_url.as_deref().unwrap_or_default(),
            initial_stock: request.initial_stock.unwrap_or_default(),
        };
        let view = answer(context, async |catalogue, caller| {
            catalogue.create_product(&caller, request).await
        });
        Ok(CreateProductResponse {
            product: Some(view.await?.into()),
        })
    }

    async fn get_product(
        &self,
        context: &mut Context,
        request: GetProductRequest,
    ) -> Result<GetProductResponse, ConnectError> {
        let view = answer(context, async |catalogue, caller| {
            catalogue.get_product(&caller, &request.id).await
        });
        Ok(GetProductResponse {
            product: Some(view.await?.into()),
        })
    }

    async fn list_products(
        &self,
        context: &mut Context,
        request: ListProductsRequest,
    ) -> Result<ListProductsResponse, ConnectError> {
        let request = ListProducts {
            page_size: request.page_size,
            page_token: &request.page_token,
            query: &request.query,
        };
        let page = answer(context, async |catalogue, caller| {
            catalogue.list_products(&caller, request).await
        });
        let page = page.await?;
        Ok(ListProductsResponse {
            products: page.items.into_iter().map(Product::from).collect(),
            next_page_token: page.next.map(|token| token.encode()).unwrap_or_default(),
        })
    }

    async fn update_product(
        &self,
        context: &mut Context,
        request: UpdateProductRequest,
    ) -> Result<UpdateProductResponse, ConnectError> {
        let mask = request.update_mask.as_ref();
        let fields: Vec<&str> = mask.map_or(vec![], |mask| mask.paths.iter().map(String::as_str).collect());
        let request = UpdateProduct {
            id: &request.id,
            fields: &fields,
            name: &request.name,
            description: &request.description,
            price: request.price.as_ref().map(price),
            image_url: &request.image_url,
        };
        let view = answer(context, async |catalogue, caller| {
            catalogue.update_product(&caller, request).await
        });
        Ok(UpdateProductResponse {
            product: Some(view.await?.into()),
        })
    }

    async fn delete_product(
        &self,
        context: &mut Context,
        request: DeleteProductRequest,
    ) -> Result<DeleteProductResponse, ConnectError> {
        let deleted = answer(context, async |catalogue, caller| {
            catalogue.delete_product(&caller, &request.id).await
        });
        deleted.await.map(|()| DeleteProductResponse {})
    }

    async fn batch_get_products(
        &self,
        context: &mut Context,
        request: BatchGetProductsRequest,
    ) -> Result<BatchGetProductsResponse, ConnectError> {
        let found = answer(context, async |catalogue, caller| {
            catalogue.batch_get_products(&caller, &request.ids).await
        });
        let found = found.await?;
        Ok(BatchGetProductsResponse {
            products: found.products.into_iter().map(Product::from).collect(),
            missing_ids: found.missing.iter().map(ToString::to_string).collect(),
        })
    }

    async fn update_stock(
        &self,
        context: &mut Context,
        request: UpdateStockRequest,
    ) -> Result<UpdateStockResponse, ConnectError> {
        let request = UpdateStock {
            product_id: &request.product_id,
            quantity: request.quantity,
            expected_version: request.expected_version,
        };
        let view = answer(context, async |catalogue, caller| {
            catalogue.update_stock(&caller, request).await
        });
        Ok(UpdateStockResponse {
            product: Some(view.await?.into()),
        })
    }
}

/// Runs a use case for whoever is calling.
async fn answer<T>(
    context: &Context,
    use_case: impl AsyncFnOnce(Catalogue<Postgres>, Caller) -> Result<T, Error>,
) -> Result<T, ConnectError> {
    let answer = async { use_case(crate::catalogue().await?, caller(context)).await };
    answer.await.map_err(|error| refuse(context, error))
}

/// The one table from errors to Connect codes. What a caller must not see goes to the log.
fn refuse(context: &Context, error: Error) -> ConnectError {
    match error {
        Error::Invalid(violations) => invalid_argument(&violations),
        Error::Unauthenticated => challenge::sign_in(),
        Error::AdminOnly => ConnectError::permission_denied("this is for admins alone"),
        Error::NotFound => ConnectError::not_found("there is no such product"),
        Error::OtherVersion(version) => ConnectError::aborted(format!(
            "the stock was changed meanwhile and is at version {version}: read it again, then retry"
        )),
        Error::BelowReserved(reserved) => ConnectError::failed_precondition(format!(
            "the quantity cannot be below the {reserved} pieces that are reserved for orders"
        )),
        Error::Store(StoreError::Unavailable(_)) => {
            spin_adapters::log::error(RequestIds::of(&context.headers), &error);
            ConnectError::unavailable("the catalogue cannot be reached at the moment; try again")
        }
        Error::Store(StoreError::Failed(_)) => {
            spin_adapters::log::error(RequestIds::of(&context.headers), &error);
            ConnectError::internal("something went wrong; the request id leads to it in the log")
        }
    }
}

fn price(money: &Money) -> Price<'_> {
    Price {
        amount: &money.amount,
        currency: &money.currency_code,
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
        Self {
            id: product.id.to_string(),
            name: product.name,
            description: product.description,
            price: Some(Money {
                amount: product.price.amount(),
                currency_code: product.price.currency().code().into(),
            }),
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

/// Numbers come from columns of the messages' own widths: nothing is ever cut.
fn pieces(count: u32) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}

fn version(stock: Stock) -> i64 {
    stock.version.try_into().unwrap_or(i64::MAX)
}
