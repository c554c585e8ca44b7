//! Shared parts of the WIT adapters: callers and errors as records of `wit/types.wit`.

use std::fmt::Display;

use api::google::rpc::{BadRequest, bad_request::FieldViolation};
use connect::{Code, ConnectError};
use kernel::{Caller, Scope, UserCaller, Violations};
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
/// `invalid-argument` for a malformed id.
pub fn caller(caller: types::Caller) -> Result<Caller, types::Error> {
    parse_caller(caller).map_err(|violations| refuse(messages::invalid_argument(&violations)))
}

fn parse_caller(caller: types::Caller) -> Result<Caller, Violations> {
    let types::Caller::User(user) = caller else {
        return Ok(Caller::Anonymous);
    };
    let id = user.id.parse();
    let id = id.map_err(|error| Violations::one("caller.id", error))?;
    let session = user.session.map(|session| session.parse()).transpose();
    let session = session.map_err(|error| Violations::one("caller.session", error))?;
    let scopes = user.scopes.into_iter();
    let scopes = scopes.map(|types::Scope::Admin| Scope::Admin).collect();
    Ok(Caller::User(UserCaller { id, scopes, session }))
}

/// The error that a calling component gets for a use case's error: the case with the name of the Connect code. The log gets the
/// cause of an error that the caller cannot repair.
pub fn refuse(error: impl Display + Into<ConnectError>) -> types::Error {
    let refusal = messages::refuse(RequestIds::NONE, error);
    match refusal.code() {
        Code::InvalidArgument => types::Error::InvalidArgument(field_violations(&refusal)),
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

fn field_violations(refusal: &ConnectError) -> Vec<types::FieldViolation> {
    let detail: BadRequest = refusal.detail().unwrap_or_default();
    let record = |violation: FieldViolation| types::FieldViolation {
        field: violation.field,
        description: violation.description,
    };
    detail.field_violations.into_iter().map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caller_with_a_malformed_id_is_refused() {
        const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";
        let user = |id: &str, session: &str| {
            types::Caller::User(types::UserCaller {
                id: id.into(),
                scopes: vec![types::Scope::Admin],
                session: Some(session.into()),
            })
        };
        assert_eq!(caller(types::Caller::Anonymous), Ok(Caller::Anonymous));
        assert!(
            caller(user(ID, "s1")).unwrap().is_admin(),
            "a caller with the scope is an admin"
        );
        for (id, session) in [("mina", "s1"), (ID, "s 1")] {
            assert!(
                caller(user(id, session)).is_err(),
                "user {id:?} with session {session:?} must be refused"
            );
        }
    }

    #[test]
    fn error_keeps_its_field_violations() {
        let (field, description) = ("items[2].quantity", "must be from 1 to 999");
        let violation = types::FieldViolation {
            field: field.into(),
            description: description.into(),
        };
        assert_eq!(
            refuse(messages::invalid_argument(&Violations::one(field, description))),
            types::Error::InvalidArgument(vec![violation])
        );
        assert_eq!(refuse(ConnectError::aborted("")), types::Error::Aborted);
    }
}
