//! WIT adapter of the catalogue: the use cases for a caller in the same process. Record in, domain call, record out.

use rpc_adapters::wit::{
    invalid_argument, parse_caller,
    types::{self, Caller, Money, PageRequest},
};

use super::{
    domain::{Stock, View},
    service::{Catalogue, CreateProduct, Error, ListProducts, Price, UpdateProduct, UpdateStock},
    store::Postgres,
};
use crate::wit::{Component, no_answer, products};

impl products::Guest for Component {
    async fn create_product(
        caller: Caller,
        new_product: products::NewProduct,
    ) -> Result<products::Product, types::Error> {
        let request = CreateProduct {
            name: &new_product.name,
            description: &new_product.description,
            price: Some(price(&new_product.price)),
            image_url: &new_product.image_url,
            initial_stock: new_product.initial_stock,
        };
        let view = answer(caller, async |catalogue, caller| {
            catalogue.create_product(&caller, request).await
        });
        Ok(view.await?.into())
    }

    async fn get_product(caller: Caller, id: String) -> Result<products::Product, types::Error> {
        let view = answer(caller, async |catalogue, caller| {
            catalogue.get_product(&caller, &id).await
        });
        Ok(view.await?.into())
    }

    async fn list_products(
        caller: Caller,
        page: PageRequest,
        query: String,
    ) -> Result<products::ProductPage, types::Error> {
        let request = ListProducts {
            page_size: page.size,
            page_token: &page.token,
            query: &query,
        };
        let page = answer(caller, async |catalogue, caller| {
            catalogue.list_products(&caller, request).await
        });
        let page = page.await?;
        Ok(products::ProductPage {
            products: page.items.into_iter().map(products::Product::from).collect(),
            next_page_token: page.next.map(|token| token.encode()).unwrap_or_default(),
        })
    }

    async fn update_product(
        caller: Caller,
        id: String,
        change: products::ProductChange,
    ) -> Result<products::Product, types::Error> {
        let fields = [
            ("name", change.name.is_some()),
            ("description", change.description.is_some()),
            ("price", change.price.is_some()),
            ("image_url", change.image_url.is_some()),
        ];
        let fields: Vec<&str> = fields
            .iter()
            .filter_map(|(field, is_there)| is_there.then_some(*field))
            .collect();
        let request = UpdateProduct {
            id: &id,
            fields: &fields,
            name: change.name.as_deref().unwrap_or_default(),
            description: change.description.as_deref().unwrap_or_default(),
            price: change.price.as_ref().map(price),
            image_url: change.image_url.as_deref().unwrap_or_default(),
        };
        let view = answer(caller, async |catalogue, caller| {
            catalogue.update_product(&caller, request).await
        });
        Ok(view.await?.into())
    }

    async fn delete_product(caller: Caller, id: String) -> Result<(), types::Error> {
        answer(caller, async |catalogue, caller| {
            catalogue.delete_product(&caller, &id).await
        })
        .await
    }

    async fn batch_get_products(
        caller: Caller,
        ids: Vec<String>,
    ) -> Result<products::ProductBatch, types::Error> {
        let found = answer(caller, async |catalogue, caller| {
            catalogue.batch_get_products(&caller, &ids).await
        });
        let found = found.await?;
        Ok(products::ProductBatch {
            products: found.products.into_iter().map(products::Product::from).collect(),
            missing_ids: found.missing.iter().map(ToString::to_string).collect(),
        })
    }

    async fn update_stock(
        caller: Caller,
        product_id: String,
        quantity: i32,
        expected_version: i64,
    ) -> Result<products::Product, types::Error> {
        let request = UpdateStock {
            product_id: &product_id,
            quantity,
            expected_version,
        };
        let view = answer(caller, async |catalogue, caller| {
            catalogue.update_stock(&caller, request).await
        });
        Ok(view.await?.into())
    }
}

/// Runs a use case for this caller.
async fn answer<T>(
    caller: Caller,
    use_case: impl AsyncFnOnce(Catalogue<Postgres>, kernel::Caller) -> Result<T, Error>,
) -> Result<T, types::Error> {
    let caller = parse_caller(caller).map_err(Error::Invalid)?;
    let catalogue = crate::catalogue().await.map_err(Error::from)?;
    Ok(use_case(catalogue, caller).await?)
}

fn price(money: &Money) -> Price<'_> {
    Price {
        amount: &money.amount,
        currency: &money.currency_code,
    }
}

impl From<View> for products::Product {
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
            price: Money {
                amount: product.price.amount(),
                currency_code: product.price.currency().code().into(),
            },
            image_url: product.image_url,
            available,
            stock: stock.map(products::Stock::from),
            created_at: product.created_at.unix_micros(),
            updated_at: product.updated_at.unix_micros(),
        }
    }
}

impl From<Stock> for products::Stock {
    fn from(
        Stock {
            quantity,
            reserved,
            version,
        }: Stock,
    ) -> Self {
        Self {
            quantity,
            reserved,
            version,
        }
    }
}

/// What a caller sees of an error; what it hides goes to the log.
impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => invalid_argument(&violations),
            Error::Unauthenticated => Self::Unauthenticated,
            Error::AdminOnly => Self::PermissionDenied,
            Error::NotFound => Self::NotFound,
            Error::OtherVersion(_) => Self::Aborted,
            Error::BelowReserved(_) => Self::FailedPrecondition,
            Error::Store(error) => no_answer(&error),
        }
    }
}
