//! The proto3 JSON mapping, case by case: texts that are read, values that are written, and the messages of refusals.

mod messages;
mod refusals;
mod scalars;
mod well_known;

use akinai_connect::json::{self, Types};
use akinai_connect_test_schema::testing::v1::TYPES;

fn types() -> Types {
    Types::default().with(TYPES)
}

/// Reads `json` as an `M`, and writes that again.
fn rewritten<M: json::Message>(json: &str) -> Result<String, String> {
    let message: M = json::from_slice(json.as_bytes(), &types()).map_err(|error| error.to_string())?;
    let written = json::to_vec(&message, &types()).map_err(|error| format!("cannot be written: {error}"))?;
    Ok(String::from_utf8(written).expect("JSON is UTF-8"))
}

#[track_caller]
fn reads_as<M: json::Message>(cases: &[(&str, &str)]) {
    for (json, expected) in cases {
        assert_eq!(
            rewritten::<M>(json).as_deref(),
            Ok(*expected),
            "what becomes of {json}"
        );
    }
}

#[track_caller]
fn stays<M: json::Message>(cases: &[&str]) {
    for json in cases {
        reads_as::<M>(&[(json, json)]);
    }
}

#[track_caller]
fn refuses<M: json::Message>(cases: &[(&str, &str)]) {
    for (json, expected) in cases {
        let error = rewritten::<M>(json).expect_err(&format!("{json} should be refused"));
        assert!(
            error.starts_with(expected),
            "{json} should be refused with {expected:?}, not {error:?}"
        );
    }
}
