//! Generates the code of the conformance suite's contract in tests/proto.

fn main() -> Result<(), connect_build::Error> {
    connect_build::Config::new("../proto").compile(&["connectrpc/conformance/v1/client_compat.proto"])
}
