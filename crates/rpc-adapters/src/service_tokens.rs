//! Authentication of calls between components: a service token names the calling component, and the user if there is one.

use std::{cell::RefCell, rc::Rc};

use connect::{ConnectError, Context, Interceptor, MethodDescriptor};
use identity::service_token::{AcceptedKeys, Verifier};
use kernel::Caller;
use spin_adapters::{clock, log, variables};
use web::{bearer, challenge, request_id::RequestIds};

use crate::messages::internal_error;

/// Accepts a call with a service token for this component, from a component that the method's contract names. A user's
/// access token and a token for another component are refused. Leaves the [`Caller`] for the handlers.
#[derive(Clone, Copy, Debug)]
pub struct ServiceTokens {
    component: &'static str,
    callers: &'static [(&'static str, &'static str)],
}

thread_local! {
    static VERIFIER: RefCell<Option<Rc<Verifier>>> = const { RefCell::new(None) };
}

impl ServiceTokens {
    /// Tokens for `component`, by its name in `spin.toml`, from these callers, each with the variable that holds its keys:
    /// `NAME:KEY`, and several separated by spaces while a key is being replaced.
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
        if !is_for(method, call.caller()) {
            log::error(
                RequestIds::of(&context.headers),
                format_args!("the component {} may not call {}", call.caller(), method.path),
            );
            return Err(ConnectError::permission_denied(
                "this method is not for the component that called it",
            ));
        }
        context.extensions.insert(Caller::from(call.principal()));
        Ok(())
    }
}

/// Whether a method accepts calls from a component. One whose contract does not say so accepts none.
fn is_for(method: &MethodDescriptor, component: &str) -> bool {
    method
        .access
        .as_ref()
        .is_some_and(|access| access.components.contains(&component))
}

#[cfg(test)]
mod tests {
    use api::{
        product::v1::{inventory_service, product_service},
        user::v1::user_service,
    };

    use super::*;

    #[test]
    fn method_accepts_the_components_that_its_contract_names() {
        let forgotten = MethodDescriptor {
            access: None,
            ..product_service::GET_PRODUCT
        };
        let cases = [
            (&product_service::GET_PRODUCT, "bff", true),
            (&product_service::GET_PRODUCT, "order", false),
            (&product_service::BATCH_GET_PRODUCTS, "order", true),
            (&product_service::UPDATE_STOCK, "order", false),
            (&product_service::GET_PRODUCT, "user", false),
            (&inventory_service::RESERVE_STOCK, "order", true),
            (&inventory_service::RESERVE_STOCK, "bff", false),
            (&inventory_service::RESERVE_STOCK, "", false),
            (&user_service::GET_USER, "bff", true),
            (&user_service::GET_USER, "order", false),
            (&forgotten, "bff", false),
        ];
        for (method, component, accepted) in cases {
            assert_eq!(
                is_for(method, component),
                accepted,
                "whether {} accepts a call from {component:?}",
                method.path
            );
        }
    }
}
