//! Authentication of the components that call a service: a service token names the calling component, and the user on whose
//! behalf it calls, if there is one.

use std::{cell::RefCell, rc::Rc};

use connect::{ConnectError, Context, Interceptor, MethodDescriptor};
use identity::service::{AcceptedKeys, Verifier};
use kernel::Caller;

use spin_adapters::{clock, log, variables};
use web::{bearer, challenge, request_id::RequestIds};

use crate::messages::internal_error;

/// Admits requests with a service token for this component, and refuses all others: a user's access token, another service's
/// token and any other header open nothing. Leaves the [`Caller`] for the handlers.
#[derive(Clone, Copy, Debug)]
pub struct ServiceTokens {
    component: &'static str,
    callers: &'static [(&'static str, &'static str)],
    reserved: &'static [(&'static str, &'static str)],
}

thread_local! {
    static VERIFIER: RefCell<Option<Rc<Verifier>>> = const { RefCell::new(None) };
}

impl ServiceTokens {
    /// Tokens for `component`, by its name in `spin.toml`, from these callers, each with the variable that holds its keys:
    /// `NAME:KEY`, and several separated by spaces while a key is being replaced.
    pub const fn new(component: &'static str, callers: &'static [(&'static str, &'static str)]) -> Self {
        Self {
            component,
            callers,
            reserved: &[],
        }
    }

    /// Reserves services for one caller each. Services have their names from the .proto files (`product.v1.InventoryService`);
    /// any other component gets `permission_denied` there, even with a valid token. All callers may use the other services.
    #[must_use]
    pub const fn reserve(mut self, services: &'static [(&'static str, &'static str)]) -> Self {
        self.reserved = services;
        self
    }

    fn admits(&self, service: &str, caller: &str) -> bool {
        let mut owners = self.reserved.iter().filter(|(name, _)| *name == service);
        owners.all(|(_, owner)| *owner == caller)
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
    async fn before(
        &self,
        context: &mut Context,
        method: &'static MethodDescriptor,
    ) -> Result<(), ConnectError> {
        let verifier = self.verifier().await;
        let verifier = verifier.map_err(|error| internal_error(context, error))?;
        let token = bearer::token(&context.headers).ok().flatten().ok_or_else(|| {
            challenge::missing("this service accepts calls of other components only; send a service token")
        })?;
        let call = verifier.verify(token, clock::unix_seconds()).map_err(|error| {
            log::error(
                RequestIds::of(&context.headers),
                format_args!("a service token was refused: {error}"),
            );
            challenge::invalid("the service token is not valid")
        })?;
        if !self.admits(method.service, call.caller()) {
            log::error(
                RequestIds::of(&context.headers),
                format_args!("the component {} may not call {}", call.caller(), method.path),
            );
            return Err(ConnectError::permission_denied(
                "this service is reserved for another component",
            ));
        }
        context.extensions.insert(Caller::from(call.principal()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_caller_may_use_a_reserved_service() {
        let tokens = ServiceTokens::new("product", &[("bff", "bff_keys"), ("order", "order_keys")])
            .reserve(&[("v1.Inventory", "order")]);
        let cases = [
            ("v1.Products", "bff", true),
            ("v1.Products", "order", true),
            ("v1.Inventory", "order", true),
            ("v1.Inventory", "bff", false),
            ("v1.Inventory", "", false),
            ("v1.InventoryService", "bff", true),
        ];
        for (service, caller, admitted) in cases {
            assert_eq!(
                tokens.admits(service, caller),
                admitted,
                "whether {caller:?} may call {service}"
            );
        }
    }
}
