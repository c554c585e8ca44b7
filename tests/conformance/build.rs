//! Generates the code of the test service's contract in tests/proto.

fn main() -> Result<(), connect_build::Error> {
    connect_build::Config::new("../proto").compile(&["akinai/conformance/v1/conformance.proto"])
}
