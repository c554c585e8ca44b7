//! The use cases of the catalogue: authorize, validate, decide.

use std::collections::HashMap;

use kernel::{Caller, ListScope, Money, Page, PageRequest, PageToken, ProductId, Violations};

use super::domain::{
    Batch, Change, Description, ImageUrl, Name, NewProduct, Product, Quantity, Query, Stock, View,
};
use crate::store::StoreError;

/// Where the catalogue is kept. Each function is one statement.
pub(crate) trait Store {
    /// The living product with this id.
    async fn find(&self, id: ProductId) -> Result<Option<(Product, Stock)>, StoreError>;

    /// Those of these products that live, each once, in any order.
    async fn find_all(&self, ids: &[ProductId]) -> Result<Vec<(Product, Stock)>, StoreError>;

    /// Living products, newest first, after the one that the token names and at most `limit` of them; with a query,
    /// those whose name or description contains it, whatever the case and width.
    async fn list(
        &self,
        after: Option<PageToken>,
        limit: u32,
        query: Option<&Query>,
    ) -> Result<Vec<(Product, Stock)>, StoreError>;

    /// Adds a product.
    async fn add(&self, product: NewProduct) -> Result<(Product, Stock), StoreError>;

    /// Changes a living product; one that is as wanted already is left alone.
    async fn update(&self, id: ProductId, change: Change) -> Result<Option<(Product, Stock)>, StoreError>;

    /// Takes a product out of the catalogue; one that is out already is left alone. Answers whether there ever was one.
    async fn delete(&self, id: ProductId) -> Result<bool, StoreError>;

    /// Sets how much there is of a living product, if its stock is at the expected version and no more is reserved.
    /// Answers whether it was set, and what is there now.
    async fn set_stock(
        &self,
        id: ProductId,
        quantity: Quantity,
        expected_version: i64,
    ) -> Result<Option<(bool, Product, Stock)>, StoreError>;
}

/// Why a use case has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Invalid(Violations),
    #[error("nobody is signed in")]
    Unauthenticated,
    #[error("only admins may")]
    AdminOnly,
    #[error("no such product")]
    NotFound,
    #[error("the stock is at version {0}")]
    OtherVersion(u64),
    #[error("{0} pieces are reserved")]
    BelowReserved(u32),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An amount of money, as the caller said it.
#[derive(Clone, Copy)]
pub(crate) struct Price<'a> {
    pub(crate) amount: &'a str,
    pub(crate) currency: &'a str,
}

/// A product to add, as the caller said it.
#[derive(Clone, Copy)]
pub(crate) struct CreateProduct<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) price: Option<Price<'a>>,
    pub(crate) image_url: &'a str,
    pub(crate) initial_stock: i32,
}

/// A change of a product, as the caller said it. What `fields` does not name is not looked at.
#[derive(Clone, Copy)]
pub(crate) struct UpdateProduct<'a> {
    pub(crate) id: &'a str,
    /// The names of what is to change, in snake_case: `image_url`.
    pub(crate) fields: &'a [&'a str],
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) price: Option<Price<'a>>,
    pub(crate) image_url: &'a str,
}

/// A count of the stock, as the caller said it.
#[derive(Clone, Copy)]
pub(crate) struct UpdateStock<'a> {
    pub(crate) product_id: &'a str,
    pub(crate) quantity: i32,
    pub(crate) expected_version: i64,
}

/// Which products are wanted, as the caller said it.
pub(crate) struct ListProducts<'a> {
    pub(crate) page_size: i32,
    pub(crate) page_token: &'a str,
    pub(crate) query: &'a str,
}

/// What several ids lead to, each in the order asked for.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) products: Vec<View>,
    pub(crate) missing: Vec<ProductId>,
}

/// The catalogue over a store.
pub(crate) struct Catalogue<S> {
    pub(super) store: S,
}

impl<S: Store> Catalogue<S> {
    pub(crate) fn new(store: S) -> Self {
        Self { store }
    }

    /// Adds a product, for admins.
    pub(crate) async fn create_product(
        &self,
        caller: &Caller,
        request: CreateProduct<'_>,
    ) -> Result<View, Error> {
        admin(caller)?;
        let product = request.parse().map_err(Error::Invalid)?;
        let (product, stock) = self.store.add(product).await?;
        Ok(View::of(product, stock, caller))
    }

    /// One product, for anyone.
    pub(crate) async fn get_product(&self, caller: &Caller, id: &str) -> Result<View, Error> {
        let id = parse_id("id", id)?;
        let (product, stock) = self.store.find(id).await?.ok_or(Error::NotFound)?;
        Ok(View::of(product, stock, caller))
    }

    /// A page of the catalogue, for anyone.
    pub(crate) async fn list_products(
        &self,
        caller: &Caller,
        request: ListProducts<'_>,
    ) -> Result<Page<View>, Error> {
        let (page, query) = request.parse().map_err(Error::Invalid)?;
        // One more than asked for tells whether there is a next page.
        let rows = self
            .store
            .list(page.token, page.size.get() + 1, query.as_ref())
            .await?;
        let views = rows
            .into_iter()
            .map(|(product, stock)| View::of(product, stock, caller))
            .collect();
        Ok(Page::cut(views, &page, |view| view.product.id.uuid()))
    }

    /// Changes a product, for admins.
    pub(crate) async fn update_product(
        &self,
        caller: &Caller,
        request: UpdateProduct<'_>,
    ) -> Result<View, Error> {
        admin(caller)?;
        let (id, change) = request.parse().map_err(Error::Invalid)?;
        let updated = self.store.update(id, change).await?;
        let (product, stock) = updated.ok_or(Error::NotFound)?;
        Ok(View::of(product, stock, caller))
    }

    /// Takes a product out of the catalogue, for admins. A repeat answers the same, so that it can be repeated when its
    /// answer was lost.
    pub(crate) async fn delete_product(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        admin(caller)?;
        let id = parse_id("id", id)?;
        let existed = self.store.delete(id).await?;
        existed.then_some(()).ok_or(Error::NotFound)
    }

    /// Several products, for anyone.
    pub(crate) async fn batch_get_products(&self, caller: &Caller, ids: &[String]) -> Result<Found, Error> {
        let batch = Batch::parse(ids).map_err(|error| Error::Invalid(Violations::one("ids", error)))?;
        let rows = self.store.find_all(batch.ids()).await?;
        let known: HashMap<ProductId, (Product, Stock)> =
            rows.into_iter().map(|row| (row.0.id, row)).collect();
        let mut found = Found {
            products: Vec::new(),
            missing: Vec::new(),
        };
        for id in batch.ids() {
            match known.get(id) {
                Some((product, stock)) => {
                    found.products.push(View::of(product.clone(), *stock, caller));
                }
                None => found.missing.push(*id),
            }
        }
        Ok(found)
    }

    /// Sets how much of a product there is, for admins, unless somebody else did so meanwhile.
    pub(crate) async fn update_stock(
        &self,
        caller: &Caller,
        request: UpdateStock<'_>,
    ) -> Result<View, Error> {
        admin(caller)?;
        let (id, quantity) = request.parse().map_err(Error::Invalid)?;
        let expected = request.expected_version;
        let outcome = self.store.set_stock(id, quantity, expected).await?;
        match outcome.ok_or(Error::NotFound)? {
            (true, product, stock) => Ok(View::of(product, stock, caller)),
            (false, _, stock) if i64::try_from(stock.version) != Ok(expected) => {
                Err(Error::OtherVersion(stock.version))
            }
            (false, _, stock) => Err(Error::BelowReserved(stock.reserved)),
        }
    }
}

/// Nobody but an admin gets any further, not even to what their request is worth.
fn admin(caller: &Caller) -> Result<(), Error> {
    match caller {
        Caller::Anonymous => Err(Error::Unauthenticated),
        caller if caller.is_admin() => Ok(()),
        Caller::User(_) => Err(Error::AdminOnly),
    }
}

fn parse_id(field: &'static str, id: &str) -> Result<ProductId, Error> {
    id.parse()
        .map_err(|error| Error::Invalid(Violations::one(field, error)))
}

impl Price<'_> {
    fn take(price: Option<Self>, violations: &mut Violations) -> Option<Money> {
        let Some(price) = price else {
            violations.add("price", "must be given");
            return None;
        };
        let fields = ["price.amount", "price.currencyCode"];
        Money::take(violations, fields, price.amount, price.currency)
    }
}

impl CreateProduct<'_> {
    fn parse(&self) -> Result<NewProduct, Violations> {
        let mut violations = Violations::default();
        let name = violations.take("name", self.name.parse::<Name>());
        let description = violations.take("description", self.description.parse::<Description>());
        let price = Price::take(self.price, &mut violations);
        let image_url = violations.take("imageUrl", ImageUrl::parse(self.image_url));
        let stock = violations.take("initialStock", Quantity::try_from(self.initial_stock));
        match (name, description, price, image_url, stock) {
            (Some(name), Some(description), Some(price), Some(image_url), Some(stock)) => Ok(NewProduct {
                id: ProductId::generate(),
                name,
                description,
                price,
                image_url,
                stock,
            }),
            _ => Err(violations),
        }
    }
}

impl UpdateProduct<'_> {
    fn parse(&self) -> Result<(ProductId, Change), Violations> {
        let mut violations = Violations::default();
        let id = violations.take("id", self.id.parse());
        if self.fields.is_empty() {
            violations.add("updateMask", "must name what to change");
        }
        let mut change = Change::default();
        for field in self.fields {
            match *field {
                "name" => change.name = violations.take("name", self.name.parse()),
                "description" => {
                    change.description = violations.take("description", self.description.parse());
                }
                "price" => change.price = Price::take(self.price, &mut violations),
                "image_url" => {
                    change.image_url = violations.take("imageUrl", ImageUrl::parse(self.image_url));
                }
                _ => violations.add(
                    "updateMask",
                    "must name nothing but name, description, price and imageUrl",
                ),
            }
        }
        let is_clean = violations.iter().next().is_none();
        id.filter(|_| is_clean).map(|id| (id, change)).ok_or(violations)
    }
}

impl UpdateStock<'_> {
    fn parse(&self) -> Result<(ProductId, Quantity), Violations> {
        let mut violations = Violations::default();
        let id = violations.take("productId", self.product_id.parse());
        let quantity = violations.take("quantity", Quantity::try_from(self.quantity));
        let is_version = self.expected_version > 0;
        let version = is_version
            .then_some(())
            .ok_or("must be the version of the product, as an admin reads it");
        let version = violations.take("expectedVersion", version);
        match (id, quantity, version) {
            (Some(id), Some(quantity), Some(())) => Ok((id, quantity)),
            _ => Err(violations),
        }
    }
}

impl ListProducts<'_> {
    fn parse(&self) -> Result<(PageRequest, Option<Query>), Violations> {
        let query = Query::parse(self.query);
        // The same list for every caller: after signing in, the next page goes on.
        let scope = ListScope::of("products", query.iter().flatten().map(Query::text));
        let page = PageRequest::parse(self.page_size, self.page_token, scope);
        let mut violations = page.as_ref().err().cloned().unwrap_or_default();
        let query = violations.take("query", query);
        page.ok().zip(query).ok_or(violations)
    }
}

#[cfg(test)]
mod tests;
