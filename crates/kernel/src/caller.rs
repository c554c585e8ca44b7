//! The caller of a use case. Every use case takes a [`Caller`] as an argument, which is the only source of the identity.

use crate::{SessionId, UserId};

/// A right of a token that an ordinary user does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The methods that the API marks as admin only. Consent grants it only to users with the role admin.
    Admin,
}

/// A signed-in user, with the rights that the request's token carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCaller {
    /// The user to whom the token was issued.
    pub id: UserId,
    /// The rights of the token.
    pub scopes: Vec<Scope>,
    /// The login session of the token, if the token names one.
    pub session: Option<SessionId>,
}

/// The caller of a use case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The request has no token.
    Anonymous,
    /// A signed-in user.
    User(UserCaller),
}

impl Caller {
    /// Whether the caller may use the methods that are for admins.
    pub fn is_admin(&self) -> bool {
        matches!(self, Self::User(user) if user.scopes.contains(&Scope::Admin))
    }

    /// Whether the caller is the user with this id.
    pub fn is_user(&self, id: UserId) -> bool {
        matches!(self, Self::User(user) if user.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(id: UserId, scopes: Vec<Scope>) -> Caller {
        Caller::User(UserCaller {
            id,
            scopes,
            session: None,
        })
    }

    #[test]
    fn only_the_admin_scope_makes_an_admin() {
        let id = UserId::generate();
        let (user, admin) = (caller(id, vec![]), caller(id, vec![Scope::Admin]));
        assert!(
            !Caller::Anonymous.is_admin() && !user.is_admin(),
            "no scope, no admin"
        );
        assert!(admin.is_admin());
        assert!(user.is_user(id) && !user.is_user(UserId::generate()));
    }
}
