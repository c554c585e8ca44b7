//! Generates `greeter.v1.rs` from the .proto file.

fn main() -> Result<(), connect_build::Error> {
    connect_build::Config::new("proto").compile(&["greeter/v1/greeter.proto"])
}
