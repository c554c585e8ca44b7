//! `akinai-openapi`: writes the OpenAPI document of the contracts in a folder to its standard output.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(contracts) = std::env::args_os().nth(1) else {
        eprintln!("usage: akinai-openapi FOLDER_OF_THE_CONTRACTS");
        return ExitCode::FAILURE;
    };
    match openapi::document(Path::new(&contracts)) {
        Ok(document) => {
            println!("{document:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("akinai-openapi: {error}");
            ExitCode::FAILURE
        }
    }
}
