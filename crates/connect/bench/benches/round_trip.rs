//! One GetProduct call, from the typed request to the typed response, in memory: the cost of the protocol without a
//! network.
//!
//! Both crates do the same steps: the client encodes, the router decodes, the handler copies a product, the router
//! encodes, the client decodes.

use std::hint::black_box;
use std::rc::Rc;

use akinai_connect_bench::{ours, theirs};
use criterion::{Criterion, criterion_group, criterion_main};
use futures::executor::block_on;

const ID: &str = "0192f3a1-7c5e-7b1a-9d52-3f6f1f0f8e11";
const NAME: &str = "Marmalade, thick cut";
const DESCRIPTION: &str = "Seville oranges, cut by hand and boiled in an open pan until they set. \
    No pectin is added; the peel has enough of its own. Keeps for a year unopened, in the cold for a month.\n\
    \"The best we have had\", they say in 東京.";
const IMAGE_URL: &str = "https://images.example.com/products/marmalade-thick-cut-640.webp";
const CREATED: (i64, i32) = (1_763_800_000, 123_456_000);
const UPDATED: (i64, i32) = (1_763_900_000, 0);

fn round_trip(criterion: &mut Criterion) {
    for (name, encoding) in [
        ("json", connect::Encoding::Json),
        ("binary", connect::Encoding::Proto),
    ] {
        let mut group = criterion.benchmark_group(name);
        let client = our_client(encoding);
        group.bench_function("akinai-connect", |bencher| {
            bencher.iter(|| block_on(call_ours(black_box(&client))));
        });
        let client = their_client(encoding);
        group.bench_function("connectrpc", |bencher| {
            bencher.iter(|| block_on(call_theirs(black_box(&client))));
        });
        group.finish();
    }
}

criterion_group!(benches, round_trip);
criterion_main!(benches);

type OurClient = ours::bench::v1::ProductServiceClient<connect::InMemory>;

struct OurService(ours::bench::v1::Product);

impl ours::bench::v1::ProductService for OurService {
    async fn get_product(
        &self,
        _: &mut connect::Context,
        request: ours::bench::v1::GetProductRequest,
    ) -> Result<ours::bench::v1::GetProductResponse, connect::ConnectError> {
        assert_eq!(request.id, ID, "the request arrives");
        let product = Some(self.0.clone());
        Ok(ours::bench::v1::GetProductResponse { product })
    }
}

fn our_client(encoding: connect::Encoding) -> OurClient {
    let timestamp = |(seconds, nanos)| Some(connect::wkt::Timestamp { seconds, nanos });
    let product = ours::bench::v1::Product {
        id: ID.to_owned(),
        name: NAME.to_owned(),
        description: DESCRIPTION.to_owned(),
        price: Some(ours::bench::v1::Money {
            currency_code: "GBP".to_owned(),
            minor_units: 495,
        }),
        image_url: IMAGE_URL.to_owned(),
        available: 120,
        created_at: timestamp(CREATED),
        updated_at: timestamp(UPDATED),
        quantity: Some(123),
        reserved: Some(3),
        version: Some(17),
    };
    let server = ours::bench::v1::ProductServiceServer::new(OurService(product));
    let router = connect::Router::new().service(server);
    let transport = connect::InMemory::new(Rc::new(router));
    OurClient::with(connect::Client::new(transport).encoding(encoding))
}

async fn call_ours(client: &OurClient) -> ours::bench::v1::GetProductResponse {
    let request = ours::bench::v1::GetProductRequest { id: ID.to_owned() };
    let called = client.get_product(connect::CallOptions::default(), request).await;
    called.expect("the call succeeds").message
}

type TheirDispatcher = theirs::bench::v1::ProductServiceServer<TheirService>;
type TheirTransport = connectrpc::client::ServiceTransport<connectrpc::ConnectRpcService<TheirDispatcher>>;
type TheirClient = theirs::bench::v1::ProductServiceClient<TheirTransport>;

struct TheirService(theirs::bench::v1::Product);

impl theirs::bench::v1::ProductService for TheirService {
    async fn get_product<'a>(
        &'a self,
        _: connectrpc::RequestContext,
        request: connectrpc::ServiceRequest<'_, theirs::bench::v1::GetProductRequest>,
    ) -> connectrpc::ServiceResult<
        impl connectrpc::Encodable<theirs::bench::v1::GetProductResponse> + Send + use<'a>,
    > {
        assert_eq!(request.id, ID, "the request arrives");
        connectrpc::Response::ok(theirs::bench::v1::GetProductResponse {
            product: self.0.clone().into(),
            ..Default::default()
        })
    }
}

fn their_client(encoding: connect::Encoding) -> TheirClient {
    let timestamp = |(seconds, nanos)| {
        let timestamp = buffa_types::google::protobuf::Timestamp {
            seconds,
            nanos,
            ..Default::default()
        };
        buffa::MessageField::some(timestamp)
    };
    let price = theirs::bench::v1::Money {
        currency_code: "GBP".to_owned(),
        minor_units: 495,
        ..Default::default()
    };
    let product = theirs::bench::v1::Product {
        id: ID.to_owned(),
        name: NAME.to_owned(),
        description: DESCRIPTION.to_owned(),
        price: buffa::MessageField::some(price),
        image_url: IMAGE_URL.to_owned(),
        available: 120,
        created_at: timestamp(CREATED),
        updated_at: timestamp(UPDATED),
        quantity: Some(123),
        reserved: Some(3),
        version: Some(17),
        ..Default::default()
    };
    let server = theirs::bench::v1::ProductServiceServer::new(TheirService(product));
    let transport = connectrpc::client::ServiceTransport::new(connectrpc::ConnectRpcService::new(server));
    let config = connectrpc::client::ClientConfig::new("http://localhost".parse().expect("an address"));
    let config = match encoding {
        connect::Encoding::Json => config.json(),
        connect::Encoding::Proto => config.proto(),
    };
    TheirClient::new(transport, config)
}

async fn call_theirs(client: &TheirClient) -> theirs::bench::v1::GetProductResponse {
    let request = theirs::bench::v1::GetProductRequest {
        id: ID.to_owned(),
        ..Default::default()
    };
    let called = client.get_product(request).await;
    called.expect("the call succeeds").into_owned()
}
