//! The first hop: parses the message of a call, forwards it to the product service, and returns the answer.

use std::net::SocketAddr;

use anyhow::Context;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode, header};
use axum::routing::post;
use axum::{Json, Router};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::messages::{GetProductRequest, GetProductResponse, ListProductsRequest, ListProductsResponse};

/// The product service, behind a pool of kept-alive connections.
#[derive(Clone)]
struct Products {
    client: Client<HttpConnector, Body>,
    address: SocketAddr,
}

/// The edge's routes, in front of the product service at `product`.
pub(crate) fn routes(product: SocketAddr) -> Router {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);

    Router::new()
        .route("/product.v1.ProductService/GetProduct", post(get_product))
        .route("/product.v1.ProductService/ListProducts", post(list_products))
        .with_state(Products {
            client,
            address: product,
        })
}

async fn get_product(
    State(products): State<Products>,
    Json(request): Json<GetProductRequest>,
) -> Result<Json<GetProductResponse>, (StatusCode, String)> {
    products.call("GetProduct", &request).await
}

async fn list_products(
    State(products): State<Products>,
    Json(request): Json<ListProductsRequest>,
) -> Result<Json<ListProductsResponse>, (StatusCode, String)> {
    products.call("ListProducts", &request).await
}

impl Products {
    async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        method: &str,
        request: &Q,
    ) -> Result<Json<A>, (StatusCode, String)> {
        self.exchange(method, request)
            .await
            .map(Json)
            .map_err(|error| (StatusCode::BAD_GATEWAY, format!("{method}: {error:#}")))
    }

    async fn exchange<Q: Serialize, A: DeserializeOwned>(
        &self,
        method: &str,
        request: &Q,
    ) -> anyhow::Result<A> {
        let request = Request::post(format!(
            "http://{}/product.v1.ProductService/{method}",
            self.address
        ))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(serde_json::to_vec(request)?))?;
        let response = self
            .client
            .request(request)
            .await
            .context("the product service does not answer")?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        anyhow::ensure!(status.is_success(), "the product service answered {status}");
        serde_json::from_slice(&body).context("the product service answered something else than the message")
    }
}
