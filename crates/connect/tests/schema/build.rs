//! Generates the code of the test schema.

fn main() -> Result<(), connect_build::Error> {
    connect_build::Config::new("proto").compile(&["testing/v1/testing.proto"])
}
