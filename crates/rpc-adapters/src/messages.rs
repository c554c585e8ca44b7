//! Shared parts of the Connect adapters: callers, errors and instants.

use std::fmt::Display;

use api::google::rpc::{BadRequest, bad_request::FieldViolation};
use connect::{Code, ConnectError, Context, wkt};
use kernel::{Caller, StoreError, Timestamp, Violations};
use spin_adapters::log;
use web::request_id::RequestIds;

/// The message of every `internal` error. Its cause is in the log only.
pub const INTERNAL: &str = "something went wrong; the request id leads to it in the log";

/// The caller that an interceptor found by the request's token, and an anonymous caller for a request without token. No header
/// or field of a request makes an identity.
pub fn caller(context: &Context) -> Caller {
    let known = context.extensions.get::<Caller>();
    known.cloned().unwrap_or(Caller::Anonymous)
}

/// The result of a use case, with its error as the service's one table of errors has it. The log gets the cause of an error that
/// the client cannot repair.
///
/// # Errors
/// The use case's error.
pub fn answer<T, E: Display + Into<ConnectError>>(
    context: &Context,
    result: Result<T, E>,
) -> Result<T, ConnectError> {
    result.map_err(|error| refuse(RequestIds::of(&context.headers), error))
}

/// The error that a client gets for a use case's error. `unavailable` and `internal` are logged with their cause; the other
/// codes are a matter of the request.
pub fn refuse(ids: RequestIds<'_>, error: impl Display + Into<ConnectError>) -> ConnectError {
    let cause = error.to_string();
    let refusal: ConnectError = error.into();
    if matches!(refusal.code(), Code::Unavailable | Code::Internal) {
        log::error(ids, cause);
    }
    refusal
}

/// Logs a fault of ours with the ids of the request, and returns `internal` without the cause.
pub fn internal_error(context: &Context, cause: impl Display) -> ConnectError {
    log::error(RequestIds::of(&context.headers), cause);
    ConnectError::internal(INTERNAL)
}

/// The error that a client gets where the store failed: `unavailable` with this message, which says what to do, or `internal`.
pub fn store_error(error: &StoreError, unavailable: &str) -> ConnectError {
    match error {
        StoreError::Unavailable(_) => ConnectError::unavailable(unavailable),
        StoreError::Failed(_) => ConnectError::internal(INTERNAL),
    }
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

/// An instant from a message. An instant beyond the range of [`Timestamp`] becomes its first or last instant.
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
    fn the_caller_comes_from_an_interceptor_and_is_anonymous_without() {
        let mut context = Context::default();
        assert_eq!(caller(&context), Caller::Anonymous, "no interceptor found a user");

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

    #[test]
    fn an_error_of_the_store_hides_its_cause() {
        let cause = || "relation \"orders\" does not exist".to_owned();
        let failed = store_error(&StoreError::Failed(cause()), "try again");
        assert_eq!((failed.code(), failed.message()), (Code::Internal, INTERNAL));
        let unavailable = store_error(&StoreError::Unavailable(cause()), "try again");
        assert_eq!(
            (unavailable.code(), unavailable.message()),
            (Code::Unavailable, "try again")
        );
    }
}
