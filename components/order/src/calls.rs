//! Calls of other components: the caller, the deadline and the request ids of the request that they serve, and a service token.

use std::{cell::RefCell, collections::HashMap, rc::Rc, time::Instant};

use connect::CallOptions;
use http::HeaderMap;
use identity::{
    caller::{Principal, SignedIn},
    service_token::{Minter, MintingKey},
};
use kernel::Caller;
use spin_adapters::{clock, variables};
use web::outgoing_call::{self, OutgoingCall};

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
    headers: HeaderMap,
    deadline: Option<Instant>,
}

impl Origin {
    /// A request with these headers, on behalf of its caller and within its time.
    pub(crate) fn new(caller: &Caller, headers: &HeaderMap, deadline: Option<Instant>) -> Self {
        Self {
            principal: principal(caller),
            headers: outgoing_call::passed_on(headers),
            deadline,
        }
    }

    /// The headers and the deadline of a call of this component. The error is for the log.
    pub(crate) async fn options(&self, callee: Callee) -> Result<CallOptions, String> {
        let minter = minter(callee).await?;
        let call = OutgoingCall {
            principal: &self.principal,
            client_address: None,
            request: &self.headers,
        };
        Ok(CallOptions {
            headers: call.headers(&minter, clock::unix_seconds())?,
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
