//! What the WIT interfaces of `wit/` have in common: the caller and the field violations, as the domain knows them.

use connect::Code;
use kernel::{Caller, Scope, UserCaller, Violations};

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

/// The caller that a record names; an id in it that is none is a violation.
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

/// The error case that carries field violations.
pub fn invalid_argument(violations: &Violations) -> types::Error {
    let field_violation = |violation: &kernel::FieldViolation| types::FieldViolation {
        field: violation.field.to_string(),
        description: violation.description.clone(),
    };
    types::Error::InvalidArgument(violations.iter().map(field_violation).collect())
}

impl From<Violations> for types::Error {
    fn from(violations: Violations) -> Self {
        invalid_argument(&violations)
    }
}

/// The error case of a code. Codes without a case of their own are failures of ours.
impl From<Code> for types::Error {
    fn from(code: Code) -> Self {
        match code {
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::PermissionDenied,
            Code::FailedPrecondition => Self::FailedPrecondition,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::Unavailable => Self::Unavailable,
            _ => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_parsed_not_believed() {
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
                "{id} in {session} is no proper caller, so it is nobody"
            );
        }
    }
}
