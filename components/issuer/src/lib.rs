//! The issuer: OAuth 2.0 and OpenID Connect in the form of Ory Hydra v2, for machines without Hydra.
//!
//! This file connects the HTTP adapters to the use cases. The same program is two components in `spin.toml`. The one
//! with public routes serves browsers and clients. The one without public routes serves other components (Hydra's admin
//! API). The variable `serves` selects which one an instance is.

mod admin;
mod authorization;
mod clients;
mod domain;
mod json;
mod keys;
mod public;
mod request;
mod response;
mod sessions;
mod settings;
mod store;
#[cfg(test)]
mod testing;
mod tokens;
mod use_cases;

use std::rc::Rc;

use connect::Body;
use http::{Request, Response, StatusCode};
use request::HttpRequest;
use settings::Serves;
use spin_adapters::{http::Incoming, log, postgres::Database, ready};
use store::PostgresIssuer;
use tokens::hook::UserComponentHook;
use tokens::jwt::JwtKeys;
use use_cases::UseCases;
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
    let mut request = HttpRequest::new(head);
    match use_cases().await {
        Ok((Serves::Public, use_cases)) => public::answer(&use_cases, &mut request, body).await,
        Ok((Serves::Admin, use_cases)) => match request.read(body).await {
            Ok(()) => admin::answer(&use_cases, &request).await,
            Err(refusal) => refusal,
        },
        Err(cause) => {
            log::error(request.ids(), cause);
            web::response::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the issuer is not configured; the log has the cause",
            )
        }
    }
}

async fn use_cases() -> Result<(Serves, UseCases), String> {
    let database = Database::from_variable(DATABASE).await;
    let store = PostgresIssuer(database.map_err(|error| error.to_string())?);
    let addresses = settings::addresses().await?;
    let use_cases = UseCases {
        keys: JwtKeys {
            store: store.clone(),
            vault: settings::vault().await?,
            issuer: Rc::clone(&addresses.issuer),
        },
        addresses,
        store,
        hook: UserComponentHook,
    };
    Ok((Serves::read().await?, use_cases))
}
