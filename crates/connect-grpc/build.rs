//! Generates the code of the contracts in proto/, which are gRPC's.

fn main() -> Result<(), connect_build::Error> {
    connect_build::Config::new("proto").compile(&[
        "grpc/health/v1/health.proto",
        "grpc/reflection/v1/reflection.proto",
    ])
}
