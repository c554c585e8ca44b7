//! The catalogue in Postgres, schema `product_service`: one function for each statement.

use std::sync::LazyLock;

use kernel::{Money, PageToken, ProductId, StoreError};
use spin_adapters::postgres::{
    Database, Error, FromRow, Parameter, Row, all, first, only,
    parameter::{optional, text, texts, uuid},
};
use uuid::Uuid;

use super::{
    domain::{Change, Description, ImageUrl, Name, NewProduct, Product, Quantity, Query, Stock},
    service::Store,
};

/// The select list of a [`Product`] and its [`Stock`], from a product `p` and its inventory `i`. Times are microseconds and
/// amounts are texts: Spin has no `timestamptz`, and a text keeps a decimal exact.
const COLUMNS: &str = "p.id, p.name, p.description, p.price::text as price, p.currency::text as currency, p.image_url, \
     (extract(epoch from p.created_at) * 1000000)::bigint as created_at, \
     (extract(epoch from p.updated_at) * 1000000)::bigint as updated_at, i.quantity, i.reserved, i.version";

static FIND: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select {COLUMNS} from products p join inventory i on i.product_id = p.id \
         where p.id = $1::uuid and not p.is_deleted"
    )
});

// Two statements instead of one with `$3 is null or …`: with such an `or`, the planner would not use the index.
static LIST: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select {COLUMNS} from products p join inventory i on i.product_id = p.id \
         where not p.is_deleted and p.id < $1::uuid \
         order by p.id desc limit $2"
    )
});

static FIND_ALL: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select {COLUMNS} from products p join inventory i on i.product_id = p.id \
         where p.id = any($1::text[]::uuid[]) and not p.is_deleted"
    )
});

// A search reads the newest products, or uses the index of n-grams. Each of them is slow in some cases: reading by key
// reads the whole catalogue for a rare word, and the index finds 100,000 products for a common word, of which only a
// page is needed. So `newest` reads at most a thousand products, and `indexed` runs only if `newest` found less than a
// page. The planner has no choice that could be wrong.
//
// The index holds n-grams of one to three characters. A query of up to three characters is itself an n-gram. A longer
// query needs all of its 3-grams, and `like` checks whether they are adjacent. The query is folded by the same function
// as the searched text, and only then becomes a pattern, because ％ folds to %. The pattern is made once, not for each
// row (`wanted`). The n-grams are written where the planner can compute them from the parameter and estimate how rare
// they are.
static SEARCH: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with wanted as materialized ( \
             select '%' || regexp_replace(search_form($3), '([%_\\\\])', '\\\\\\1', 'g') || '%' as pattern), \
         newest as materialized ( \
             select id from ( \
                 select id, searched from products where not is_deleted and id < $1::uuid \
                 order by id desc limit 1000) as walked \
             where searched like (select pattern from wanted) order by id desc limit $2), \
         indexed as materialized ( \
             select id from products \
             where not is_deleted and id < $1::uuid and searched like (select pattern from wanted) \
                 and ngrams(searched, 1, 3) \
                     @> ngrams(search_form($3), least(char_length(search_form($3)), 3), 3) \
                 and (select count(*) from newest) < $2), \
         page as (select id from newest union select id from indexed order by id desc limit $2) \
         select {COLUMNS} \
         from page join products p on p.id = page.id join inventory i on i.product_id = p.id order by p.id desc"
    )
});

static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with p as ( \
             insert into products (id, name, description, price, currency, image_url) \
             values ($1::uuid, $2, $3, $4::text::decimal, $5, $6) returning *), \
         i as (insert into inventory (product_id, quantity) select id, $7 from p returning *) \
         select {COLUMNS} from p, i"
    )
});

// A parameter that is null does not change its column. For the picture, $6 says whether to replace it. A repeat changes
// nothing, not even the time of the last change.
static UPDATE: LazyLock<String> = LazyLock::new(|| {
    format!(
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
             where id = $1::uuid and not is_deleted \
             returning *) \
         select {COLUMNS} from p join inventory i on i.product_id = p.id"
    )
});

// The stock is deleted with the product, so that a concurrent reservation sees the deletion in the row that it locks. A
// repeat finds the product and changes nothing.
const DELETE: &str = "with known as (select id from products where id = $1::uuid), \
     deleted as ( \
         update products set is_deleted = true, deleted_at = now(), updated_at = now() \
         where id = (select id from known) and not is_deleted returning id), \
     cleared as (update inventory set deleted_at = now() from deleted where product_id = deleted.id) \
     select id from known";

// The row is locked before it is read, so that the answer has the current numbers. `reserved` is written with the
// locked value. Otherwise Postgres would check the constraint between the two with the value from the start of the
// statement.
static SET_STOCK: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with locked as ( \
             select i.* from inventory i where i.product_id = $1::uuid and i.deleted_at is null \
             for no key update), \
         changed as ( \
             update inventory set quantity = $2, reserved = locked.reserved, version = inventory.version + 1, \
                 updated_at = now() from locked \
             where inventory.product_id = locked.product_id and locked.version = $3 and locked.reserved <= $2 \
             returning inventory.*), \
         i as (select * from changed union all select * from locked where not exists (select from changed)) \
         select exists (select from changed) as is_set, {COLUMNS} \
         from i join products p on p.id = i.product_id where not p.is_deleted"
    )
});

/// The catalogue in a database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Postgres(pub(crate) Database);

impl Store for Postgres {
    async fn find(&self, id: ProductId) -> Result<Option<(Product, Stock)>, StoreError> {
        Ok(first(self.0.read(&FIND, &[uuid(id)]).await?)?)
    }

    async fn list(
        &self,
        after: Option<PageToken>,
        limit: u32,
        query: Option<&Query>,
    ) -> Result<Vec<(Product, Stock)>, StoreError> {
        // The greatest UUID is not a product's id, and every id is less. So the first page can use the same statement.
        let below = after.map_or(Uuid::max(), PageToken::key);
        let mut parameters = vec![uuid(below), Parameter::Int64(limit.into())];
        parameters.extend(query.map(|query| text(query.text())));
        let statement = if query.is_none() { &LIST } else { &SEARCH };
        Ok(all(self.0.read(statement, &parameters).await?)?)
    }

    async fn find_all(&self, ids: &[ProductId]) -> Result<Vec<(Product, Stock)>, StoreError> {
        Ok(all(self.0.read(&FIND_ALL, &[texts(ids)]).await?)?)
    }

    async fn insert(&self, product: NewProduct) -> Result<(Product, Stock), StoreError> {
        let parameters = [
            uuid(product.id),
            text(product.name.as_str()),
            text(product.description.as_str()),
            text(product.price.amount()),
            text(product.price.currency().code()),
            optional(product.image_url.as_ref().map(ImageUrl::as_str)),
            Parameter::Int32(product.stock.get()),
        ];
        let mut row = only(self.0.write(&INSERT, &parameters).await?)?;
        Ok(FromRow::from_row(&mut row)?)
    }

    async fn update(&self, id: ProductId, change: Change) -> Result<Option<(Product, Stock)>, StoreError> {
        let image_url = change.image_url.as_ref();
        let parameters = [
            uuid(id),
            optional(change.name.as_ref().map(Name::as_str)),
            optional(change.description.as_ref().map(Description::as_str)),
            optional(change.price.as_ref().map(Money::amount)),
            optional(change.price.map(|price| price.currency().code().to_owned())),
            Parameter::Boolean(image_url.is_some()),
            optional(image_url.and_then(Option::as_ref).map(ImageUrl::as_str)),
        ];
        Ok(first(self.0.write(&UPDATE, &parameters).await?)?)
    }

    async fn delete(&self, id: ProductId) -> Result<bool, StoreError> {
        let rows = self.0.write(DELETE, &[uuid(id)]).await?;
        Ok(!rows.is_empty())
    }

    async fn set_stock(
        &self,
        id: ProductId,
        quantity: Quantity,
        expected_version: i64,
    ) -> Result<Option<(bool, Product, Stock)>, StoreError> {
        let parameters = [
            uuid(id),
            Parameter::Int32(quantity.get()),
            Parameter::Int64(expected_version),
        ];
        let rows = self.0.write(&SET_STOCK, &parameters).await?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let is_set = row.get("is_set")?;
        Ok(Some((
            is_set,
            Product::from_row(&mut row)?,
            Stock::from_row(&mut row)?,
        )))
    }
}

impl FromRow for Product {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.parse("id")?,
            name: row.get("name")?,
            description: row.get("description")?,
            price: row.money("price", "currency")?,
            image_url: row.get("image_url")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

impl FromRow for Stock {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            quantity: row.convert::<i32, _>("quantity")?,
            reserved: row.convert::<i32, _>("reserved")?,
            version: row.convert::<i64, _>("version")?,
        })
    }
}
