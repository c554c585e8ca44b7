//! The caller of a use case. Every use case takes a [`Caller`] as an argument: no identity comes from anywhere else.

use crate::{SessionId, UserId};

/// A right that a token carries beyond the rights of every signed-in user.
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
    /// The login session that the token belongs to, if the token names one.
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

/// The records that a caller may read and change. Stores take it as a parameter of their statements, so that a use case that
/// forgets to authorize finds no foreign record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessScope {
    /// The records of all users.
    All,
    /// The records of this user only.
    Own(UserId),
}

impl AccessScope {
    /// The scope of a caller: all records for an admin, their own for any other user; `None` for an anonymous caller.
    pub fn of(caller: &Caller) -> Option<Self> {
        match caller {
            Caller::Anonymous => None,
            Caller::User(_) if caller.is_admin() => Some(Self::All),
            Caller::User(user) => Some(Self::Own(user.id)),
        }
    }

    /// Whether the records of this user are in the scope.
    pub fn covers(self, user: UserId) -> bool {
        match self {
            Self::All => true,
            Self::Own(own) => own == user,
        }
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

    #[test]
    fn an_admin_reaches_all_records_and_a_user_only_their_own() {
        let (id, other) = (UserId::generate(), UserId::generate());
        let admin = AccessScope::of(&caller(id, vec![Scope::Admin])).unwrap();
        assert!(admin.covers(id) && admin.covers(other));
        let user = AccessScope::of(&caller(id, vec![])).unwrap();
        assert!(user.covers(id) && !user.covers(other));
        assert_eq!(AccessScope::of(&Caller::Anonymous), None);
    }
}
