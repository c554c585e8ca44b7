//! The public RPCs: which services there are behind the edge.

use std::rc::Rc;
use std::time::Duration;

use api::{
    order::v1::{OrderServiceClient, OrderServiceServer},
    product::v1::{ProductServiceClient, ProductServiceServer},
    user::v1::UserServiceServer,
};
use connect::{Limits, Router};
use platform::clock;

use crate::{
    edge::Edge,
    settings::{ORDER, PRODUCT},
    users::Users,
};

/// The largest message that a stranger may send. The largest that this API has use for, a product with a description of
/// full length, is a tenth of it.
const LIMITS: Limits = Limits {
    request_bytes: 256 * 1024,
    // No method takes a stream. One that does must not become a way around the limit of a message.
    stream_bytes: Some(16 * 1024 * 1024),
    stream_messages: Some(10_000),
    message_time: Some(Duration::from_secs(10)),
};

thread_local! {
    static ROUTER: Rc<Router> = Rc::new(
        Router::new()
            .service(UserServiceServer::new(Users::new()))
            .service(ProductServiceServer::new(ProductServiceClient::new(PRODUCT.way())))
            .service(OrderServiceServer::new(OrderServiceClient::new(ORDER.way())))
            .intercept(Edge)
            .limits(LIMITS)
            .cut_off_after(clock::sleep),
    );
}

/// The router of this instance. A client is a service, so each call goes straight on to the component that knows.
/// `InventoryService`, `SessionService` and `UserEventService` are not among them: they are for services alone.
pub(crate) fn router() -> Rc<Router> {
    ROUTER.with(Rc::clone)
}
