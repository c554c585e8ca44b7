//! Generates the code of the network contract in proto/.

fn main() -> Result<(), connect_build::Error> {
    connect_build::Config::new("../../proto").compile(&[
        "google/rpc/error_details.proto",
        "order/v1/order.proto",
        "product/v1/inventory.proto",
        "product/v1/product.proto",
        "user/v1/event.proto",
        "user/v1/session.proto",
        "user/v1/user.proto",
    ])
}
