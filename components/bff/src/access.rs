//! Authorization of callers: enforces the option `akinai.auth.v1.access` of a method's contract. The use cases of each service
//! check the caller again.

use connect::{Access, Callers, ConnectError, MethodDescriptor, ServiceDescriptor, json::TextFields};
use connect_grpc::{contract::server_reflection, health::health};
use kernel::Caller;
use web::challenge;

/// The services that gRPC tools need. Their contracts belong to gRPC, and every client may call them.
static TOOLS: [&ServiceDescriptor; 2] = [&health::SERVICE, &server_reflection::SERVICE];

static PUBLIC: Access = Access {
    callers: Callers::Public,
    ..CLOSED
};

/// The access of a method without the option: no client has it.
const CLOSED: Access = Access {
    callers: Callers::Component,
    roles: &[],
    components: &[],
    scopes: &[],
    sign_in_max_age: None,
    hashes_password: false,
};

/// Who may call a method.
pub(crate) fn of(method: &'static MethodDescriptor) -> &'static Access {
    match &method.access {
        Some(access) if has_unenforced_condition(access) => &CLOSED,
        Some(access) => access,
        None if TOOLS.iter().any(|service| service.name == method.service) => &PUBLIC,
        None => &CLOSED,
    }
}

/// Whether a rule has a condition that the edge does not check yet. Such a method is closed, not open without the condition.
fn has_unenforced_condition(access: &Access) -> bool {
    !access.scopes.is_empty() || access.sign_in_max_age.is_some()
}

/// Checks a caller before the message is read.
///
/// # Errors
/// `unauthenticated` for a caller that has to sign in first, `permission_denied` for others that may not call the method.
pub(crate) fn check_caller(access: &Access, caller: &Caller) -> Result<(), ConnectError> {
    match (access.callers, caller) {
        (Callers::Public, _) => Ok(()),
        (Callers::Component, _) => Err(ConnectError::permission_denied("this method is for services")),
        (Callers::User | Callers::Owner(_) | Callers::Role, Caller::Anonymous) => Err(challenge::sign_in()),
        (Callers::Role, caller) if !has_role(access, caller) => {
            Err(ConnectError::permission_denied(format!(
                "this needs a token with the scope \"{}\"",
                access.roles.join("\" or \"")
            )))
        }
        (Callers::User | Callers::Owner(_) | Callers::Role, _) => Ok(()),
    }
}

/// Checks a caller that [`check_caller`] let pass against the owner that the message names. An id in a wrong form is left
/// to the service, which describes what is wrong with it.
///
/// # Errors
/// `permission_denied` for another user's account.
pub(crate) fn check_owner(
    access: &Access,
    caller: &Caller,
    message: &dyn TextFields,
) -> Result<(), ConnectError> {
    let Callers::Owner(field) = access.callers else {
        return Ok(());
    };
    match message.text_field(field).unwrap_or_default().parse() {
        Ok(owner) if !caller.is_user(owner) && !has_role(access, caller) => {
            Err(ConnectError::permission_denied("this account is not yours"))
        }
        _ => Ok(()),
    }
}

/// Whether a caller has one of the roles that the method is for.
fn has_role(access: &Access, caller: &Caller) -> bool {
    access
        .roles
        .iter()
        .any(|role| *role == "admin" && caller.is_admin())
}

#[cfg(test)]
mod tests {
    use api::user::v1::GetUserRequest;
    use connect::Code;
    use kernel::{Scope, UserCaller, UserId};

    use super::*;
    use crate::{rpc, settings::COMPONENT};

    fn user(id: UserId, scopes: Vec<Scope>) -> Caller {
        Caller::User(UserCaller {
            id,
            scopes,
            session: None,
        })
    }

    fn access(callers: Callers) -> Access {
        Access {
            callers,
            roles: &["admin"],
            ..CLOSED
        }
    }

    #[test]
    fn every_method_that_is_served_has_an_access_rule() {
        for service in TOOLS {
            for method in service.methods {
                assert_eq!(of(method).callers, Callers::Public, "{}", method.path);
            }
        }
        for service in rpc::PUBLIC {
            for method in service.methods {
                let access = method.access.as_ref().expect(method.path);
                assert_ne!(
                    access.callers,
                    Callers::Component,
                    "{} has a public route",
                    method.path
                );
                assert!(
                    access.components.contains(&COMPONENT),
                    "{} accepts calls that the edge passes on",
                    method.path
                );
            }
        }
    }

    #[test]
    fn method_without_the_option_or_with_a_condition_that_is_not_checked_is_closed() {
        const WITHOUT: MethodDescriptor = MethodDescriptor {
            service: "shop.v1.Shop",
            name: "Buy",
            path: "/shop.v1.Shop/Buy",
            kind: connect::MethodKind::Unary,
            idempotency: connect::Idempotency::Unknown,
            access: None,
        };
        const WITH_SCOPE: Access = Access {
            scopes: &["orders:write"],
            ..PUBLIC
        };
        const WITH_AGE: Access = Access {
            sign_in_max_age: Some(std::time::Duration::from_secs(900)),
            ..PUBLIC
        };
        static METHODS: [MethodDescriptor; 3] = [
            WITHOUT,
            MethodDescriptor {
                access: Some(WITH_SCOPE),
                ..WITHOUT
            },
            MethodDescriptor {
                access: Some(WITH_AGE),
                ..WITHOUT
            },
        ];
        for method in &METHODS {
            let refusal = check_caller(of(method), &user(UserId::generate(), vec![Scope::Admin]));
            assert_eq!(
                refusal.err().map(|error| error.code()),
                Some(Code::PermissionDenied),
                "{method:?}"
            );
        }
    }

    #[test]
    fn callers_are_admitted_by_the_rule_of_the_method() {
        let id = UserId::generate();
        let callers = [Caller::Anonymous, user(id, vec![]), user(id, vec![Scope::Admin])];
        let (open, unknown, denied) = (None, Some(Code::Unauthenticated), Some(Code::PermissionDenied));
        let table = [
            (Callers::Public, [open, open, open]),
            (Callers::User, [unknown, open, open]),
            (Callers::Owner("id"), [unknown, open, open]),
            (Callers::Role, [unknown, denied, open]),
            (Callers::Component, [denied, denied, denied]),
        ];
        for (rule, expected) in table {
            for (caller, expected) in callers.iter().zip(expected) {
                let answer = check_caller(&access(rule), caller)
                    .err()
                    .map(|error| error.code());
                assert_eq!(answer, expected, "{rule:?} for {caller:?}");
            }
        }
    }

    #[test]
    fn role_that_a_token_cannot_have_grants_no_access() {
        let admin = user(UserId::generate(), vec![Scope::Admin]);
        let support = Access {
            roles: &["support"],
            ..access(Callers::Role)
        };
        assert!(check_caller(&support, &admin).is_err());
    }

    #[test]
    fn account_of_another_user_is_for_admins() {
        let (mine, another) = (UserId::generate(), UserId::generate());
        let about = |id: String| GetUserRequest { id };
        let cases = [
            (user(mine, vec![]), mine.to_string(), true),
            (user(mine, vec![]), mine.to_string().to_uppercase(), true),
            (user(mine, vec![]), another.to_string(), false),
            (user(mine, vec![Scope::Admin]), another.to_string(), true),
            (user(mine, vec![]), "no id".into(), true),
        ];
        for (caller, id, allowed) in cases {
            let answer = check_owner(&access(Callers::Owner("id")), &caller, &about(id.clone()));
            assert_eq!(answer.is_ok(), allowed, "{caller:?} about {id}");
        }
    }
}
