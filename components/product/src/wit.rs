//! WIT adapter: the use cases for a caller in the same process. Record in, domain call, record out.

use platform::log::Names;
use platform::wit::{
    invalid_argument, parse_caller,
    types::{self, Caller, Money, PageRequest},
};

use crate::{
    domain::{Stock, View},
    service::{Error, ListProducts, StoreError},
};

// Generated code: its items are documented in `wit/`.
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "product-service",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        with: { "akinai:commerce/types@0.1.0": platform::wit::types },
    });

    export!(Component with_types_in self);

    use super::Component;
}

use bindings::exports::akinai::commerce::products::{self, Guest};

struct Component;

impl Guest for Component {
    async fn get_product(caller: Caller, id: String) -> Result<products::Product, types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        let view = crate::catalogue()
            .await
            .map_err(Error::from)?
            .get_product(&caller, &id)
            .await?;
        Ok(view.into())
    }

    async fn list_products(
        caller: Caller,
        page: PageRequest,
        query: String,
    ) -> Result<products::ProductPage, types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        let request = ListProducts {
            page_size: page.size,
            page_token: &page.token,
            query: &query,
        };
        let page = crate::catalogue()
            .await
            .map_err(Error::from)?
            .list_products(&caller, request)
            .await?;
        Ok(products::ProductPage {
            products: page.items.into_iter().map(products::Product::from).collect(),
            next_page_token: page.next.map(|token| token.encode()).unwrap_or_default(),
        })
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
                amount: product.price.amount.to_string(),
                currency_code: product.price.currency.code().into(),
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
            Error::NotFound => Self::NotFound,
            Error::Store(StoreError::Unavailable(_)) => {
                platform::log::error(Names::NONE, &error);
                Self::Unavailable
            }
            Error::Store(StoreError::Failed(_)) => {
                platform::log::error(Names::NONE, &error);
                Self::Internal
            }
        }
    }
}
