//! The door for whoever runs the reconciler: a schedule of the host, or of the cluster. It is no RPC, and the bff has no
//! route to it; who knocks has to know a secret of its own.

use std::time::Duration;

use connect::Body;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use kernel::Caller;
use serde_json::json;
use spin_adapters::{log, variables};
use web::{
    bearer,
    request_id::RequestIds,
    response::{self, method_not_allowed, text},
};

use crate::{
    product::Remote,
    relay::Stream,
    service::{Reconciled, Stages},
    user,
};

/// `POST /internal/reconcile`, with `Authorization: Bearer SECRET`. Answers 200 with a JSON object that counts what was
/// done, also where some of it failed (`problems`): the next run goes on.
pub(crate) const PATH: &str = "/internal/reconcile";

/// The variable with the secret.
const SECRET: &str = "reconciler_secret";

/// The variable with the seconds after which a pending order is nobody's any more.
const PENDING: &str = "pending_seconds";

/// The shortest secret that counts as one, in bytes.
const SHORTEST: usize = 32;

/// Runs the reconciler once, for who knows the secret.
pub(crate) async fn answer<B>(request: &Request<B>) -> Response<Body> {
    if request.method() != Method::POST {
        return method_not_allowed("POST");
    }
    let names = RequestIds::of(request.headers());
    match knows_the_secret(request.headers()).await {
        Ok(true) => {}
        Ok(false) => return text(StatusCode::UNAUTHORIZED, "the reconciler's secret is wanted"),
        Err(cause) => return broken(names, &cause),
    }
    match run(request.headers()).await {
        Ok(done) => {
            for problem in &done.problems {
                log::error(names, problem);
            }
            counted(&done)
        }
        Err(cause) => broken(names, &cause),
    }
}

async fn run(headers: &HeaderMap) -> Result<Reconciled, String> {
    let pending = variables::get(PENDING).await.map_err(|error| error.to_string())?;
    let pending: u32 = pending
        .parse()
        .map_err(|_| format!("variable {PENDING} must be a number of seconds"))?;
    let product = Remote::for_request(&Caller::Anonymous, headers, None);
    let shop = crate::shop(product).await.map_err(|error| error.to_string())?;
    let stages = Stages {
        pending_for: Duration::from_secs(pending.into()),
        events: &Stream,
        users: &user::Remote::for_request(headers),
    };
    Ok(shop.reconcile(stages).await)
}

async fn knows_the_secret(headers: &HeaderMap) -> Result<bool, String> {
    let secret = variables::get(SECRET).await.map_err(|error| error.to_string())?;
    if secret.len() < SHORTEST {
        return Err(format!("variable {SECRET} must have {SHORTEST} bytes or more"));
    }
    Ok(bearer::is_secret(headers, &secret))
}

/// The counts, and the number of problems: what they were is in the log.
fn counted(done: &Reconciled) -> Response<Body> {
    let Reconciled {
        confirmed,
        closed,
        expired,
        restocked,
        relayed,
        carts,
        swept,
        problems,
    } = done;
    let counts = json!({
        "confirmed": confirmed,
        "closed": closed,
        "expired": expired,
        "restocked": restocked,
        "relayed": relayed,
        "carts": carts,
        "swept": swept,
        "problems": problems.len(),
    });
    response::json(StatusCode::OK, &counts)
}

fn broken(names: RequestIds<'_>, cause: &str) -> Response<Body> {
    log::error(names, cause);
    text(
        StatusCode::INTERNAL_SERVER_ERROR,
        "something went wrong; the log says what",
    )
}
