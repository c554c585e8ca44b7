//! What the services' Connect adapters have in common.

use std::fmt;

use api::google::rpc::{BadRequest, bad_request::FieldViolation};
use connect::{ConnectError, Context, wkt};
use kernel::{Caller, Timestamp, Violations};
use spin_adapters::log;
use web::request_id::RequestIds;

/// Who is calling: whom an interceptor found to be behind the request's token. Nobody, where there was none: what a request
/// says about itself in any other way never makes an identity.
pub fn caller(context: &Context) -> Caller {
    let known = context.extensions.get::<Caller>();
    known.cloned().unwrap_or(Caller::Anonymous)
}

/// `invalid_argument` with a `google.rpc.BadRequest` that names every field.
pub fn invalid_argument(violations: &Violations) -> ConnectError {
    let field_violation = |violation: &kernel::FieldViolation| FieldViolation {
        field: violation.field.to_string(),
        description: violation.description.clone(),
    };
    let detail = BadRequest {
        field_violations: violations.iter().map(field_violation).collect(),
    };
    ConnectError::invalid_argument(violations.to_string()).with_detail(&detail)
}

/// `internal`, for a fault of ours. The cause goes to the log with the request's ids; the client gets a text that leads there.
pub fn internal_error(context: &Context, cause: impl fmt::Display) -> ConnectError {
    log::error(RequestIds::of(&context.headers), cause);
    ConnectError::internal("something went wrong; the request id leads to it in the log")
}

/// An instant from a message; one beyond what Postgres could hold is the first or last that this type can.
pub fn instant(at: wkt::Timestamp) -> Timestamp {
    let micros = at.seconds.saturating_mul(1_000_000);
    Timestamp::from_unix_micros(micros.saturating_add(i64::from(at.nanos / 1000)))
}

/// An instant as messages carry it.
pub fn timestamp(at: Timestamp) -> wkt::Timestamp {
    wkt::Timestamp {
        seconds: at.unix_seconds(),
        nanos: at.subsec_nanos(),
    }
}

#[cfg(test)]
mod tests {
    use kernel::{UserCaller, UserId};

    use super::*;

    #[test]
    fn the_caller_is_whom_an_interceptor_found_or_nobody() {
        let mut context = Context::default();
        assert_eq!(caller(&context), Caller::Anonymous, "nobody was found");

        let user = Caller::User(UserCaller {
            id: UserId::generate(),
            scopes: vec![],
            session: None,
        });
        context.extensions.insert(user.clone());
        assert_eq!(caller(&context), user);
    }

    #[test]
    fn instants_survive_a_round_trip_and_never_overflow() {
        for micros in [0, 1_767_323_045_000_001, -1] {
            let at = Timestamp::from_unix_micros(micros);
            assert_eq!(instant(timestamp(at)), at, "{micros} µs");
        }
        for (seconds, micros) in [(i64::MAX, i64::MAX), (i64::MIN, i64::MIN)] {
            let at = wkt::Timestamp { seconds, nanos: 0 };
            assert_eq!(instant(at).unix_micros(), micros, "{seconds} s");
        }
    }
}
