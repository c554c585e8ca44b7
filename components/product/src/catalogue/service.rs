//! The use cases of the catalogue: authorize, validate, decide.

use std::collections::HashMap;

use kernel::{
    Caller, ListScope, Money, MoneyInput, Page, PageRequest, PageToken, ProductId, StoreError, Violations,
};

use super::domain::{
    Batch, Change, Description, ImageUrl, Name, NewProduct, Product, Quantity, Query, Stock, View,
};

/// The storage of the catalogue. Each function is one statement.
pub(crate) trait Store {
    /// The product with this id, unless it is deleted.
    async fn find(&self, id: ProductId) -> Result<Option<(Product, Stock)>, StoreError>;

    /// The products of these ids that are not deleted, each once, in any order.
    async fn find_all(&self, ids: &[ProductId]) -> Result<Vec<(Product, Stock)>, StoreError>;

    /// Products that are not deleted, newest first: at most `limit`, after the product that the token names. With a
    /// query, only products whose name or description contains it, regardless of case and width.
    async fn list(
        &self,
        after: Option<PageToken>,
        limit: u32,
        query: Option<&Query>,
    ) -> Result<Vec<(Product, Stock)>, StoreError>;

    /// Inserts a product.
    async fn insert(&self, product: NewProduct) -> Result<(Product, Stock), StoreError>;

    /// Changes a product that is not deleted. A change without effect does not change the time of the last change.
    async fn update(&self, id: ProductId, change: Change) -> Result<Option<(Product, Stock)>, StoreError>;

    /// Deletes a product, and changes nothing if it is deleted already. Returns whether the product ever existed.
    async fn delete(&self, id: ProductId) -> Result<bool, StoreError>;

    /// Sets the quantity of a product that is not deleted, if its stock has the expected version and no more pieces are
    /// reserved. Returns whether the quantity was set, and the present product and stock.
    async fn set_stock(
        &self,
        id: ProductId,
        quantity: Quantity,
        expected_version: i64,
    ) -> Result<Option<(bool, Product, Stock)>, StoreError>;
}

/// A use case failed. The text of an error is for the client, except for that of the store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Invalid(#[from] Violations),
    #[error("the caller is not signed in")]
    Unauthenticated,
    #[error("only admins may call this method")]
    AdminOnly,
    #[error("there is no product with this id")]
    NotFound,
    #[error("the stock was changed meanwhile and is at version {0}: read it again, then retry")]
    OtherVersion(u64),
    #[error("the quantity cannot be below the {0} pieces that are reserved for orders")]
    BelowReserved(u32),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An unparsed product to add.
#[derive(Clone, Copy)]
pub(crate) struct CreateProduct<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) price: Option<MoneyInput<'a>>,
    pub(crate) image_url: &'a str,
    pub(crate) initial_stock: i32,
}

/// An unparsed change of a product. Fields that `fields` does not name are ignored.
#[derive(Clone, Copy)]
pub(crate) struct UpdateProduct<'a> {
    pub(crate) id: &'a str,
    /// The names of the fields to change, in snake_case: `image_url`.
    pub(crate) fields: &'a [&'a str],
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) price: Option<MoneyInput<'a>>,
    pub(crate) image_url: &'a str,
}

/// An unparsed count of the stock.
#[derive(Clone, Copy)]
pub(crate) struct UpdateStock<'a> {
    pub(crate) product_id: &'a str,
    pub(crate) quantity: i32,
    pub(crate) expected_version: i64,
}

/// An unparsed request for a page of products.
pub(crate) struct ListProducts<'a> {
    pub(crate) page_size: i32,
    pub(crate) page_token: &'a str,
    pub(crate) query: &'a str,
}

/// The products of several ids, and the ids without a product, each in the order of the request.
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
    pub(crate) const fn new(store: S) -> Self {
        Self { store }
    }

    /// Adds a product, for admins.
    pub(crate) async fn create_product(
        &self,
        caller: &Caller,
        request: CreateProduct<'_>,
    ) -> Result<View, Error> {
        admin(caller)?;
        let product = request.parse()?;
        let (product, stock) = self.store.insert(product).await?;
        Ok(View::of(product, stock, caller))
    }

    /// One product, for all callers.
    pub(crate) async fn get_product(&self, caller: &Caller, id: &str) -> Result<View, Error> {
        let id = parse_id("id", id)?;
        let (product, stock) = self.store.find(id).await?.ok_or(Error::NotFound)?;
        Ok(View::of(product, stock, caller))
    }

    /// A page of the catalogue, for all callers.
    pub(crate) async fn list_products(
        &self,
        caller: &Caller,
        request: ListProducts<'_>,
    ) -> Result<Page<View>, Error> {
        let (page, query) = request.parse()?;
        // One more than requested, to find out whether there is a next page.
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
        let (id, change) = request.parse()?;
        let updated = self.store.update(id, change).await?;
        let (product, stock) = updated.ok_or(Error::NotFound)?;
        Ok(View::of(product, stock, caller))
    }

    /// Deletes a product, for admins. A repeat returns the same answer, so a client can repeat the call if the answer
    /// was lost.
    pub(crate) async fn delete_product(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        admin(caller)?;
        let id = parse_id("id", id)?;
        let existed = self.store.delete(id).await?;
        existed.then_some(()).ok_or(Error::NotFound)
    }

    /// Several products, for all callers.
    pub(crate) async fn batch_get_products(&self, caller: &Caller, ids: &[String]) -> Result<Found, Error> {
        let batch = Batch::parse(ids)?;
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

    /// Sets the quantity of a product, for admins, unless the stock was changed since the expected version.
    pub(crate) async fn update_stock(
        &self,
        caller: &Caller,
        request: UpdateStock<'_>,
    ) -> Result<View, Error> {
        admin(caller)?;
        let (id, quantity) = request.parse()?;
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

/// Refuses all callers except admins, before their request is parsed.
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

fn take_price(violations: &mut Violations, price: Option<MoneyInput<'_>>) -> Option<Money> {
    match price {
        Some(price) => violations.take_within("price", price.parse()),
        None => {
            violations.add("price", "must be given");
            None
        }
    }
}

impl CreateProduct<'_> {
    fn parse(&self) -> Result<NewProduct, Violations> {
        let mut violations = Violations::default();
        let name = violations.take("name", self.name.parse::<Name>());
        let description = violations.take("description", self.description.parse::<Description>());
        let price = take_price(&mut violations, self.price);
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
                "price" => change.price = take_price(&mut violations, self.price),
                "image_url" => {
                    change.image_url = violations.take("imageUrl", ImageUrl::parse(self.image_url));
                }
                _ => violations.add(
                    "updateMask",
                    "must name nothing but name, description, price and imageUrl",
                ),
            }
        }
        let is_clean = violations.is_empty();
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
            .ok_or("must be the product's `version`, which is 1 or more");
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
        // The list is the same for all callers, so a page token stays valid when the caller signs in.
        let scope = ListScope::of("products", query.iter().flatten().map(Query::text));
        let page = PageRequest::parse(self.page_size, self.page_token, scope);
        let mut violations = page.as_ref().err().cloned().unwrap_or_default();
        let query = violations.take("query", query);
        page.ok().zip(query).ok_or(violations)
    }
}

#[cfg(test)]
mod tests;
