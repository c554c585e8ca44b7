//! Who is calling a service: another component, with a service token, on behalf of somebody or nobody.

use std::{cell::RefCell, rc::Rc};

use connect::{ConnectError, Context, Interceptor, MethodDescriptor};
use http::header;
use identity::service::{AcceptedKeys, Verifier};
use kernel::Caller;

use crate::{
    clock,
    log::{self, Names},
    variables,
};

/// Lets in whoever has a service token for this component, and nobody else: not a user's access token, not another
/// service's token, no header. Leaves the [`Caller`] for the handlers.
#[derive(Clone, Copy, Debug)]
pub struct ServiceTokens {
    component: &'static str,
    callers: &'static [(&'static str, &'static str)],
}

thread_local! {
    static VERIFIER: RefCell<Option<Rc<Verifier>>> = const { RefCell::new(None) };
}

impl ServiceTokens {
    /// Tokens for `component`, by its name in `spin.toml`, from these callers, each with the variable that has its keys:
    /// `NAME:KEY`, more than one separated by spaces while keys are replaced.
    pub const fn new(component: &'static str, callers: &'static [(&'static str, &'static str)]) -> Self {
        Self { component, callers }
    }

    async fn verifier(&self) -> Result<Rc<Verifier>, String> {
        if let Some(known) = VERIFIER.with_borrow(Clone::clone) {
            return Ok(known);
        }
        let mut accepted = Vec::new();
        for (caller, variable) in self.callers {
            let text = variables::get(variable)
                .await
                .map_err(|error| error.to_string())?;
            let keys = AcceptedKeys::parse(&text).map_err(|error| format!("variable {variable}: {error}"))?;
            accepted.push((*caller, keys));
        }
        let verifier = Verifier::new(self.component, accepted).map_err(|error| error.to_string())?;
        let verifier = Rc::new(verifier);
        VERIFIER.set(Some(Rc::clone(&verifier)));
        Ok(verifier)
    }
}

impl Interceptor for ServiceTokens {
    async fn before(&self, context: &mut Context, _: &'static MethodDescriptor) -> Result<(), ConnectError> {
        let verifier = self.verifier().await.map_err(|error| {
            log::error(Names::of(&context.headers), error);
            ConnectError::internal("something went wrong; the request id leads to it in the log")
        })?;
        let token = token(context).ok_or_else(|| {
            ConnectError::unauthenticated(
                "this service answers other components alone, by their service tokens",
            )
        })?;
        let call = verifier.verify(token, clock::unix_seconds()).map_err(|error| {
            log::error(
                Names::of(&context.headers),
                format_args!("a service token was refused: {error}"),
            );
            ConnectError::unauthenticated("the service token is not valid")
        })?;
        context.extensions.insert(Caller::from(call.principal()));
        Ok(())
    }
}

fn token(context: &Context) -> Option<&str> {
    let mut given = context.headers.get_all(header::AUTHORIZATION).iter();
    match (given.next(), given.next()) {
        (Some(one), None) => one.to_str().ok()?.strip_prefix("Bearer "),
        _ => None,
    }
}
