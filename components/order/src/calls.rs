//! Calls of other components: the caller, the deadline and the request ids of the request that they serve, and a service token.

use std::{cell::RefCell, collections::HashMap, rc::Rc, time::Instant};

use connect::CallOptions;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use identity::{
    RequestId,
    caller::{Principal, SignedIn},
    service_token::{CallClaims, Minter, MintingKey},
};
use kernel::Caller;
use spin_adapters::{clock, variables};
use uuid::Uuid;
use web::request_id::X_REQUEST_ID;

/// The headers that are passed on unchanged, so that a request can be followed.
const TRACE: [&str; 2] = ["traceparent", "tracestate"];

thread_local! {
    static MINTERS: RefCell<HashMap<&'static str, Rc<Minter>>> = RefCell::default();
}

/// A component that is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callee {
    /// Its name in `spin.toml`.
    pub(crate) name: &'static str,
    /// The variable with the key for calls of it.
    pub(crate) key: &'static str,
}

/// The request that calls are made for.
pub(crate) struct Origin {
    principal: Principal,
    /// `None` if the request has no id.
    request_id: Option<RequestId>,
    trace: HeaderMap,
    deadline: Option<Instant>,
}

impl Origin {
    /// A request with these headers, on behalf of its caller and within its time.
    pub(crate) fn new(caller: &Caller, headers: &HeaderMap, deadline: Option<Instant>) -> Self {
        let kept = TRACE.iter().filter_map(|name| {
            let value = headers.get(*name)?.clone();
            Some((HeaderName::from_static(name), value))
        });
        let request_id = headers.get(X_REQUEST_ID).and_then(|id| id.to_str().ok());
        Self {
            principal: principal(caller),
            request_id: request_id.and_then(|id| id.parse().ok()),
            trace: kept.collect(),
            deadline,
        }
    }

    /// The headers of a call of this component. The error is for the log.
    pub(crate) async fn options(&self, callee: Callee) -> Result<CallOptions, String> {
        let minter = minter(callee).await?;
        let request_id = match &self.request_id {
            Some(id) => Ok(id.clone()),
            None => Uuid::now_v7().to_string().parse::<RequestId>(),
        };
        let request_id = request_id.map_err(|error| error.to_string())?;
        let call = CallClaims {
            principal: &self.principal,
            request_id: &request_id,
            client_address: None,
        };
        let token = format!("Bearer {}", minter.mint(&call, clock::unix_seconds()));
        let mut token = HeaderValue::try_from(token).map_err(|error| error.to_string())?;
        token.set_sensitive(true);
        let id = HeaderValue::try_from(request_id.as_str()).map_err(|error| error.to_string())?;
        let mut headers = self.trace.clone();
        headers.insert(header::AUTHORIZATION, token);
        headers.insert(X_REQUEST_ID, id);
        Ok(CallOptions {
            headers,
            deadline: self.deadline,
        })
    }
}

fn principal(caller: &Caller) -> Principal {
    match caller {
        Caller::Anonymous => Principal::Anonymous,
        Caller::User(user) => Principal::User(SignedIn {
            user: user.clone(),
            epoch: None,
        }),
    }
}

async fn minter(callee: Callee) -> Result<Rc<Minter>, String> {
    if let Some(known) = MINTERS.with_borrow(|minters| minters.get(callee.name).cloned()) {
        return Ok(known);
    }
    let key = variables::get(callee.key).await;
    let key = key.map_err(|error| error.to_string())?;
    let key = MintingKey::parse(&key).map_err(|error| format!("variable {}: {error}", callee.key))?;
    let minter = Rc::new(Minter::new("order", callee.name, key));
    MINTERS.with_borrow_mut(|minters| minters.insert(callee.name, Rc::clone(&minter)));
    Ok(minter)
}
