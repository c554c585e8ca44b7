//! A running application: passes requests from outside and from its own components to the component that answers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body as _, Incoming};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::body::{self, Bounded};
use crate::chaining::{Between, Interference};
use crate::clients::{ProxyNetworks, Share, Shares};
use crate::endpoint::{Endpoint, Sender};
use crate::headers::{self, CHAINED_CLIENT, Origin};
use crate::inflight::LongPlaces;
use crate::instance::Blueprint;
use crate::limits::{Limits, READ_TIME};
use crate::load_log::Refusals;
use crate::manifest::{self, ComponentId};
use crate::outbound::LocalCalls;
use crate::refusal::{bad_request, busy, text, too_large, too_many};
use crate::reply::Reply;
use crate::routes::{RouteNames, Router};
use crate::subscriber::{Subscriber, Subscription};

/// The paths that Spin reserves: crates/routes/src/lib.rs.
const WELL_KNOWN: &str = "/.well-known/spin/";

/// A loaded application.
pub(crate) struct Application {
    components: HashMap<ComponentId, Hosted>,
    router: Router<ComponentId>,
    /// The route in the headers of a chained call.
    chained_route: RouteNames,
    /// The answer to `/.well-known/spin/info`.
    info: Bytes,
    subscriptions: Vec<Subscription>,
    /// The interceptor of calls between components.
    between: Between,
    /// Permits for bodies that the host reads before it calls a component. Their number is limited, like the number of
    /// requests in flight.
    gathering: Semaphore,
    /// Places for requests whose bodies take long to arrive.
    uploads: LongPlaces,
    /// The requests in flight of each client.
    shares: Arc<Shares>,
    trusted_proxies: ProxyNetworks,
    refused: Refusals,
    limits: Limits,
}

/// A component of an application.
pub(crate) struct Hosted {
    pub(crate) blueprint: Arc<Blueprint>,
    /// Present for components that an HTTP trigger names.
    pub(crate) endpoint: Option<Endpoint>,
    /// Present for components that a Redis trigger names.
    pub(crate) subscriber: Option<Subscriber>,
}

impl Application {
    pub(crate) fn new(
        about: &manifest::Application,
        router: Router<ComponentId>,
        components: HashMap<ComponentId, Hosted>,
        subscriptions: Vec<Subscription>,
        between: Between,
        trusted_proxies: ProxyNetworks,
        limits: Limits,
    ) -> Self {
        Self {
            components,
            router,
            chained_route: RouteNames::chained(),
            info: info(about),
            subscriptions,
            between,
            gathering: Semaphore::new(limits.bodies_read_ahead),
            uploads: LongPlaces::new(limits.long_uploads, limits.long_per_address),
            shares: Shares::new(limits.requests_per_address),
            trusted_proxies,
            refused: Refusals::default(),
            limits,
        }
    }

    pub(crate) fn component(&self, id: &str) -> Option<&Hosted> {
        self.components.get(id)
    }

    pub(crate) fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    /// Whether anything of the application can be reached from outside.
    pub(crate) fn has_endpoints(&self) -> bool {
        self.components.values().any(|hosted| hosted.endpoint.is_some())
    }

    pub(crate) fn request_deadline(&self) -> Duration {
        self.limits.request_deadline
    }

    pub(crate) fn component_ids(&self) -> Vec<&ComponentId> {
        self.components.keys().collect()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The maximum time from a request's head until its response is sent.
    pub(crate) fn response_time(&self) -> Duration {
        self.limits.request_deadline + READ_TIME
    }

    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.contains(peer)
    }

    /// A share of the requests in flight for the client of a request; `None` if the client has the maximum.
    pub(crate) fn share_of(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Share> {
        self.shares.take(self.trusted_proxies.client_of(peer, headers))
    }

    /// The requests of all clients that are in flight.
    pub(crate) fn requests_in_flight(&self) -> usize {
        self.shares.total()
    }

    /// The answer to a client that has too many requests in flight.
    pub(crate) fn refuse_client(&self, request: Request<Incoming>) -> Response<Reply> {
        body::discard(request.into_body(), self.limits.request_body);
        let cause = "one address has the maximum number in flight";
        self.refused.count(cause, move |requests| {
            tracing::warn!(requests, "requests refused: {cause}")
        });
        too_many()
    }

    /// Answers a request from outside. `client` is the address that it came from, and `share` its client's share of the requests
    /// in flight.
    pub(crate) async fn outside(
        &self,
        request: Request<Incoming>,
        client: HeaderValue,
        share: Arc<Share>,
    ) -> Response<Reply> {
        let is_head = request.method() == Method::HEAD;
        let response = self.respond_outside(request, client, share).await;
        match is_head {
            true => body::without_content(response),
            false => response,
        }
    }

    async fn respond_outside(
        &self,
        request: Request<Incoming>,
        client: HeaderValue,
        share: Arc<Share>,
    ) -> Response<Reply> {
        let (mut parts, body) = request.into_parts();
        if let Err(problem) = headers::accept(&mut parts) {
            body::discard(body, self.limits.request_body);
            return bad_request(&problem);
        }
        if body.size_hint().lower() > self.limits.request_body {
            body::discard(body, self.limits.request_body);
            return too_large(self.limits.request_body);
        }
        let (deadline, sender) = (self.deadline(), share.client());
        let caller = Sender::Client(share);
        if body.is_end_stream() {
            let request = Request::from_parts(parts, empty());
            return self.public(request, client, deadline, caller).await;
        }
        let (body, upload) = Bounded::new(body, self.limits.request_body);
        let body = match self.gather(&parts, body, deadline).await {
            Ok(body) => body,
            Err(response) => return response,
        };
        let request = Request::from_parts(parts, body);
        let response = tokio::select! {
            response = self.public(request, client, deadline, caller) => response,
            () = upload.without_place(&self.uploads, sender) => {
                self.refuse("the maximum number of long uploads is in flight")
            }
        };
        // The component only gets an error when it reads the request. The host sends the cause to the client.
        if upload.has_exceeded_its_limit() {
            too_large(self.limits.request_body)
        } else {
            response
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.limits.request_deadline
    }

    fn refuse(&self, cause: &'static str) -> Response<Reply> {
        self.refused.count(cause, move |requests| {
            tracing::warn!(requests, "requests refused: {cause}")
        });
        busy()
    }

    /// Reads a short body completely, and the beginning of a body whose length is not announced. So a body that arrives slowly
    /// takes none of the component's places. Other bodies are passed to the component as they arrive. Over HTTP/2 that is every
    /// body without an announced length: the client may wait for a response before it sends more.
    ///
    /// # Errors
    /// The answer to a request whose body does not arrive.
    async fn gather(
        &self,
        parts: &Parts,
        body: Bounded,
        deadline: Instant,
    ) -> Result<WasiBody, Response<Reply>> {
        let is_short = body::is_short(&body);
        let is_announced = body.size_hint().exact().is_some();
        if !is_short && (is_announced || parts.version == Version::HTTP_2) {
            return Ok(body.boxed_unsync());
        }
        let Ok(_place) = self.gathering.try_acquire() else {
            return Err(self.refuse("the maximum number of request bodies is being read"));
        };
        let reading = async {
            match is_short {
                true => body::in_one_piece(body).await,
                false => body::read_ahead(body).await,
            }
        };
        match tokio::time::timeout_at(deadline, reading).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(Error::HttpRequestBodySize(_))) => Err(too_large(self.limits.request_body)),
            Ok(Err(cause)) => Err(text(
                StatusCode::BAD_REQUEST,
                format!("the request's body broke off: {cause}\n"),
            )),
            Err(_) => Err(text(
                StatusCode::REQUEST_TIMEOUT,
                "the request's body took too long\n",
            )),
        }
    }

    /// Answers a request of one of the application's components to the application itself, through its public routes.
    async fn answer_itself(&self, request: Request<WasiBody>) -> Response<WasiBody> {
        let (mut parts, body) = request.into_parts();
        let response = match headers::accept_from_component(&mut parts) {
            Ok(()) => {
                let request = Request::from_parts(parts, body);
                self.public(request, CHAINED_CLIENT, self.deadline(), Sender::Component)
                    .await
            }
            Err(problem) => bad_request(&problem),
        };
        response.map(BodyExt::boxed_unsync)
    }

    /// Answers an accepted request by the application's public routes.
    async fn public(
        &self,
        request: Request<WasiBody>,
        client: HeaderValue,
        deadline: Instant,
        caller: Sender,
    ) -> Response<Reply> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        if let Some(name) = path.strip_prefix(WELL_KNOWN) {
            return self.well_known(name);
        }
        let Some(found) = self.router.route(&path) else {
            return text(StatusCode::NOT_FOUND, String::new());
        };
        let origin = Origin {
            route: &found.route.names,
            path_info: &found.trailing(),
            client,
        };
        let described = headers::describe(&mut parts, origin, found.parameters());
        match (described, self.endpoint(found.route.target.as_str())) {
            (Err(problem), _) => bad_request(&problem),
            (Ok(()), Some(endpoint)) => {
                let request = Request::from_parts(parts, body);
                endpoint.answer(request, deadline, caller).await
            }
            (Ok(()), None) => unreachable!("a route leads to a component with a trigger"),
        }
    }

    /// Answers a request that one component sends to another, `http://ID.spin.internal/…`.
    ///
    /// # Errors
    /// There is no such component. Spin ends the calling instance in this case; here the call fails.
    async fn answer_chained(
        &self,
        id: &str,
        request: Request<WasiBody>,
    ) -> Result<Response<WasiBody>, Error> {
        let Some((chaining, call)) = self.between.call(id, request.uri().path()) else {
            return self.chain(id, request).await;
        };
        let answered = match chaining.before(&call).await {
            Interference::Pass => self.chain(id, request).await,
            Interference::Lose => return Err(Error::DestinationUnavailable),
            Interference::Repeat => {
                let (first, second) = body::twice(request).await?;
                let (_, body) = self.chain(id, first).await?.into_parts();
                body.collect().await?;
                self.chain(id, second).await
            }
        };
        match chaining.after(&call).await {
            Interference::Pass | Interference::Repeat => answered,
            Interference::Lose => Err(Error::ConnectionTerminated),
        }
    }

    async fn chain(&self, id: &str, request: Request<WasiBody>) -> Result<Response<WasiBody>, Error> {
        let Some(endpoint) = self.endpoint(id) else {
            return Err(Error::InternalError(Some(format!(
                "unknown routing destination '{id}'"
            ))));
        };
        let deadline = self.deadline();
        let (mut parts, body) = request.into_parts();
        let body = body::in_one_piece(body).await?;
        let path = parts.uri.path().to_owned();
        let origin = Origin {
            route: &self.chained_route,
            path_info: &path,
            client: CHAINED_CLIENT,
        };
        let described = headers::accept_from_component(&mut parts)
            .and_then(|()| headers::describe(&mut parts, origin, std::iter::empty()));
        let response = match described {
            Ok(()) => {
                let request = Request::from_parts(parts, body);
                endpoint.answer(request, deadline, Sender::Component).await
            }
            Err(problem) => bad_request(&problem),
        };
        Ok(response.map(BodyExt::boxed_unsync))
    }

    fn endpoint(&self, id: &str) -> Option<&Endpoint> {
        self.components.get(id)?.endpoint.as_ref()
    }

    fn well_known(&self, name: &str) -> Response<Reply> {
        let mut response = Response::new(Reply::Host(Full::default()));
        match name {
            "health" => *response.body_mut() = Reply::Host(Bytes::from_static(b"OK").into()),
            "info" => {
                *response.body_mut() = Reply::Host(self.info.clone().into());
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, json);
            }
            _ => *response.status_mut() = StatusCode::NOT_FOUND,
        }
        response
    }
}

impl LocalCalls for Application {
    fn chained(
        self: Arc<Self>,
        id: String,
        request: Request<WasiBody>,
    ) -> BoxFuture<'static, Result<Response<WasiBody>, Error>> {
        Box::pin(async move { self.answer_chained(&id, request).await })
    }

    fn itself(self: Arc<Self>, request: Request<WasiBody>) -> BoxFuture<'static, Response<WasiBody>> {
        Box::pin(async move { self.answer_itself(request).await })
    }
}

/// Spin's answer at this path: crates/http/src/app_info.rs.
fn info(about: &manifest::Application) -> Bytes {
    let mut info = serde_json::json!({ "name": about.name });
    if let Some(version) = &about.version {
        info["version"] = version.as_str().into();
    }
    format!("{info:#}").into()
}

fn empty() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}
