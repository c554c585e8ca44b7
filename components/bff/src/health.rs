//! `grpc.health.v1.Health`: the answer of `/ready`, for the clients and load balancers of gRPC.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use connect::{ConnectError, Context, MessageStream};
use connect_grpc::health::{
    Health, HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
};
use futures::{StreamExt as _, stream};
use spin_adapters::clock;

use crate::{
    ready::{self, Readiness},
    rpc::PUBLIC,
    settings::SERVICES,
};

/// The maximum pause between two checks: each check calls every service and Postgres.
const PAUSE: Duration = Duration::from_secs(2);

/// How long a stream lasts: less than the time limit of a request on a host.
const LONGEST: Duration = Duration::from_secs(25);

/// The service. It has no state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HealthChecks;

impl Health for HealthChecks {
    async fn check(
        &self,
        _: &mut Context,
        request: HealthCheckRequest,
    ) -> Result<HealthCheckResponse, ConnectError> {
        let Some(subject) = HealthSubject::named(&request.service) else {
            return Err(ConnectError::not_found("there is no such service here"));
        };
        Ok(response(subject.status().await))
    }

    async fn watch(
        &self,
        _: &mut Context,
        request: HealthCheckRequest,
    ) -> Result<MessageStream<HealthCheckResponse>, ConnectError> {
        let subject = HealthSubject::named(&request.service);
        let check = move || async move {
            match subject {
                Some(subject) => subject.status().await,
                None => ServingStatus::ServiceUnknown,
            }
        };
        Ok(changes(check, || clock::sleep(clock::scattered(PAUSE)), LONGEST)
            .map(|status| Ok(response(status)))
            .boxed_local())
    }
}

/// The subject of a health check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HealthSubject {
    Platform,
    /// A service, by its name in `spin.toml`.
    Service(&'static str),
}

impl HealthSubject {
    /// The subject with this name: the full name of a public service, or an empty text for the platform.
    fn named(name: &str) -> Option<Self> {
        if name.is_empty() {
            return Some(Self::Platform);
        }
        let public = PUBLIC.iter().find(|service| service.name == name)?;
        let component = public.name.split('.').next()?;
        let service = SERVICES.iter().find(|service| service.name == component)?;
        Some(Self::Service(service.name))
    }

    async fn status(self) -> ServingStatus {
        let is_ready = match self {
            Self::Platform => Readiness::ask().await.is_ready(),
            Self::Service(name) => ready::is_service_ready(name).await,
        };
        match is_ready {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        }
    }
}

/// The first status, and each later one that differs from the last. Between two checks is a pause.
fn changes<T: Copy + PartialEq, C: Future<Output = T>, P: Future<Output = ()>>(
    check: impl Fn() -> C,
    pause: impl Fn() -> P,
    longest: Duration,
) -> impl futures::Stream<Item = T> {
    let until = Instant::now() + longest;
    stream::unfold((None, check, pause), move |(seen, check, pause)| async move {
        loop {
            if seen.is_some() {
                if Instant::now() >= until {
                    return None;
                }
                pause().await;
            }
            let found = check().await;
            if seen != Some(found) {
                return Some((found, (Some(found), check, pause)));
            }
        }
    })
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures::{FutureExt as _, future::ready};

    use super::*;

    #[test]
    fn public_services_and_the_platform_have_a_health() {
        let cases = [
            ("", Some(HealthSubject::Platform)),
            ("user.v1.UserService", Some(HealthSubject::Service("user"))),
            (
                "product.v1.ProductService",
                Some(HealthSubject::Service("product")),
            ),
            ("order.v1.OrderService", Some(HealthSubject::Service("order"))),
            ("product.v1.InventoryService", None),
            ("user.v1.SessionService", None),
            ("user", None),
        ];
        for (name, expected) in cases {
            assert_eq!(HealthSubject::named(name), expected, "{name:?}");
        }
    }

    #[test]
    fn status_is_sent_at_first_and_when_it_changes() {
        let statuses = RefCell::new(vec![2, 2, 1, 1, 1].into_iter());
        let check = || {
            ready(
                statuses
                    .borrow_mut()
                    .next()
                    .expect("no more checks than there are statuses"),
            )
        };
        let found = changes(check, || ready(()), Duration::from_secs(60))
            .take(2)
            .collect::<Vec<_>>();
        assert_eq!(found.now_or_never(), Some(vec![2, 1]));
    }

    #[test]
    fn stream_of_a_status_that_stays_ends_when_its_time_is_up() {
        let found = changes(|| ready(1), || ready(()), Duration::from_millis(10)).collect::<Vec<_>>();
        assert_eq!(found.now_or_never(), Some(vec![1]));
    }
}
