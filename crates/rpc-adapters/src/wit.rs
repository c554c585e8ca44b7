//! Shared parts of the WIT adapters: callers, errors and money, as domain types and as records of `wit/types.wit`.

use std::fmt::Display;

use api::google::rpc::BadRequest;
use connect::{Code, ConnectError};
use kernel::{Caller, Money, Scope, UserCaller, Violations};
use web::request_id::RequestIds;

use crate::messages;

// Generated code: its items are documented in `wit/types.wit`.
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "common",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        additional_derives: [PartialEq],
        generate_all,
    });
}

pub use bindings::akinai::commerce::types;

/// The caller that a record names.
///
/// # Errors
/// An id in the record is malformed.
pub fn parse_caller(caller: types::Caller) -> Result<Caller, Violations> {
    let types::Caller::User(user) = caller else {
        return Ok(Caller::Anonymous);
    };
    let id = user
        .id
        .parse()
        .map_err(|error| Violations::one("caller.id", error))?;
    let scopes = user
        .scopes
        .into_iter()
        .map(|types::Scope::Admin| Scope::Admin)
        .collect();
    let session = user.session.map(|session| session.parse()).transpose();
    let session = session.map_err(|error| Violations::one("caller.session", error))?;
    Ok(Caller::User(UserCaller { id, scopes, session }))
}

/// Runs a use case for the caller that a record names, and converts its result. The log gets the cause of an error that the
/// calling component cannot repair.
///
/// # Errors
/// The use case's error, by the service's table of errors; `invalid-argument` for a malformed caller.
pub async fn answer<T, R: From<T>, E: Display + Into<ConnectError>>(
    caller: types::Caller,
    use_case: impl AsyncFnOnce(Caller) -> Result<T, E>,
) -> Result<R, types::Error> {
    let caller = parse_caller(caller).map_err(|violations| invalid_argument(&violations))?;
    use_case(caller).await.map(R::from).map_err(refuse)
}

/// The error that a calling component gets for a use case's error: the case with the name of the Connect code.
pub fn refuse(error: impl Display + Into<ConnectError>) -> types::Error {
    let refusal = messages::refuse(RequestIds::NONE, error);
    match refusal.code() {
        Code::InvalidArgument => {
            let detail: BadRequest = refusal.detail().unwrap_or_default();
            let field_violation =
                |violation: api::google::rpc::bad_request::FieldViolation| types::FieldViolation {
                    field: violation.field,
                    description: violation.description,
                };
            types::Error::InvalidArgument(detail.field_violations.into_iter().map(field_violation).collect())
        }
        Code::Unauthenticated => types::Error::Unauthenticated,
        Code::PermissionDenied => types::Error::PermissionDenied,
        Code::NotFound => types::Error::NotFound,
        Code::AlreadyExists => types::Error::AlreadyExists,
        Code::FailedPrecondition => types::Error::FailedPrecondition,
        Code::Aborted => types::Error::Aborted,
        Code::Unavailable => types::Error::Unavailable,
        _ => types::Error::Internal,
    }
}

/// The error case that carries field violations.
pub fn invalid_argument(violations: &Violations) -> types::Error {
    let field_violation = |violation: &kernel::FieldViolation| types::FieldViolation {
        field: violation.field.to_string(),
        description: violation.description.clone(),
    };
    types::Error::InvalidArgument(violations.iter().map(field_violation).collect())
}

impl From<Money> for types::Money {
    fn from(money: Money) -> Self {
        Self {
            amount: money.amount(),
            currency_code: money.currency().code().into(),
        }
    }
}

/// The amount and the currency of a record, unparsed.
pub fn amount_and_currency(money: &types::Money) -> (&str, &str) {
    (&money.amount, &money.currency_code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_with_a_malformed_id_is_refused() {
        const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";
        let user = |id: &str, session: &str| {
            types::Caller::User(types::UserCaller {
                id: id.into(),
                scopes: vec![types::Scope::Admin],
                session: Some(session.into()),
            })
        };
        assert_eq!(parse_caller(types::Caller::Anonymous), Ok(Caller::Anonymous));
        assert!(
            parse_caller(user(ID, "s1")).unwrap().is_admin(),
            "a caller with the scope is an admin"
        );
        for (id, session) in [("mina", "s1"), (ID, "s 1")] {
            assert!(
                parse_caller(user(id, session)).is_err(),
                "user {id:?} with session {session:?} must be refused"
            );
        }
    }

    #[test]
    fn an_error_keeps_its_field_violations() {
        let violations = Violations::one("items[2].quantity", "must be from 1 to 999");
        assert_eq!(
            refuse(messages::invalid_argument(&violations)),
            invalid_argument(&violations)
        );
        assert_eq!(refuse(ConnectError::aborted("")), types::Error::Aborted);
    }
}
