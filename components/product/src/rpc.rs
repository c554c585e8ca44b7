//! Connect adapter: message in, domain call, message out.

use api::{
    common::v1::Money,
    product::v1::{
        GetProductRequest, GetProductResponse, ListProductsRequest, ListProductsResponse, Product,
        ProductService,
    },
};
use connect::{ConnectError, Context};
use platform::log::Names;
use platform::rpc::{caller, invalid_argument, timestamp};

use crate::{
    domain::{Stock, View},
    service::{Error, ListProducts, StoreError},
};

/// `product.v1.ProductService`.
pub(crate) struct Rpc;

impl ProductService for Rpc {
    async fn get_product(
        &self,
        context: &mut Context,
        request: GetProductRequest,
    ) -> Result<GetProductResponse, ConnectError> {
        let view = async {
            crate::catalogue()
                .await?
                .get_product(&caller(context), &request.id)
                .await
        };
        let view = view.await.map_err(|error| refuse(context, error))?;
        Ok(GetProductResponse {
            product: Some(view.into()),
        })
    }

    async fn list_products(
        &self,
        context: &mut Context,
        request: ListProductsRequest,
    ) -> Result<ListProductsResponse, ConnectError> {
        let ListProductsRequest {
            page_size,
            page_token,
            query,
        } = &request;
        let request = ListProducts {
            page_size: *page_size,
            page_token,
            query,
        };
        let page = async {
            crate::catalogue()
                .await?
                .list_products(&caller(context), request)
                .await
        };
        let page = page.await.map_err(|error| refuse(context, error))?;
        Ok(ListProductsResponse {
            products: page.items.into_iter().map(Product::from).collect(),
            next_page_token: page.next.map(|token| token.encode()).unwrap_or_default(),
        })
    }
}

/// The one table from errors to Connect codes. What a caller must not see goes to the log.
fn refuse(context: &Context, error: Error) -> ConnectError {
    match error {
        Error::Invalid(violations) => invalid_argument(&violations),
        Error::NotFound => ConnectError::not_found("there is no such product"),
        Error::Store(StoreError::Unavailable(_)) => {
            platform::log::error(Names::of(&context.headers), &error);
            ConnectError::unavailable("the catalogue cannot be read at the moment; try again")
        }
        Error::Store(StoreError::Failed(_)) => {
            platform::log::error(Names::of(&context.headers), &error);
            ConnectError::internal("something went wrong; the request id leads to it in the log")
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
        Self {
            id: product.id.to_string(),
            name: product.name,
            description: product.description,
            price: Some(Money {
                amount: product.price.amount.to_string(),
                currency_code: product.price.currency.code().into(),
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
