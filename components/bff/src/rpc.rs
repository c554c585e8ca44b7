//! The public RPCs: which services there are behind the edge.

use std::rc::Rc;
use std::time::Duration;

use api::{
    order::v1::{OrderServiceClient, OrderServiceServer, order_service},
    product::v1::{ProductServiceClient, ProductServiceServer, product_service},
    user::v1::{UserServiceServer, user_service},
};
use connect::{Limits, Router, ServiceDescriptor};
use connect_grpc::{Reflection, Shown, contract::ServerReflectionServer, health::HealthServer};
use spin_adapters::clock;

use crate::{
    edge::Edge,
    health::HealthChecks,
    settings::{ORDER, PRODUCT},
    users::Users,
};

/// The largest message that a stranger may send. The largest that this API has use for, a product with a description of
/// full length, is a tenth of it.
const LIMITS: Limits = Limits {
    request_bytes: 256 * 1024,
    // Only reflection takes a stream: questions of some tens of bytes, a few for each service.
    stream_bytes: Some(1024 * 1024),
    stream_messages: Some(1000),
    message_time: Some(Duration::from_secs(10)),
};

/// The public services: those that the router serves for the services behind it, that reflection shows, and whose health can
/// be asked. `InventoryService`, `SessionService` and `UserEventService` are not among them: they are for services alone.
pub(crate) static PUBLIC: [&ServiceDescriptor; 3] = [
    &user_service::SERVICE,
    &product_service::SERVICE,
    &order_service::SERVICE,
];

/// What reflection shows. The details that any error may have are in a file of their own.
static SHOWN: [Shown; 3] = [
    Shown {
        descriptors: api::DESCRIPTORS,
        services: &PUBLIC,
        files: &["google/rpc/error_details.proto"],
    },
    Shown::HEALTH,
    Shown::REFLECTION,
];

thread_local! {
    static ROUTER: Rc<Router> = Rc::new(
        Router::new()
            .service(UserServiceServer::new(Users::new()))
            .service(ProductServiceServer::new(ProductServiceClient::new(PRODUCT.way())))
            .service(OrderServiceServer::new(OrderServiceClient::new(ORDER.way())))
            .service(HealthServer::new(HealthChecks))
            .service(ServerReflectionServer::new(Reflection::of(&SHOWN)))
            .intercept(Edge)
            .limits(LIMITS)
            .cut_off_after(clock::sleep),
    );
}

/// The router of this instance. A client is a service, so each call goes straight on to the component that knows.
pub(crate) fn router() -> Rc<Router> {
    ROUTER.with(Rc::clone)
}
