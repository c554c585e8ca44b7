//! The HTTP endpoint of the reconciler, for a scheduler of the host or of the cluster. It is not an RPC, the bff has no
//! route to it, and callers need a separate secret.

use std::time::Duration;

use connect::Body;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use kernel::Caller;
use serde::Serialize;
use spin_adapters::{log, variables};
use web::{
    bearer,
    request_id::RequestIds,
    response::{json, method_not_allowed, text},
};

use crate::{
    relay::Stream,
    rpc::NewShop,
    service::{Reconciled, Stages},
    user,
};

/// `POST /internal/reconcile`, with `Authorization: Bearer SECRET`. The answer is 200 with a [`Report`], even if some of the
/// work failed (`problems`): the next run continues it.
pub(crate) const PATH: &str = "/internal/reconcile";

/// The variable with the secret.
const SECRET: &str = "reconciler_secret";

/// The variable with the age in seconds from which the reconciler completes pending orders.
const PENDING: &str = "pending_seconds";

/// The minimum length of the secret, in bytes.
const SHORTEST: usize = 32;

/// Runs the reconciler once, for a caller with the secret.
pub(crate) async fn answer<B>(request: &Request<B>, new_shop: NewShop) -> Response<Body> {
    if request.method() != Method::POST {
        return method_not_allowed("POST");
    }
    let ids = RequestIds::of(request.headers());
    match has_secret(request.headers()).await {
        Ok(true) => {}
        Ok(false) => {
            let message = "send the reconciler's secret as a bearer token";
            return text(StatusCode::UNAUTHORIZED, message);
        }
        Err(cause) => return internal_error(ids, &cause),
    }
    match run(request.headers(), new_shop).await {
        Ok(done) => {
            for problem in &done.problems {
                log::error(ids, problem);
            }
            json(StatusCode::OK, &Report::from(done))
        }
        Err(cause) => internal_error(ids, &cause),
    }
}

async fn run(headers: &HeaderMap, new_shop: NewShop) -> Result<Reconciled, String> {
    let pending = variables::get(PENDING).await.map_err(|error| error.to_string())?;
    let pending: u32 = pending
        .parse()
        .map_err(|_| format!("variable {PENDING} must be a number of seconds"))?;
    let stages = Stages {
        pending_for: Duration::from_secs(pending.into()),
        events: &Stream,
        users: &user::Remote::for_request(headers),
    };
    Ok(new_shop(&Caller::Anonymous, headers, None)
        .reconcile(stages)
        .await)
}

async fn has_secret(headers: &HeaderMap) -> Result<bool, String> {
    let secret = variables::get(SECRET).await.map_err(|error| error.to_string())?;
    if secret.len() < SHORTEST {
        return Err(format!("variable {SECRET} must have {SHORTEST} bytes or more"));
    }
    Ok(bearer::is_secret(headers, &secret))
}

/// The JSON of the answer: numbers of rows, orders and events.
#[derive(Serialize)]
struct Report {
    confirmed: u64,
    closed: u64,
    expired: u64,
    restocked: u64,
    relayed: u64,
    carts: u64,
    swept: u64,
    problems: usize,
}

impl From<Reconciled> for Report {
    fn from(done: Reconciled) -> Self {
        Self {
            confirmed: done.confirmed,
            closed: done.closed,
            expired: done.expired,
            restocked: done.restocked,
            relayed: done.relayed,
            carts: done.carts,
            swept: done.swept,
            problems: done.problems.len(),
        }
    }
}

fn internal_error(ids: RequestIds<'_>, cause: &str) -> Response<Body> {
    log::error(ids, cause);
    text(
        StatusCode::INTERNAL_SERVER_ERROR,
        "something went wrong; the request id leads to it in the log",
    )
}
