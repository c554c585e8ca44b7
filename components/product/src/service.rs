//! The use cases of the catalogue: authorize, validate, decide.

use kernel::{Caller, Page, PageRequest, PageSize, PageToken, ProductId, Violations};

use crate::domain::{Product, Query, Stock, View};

/// Where the catalogue is kept.
pub(crate) trait Store {
    /// The living product with this id.
    async fn find(&self, id: ProductId) -> Result<Option<(Product, Stock)>, StoreError>;

    /// Living products, newest first, after the one that the token names and at most `limit` of them; with a query,
    /// those whose name or description contains it, in upper or lower case.
    async fn list(
        &self,
        after: Option<PageToken>,
        limit: u32,
        query: Option<&Query>,
    ) -> Result<Vec<(Product, Stock)>, StoreError>;
}

/// Why the store has no answer. The texts are for the log, never for a caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Not reachable, or too slow: later may be better.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A fault of ours: a statement that is wrong, a row that should not be.
    #[error("the database refused: {0}")]
    Failed(String),
}

/// Why a use case has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Invalid(Violations),
    #[error("no such product")]
    NotFound,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which products are wanted, as the caller said it.
pub(crate) struct ListProducts<'a> {
    pub(crate) page_size: i32,
    pub(crate) page_token: &'a str,
    pub(crate) query: &'a str,
}

/// The catalogue over a store.
pub(crate) struct Catalogue<S> {
    store: S,
}

impl<S: Store> Catalogue<S> {
    pub(crate) fn new(store: S) -> Self {
        Self { store }
    }

    /// One product, for anyone.
    pub(crate) async fn get_product(&self, caller: &Caller, id: &str) -> Result<View, Error> {
        let id = id
            .parse()
            .map_err(|error| Error::Invalid(Violations::one("id", error)))?;
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
        Ok(Page::cut(views, page.size, |view| view.product.id.uuid()))
    }
}

impl ListProducts<'_> {
    fn parse(&self) -> Result<(PageRequest, Option<Query>), Violations> {
        let mut violations = Violations::default();
        let size = violations.take("pageSize", PageSize::try_from(self.page_size));
        let token = violations.take("pageToken", parse_token(self.page_token));
        let query = violations.take("query", Query::parse(self.query));
        match (size, token, query) {
            (Some(size), Some(token), Some(query)) => Ok((PageRequest { size, token }, query)),
            _ => Err(violations),
        }
    }
}

fn parse_token(text: &str) -> Result<Option<PageToken>, kernel::PageTokenError> {
    (!text.is_empty()).then(|| PageToken::decode(text)).transpose()
}

#[cfg(test)]
mod tests {
    use kernel::{Money, Scope, Timestamp, UserCaller, UserId};

    use super::*;

    /// A store in memory, newest first, for the rules above alone. The real one is tested against Postgres.
    struct Memory(Vec<(Product, Stock)>);

    impl Store for Memory {
        async fn find(&self, id: ProductId) -> Result<Option<(Product, Stock)>, StoreError> {
            Ok(self.0.iter().find(|(product, _)| product.id == id).cloned())
        }

        async fn list(
            &self,
            after: Option<PageToken>,
            limit: u32,
            query: Option<&Query>,
        ) -> Result<Vec<(Product, Stock)>, StoreError> {
            let wanted = |(product, _): &&(Product, Stock)| {
                after.is_none_or(|token| product.id.uuid() < token.key())
                    && query.is_none_or(|query| product.name.contains(query.text()))
            };
            Ok(self
                .0
                .iter()
                .filter(wanted)
                .take(limit as usize)
                .cloned()
                .collect())
        }
    }

    fn product(name: &str) -> (Product, Stock) {
        let product = Product {
            id: ProductId::generate(),
            name: name.into(),
            description: String::new(),
            price: Money::parse("1980.00", "JPY").unwrap(),
            image_url: None,
            created_at: Timestamp::from_unix_micros(0),
            updated_at: Timestamp::from_unix_micros(0),
        };
        (
            product,
            Stock {
                quantity: 5,
                reserved: 2,
                version: 7,
            },
        )
    }

    fn catalogue(count: usize) -> Catalogue<Memory> {
        let mut rows: Vec<_> = (0..count).map(|n| product(&format!("tea {n}"))).collect();
        rows.reverse();
        Catalogue::new(Memory(rows))
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        futures::executor::block_on(future)
    }

    #[test]
    fn pages_hold_every_product_once() {
        let catalogue = catalogue(7);
        let mut names = Vec::new();
        let mut token = String::new();
        loop {
            let request = ListProducts {
                page_size: 3,
                page_token: &token,
                query: "",
            };
            let page = run(catalogue.list_products(&Caller::Anonymous, request)).unwrap();
            names.extend(page.items.into_iter().map(|view| view.product.name));
            match page.next {
                Some(next) => token = next.encode(),
                None => break,
            }
        }
        let newest_first: Vec<String> = (0..7).rev().map(|n| format!("tea {n}")).collect();
        assert_eq!(names, newest_first);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let long = "x".repeat(101);
        let request = ListProducts {
            page_size: 101,
            page_token: "nonsense",
            query: &long,
        };
        let Err(Error::Invalid(violations)) = run(catalogue(0).list_products(&Caller::Anonymous, request))
        else {
            panic!("a request with three faults is invalid");
        };
        let fields: Vec<_> = violations.iter().map(|violation| violation.field).collect();
        assert_eq!(fields, ["pageSize", "pageToken", "query"]);
    }

    #[test]
    fn only_admins_see_the_stock() {
        let catalogue = catalogue(1);
        let id = catalogue.store.0[0].0.id.to_string();
        let user = |scopes| {
            Caller::User(UserCaller {
                id: UserId::generate(),
                scopes,
                session: None,
            })
        };

        for caller in [Caller::Anonymous, user(vec![])] {
            let view = run(catalogue.get_product(&caller, &id)).unwrap();
            assert_eq!((view.available, view.stock), (3, None), "what {caller:?} sees");
        }
        let view = run(catalogue.get_product(&user(vec![Scope::Admin]), &id)).unwrap();
        assert_eq!(
            view.stock,
            Some(Stock {
                quantity: 5,
                reserved: 2,
                version: 7
            }),
            "an admin sees it all"
        );
    }

    #[test]
    fn an_unknown_product_is_not_found_and_a_malformed_id_is_invalid() {
        let catalogue = catalogue(1);
        let unknown = run(catalogue.get_product(&Caller::Anonymous, &ProductId::generate().to_string()));
        assert!(matches!(unknown, Err(Error::NotFound)), "got {unknown:?}");
        let malformed = run(catalogue.get_product(&Caller::Anonymous, "42"));
        assert!(matches!(malformed, Err(Error::Invalid(_))), "got {malformed:?}");
    }
}
