//! `akinai-seed`: reads what a database has ([`seed::Wanted`], JSON) from its standard input, and writes what that lacks
//! ([`seed::Made`], JSON) to its standard output. Not arguments: every user of the machine can read a command line.

use std::error::Error;
use std::io::{stdin, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("akinai-seed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    // serde_json's own error would quote what it could not read.
    let wanted =
        serde_json::from_reader(stdin().lock()).map_err(|_| "what came in is not what this program reads")?;
    serde_json::to_writer(stdout().lock(), &seed::make(&wanted)?)?;
    Ok(())
}
