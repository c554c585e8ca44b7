//! The public RPCs: which services there are, and what travels on to them.

use std::rc::Rc;

use api::{
    product::v1::{ProductServiceClient, ProductServiceServer},
    user::v1::{UserServiceClient, UserServiceServer},
};
use connect::{ConnectError, Context, Interceptor, Limits, MethodDescriptor, Router};
use platform::{clock, http::Chained};

use crate::request_id::X_REQUEST_ID;

/// The largest message that a stranger may send. The largest that this API has use for, a product with a description of
/// full length, is a tenth of it.
const LIMITS: Limits = Limits {
    request_bytes: 256 * 1024,
};

thread_local! {
    static ROUTER: Rc<Router> = Rc::new(
        Router::new()
            .service(UserServiceServer::new(UserServiceClient::new(Chained::to("user"))))
            .service(ProductServiceServer::new(ProductServiceClient::new(Chained::to("product"))))
            .intercept(Onward)
            .limits(LIMITS)
            .cut_off_after(clock::sleep),
    );
}

/// The router of this instance. A client is a service, so each call goes straight on to the component that knows.
/// `InventoryService` is not among them: it is for services alone.
pub(crate) fn router() -> Rc<Router> {
    ROUTER.with(Rc::clone)
}

/// What travels on: the request's id, and no other header from outside.
struct Onward;

impl Interceptor for Onward {
    async fn before(&self, context: &mut Context, _: &'static MethodDescriptor) -> Result<(), ConnectError> {
        if let Some(id) = context.headers.get(X_REQUEST_ID) {
            context.outgoing.insert(X_REQUEST_ID, id.clone());
        }
        Ok(())
    }
}
