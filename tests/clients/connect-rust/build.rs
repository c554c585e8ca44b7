//! Generates clients of the platform and of the test service with the Connect project's own generator.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository, a Buf workspace of the platform's contract and the test service's.
const REPOSITORY: &str = "../../..";
const FILES: [&str; 7] = [
    "akinai/testing/v1/hint.proto",
    "common/v1/money.proto",
    "connectrpc/conformance/v1/config.proto",
    "connectrpc/conformance/v1/service.proto",
    "google/rpc/error_details.proto",
    "product/v1/product.proto",
    "user/v1/user.proto",
];
/// The buf CLI, where npm has put it for the JavaScript clients.
const BUF: &str = "../connect-es/node_modules/.bin/buf";

fn main() -> Result<(), Box<dyn Error>> {
    for folder in ["proto", "tests/proto"] {
        println!("cargo::rerun-if-changed={REPOSITORY}/{folder}");
    }
    let descriptors = PathBuf::from(std::env::var("OUT_DIR")?).join("descriptors.binpb");
    describe(&descriptors)?;
    connectrpc_build::Config::new()
        .files(&FILES)
        .descriptor_set(descriptors)
        // The generated list would contain the descriptors, which this build makes. Then every build would run it again.
        .emit_rerun_directives(false)
        .include_file("generated.rs")
        .compile()?;
    Ok(())
}

/// Writes the descriptors of all messages and services to a file. With them the generator does not run protoc.
fn describe(file: &Path) -> Result<(), Box<dyn Error>> {
    let mut buf = Command::new(BUF);
    buf.args(["build", REPOSITORY, "--as-file-descriptor-set", "--output"])
        .arg(file);
    let status = buf
        .status()
        .map_err(|error| format!("{BUF} must run ({error}): `npm ci` in connect-es installs it"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("{BUF} ended with {status}").into()),
    }
}
