//! The issuer: OAuth 2.0 and OpenID Connect, as Ory Hydra v2 speaks them, for machines without Hydra.
//!
//! This file is the door. The same program is two components in `spin.toml`: what browsers and clients ask goes to the one with
//! routes, what other components ask (Hydra's admin API) to the one without; the variable `serves` says which it is.

mod admin;
mod cookies;
mod domain;
mod exchange;
mod keys;
mod public;
mod settings;
mod store;
mod tokens;
mod wire;
mod wire_client;

use connect::Body;
use exchange::Call;
use http::{Request, Response, StatusCode};
use settings::{Serves, Settings};
use spin_adapters::{http::Incoming, log, postgres::Database, ready};
use store::Store;
use web::request_id::{self, X_REQUEST_ID};

/// The variable with the database's address.
const DATABASE: &str = "database_url";

spin_adapters::http_handler!(handle);

async fn handle(mut request: Request<Incoming>) -> Response<Body> {
    let id = request_id::of(request.headers());
    request.headers_mut().insert(X_REQUEST_ID, id.clone());
    let mut response = answer(request).await;
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

async fn answer(request: Request<Incoming>) -> Response<Body> {
    if request.uri().path() == "/ready" {
        return ready::answer(request.method(), DATABASE).await;
    }
    let (head, body) = request.into_parts();
    let mut call = Call::new(head);
    match issuer().await {
        Ok((Serves::Public, issuer)) => public::answer(&issuer, &mut call, body).await,
        Ok((Serves::Admin, issuer)) => match call.read(body).await {
            Ok(()) => admin::answer(&issuer, &call).await,
            Err(refusal) => refusal,
        },
        Err(cause) => {
            log::error(call.names(), cause);
            web::response::text(StatusCode::INTERNAL_SERVER_ERROR, "the issuer is not set up")
        }
    }
}

/// What every handler needs.
struct Issuer {
    store: Store,
    settings: Settings,
}

async fn issuer() -> Result<(Serves, Issuer), String> {
    let database = Database::from_variable(DATABASE).await;
    let issuer = Issuer {
        store: Store(database.map_err(|error| error.to_string())?),
        settings: Settings::read().await?,
    };
    Ok((Serves::read().await?, issuer))
}
