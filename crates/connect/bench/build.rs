//! Generates the same messages and service twice: with connect-build, and with the Connect project's own generator.

use std::error::Error;
use std::path::PathBuf;

const FILE: &str = "product.proto";

fn main() -> Result<(), Box<dyn Error>> {
    connect_build::Config::new("proto").compile(&[FILE])?;
    // The other generator would run protoc. With given descriptors it does not.
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_file(FILE)?;
    let descriptors = PathBuf::from(std::env::var("OUT_DIR")?).join("descriptors.bin");
    std::fs::write(&descriptors, compiler.encode_file_descriptor_set())?;
    connectrpc_build::Config::new()
        .files(&[FILE])
        .descriptor_set(descriptors)
        .include_file("_connectrpc.rs")
        .compile()?;
    Ok(())
}
