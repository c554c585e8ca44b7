//! A component that answers HTTP requests, and its limits.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use tokio::time::Instant;
use wasmtime::PoolConcurrencyLimitError;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::{InstantiationError, ProxyHandler, ProxyPre};

use crate::body::is_short;
use crate::clients::Share;
use crate::inflight::{Places, Stub};
use crate::instance::{Blueprint, State};
use crate::limits::Limits;
use crate::load_log::Refusals;
use crate::refusal::{busy, text};
use crate::reply::{Cut, Reply};
use crate::whole_body::WholeBody;
use crate::worker::{Handler, Pool};

/// The origin of a request.
pub(crate) enum Sender {
    /// A client, with its share of the requests in flight.
    Client(Arc<Share>),
    /// A component of the application.
    Component,
}

/// A component that answers requests.
pub(crate) struct Endpoint {
    component: Arc<str>,
    handler: Handler,
    /// The places for clients.
    clients: Arc<Places>,
    /// The places for other components, so that clients cannot take them.
    components: Arc<Places>,
    refused: Refusals,
    cut: Refusals,
    limits: Limits,
}

/// A component's answer. A short body was read whole.
enum ComponentAnswer {
    Whole(Response<WholeBody>),
    Arriving(Response<WasiBody>),
}

impl Endpoint {
    pub(crate) fn new(blueprint: Arc<Blueprint>, handler: ProxyPre<State>, limits: Limits) -> Self {
        Self {
            component: blueprint.component.clone(),
            handler: ProxyHandler::new(Pool::new(blueprint, handler, limits.request_deadline)),
            clients: Arc::new(Places::new(&limits)),
            components: Arc::new(Places::new(&limits)),
            refused: Refusals::default(),
            cut: Refusals::default(),
            limits,
        }
    }

    /// Lets an instance of the component answer. Dropping the future cancels the request.
    pub(crate) async fn answer(
        &self,
        request: Request<WasiBody>,
        deadline: Instant,
        caller: Sender,
    ) -> Response<Reply> {
        let (places, share) = match caller {
            Sender::Client(share) => (&self.clients, Some(share)),
            Sender::Component => (&self.components, None),
        };
        let Some((ticket, stub)) = places.admit(share) else {
            return self.refuse("the maximum number of requests is in flight");
        };
        match tokio::time::timeout_at(deadline, self.ask(stub, request)).await {
            Ok(Ok(ComponentAnswer::Whole(response))) => response.map(Reply::Whole),
            Ok(Ok(ComponentAnswer::Arriving(response))) => response.map(|body| {
                let log = self.log_of_cut();
                Reply::arriving(body, deadline, ticket, places.clone(), log)
            }),
            Ok(Err(error)) => self.failed(&error),
            Err(_) => self.too_late(),
        }
    }

    async fn ask(&self, stub: Stub, request: Request<WasiBody>) -> wasmtime::Result<ComponentAnswer> {
        let response = self.handler.handle(stub, request).await?;
        if !is_short(response.body()) {
            return Ok(ComponentAnswer::Arriving(response));
        }
        let (parts, body) = response.into_parts();
        let body = WholeBody::read(body).await?;
        Ok(ComponentAnswer::Whole(Response::from_parts(parts, body)))
    }

    fn refuse(&self, cause: &'static str) -> Response<Reply> {
        let component = self.component.clone();
        self.refused.count(cause, move |requests| {
            tracing::warn!(component = &*component, requests, "requests refused: {cause}");
        });
        busy()
    }

    fn log_of_cut(&self) -> impl FnOnce(Cut) + Send + 'static {
        let (component, cut) = (self.component.clone(), self.cut.clone());
        move |reason| {
            let cause = match reason {
                Cut::Left => return,
                Cut::Late => "they were not complete within the request's time",
                Cut::TooManyLong => "the maximum number of long responses is in flight",
            };
            cut.count(cause, move |responses| {
                tracing::warn!(component = &*component, responses, "responses cut off: {cause}");
            });
        }
    }

    fn too_late(&self) -> Response<Reply> {
        tracing::error!(
            component = &*self.component,
            "no response within {:?}",
            self.limits.request_deadline
        );
        text(StatusCode::GATEWAY_TIMEOUT, "the request took too long\n")
    }

    /// The cause is logged. The client only learns whether to try again.
    fn failed(&self, error: &wasmtime::Error) -> Response<Reply> {
        let instantiation = error.downcast_ref::<InstantiationError<Stub>>();
        if instantiation.is_some_and(|error| error.error.is::<PoolConcurrencyLimitError>()) {
            return self.refuse("there is no room for another instance");
        }
        tracing::error!(component = &*self.component, "request failed: {error:?}");
        text(StatusCode::INTERNAL_SERVER_ERROR, "")
    }
}
