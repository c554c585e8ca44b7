//! The catalogue in Postgres, schema `product_service`: a function a statement, the SQL beside it.

use kernel::{Money, PageToken, ProductId, Timestamp};
use platform::postgres::{Database, Error as DatabaseError, Parameter, Row};
use uuid::Uuid;

use crate::{
    domain::{Product, Query, Stock},
    service::{Store, StoreError},
};

/// The select list that [`read`] takes apart. Times travel as microseconds and amounts as text: Spin has no
/// `timestamptz`, and a text keeps a decimal exact.
macro_rules! columns {
    () => {
        "p.id, p.name, p.description, p.price::text, p.currency::text, p.image_url, \
         (extract(epoch from p.created_at) * 1000000)::bigint, \
         (extract(epoch from p.updated_at) * 1000000)::bigint, \
         i.quantity, i.reserved, i.version"
    };
}

const FIND: &str = concat!(
    "select ",
    columns!(),
    " from products p join inventory i on i.product_id = p.id \
      where p.id = $1::text::uuid and not p.is_deleted"
);

// Two statements instead of one with `$3 is null or …`: such an `or` would keep the planner from the index.
const LIST: &str = concat!(
    "select ",
    columns!(),
    " from products p join inventory i on i.product_id = p.id \
      where not p.is_deleted and p.id < $1::text::uuid \
      order by p.id desc limit $2"
);

const SEARCH: &str = concat!(
    "select ",
    columns!(),
    " from products p join inventory i on i.product_id = p.id \
      where not p.is_deleted and p.id < $1::text::uuid and (p.name ilike $3 or p.description ilike $3) \
      order by p.id desc limit $2"
);

/// The catalogue in a database.
pub(crate) struct Postgres(pub(crate) Database);

impl Store for Postgres {
    async fn find(&self, id: ProductId) -> Result<Option<(Product, Stock)>, StoreError> {
        let rows = self.0.read(FIND, &[Parameter::Str(id.to_string())]).await?;
        rows.into_iter().next().map(read).transpose()
    }

    async fn list(
        &self,
        after: Option<PageToken>,
        limit: u32,
        query: Option<&Query>,
    ) -> Result<Vec<(Product, Stock)>, StoreError> {
        // Every id is below the greatest UUID, which no product has: the first page needs no statement of its own.
        let below = after.map_or(Uuid::max(), PageToken::key);
        let mut parameters = vec![Parameter::Str(below.to_string()), Parameter::Int64(limit.into())];
        let statement = match query {
            None => LIST,
            Some(query) => {
                parameters.push(Parameter::Str(pattern(query)));
                SEARCH
            }
        };
        self.0
            .read(statement, &parameters)
            .await?
            .into_iter()
            .map(read)
            .collect()
    }
}

/// The query as a pattern for `ilike` that matches it literally, anywhere.
fn pattern(query: &Query) -> String {
    let mut pattern = String::with_capacity(query.text().len() + 2);
    pattern.push('%');
    for character in query.text().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

fn read(mut row: Row) -> Result<(Product, Stock), StoreError> {
    let product = Product {
        id: parsed(row.text()?.parse())?,
        name: row.text()?,
        description: row.text()?,
        price: parsed(Money::parse(&row.text()?, &row.text()?))?,
        image_url: row.optional_text()?,
        created_at: Timestamp::from_unix_micros(row.bigint()?),
        updated_at: Timestamp::from_unix_micros(row.bigint()?),
    };
    let stock = Stock {
        quantity: parsed(row.integer()?.try_into())?,
        reserved: parsed(row.integer()?.try_into())?,
        version: parsed(row.bigint()?.try_into())?,
    };
    Ok((product, stock))
}

/// A row that breaks the rules of the domain, which the schema's constraints should have kept out.
fn parsed<T, E: std::fmt::Display>(value: Result<T, E>) -> Result<T, StoreError> {
    value.map_err(|error| StoreError::Failed(format!("a stored product {error}")))
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(cause) => Self::Unavailable(cause),
            other => Self::Failed(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_its_query_literally() {
        let query = |text| Query::parse(text).unwrap().unwrap();
        assert_eq!(pattern(&query("茶")), "%茶%");
        assert_eq!(pattern(&query(r"100%_\")), r"%100\%\_\\%");
    }
}
