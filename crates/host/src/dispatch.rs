//! A running application: passes requests from outside and from its own components to the component that answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body as _, Incoming};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::body::{self, Bounded, Reply};
use crate::chaining::{Between, Interference};
use crate::endpoint::Endpoint;
use crate::headers::{self, CHAINED_CLIENT, Origin};
use crate::instance::Blueprint;
use crate::limits::Limits;
use crate::manifest::{self, ComponentId};
use crate::outbound::LocalCalls;
use crate::refusal::{bad_request, text, too_large};
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
        limits: Limits,
    ) -> Self {
        Self {
            components,
            router,
            chained_route: RouteNames::chained(),
            info: info(about),
            subscriptions,
            between,
            gathering: Semaphore::new(limits.in_flight),
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

    /// Answers a request from outside. `client` is the address that it came from.
    pub(crate) async fn outside(&self, request: Request<Incoming>, client: HeaderValue) -> Response<Reply> {
        let is_head = request.method() == Method::HEAD;
        let response = self.respond_outside(request, client).await;
        match is_head {
            true => body::without_content(response),
            false => response,
        }
    }

    async fn respond_outside(&self, request: Request<Incoming>, client: HeaderValue) -> Response<Reply> {
        let (mut parts, body) = request.into_parts();
        if let Err(problem) = headers::accept(&mut parts) {
            body::discard(body, self.limits.request_body);
            return bad_request(&problem);
        }
        let request = Request::from_parts(parts, body);
        if request.body().size_hint().lower() > self.limits.request_body {
            body::discard(request.into_body(), self.limits.request_body);
            return too_large(self.limits.request_body);
        }
        let deadline = self.deadline();
        if request.body().is_end_stream() {
            return self.public(request.map(|_| empty()), client, deadline).await;
        }
        let (parts, body) = request.into_parts();
        let (body, exceeded) = Bounded::new(body, self.limits.request_body);
        let body = match self.gather(body, deadline).await {
            Ok(body) => body,
            Err(response) => return response,
        };
        let request = Request::from_parts(parts, body);
        let response = self.public(request, client, deadline).await;
        // The component only gets an error when it reads the request. The host sends the cause to the client.
        if exceeded.is_raised() {
            too_large(self.limits.request_body)
        } else {
            response
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.limits.request_deadline
    }

    /// Reads a short body completely, if there is a permit for it. Otherwise the component gets it as it arrives, and
    /// meanwhile the request counts as in flight for that component.
    ///
    /// # Errors
    /// The answer to a request whose body does not arrive.
    async fn gather(&self, body: Bounded, deadline: Instant) -> Result<WasiBody, Response<Reply>> {
        let Ok(_place) = self.gathering.try_acquire() else {
            return Ok(body.boxed_unsync());
        };
        match tokio::time::timeout_at(deadline, body::in_one_piece(body)).await {
            Ok(Ok(body)) => Ok(body),
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
                self.public(request, CHAINED_CLIENT, self.deadline()).await
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
            (Ok(()), Some(endpoint)) => endpoint.answer(Request::from_parts(parts, body), deadline).await,
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
            Ok(()) => endpoint.answer(Request::from_parts(parts, body), deadline).await,
            Err(problem) => bad_request(&problem),
        };
        let (parts, body) = response.into_parts();
        Ok(Response::from_parts(parts, body::in_one_piece(body).await?))
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
