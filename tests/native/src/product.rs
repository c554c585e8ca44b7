//! The second hop: the catalogue, read from Postgres through statements that each connection prepares once.

use anyhow::Context;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use chrono::{DateTime, SecondsFormat, Utc};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio_postgres::{NoTls, Row};
use uuid::Uuid;

use crate::messages::{
    GetProductRequest, GetProductResponse, ListProductsRequest, ListProductsResponse, Money, Product,
};

/// A pool of at most `connections` connections to the database at `url`.
///
/// # Errors
///
/// `url` is not a Postgres URL. Whether the database answers shows at the first request.
pub(crate) fn pool(url: &str, connections: usize) -> anyhow::Result<Pool> {
    let configuration = url.parse().context("DATABASE_URL is not a Postgres URL")?;
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = Manager::from_config(configuration, NoTls, recycling);
    Pool::builder(manager)
        .max_size(connections)
        .build()
        .context("cannot make a pool of connections")
}

/// The product service's routes.
pub(crate) fn routes(store: Pool) -> Router {
    Router::new()
        .route("/product.v1.ProductService/GetProduct", post(get_product))
        .route("/product.v1.ProductService/ListProducts", post(list_products))
        .with_state(store)
}

async fn get_product(
    State(store): State<Pool>,
    Json(request): Json<GetProductRequest>,
) -> Result<Json<GetProductResponse>, (StatusCode, String)> {
    match find(&store, request.id).await {
        Ok(Some(product)) => Ok(Json(GetProductResponse { product })),
        Ok(None) => Err((StatusCode::NOT_FOUND, format!("no product {}", request.id))),
        Err(error) => Err((StatusCode::SERVICE_UNAVAILABLE, format!("{error:#}"))),
    }
}

async fn list_products(
    State(store): State<Pool>,
    Json(request): Json<ListProductsRequest>,
) -> Result<Json<ListProductsResponse>, (StatusCode, String)> {
    let before = match request.page_token.as_str() {
        "" => Uuid::max(),
        token => token
            .parse()
            .map_err(|_| (StatusCode::BAD_REQUEST, "bad pageToken".to_owned()))?,
    };
    page(&store, before, &request.query, request.page_size)
        .await
        .map(Json)
        .map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, format!("{error:#}")))
}

async fn find(store: &Pool, id: Uuid) -> anyhow::Result<Option<Product>> {
    const SQL: &str = "
        select p.id, p.name, p.description, p.price::text, p.currency::text, p.image_url,
               i.quantity - i.reserved, p.created_at, p.updated_at
        from products p
        join inventory i on i.product_id = p.id
        where p.id = $1 and not p.is_deleted";

    let connection = store.get().await?;
    let statement = connection.prepare_cached(SQL).await?;
    let row = connection.query_opt(&statement, &[&id]).await?;
    row.as_ref().map(product).transpose()
}

async fn page(store: &Pool, before: Uuid, query: &str, size: i32) -> anyhow::Result<ListProductsResponse> {
    const SQL: &str = "
        select p.id, p.name, p.description, p.price::text, p.currency::text, p.image_url,
               i.quantity - i.reserved, p.created_at, p.updated_at
        from products p
        join inventory i on i.product_id = p.id
        where not p.is_deleted and p.id < $1 and ($2 = '' or p.name ilike '%' || $2 || '%')
        order by p.id desc
        limit $3";

    let connection = store.get().await?;
    let statement = connection.prepare_cached(SQL).await?;
    let rows = connection
        .query(&statement, &[&before, &query, &i64::from(size)])
        .await?;
    let products = rows.iter().map(product).collect::<anyhow::Result<Vec<_>>>()?;
    let full = products.len() == usize::try_from(size)?;
    let next_page_token = match products.last() {
        Some(last) if full => last.id.to_string(),
        _ => String::new(),
    };
    Ok(ListProductsResponse {
        products,
        next_page_token,
    })
}

fn product(row: &Row) -> anyhow::Result<Product> {
    Ok(Product {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        description: row.try_get(2)?,
        price: Money {
            amount: row.try_get(3)?,
            currency_code: row.try_get(4)?,
        },
        image_url: row.try_get::<_, Option<String>>(5)?.unwrap_or_default(),
        available: row.try_get(6)?,
        created_at: timestamp(row.try_get(7)?),
        updated_at: timestamp(row.try_get(8)?),
    })
}

fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
