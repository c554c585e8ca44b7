//! What no client of good will sends, to every route: each gets an error in the protocol's shape, and the platform
//! goes on as if nothing had been.

mod connections;
mod requests;

use bytes::Bytes;
use harness::{Client, Platform, Product};
use http::Request;

/// The RPCs that do something, with what a message for them looks like.
const ROUTES: [&str; 4] = [
    "/product.v1.ProductService/GetProduct",
    "/product.v1.ProductService/ListProducts",
    "/user.v1.UserService/CreateUser",
    "/user.v1.UserService/GetUser",
];

/// Those that strangers may call: what others send is not even looked at.
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

    /// Asks on a new connection. After some answers the raw client waits until the host closes its idle connection, after 10 s;
    /// a kept connection has been idle for as long, and the host would close it while the next request is sent.
    async fn goes_on_after(&self, what: &str) {
        let client = Client::new(self.0.url());
        let answer = client.send(client.post(LIST, "{}")).await;
        assert_eq!(
            answer.status,
            200,
            "after {what} the platform must go on, but: {}",
            answer.text()
        );
        assert_eq!(
            answer.message()["products"][0]["name"],
            "still here",
            "and serve what is in Postgres"
        );
    }

    /// Sends what must be refused with this status and code.
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
