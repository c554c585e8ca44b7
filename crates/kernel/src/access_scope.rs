//! Access scope: whose data a caller may read and change.

use crate::{Caller, UserId};

/// The data that a caller may reach. Use cases check it, and the SQL statements contain it, too. So a use case without the
/// check finds no row of another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessScope {
    /// The data of this user.
    Own(UserId),
    /// The data of all users.
    All,
}

impl AccessScope {
    /// The scope of a caller: all data for an admin, their own for a user, `None` for an anonymous caller.
    pub fn of(caller: &Caller) -> Option<Self> {
        match caller {
            Caller::Anonymous => None,
            Caller::User(_) if caller.is_admin() => Some(Self::All),
            Caller::User(user) => Some(Self::Own(user.id)),
        }
    }

    /// Whether the data of this user is within the scope.
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
    use crate::{Scope, UserCaller};

    #[test]
    fn users_reach_their_own_data_and_admins_reach_all() {
        let (mina, hana) = (UserId::generate(), UserId::generate());
        let caller = |scopes| {
            Caller::User(UserCaller {
                id: mina,
                scopes,
                session: None,
            })
        };
        assert_eq!(AccessScope::of(&Caller::Anonymous), None);
        let own = AccessScope::of(&caller(vec![]));
        assert_eq!(own, Some(AccessScope::Own(mina)));
        let all = AccessScope::of(&caller(vec![Scope::Admin]));
        assert_eq!(all, Some(AccessScope::All));
        let covers = |scope: Option<AccessScope>, user| scope.is_some_and(|scope| scope.covers(user));
        assert!(covers(own, mina) && !covers(own, hana));
        assert!(covers(all, mina) && covers(all, hana));
    }
}
