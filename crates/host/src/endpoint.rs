//! A component that answers HTTP requests, and its limits.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use wasmtime::PoolConcurrencyLimitError;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::{InstantiationError, ProxyHandler, ProxyPre};

use crate::body::Reply;
use crate::inflight::{self, Stub};
use crate::instance::{Blueprint, State};
use crate::limits::Limits;
use crate::refusal::{busy, text};
use crate::worker::{Handler, Pool};

/// A component that answers requests.
pub(crate) struct Endpoint {
    component: Arc<str>,
    handler: Handler,
    in_flight: Arc<Semaphore>,
    limits: Limits,
}

impl Endpoint {
    pub(crate) fn new(blueprint: Arc<Blueprint>, handler: ProxyPre<State>, limits: Limits) -> Self {
        Self {
            component: blueprint.component.clone(),
            handler: ProxyHandler::new(Pool::new(blueprint, handler, limits.request_deadline)),
            in_flight: Arc::new(Semaphore::new(limits.in_flight)),
            limits,
        }
    }

    /// Lets an instance of the component answer. Dropping the future cancels the request.
    pub(crate) async fn answer(&self, request: Request<WasiBody>, deadline: Instant) -> Response<Reply> {
        let Some((ticket, stub)) = inflight::admit(&self.in_flight) else {
            tracing::warn!(
                component = &*self.component,
                "turned away: {} requests are in flight",
                self.limits.in_flight
            );
            return busy();
        };
        match tokio::time::timeout_at(deadline, self.handler.handle(stub, request)).await {
            Ok(Ok(response)) => response.map(|body| Reply::of_guest(body, deadline, ticket)),
            Ok(Err(error)) => self.failed(&error),
            Err(_) => self.too_late(),
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
            tracing::warn!(
                component = &*self.component,
                "turned away: no room for another instance"
            );
            return busy();
        }
        tracing::error!(component = &*self.component, "request failed: {error:?}");
        text(StatusCode::INTERNAL_SERVER_ERROR, "")
    }
}
