//! The public RPCs and the services behind the edge that answer them.

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
    users::UserRelay,
};

/// The limits of a client's messages. The largest message that the API needs, a product with a description of full length, is a
/// tenth of `request_bytes`.
const LIMITS: Limits = Limits {
    request_bytes: 256 * 1024,
    // Only reflection takes a stream: requests of some tens of bytes, a few for each service.
    stream_bytes: Some(1024 * 1024),
    stream_messages: Some(1000),
    message_time: Some(Duration::from_secs(10)),
};

/// The public services: the router relays their calls, reflection lists them, and clients can check their health.
/// `InventoryService`, `SessionService` and `UserEventService` are not public: only services may call them.
pub(crate) static PUBLIC: [&ServiceDescriptor; 3] = [
    &user_service::SERVICE,
    &product_service::SERVICE,
    &order_service::SERVICE,
];

/// The contracts that reflection shows. The details that any error may have are in a file of their own.
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
            .service(UserServiceServer::new(UserRelay::new()))
            .service(ProductServiceServer::new(ProductServiceClient::new(PRODUCT.transport())))
            .service(OrderServiceServer::new(OrderServiceClient::new(ORDER.transport())))
            .service(HealthServer::new(HealthChecks))
            .service(ServerReflectionServer::new(Reflection::of(&SHOWN)))
            .intercept(Edge)
            .limits(LIMITS)
            .cut_off_after(clock::sleep),
    );
}

/// The router of this instance. A generated client implements its service, so the router relays each call to the component.
pub(crate) fn router() -> Rc<Router> {
    ROUTER.with(Rc::clone)
}
