//! Generates the code of the network contract in proto/. Each method must say who may call it.

fn main() -> Result<(), connect_build::Error> {
    let config = connect_build::Config::new("../../proto").require_access("akinai.auth.v1.access");
    config.compile(&[
        "google/rpc/error_details.proto",
        "order/v1/order.proto",
        "product/v1/inventory.proto",
        "product/v1/product.proto",
        "user/v1/event.proto",
        "user/v1/session.proto",
        "user/v1/user.proto",
    ])
}
