//! Generates the code of the test service's contract in tests/proto.

fn main() -> Result<(), connect_build::Error> {
    connect_build::Config::new("../proto").compile(&[
        "akinai/testing/v1/hint.proto",
        "connectrpc/conformance/v1/service.proto",
    ])
}
