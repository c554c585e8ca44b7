//! The JSON of random messages, compared in both directions with `@bufbuild/protobuf`, which passes protobuf's
//! conformance suite.
//!
//! The code of the oracle is in `tests/clients/json-oracle`. To test other messages than the default ones, set
//! `AKINAI_SEED` to any number.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use akinai_connect::json::{self, Types};
use akinai_connect_test_schema::testing::v1::{Everything, TYPES};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use prost::Message as _;

use crate::messages;

const MESSAGES: usize = 4000;
const SEED: u64 = 20_261_122;

#[test]
fn oracle_reads_and_writes_the_same_json() {
    let seed =
        std::env::var("AKINAI_SEED").map_or(SEED, |seed| seed.parse().expect("AKINAI_SEED is a number"));
    println!("the seed is {seed}");
    let types = Types::default().with(TYPES);
    let messages = random_messages(seed);

    let mut lines = String::new();
    for message in &messages {
        let json = json::to_vec(message, &types).expect("all of these have a JSON form");
        let binary = message.encode_to_vec();
        let _ = writeln!(lines, "{} {}", STANDARD.encode(binary), STANDARD.encode(json));
    }
    let input = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("json-oracle.txt");
    std::fs::write(&input, lines).expect("a file for the oracle");

    let variations = ask_oracle(&input, seed);
    let mut variations = variations.lines();
    for (number, message) in messages.iter().enumerate() {
        let variation = variations.next().expect("the oracle has a line for each message");
        let variation = STANDARD.decode(variation).expect("the oracle answers in base64");
        let text = String::from_utf8_lossy(&variation);
        let read: Everything = json::from_slice(&variation, &types).unwrap_or_else(|error| {
            panic!("message {number} (seed {seed}), as the oracle wrote it, should be read: {error}\n{text}")
        });
        assert_eq!(
            read.encode_to_vec(),
            message.encode_to_vec(),
            "message {number} (seed {seed}) should be read as it was before the oracle wrote it\n{text}\n{read:?}\n{message:?}"
        );
    }
}

fn random_messages(seed: u64) -> Vec<Everything> {
    let seed: [u8; 32] = std::array::from_fn(|index| seed.to_le_bytes()[index % 8]);
    let randomness = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), randomness);
    let everything = messages::everything();
    let mut next = || everything.new_tree(&mut runner).expect("a message").current();
    (0..MESSAGES).map(|_| next()).collect()
}

/// The output of the oracle for the messages in the file `input`.
fn ask_oracle(input: &Path, seed: u64) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/json-oracle");
    // `ci` installs exactly the versions in the lock file.
    run(Command::new("npm").arg("ci").current_dir(&folder));
    run(Command::new("npm").args(["run", "generate"]).current_dir(&folder));
    let mut oracle = Command::new("node");
    oracle.arg("oracle.js").arg(input).arg(seed.to_string());
    run(oracle.current_dir(&folder))
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?} must run ({error}): the oracle needs Node.js 20 or newer, see https://nodejs.org")
    });
    assert!(
        output.status.success(),
        "{command:?} must succeed, but ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}
