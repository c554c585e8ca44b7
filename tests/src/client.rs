//! An HTTP client that keeps connections alive and returns answers unchanged.

use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::Failure;

/// The maximum time for any answer of the platform.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of one platform. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// A client of the platform at `base`, such as `http://127.0.0.1:3000`.
    pub fn new(base: impl Into<String>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        Self {
            base: base.into(),
            http,
        }
    }

    /// Calls an RPC, named `SERVICE/METHOD` with the package in front, with a JSON message.
    pub async fn call(&self, method: &str, message: Value) -> Answer {
        self.send(self.post(&format!("/{method}"), message.to_string()))
            .await
    }

    /// The same with a bearer token, if there is one.
    ///
    /// # Panics
    ///
    /// When the token cannot stand in a header.
    pub async fn call_as(&self, token: Option<&str>, method: &str, message: Value) -> Answer {
        self.send(self.as_caller(token, method, message)).await
    }

    /// The request of that call, which can be changed before it is sent.
    ///
    /// # Panics
    ///
    /// When the token cannot stand in a header.
    pub fn as_caller(&self, token: Option<&str>, method: &str, message: Value) -> Request<Bytes> {
        let mut request = self.post(&format!("/{method}"), message.to_string());
        if let Some(token) = token {
            let value = HeaderValue::try_from(format!("Bearer {token}")).expect("a token");
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        request
    }

    /// Gets a page of plain HTTP.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path, Bytes::new())).await
    }

    /// A POST request with JSON, which can be changed before it is sent.
    pub fn post(&self, path: &str, body: impl Into<Bytes>) -> Request<Bytes> {
        let mut request = self.request("POST", path, body.into());
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }

    /// A request without headers, which can be changed before it is sent.
    ///
    /// # Panics
    ///
    /// When `method` or `path` cannot be part of a request.
    pub fn request(&self, method: &str, path: &str, body: Bytes) -> Request<Bytes> {
        let uri = format!("{}{path}", self.base);
        Request::builder()
            .method(method)
            .uri(uri)
            .body(body)
            .expect("a well-formed request")
    }

    /// Sends a request and reads the answer to its end.
    ///
    /// # Panics
    ///
    /// When there is no complete answer: the platform must answer every request.
    pub async fn send(&self, request: Request<Bytes>) -> Answer {
        let what = format!("{} {}", request.method(), request.uri());
        match self.try_send(request).await {
            Ok(answer) => answer,
            Err(cause) => panic!("{what} must be answered, but {cause}"),
        }
    }

    /// The same for a platform that may be killed during the request.
    ///
    /// # Errors
    ///
    /// There is no complete answer.
    pub fn try_send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Answer, String>> {
        let failed = |error: &dyn std::fmt::Debug| format!("the connection failed: {error:?}");
        let exchange = async move {
            let response = self.http.request(request.map(Full::new)).await;
            let (head, body) = response.map_err(|error| failed(&error))?.into_parts();
            let body = body.collect().await.map_err(|error| failed(&error))?;
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                body: body.to_bytes(),
            })
        };
        let answered = tokio::time::timeout(PATIENCE, exchange);
        answered
            .map(|answered| answered.unwrap_or_else(|_| Err(format!("nothing came in {PATIENCE:?}"))))
            .boxed()
    }
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status of the response.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a header, if the answer has it once and the value is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }

    /// The message of a call that succeeded.
    ///
    /// # Panics
    ///
    /// When it failed, or the message is not JSON.
    pub fn message(&self) -> Value {
        assert_eq!(
            self.status,
            StatusCode::OK,
            "the call must succeed, but the answer was: {}",
            self.text()
        );
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "a JSON message must say that it is one"
        );
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in the message: {}", self.text()))
    }

    /// The error of a call that failed.
    ///
    /// # Panics
    ///
    /// When it succeeded, or the error does not have Connect's form.
    pub fn failure(&self) -> Failure {
        Failure::of(self)
    }
}
