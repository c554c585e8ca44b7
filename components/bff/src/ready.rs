//! `/ready`: whether the platform can serve. It checks every service and Redis at the same time.

use std::{collections::BTreeSet, time::Duration};

use futures::future;
use http::StatusCode;
use spin_adapters::{clock, http::get, redis::Redis};

use crate::settings::SERVICES;

/// The time limit of all answers.
const LIMIT: Duration = Duration::from_secs(2);

/// The longest answer of a service, in bytes.
const MAX_ANSWER_BYTES: usize = 4096;

/// Which parts of the platform are ready.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// The necessary parts that do not answer.
    missing: BTreeSet<String>,
    /// Whether Redis answers. Redis is a cache: the platform works without it, only slower.
    redis: bool,
}

impl Readiness {
    /// Checks every service and Redis.
    pub(crate) async fn ask() -> Self {
        let services = future::join_all(SERVICES.map(|service| missing(service.name)));
        let (missing, redis) = future::join(services, redis_answers()).await;
        Self {
            missing: missing.into_iter().flatten().collect(),
            redis,
        }
    }

    /// Whether the platform can serve.
    pub(crate) fn is_ready(&self) -> bool {
        self.missing.is_empty()
    }

    /// The answer for load balancers and operators.
    pub(crate) fn answer(self) -> (StatusCode, String) {
        if !self.missing.is_empty() {
            let missing: Vec<_> = self.missing.into_iter().collect();
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("Not ready: {}", missing.join(", ")),
            );
        }
        (
            StatusCode::OK,
            if self.redis {
                "Ready"
            } else {
                "Ready, degraded: redis"
            }
            .into(),
        )
    }
}

/// Whether a service can serve, by its name in `spin.toml`.
pub(crate) async fn is_service_ready(service: &'static str) -> bool {
    missing(service).await.is_empty()
}

/// The parts that a service lacks: none, the parts that it names itself, or the service as a whole.
async fn missing(service: &'static str) -> Vec<String> {
    let uri = format!("http://{service}.spin.internal/ready");
    match clock::within(LIMIT, get(&uri, MAX_ANSWER_BYTES, None)).await {
        Ok(Ok((StatusCode::OK, _))) => Vec::new(),
        Ok(Ok((StatusCode::SERVICE_UNAVAILABLE, body))) => {
            named(&body).unwrap_or_else(|| vec![service.into()])
        }
        _ => vec![service.into()],
    }
}

/// The parts in a service's answer, such as `Not ready: postgres`.
fn named(body: &str) -> Option<Vec<String>> {
    let parts = body.strip_prefix("Not ready: ")?;
    Some(parts.split(", ").map(str::to_owned).collect())
}

async fn redis_answers() -> bool {
    let ping = async { Redis::from_variable("redis_url").await.ok()?.ping().await.ok() };
    matches!(clock::within(LIMIT, ping).await, Ok(Some(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_names_each_missing_part_once() {
        let missing = |parts: &[&str]| parts.iter().map(|part| part.to_string()).collect();
        let cases = [
            (missing(&[]), true, 200, "Ready"),
            (missing(&[]), false, 200, "Ready, degraded: redis"),
            (
                missing(&["postgres", "postgres"]),
                true,
                503,
                "Not ready: postgres",
            ),
            (
                missing(&["user", "postgres"]),
                false,
                503,
                "Not ready: postgres, user",
            ),
        ];
        for (missing, redis, status, text) in cases {
            let (got, body) = Readiness { missing, redis }.answer();
            assert_eq!((got.as_u16(), body.as_str()), (status, text));
        }
    }

    #[test]
    fn service_names_the_parts_that_it_lacks() {
        assert_eq!(named("Not ready: postgres"), Some(vec!["postgres".to_owned()]));
        assert_eq!(named("Service Unavailable"), None);
    }
}
