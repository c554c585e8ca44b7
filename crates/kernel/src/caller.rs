//! Who is calling. Every use case takes a [`Caller`] as an argument: there is no ambient identity anywhere.

use crate::{SessionId, UserId};

/// A right that a token carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything marked admin in the API, granted at consent only to users with that role.
    Admin,
}

/// A person, with what the token in hand allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCaller {
    /// Whose token it is.
    pub id: UserId,
    /// What it allows beyond what every user may.
    pub scopes: Vec<Scope>,
    /// The login session that the token belongs to, if it names one.
    pub session: Option<SessionId>,
}

/// Who is calling a use case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody in particular: no token.
    Anonymous,
    /// A signed-in user.
    User(UserCaller),
}

impl Caller {
    /// Whether what is marked admin is allowed.
    pub fn is_admin(&self) -> bool {
        matches!(self, Self::User(user) if user.scopes.contains(&Scope::Admin))
    }

    /// Whether this is the user with that id.
    pub fn is_user(&self, id: UserId) -> bool {
        matches!(self, Self::User(user) if user.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_scope_makes_an_admin() {
        let id = UserId::generate();
        let with = |scopes| {
            Caller::User(UserCaller {
                id,
                scopes,
                session: None,
            })
        };
        let (user, admin) = (with(vec![]), with(vec![Scope::Admin]));
        assert!(
            !Caller::Anonymous.is_admin() && !user.is_admin(),
            "no scope, no admin"
        );
        assert!(admin.is_admin());
        assert!(user.is_user(id) && !user.is_user(UserId::generate()));
    }
}
