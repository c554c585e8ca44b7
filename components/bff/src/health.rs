//! `grpc.health.v1.Health`: what `/ready` says, in the form that gRPC's clients and load balancers ask for.

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

/// The longest pause between two looks: each asks every service and Postgres.
const PAUSE: Duration = Duration::from_secs(2);

/// How long a stream lasts: less than what a host gives a request.
const LONGEST: Duration = Duration::from_secs(25);

/// The service. It keeps nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HealthChecks;

impl Health for HealthChecks {
    async fn check(
        &self,
        _: &mut Context,
        request: HealthCheckRequest,
    ) -> Result<HealthCheckResponse, ConnectError> {
        let Some(subject) = Subject::named(&request.service) else {
            return Err(ConnectError::not_found("there is no such service here"));
        };
        Ok(response(subject.status().await))
    }

    async fn watch(
        &self,
        _: &mut Context,
        request: HealthCheckRequest,
    ) -> Result<MessageStream<HealthCheckResponse>, ConnectError> {
        let subject = Subject::named(&request.service);
        let look = move || async move {
            match subject {
                Some(subject) => subject.status().await,
                None => ServingStatus::ServiceUnknown,
            }
        };
        Ok(changes(look, || clock::sleep(clock::scattered(PAUSE)), LONGEST)
            .map(|status| Ok(response(status)))
            .boxed_local())
    }
}

/// What can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Platform,
    /// A service, by its name in `spin.toml`.
    Service(&'static str),
}

impl Subject {
    /// What has this name: the full name of a public service, or nothing for the platform.
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

/// What a look finds, and again after a pause whenever it is something else than before.
fn changes<T: Copy + PartialEq, L: Future<Output = T>, P: Future<Output = ()>>(
    look: impl Fn() -> L,
    pause: impl Fn() -> P,
    longest: Duration,
) -> impl futures::Stream<Item = T> {
    let until = Instant::now() + longest;
    stream::unfold((None, look, pause), move |(seen, look, pause)| async move {
        loop {
            if seen.is_some() {
                if Instant::now() >= until {
                    return None;
                }
                pause().await;
            }
            let found = look().await;
            if seen != Some(found) {
                return Some((found, (Some(found), look, pause)));
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
            ("", Some(Subject::Platform)),
            ("user.v1.UserService", Some(Subject::Service("user"))),
            ("product.v1.ProductService", Some(Subject::Service("product"))),
            ("order.v1.OrderService", Some(Subject::Service("order"))),
            ("product.v1.InventoryService", None),
            ("user.v1.SessionService", None),
            ("user", None),
        ];
        for (name, expected) in cases {
            assert_eq!(Subject::named(name), expected, "{name:?}");
        }
    }

    #[test]
    fn status_is_sent_at_first_and_when_it_changes() {
        let looks = RefCell::new(vec![2, 2, 1, 1, 1].into_iter());
        let look = || {
            ready(
                looks
                    .borrow_mut()
                    .next()
                    .expect("no more looks than there are statuses"),
            )
        };
        let found = changes(look, || ready(()), Duration::from_secs(60))
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
