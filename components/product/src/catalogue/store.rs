//! The catalogue in Postgres, schema `product_service`: a function a statement, the SQL beside it.

use kernel::{Money, PageToken, ProductId, Timestamp};
use spin_adapters::postgres::{Database, Error, FromRow, Parameter, Row, only, parameter::optional};
use uuid::Uuid;

use super::{
    domain::{Change, Description, ImageUrl, Name, NewProduct, Product, Quantity, Query, Stock},
    service::Store,
};
use crate::store::{StoreError, all, first};

/// The columns of a [`Listed`] product. Times travel as microseconds and amounts as text: Spin has no `timestamptz`, and a text
/// keeps a decimal exact.
macro_rules! columns {
    () => {
        "p.id, p.name, p.description, p.price::text as price, p.currency::text as currency, p.image_url, \
         (extract(epoch from p.created_at) * 1000000)::bigint as created_at, \
         (extract(epoch from p.updated_at) * 1000000)::bigint as updated_at, \
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

const FIND_ALL: &str = concat!(
    "select ",
    columns!(),
    " from products p join inventory i on i.product_id = p.id \
      where p.id = any($1::text[]::uuid[]) and not p.is_deleted"
);

// What is often found is found among the newest, and what is not is found by its pieces, of which the index knows where they
// are. Neither alone is good: walking by key reads the whole catalogue for a word that is rare, and the index finds 100,000
// products for one that is common, only to throw all but a page away. So the first walks a thousand products and no
// further, and the second runs if that was too few; a planner that guesses wrong cannot choose otherwise.
//
// A query of up to three characters is itself a piece; of a longer one all pieces of three must be there, and `like` tells
// whether they stand together. The query is folded as what is searched was, by the same function, and only then becomes a
// pattern, because ％ folds to %. The pattern is made once, not for each row (`wanted`); the pieces stand where the planner can
// make them from the parameter and see how rare they are.
const SEARCH: &str = concat!(
    "with wanted as materialized ( \
         select '%' || regexp_replace(search_form($3), '([%_\\\\])', '\\\\\\1', 'g') || '%' as pattern), \
     newest as materialized ( \
         select id from ( \
             select id, searched from products where not is_deleted and id < $1::text::uuid \
             order by id desc limit 1000) as walked \
         where searched like (select pattern from wanted) order by id desc limit $2), \
     indexed as materialized ( \
         select id from products \
         where not is_deleted and id < $1::text::uuid and searched like (select pattern from wanted) \
             and ngrams(searched, 1, 3) \
                 @> ngrams(search_form($3), least(char_length(search_form($3)), 3), 3) \
             and (select count(*) from newest) < $2), \
     page as (select id from newest union select id from indexed order by id desc limit $2) \
     select ",
    columns!(),
    " from page join products p on p.id = page.id join inventory i on i.product_id = p.id order by p.id desc"
);

const ADD: &str = concat!(
    "with p as ( \
         insert into products (id, name, description, price, currency, image_url) \
         values ($1::text::uuid, $2, $3, $4::text::decimal, $5, $6) returning *), \
     i as (insert into inventory (product_id, quantity) select id, $7 from p returning *) \
     select ",
    columns!(),
    " from p, i"
);

// What is null stays as it is, but for the picture, which $6 tells whether to replace. A repeat changes nothing, the time of
// the last change included.
const UPDATE: &str = concat!(
    "with p as ( \
         update products set \
             name = coalesce($2, name), description = coalesce($3, description), \
             price = coalesce($4::text::decimal, price), currency = coalesce($5, currency), \
             image_url = case when $6 then $7 else image_url end, \
             updated_at = case \
                 when (name, description, price, currency) = (coalesce($2, name), coalesce($3, description), \
                         coalesce($4::text::decimal, price), coalesce($5, currency)) \
                     and not ($6 and image_url is distinct from $7) \
                 then updated_at else now() end \
         where id = $1::text::uuid and not is_deleted \
         returning *) \
     select ",
    columns!(),
    " from p join inventory i on i.product_id = p.id"
);

// The stock goes with the product, so that a reservation under way meets the deletion where it looks. A repeat finds the
// product, and has nothing to do.
const DELETE: &str = "with known as (select id from products where id = $1::text::uuid), \
     deleted as ( \
         update products set is_deleted = true, deleted_at = now(), updated_at = now() \
         where id = (select id from known) and not is_deleted returning id), \
     cleared as (update inventory set deleted_at = now() from deleted where product_id = deleted.id) \
     select id from known";

// Locked before it is looked at, so that the answer tells what is there and not what was. `reserved` is written as it was
// locked, or the constraint between the two would be asked about what was reserved when the statement began.
const SET_STOCK: &str = concat!(
    "with locked as ( \
         select i.* from inventory i where i.product_id = $1::text::uuid and i.deleted_at is null \
         for no key update), \
     changed as ( \
         update inventory set quantity = $2, reserved = locked.reserved, version = inventory.version + 1, \
             updated_at = now() from locked \
         where inventory.product_id = locked.product_id and locked.version = $3 and locked.reserved <= $2 \
         returning inventory.*), \
     i as (select * from changed union all select * from locked where not exists (select from changed)) \
     select exists (select from changed) as is_set, ",
    columns!(),
    " from i join products p on p.id = i.product_id where not p.is_deleted"
);

/// The catalogue in a database.
pub(crate) struct Postgres(pub(crate) Database);

impl Store for Postgres {
    async fn find(&self, id: ProductId) -> Result<Option<(Product, Stock)>, StoreError> {
        let rows = self.0.read(FIND, &[Parameter::Str(id.to_string())]).await?;
        Ok(first::<Listed>(rows)?.map(Listed::into_pair))
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
                parameters.push(Parameter::Str(query.text().to_owned()));
                SEARCH
            }
        };
        pairs(self.0.read(statement, &parameters).await?)
    }

    async fn find_all(&self, ids: &[ProductId]) -> Result<Vec<(Product, Stock)>, StoreError> {
        let ids = ids.iter().map(|id| Some(id.to_string())).collect();
        let rows = self.0.read(FIND_ALL, &[Parameter::ArrayStr(ids)]).await?;
        pairs(rows)
    }

    async fn add(&self, product: NewProduct) -> Result<(Product, Stock), StoreError> {
        let parameters = [
            Parameter::Str(product.id.to_string()),
            Parameter::Str(product.name.as_str().into()),
            Parameter::Str(product.description.as_str().into()),
            Parameter::Str(product.price.amount()),
            Parameter::Str(product.price.currency().code().into()),
            optional(product.image_url.as_ref().map(ImageUrl::as_str)),
            Parameter::Int32(product.stock.get()),
        ];
        let rows = self.0.write(ADD, &parameters).await?;
        Ok(Listed::from_row(&mut only(rows)?)?.into_pair())
    }

    async fn update(&self, id: ProductId, change: Change) -> Result<Option<(Product, Stock)>, StoreError> {
        let price = change.price.as_ref();
        let parameters = [
            Parameter::Str(id.to_string()),
            optional(change.name.as_ref().map(Name::as_str)),
            optional(change.description.as_ref().map(Description::as_str)),
            optional(price.map(Money::amount)),
            optional(price.map(|price| price.currency().code().to_owned())),
            Parameter::Boolean(change.image_url.is_some()),
            optional(
                change
                    .image_url
                    .as_ref()
                    .and_then(Option::as_ref)
                    .map(ImageUrl::as_str),
            ),
        ];
        let rows = self.0.write(UPDATE, &parameters).await?;
        Ok(first::<Listed>(rows)?.map(Listed::into_pair))
    }

    async fn delete(&self, id: ProductId) -> Result<bool, StoreError> {
        let rows = self.0.write(DELETE, &[Parameter::Str(id.to_string())]).await?;
        Ok(!rows.is_empty())
    }

    async fn set_stock(
        &self,
        id: ProductId,
        quantity: Quantity,
        expected_version: i64,
    ) -> Result<Option<(bool, Product, Stock)>, StoreError> {
        let parameters = [
            Parameter::Str(id.to_string()),
            Parameter::Int32(quantity.get()),
            Parameter::Int64(expected_version),
        ];
        let rows = self.0.write(SET_STOCK, &parameters).await?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let Listed { product, stock } = Listed::from_row(&mut row)?;
        Ok(Some((row.get("is_set")?, product, stock)))
    }
}

/// A product with its stock, as the columns of [`columns!`] have them.
struct Listed {
    product: Product,
    stock: Stock,
}

impl Listed {
    fn into_pair(self) -> (Product, Stock) {
        (self.product, self.stock)
    }
}

impl FromRow for Listed {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        let (amount, currency): (String, String) = (row.get("price")?, row.get("currency")?);
        let product = Product {
            id: row.parse("id")?,
            name: row.get("name")?,
            description: row.get("description")?,
            price: Money::kept(&amount, &currency).map_err(|error| Error::invalid("price", error))?,
            image_url: row.get("image_url")?,
            created_at: Timestamp::from_unix_micros(row.get("created_at")?),
            updated_at: Timestamp::from_unix_micros(row.get("updated_at")?),
        };
        let stock = Stock {
            quantity: row.convert::<i32, _>("quantity")?,
            reserved: row.convert::<i32, _>("reserved")?,
            version: row.convert::<i64, _>("version")?,
        };
        Ok(Self { product, stock })
    }
}

fn pairs(rows: Vec<Row>) -> Result<Vec<(Product, Stock)>, StoreError> {
    let listed: Vec<Listed> = all(rows)?;
    Ok(listed.into_iter().map(Listed::into_pair).collect())
}
