//! Requests that components send: to each other in process, and to servers outside over sockets. `allowed_outbound_hosts` must
//! permit each of them.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::TokioExecutor;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks, default_send_request};

use crate::networking::{self, AllowedHosts};

/// The host name of the application itself in a request, as in Spin.
const SELF_HOST: &str = "self.alt";
/// The maximum time of an outbound request if the component sets no limit: Spin's 10 minutes
/// (crates/factor-outbound-http/src/wasi.rs). The request that the component answers ends sooner.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// Sends plain HTTP over connections that are kept for the next request. It uses HTTP/1.1, and HTTP/2 for the
/// configured servers. Each application has one.
#[derive(Clone)]
pub(crate) struct HttpClient {
    http1: Client<HttpConnector, WasiBody>,
    http2: Client<HttpConnector, WasiBody>,
    /// The servers that speak HTTP/2 without TLS, as in the URI of a request. They are configured, because without TLS the
    /// version cannot be negotiated.
    h2c: Arc<BTreeSet<String>>,
}

impl HttpClient {
    /// A client whose connections do not wait to fill packets. Head and body of a request are written separately, and
    /// otherwise the peer would acknowledge the first only after 40 ms.
    pub(crate) fn new(h2c: BTreeSet<String>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        Self {
            http1: builder.build(connector.clone()),
            http2: builder.http2_only(true).build(connector),
            h2c: Arc::new(h2c),
        }
    }

    /// The client for a server. Spin: crates/factor-outbound-http/src/wasi.rs, RequestSender::send_request.
    fn to(&self, uri: &Uri) -> &Client<HttpConnector, WasiBody> {
        let speaks_http2 = uri
            .authority()
            .is_some_and(|authority| self.h2c.contains(authority.as_str()));
        if speaks_http2 { &self.http2 } else { &self.http1 }
    }
}

/// Requests within the process: to components of the same application, and to its own routes.
pub(crate) trait LocalCalls: Send + Sync {
    /// Answers a request to the component `id`, `http://ID.spin.internal/…`.
    fn chained(
        self: Arc<Self>,
        id: String,
        request: Request<WasiBody>,
    ) -> BoxFuture<'static, Result<Response<WasiBody>, Error>>;

    /// Answers a request to the application itself, by its public routes.
    fn itself(self: Arc<Self>, request: Request<WasiBody>) -> BoxFuture<'static, Response<WasiBody>>;
}

/// How one instance sends requests.
#[derive(Clone)]
pub(crate) struct Outbound {
    allowed_hosts: Arc<AllowedHosts>,
    client: HttpClient,
    application: Weak<dyn LocalCalls>,
}

/// The target of a request.
enum Destination {
    /// A component of the same application, by its id.
    Component(String),
    /// The application's own routes.
    Itself,
    /// A server outside.
    Outside,
}

impl Outbound {
    pub(crate) fn new(
        allowed_hosts: Arc<AllowedHosts>,
        client: HttpClient,
        application: Weak<dyn LocalCalls>,
    ) -> Self {
        Self {
            allowed_hosts,
            client,
            application,
        }
    }

    async fn send(
        self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Response<WasiBody>, Error> {
        let destination = destination(request.uri());
        if !self.allows(request.uri(), &destination) {
            return Err(Error::HttpRequestDenied);
        }
        match destination {
            Destination::Component(id) => self.application()?.chained(id, request).await,
            Destination::Itself => Ok(self.application()?.itself(request).await),
            Destination::Outside => self.send_outside(request, options.unwrap_or_default()).await,
        }
    }

    fn allows(&self, uri: &Uri, destination: &Destination) -> bool {
        match destination {
            Destination::Itself => self.allowed_hosts.allows_relative(&["http", "https"]),
            Destination::Component(_) | Destination::Outside => self.allowed_hosts.allows_request(uri),
        }
    }

    /// An instance may exist for a moment after its application has ended. Its calls fail then.
    fn application(&self) -> Result<Arc<dyn LocalCalls>, Error> {
        self.application.upgrade().ok_or(Error::DestinationUnavailable)
    }

    /// Of the component's own timeouts, plain HTTP uses only the one for the first byte, which includes connecting.
    /// None of them would be enough: a component sets its own time limit for the whole exchange.
    async fn send_outside(
        self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        if request.uri().scheme() == Some(&Scheme::HTTPS) {
            return send_tls(request, options).await;
        }
        let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let sending = self.client.to(request.uri()).request(request);
        let response = tokio::time::timeout(first_byte, sending).await;
        let response = response
            .map_err(|_| Error::ConnectionReadTimeout)?
            .map_err(client_error)?;
        Ok(response.map(|body| body.map_err(Error::from).boxed_unsync()))
    }
}

/// TLS, with the certificate authorities that wasmtime's own sender trusts. Each request has a new connection.
async fn send_tls(
    mut request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Response<WasiBody>, Error> {
    let authority = request.uri().authority().ok_or(Error::HttpRequestUriInvalid)?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(HOST, host);
    let (response, connection) = default_send_request(request, Some(options)).await?;
    tokio::spawn(connection);
    Ok(response.map(BodyExt::boxed_unsync))
}

fn destination(uri: &Uri) -> Destination {
    match uri.host() {
        None | Some("" | SELF_HOST) => Destination::Itself,
        Some(_) => networking::service_chaining_target(uri)
            .map_or(Destination::Outside, |id| Destination::Component(id.to_owned())),
    }
}

/// The error codes of Spin's sender: crates/factor-outbound-http/src/wasi.rs, `connect_tcp`.
fn client_error(error: ClientError) -> Error {
    tracing::debug!("outbound request failed: {error:?}");
    if !error.is_connect() {
        return Error::HttpProtocolError;
    }
    // Only the text of the connector's error distinguishes a failed lookup from a failed connection.
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    if causes.any(|cause| cause.to_string().starts_with("dns error")) {
        return Error::DnsError {
            rcode: Some("address not available".into()),
            info_code: Some(0),
        };
    }
    Error::ConnectionRefused
}

impl WasiHttpHooks for Outbound {
    fn set_host_header(&mut self) -> bool {
        // Spin removes it again, and the client sets it for HTTP/1.1 if needed.
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_read: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Sent), Error>> + Send> {
        let sending = self.clone().send(request, options);
        Box::new(async move {
            let done: Sent = Box::new(std::future::ready(Ok(())));
            Ok((sending.await?, done))
        })
    }
}

/// The result of sending a request's body. In this host it is always available when there is a response.
type Sent = Box<dyn Future<Output = Result<(), Error>> + Send>;
