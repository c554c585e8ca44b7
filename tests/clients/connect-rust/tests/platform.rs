//! The answers of the platform to the client, in each protocol.

use std::time::Duration;

use buffa::view::OwnedView;
use connect_rust::google::rpc::BadRequest;
use connect_rust::product::v1::__buffa::view::ListProductsResponseView;
use connect_rust::product::v1::{
    GetProductRequest, ListProductsRequest, PRODUCT_SERVICE_LIST_PRODUCTS_SPEC, ProductServiceClient,
};
use connect_rust::user::v1::{CreateUserRequest, GetUserRequest, UserServiceClient};
use connect_rust::{MATRIX, detail, encoding_header, media_type, must_fail, timeout, transport};
use connectrpc::client::{CallOptions, HttpClient, UnaryResponse, call_unary_get};
use connectrpc::{CodecFormat, ErrorCode, Protocol, SpecOrigin};
use http::HeaderMap;
use serde_json::Value;

/// A page of the catalogue, as it is received.
type Page = UnaryResponse<OwnedView<ListProductsResponseView<'static>>>;

/// The id of the request, which is sent and returned.
const REQUEST_ID: &str = "x-request-id";

#[tokio::test]
async fn client_lists_the_catalogue_and_reads_a_product() {
    for column in columns() {
        let page = column.list().await.into_owned();
        let names: Vec<&str> = page
            .products
            .iter()
            .map(|product| product.name.as_str())
            .collect();
        let catalogue = catalogue();
        let expected: Vec<&str> = catalogue.iter().map(|product| text(product, "name")).collect();
        assert_eq!(
            names, expected,
            "{column}: the list must hold the catalogue, newest first"
        );

        let id = text(&catalogue[0], "id");
        let answer = column
            .products
            .get_product(get(id))
            .await
            .expect("the product must be found");
        assert_eq!(
            header(answer.headers(), "content-type"),
            media_type(column.protocol, column.format),
            "{column}: the protocol must be the one meant"
        );
        let product = answer.into_owned().product;
        assert_eq!(product.id, id, "{column}: the product must be the one asked for");
        assert_eq!(
            product.price.amount, catalogue[0]["price"]["amount"],
            "{column}: with its price"
        );
    }
}

#[tokio::test]
async fn client_lists_the_catalogue_by_get() {
    for column in columns()
        .into_iter()
        .filter(|column| column.protocol == Protocol::Connect)
    {
        let (transport, config) = transport(column.protocol, column.format);
        let answer: Page = call_unary_get(
            &transport,
            &config,
            PRODUCT_SERVICE_LIST_PRODUCTS_SPEC.with_origin(SpecOrigin::Client),
            ListProductsRequest {
                page_size: 100,
                ..Default::default()
            },
            CallOptions::default(),
        )
        .await
        .expect("the list must come");

        assert!(
            answer
                .headers()
                .get_all("vary")
                .iter()
                .any(|value| value == "accept-encoding"),
            "{column}: an answer to GET is cached, and so must tell what it depends on"
        );
        let products = answer.into_owned().products;
        assert_eq!(
            products.len(),
            catalogue().len(),
            "{column}: the list must hold the catalogue"
        );
    }
}

#[tokio::test]
async fn client_reads_the_wrong_fields_of_an_error() {
    for column in columns() {
        let request = CreateUserRequest {
            email: "no-address".to_owned(),
            password: "short".to_owned(),
            ..Default::default()
        };
        let error = must_fail(
            column.users.create_user(request).await,
            ErrorCode::InvalidArgument,
        );

        let violations = detail::<BadRequest>(&error, "google.rpc.BadRequest").field_violations;
        let fields: Vec<&str> = violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(
            fields,
            ["email", "password"],
            "{column}: each wrong field must be named, in order"
        );
    }
}

#[tokio::test]
async fn calls_end_when_their_time_is_up() {
    for column in columns() {
        let options = CallOptions::default().with_timeout(Duration::from_millis(1));
        let result = column.users.create_user_with_options(slow(), options).await;
        must_fail(result, ErrorCode::DeadlineExceeded);

        // Only the header is set: the client has no deadline, so the error comes from the platform.
        let (name, value) = timeout(column.protocol, 5);
        let options = CallOptions::default().with_header(name, value);
        let result = column.users.create_user_with_options(slow(), options).await;
        must_fail(result, ErrorCode::DeadlineExceeded);
    }
}

#[tokio::test]
async fn metadata_goes_both_ways() {
    for column in columns() {
        let options = || CallOptions::default().with_header(REQUEST_ID, "from-rust");
        let request = ListProductsRequest::default();
        let answer = column
            .products
            .list_products_with_options(request, options())
            .await;
        let answer = answer.expect("the list must come");
        assert_eq!(
            header(answer.headers(), REQUEST_ID),
            "from-rust",
            "{column}: the request's id must come back"
        );

        let result = column
            .users
            .get_user_with_options(GetUserRequest::default(), options())
            .await;
        let error = must_fail(result, ErrorCode::Unauthenticated);
        assert_eq!(
            header(error.response_headers(), REQUEST_ID),
            "from-rust",
            "{column}: and with an error too"
        );
        // Connect has it in a header, gRPC in its trailers.
        if column.protocol == Protocol::Connect {
            assert_eq!(
                header(error.response_headers(), "www-authenticate"),
                "Bearer realm=\"akinai\"",
                "{column}: a token is wanted"
            );
        }
    }
}

#[tokio::test]
async fn client_sends_and_accepts_gzip() {
    for column in columns() {
        // Every request of this suite is compressed. An answer proves that the platform decompressed it.
        let answer = column.list().await;
        assert_eq!(
            header(answer.headers(), encoding_header(column.protocol)),
            "gzip",
            "{column}: the list must be compressed"
        );
    }
}

/// One way to call the platform.
struct Column {
    products: ProductServiceClient<HttpClient>,
    users: UserServiceClient<HttpClient>,
    protocol: Protocol,
    format: CodecFormat,
}

impl Column {
    async fn list(&self) -> Page {
        let request = ListProductsRequest {
            page_size: 100,
            ..Default::default()
        };
        self.products
            .list_products(request)
            .await
            .expect("the list must come")
    }
}

impl std::fmt::Display for Column {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?} with {:?}", self.protocol, self.format)
    }
}

fn columns() -> Vec<Column> {
    let column = |(protocol, format)| {
        let (transport, config) = transport(protocol, format);
        Column {
            products: ProductServiceClient::new(transport.clone(), config.clone()),
            users: UserServiceClient::new(transport, config),
            protocol,
            format,
        }
    };
    MATRIX.into_iter().map(column).collect()
}

/// Every product of the catalogue in proto3 JSON, newest first.
fn catalogue() -> Vec<Value> {
    let products = std::env::var("AKINAI_PRODUCTS").expect("AKINAI_PRODUCTS is set beside AKINAI_URL");
    serde_json::from_str(&products).expect("AKINAI_PRODUCTS is a list in JSON")
}

fn text<'a>(product: &'a Value, name: &str) -> &'a str {
    product[name].as_str().unwrap_or_default()
}

fn get(id: &str) -> GetProductRequest {
    GetProductRequest {
        id: id.to_owned(),
        ..Default::default()
    }
}

/// An account to create. Its password alone takes tens of milliseconds.
fn slow() -> CreateUserRequest {
    CreateUserRequest {
        email: "slow.rust@example.com".to_owned(),
        password: "correct horse".to_owned(),
        ..Default::default()
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}
