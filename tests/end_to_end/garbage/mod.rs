//! Invalid requests to every route. Each is answered with an error in the form of the protocol, and the platform keeps working.

mod connections;
mod requests;

use bytes::Bytes;
use harness::{Client, Platform, Product};
use http::Request;

/// The RPCs to which the tests send invalid requests.
const ROUTES: [&str; 4] = [
    "/product.v1.ProductService/GetProduct",
    "/product.v1.ProductService/ListProducts",
    "/user.v1.UserService/CreateUser",
    "/user.v1.UserService/GetUser",
];

/// The RPCs that anonymous callers may call. For all other RPCs, the message of an anonymous caller is not read.
const OPEN: &[&str] = ROUTES.split_at(3).0;

const LIST: &str = "/product.v1.ProductService/ListProducts";

/// A platform with one product in it, and proof that it works.
struct Victim(Platform);

impl Victim {
    async fn start() -> Self {
        let platform = Platform::start().await;
        platform.database().insert(&[Product::named("still here")]).await;
        Self(platform)
    }

    fn client(&self) -> &Client {
        self.0.client()
    }

    /// Sends the request on a new connection. After some answers the raw client waits until the host closes its idle
    /// connection, after 10 s. A kept connection would be idle for the same time, and the host would close it while the next
    /// request is sent.
    async fn goes_on_after(&self, what: &str) {
        let client = Client::new(self.0.url());
        let answer = client.send(client.post(LIST, "{}")).await;
        assert_eq!(
            answer.status,
            200,
            "after {what} the platform must continue to work, but: {}",
            answer.text()
        );
        assert_eq!(
            answer.message()["products"][0]["name"],
            "still here",
            "and serve the rows in Postgres"
        );
    }

    /// Sends a request that must be refused with this status and code.
    async fn is_refused(&self, what: &str, request: Request<Bytes>, (status, code): (u16, &str)) {
        let what = format!("{what}, sent to {} {},", request.method(), request.uri().path());
        let answer = self.client().send(request).await;
        let text = answer.text();
        assert_eq!(
            answer.status, status,
            "{what} must get HTTP status {status}, but: {text}"
        );
        assert_eq!(
            answer.failure().code,
            code,
            "{what} must get the code {code}, but: {text}"
        );
        self.goes_on_after(&what).await;
    }
}

/// The media type of a refusal to a client whose protocol is unknown.
const PLAIN: &str = "text/plain; charset=utf-8";
