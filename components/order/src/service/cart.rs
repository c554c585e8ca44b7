//! Carts.

use kernel::{Caller, ProductId, UserId, Violations};

use super::{Added, Carts, Catalogue, Error, Shop, user};
use crate::domain::{Cart, CartLines, Key, Line, Product};

/// An unparsed addition to a cart.
pub(crate) struct AddToCart<'a> {
    pub(crate) product: &'a str,
    pub(crate) quantity: i32,
    pub(crate) request_key: Option<&'a str>,
}

impl<S: Carts, P: Catalogue> Shop<S, P> {
    /// Adds to the caller's cart, for users.
    ///
    /// A repeat is recognised first: it returns the current cart, even if the product or the cart has changed meanwhile.
    ///
    /// The catalogue is called for the whole cart before the change. Otherwise a client could get `unavailable` for an addition
    /// that was made.
    pub(crate) async fn add_to_cart(&self, caller: &Caller, request: AddToCart<'_>) -> Result<Cart, Error> {
        let user = user(caller)?;
        let (line, key) = request.parse()?;
        if let Some(key) = &key
            && self.was_added(user, key, line).await?
        {
            return self.priced(user, Vec::new()).await;
        }
        let before = self.store.cart(user).await?;
        let products = self.products_of(&before, Some(line.product)).await?;
        let product = products.iter().find(|product| product.id == line.product);
        let product = product.ok_or(Error::NoProduct)?;
        let added = self.store.add(user, product, line.quantity, key.as_ref()).await?;
        match added {
            Added::Done => {}
            // Another call served the same request meanwhile.
            Added::Repeated => {
                if let Some(key) = &key {
                    self.was_added(user, key, line).await?;
                }
            }
            Added::CartFull => return Err(Error::CartFull),
            Added::LineFull => return Err(Error::LineFull),
            Added::Closed => return Err(Error::CartClosed),
        }
        self.priced(user, products).await
    }

    /// Sets the quantity of a product in the caller's cart, for users.
    pub(crate) async fn update_cart_item(
        &self,
        caller: &Caller,
        product: &str,
        quantity: i32,
    ) -> Result<Cart, Error> {
        let user = user(caller)?;
        let line = Line::parse(product, quantity)?;
        match self.store.set_quantity(user, line).await? {
            true => self.priced(user, Vec::new()).await,
            false => Err(Error::NotInCart),
        }
    }

    /// Removes a product from the caller's cart, for users.
    pub(crate) async fn remove_from_cart(&self, caller: &Caller, product: &str) -> Result<Cart, Error> {
        let user = user(caller)?;
        let product = product
            .parse()
            .map_err(|error| Error::Invalid(Violations::one("productId", error)))?;
        self.store.remove(user, product).await?;
        self.priced(user, Vec::new()).await
    }

    /// The caller's cart with current prices, for users.
    pub(crate) async fn get_cart(&self, caller: &Caller) -> Result<Cart, Error> {
        self.priced(user(caller)?, Vec::new()).await
    }

    /// Empties the caller's cart, for users.
    pub(crate) async fn clear_cart(&self, caller: &Caller) -> Result<Cart, Error> {
        self.store.clear(user(caller)?).await?;
        Ok(Cart::of(CartLines::default(), &[]))
    }

    /// Whether a key was used for this addition.
    ///
    /// # Errors
    /// The key was used for a different addition.
    async fn was_added(&self, user: UserId, key: &Key, line: Line) -> Result<bool, Error> {
        match self.store.addition(user, key).await? {
            Some(before) if before != line => Err(Error::Invalid(Violations::one(
                "requestKey",
                "was used for another addition: use a new key",
            ))),
            before => Ok(before.is_some()),
        }
    }

    /// The cart with prices. The catalogue is called only if `products` lacks a product of the cart.
    async fn priced(&self, user: UserId, mut products: Vec<Product>) -> Result<Cart, Error> {
        let lines = self.store.cart(user).await?;
        let known = |line: &ProductId| products.iter().any(|product| product.id == *line);
        if !ids(&lines).all(|id| known(&id)) {
            products = self.products_of(&lines, None).await?;
        }
        Ok(Cart::of(lines, &products))
    }

    /// The catalogue's products for the lines of a cart, and for one more id.
    async fn products_of(&self, cart: &CartLines, more: Option<ProductId>) -> Result<Vec<Product>, Error> {
        let mut wanted: Vec<_> = ids(cart).collect();
        // One call of the catalogue has room for a full cart, but not for one more product.
        match more.filter(|id| !wanted.contains(id)) {
            Some(_) if wanted.len() >= crate::domain::MOST_LINES => return Err(Error::CartFull),
            more => wanted.extend(more),
        }
        match wanted.is_empty() {
            true => Ok(Vec::new()),
            false => Ok(self.product.products(&wanted).await?),
        }
    }
}

fn ids(cart: &CartLines) -> impl Iterator<Item = ProductId> {
    cart.lines.iter().map(|line| line.line.product)
}

impl AddToCart<'_> {
    fn parse(&self) -> Result<(Line, Option<Key>), Violations> {
        let mut violations = Violations::default();
        let line = violations.take_all(Line::parse(self.product, self.quantity));
        let key = violations.take("requestKey", self.request_key.map(str::parse).transpose());
        line.zip(key).ok_or(violations)
    }
}
