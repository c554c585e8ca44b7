//! An account: its user, name and roles.

use std::str::FromStr;

use kernel::{Email, TextError, Timestamp, UserId, clean};

use super::PasswordHash;

/// The role that allows its user to request the scope of the same name.
const ADMIN: &str = "admin";

/// An account and its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) email: Email,
    pub(crate) name: UserName,
    pub(crate) roles: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl User {
    /// Whether the user may grant this OAuth scope to an application: `admin` needs the role of that name, any other scope
    /// needs none.
    pub(crate) fn may_grant(&self, scope: &str) -> bool {
        !is_admin_scope(scope) || is_admin(&self.roles)
    }
}

/// Whether these roles include `admin`.
pub(super) fn is_admin(roles: &[String]) -> bool {
    roles.iter().any(|role| role == ADMIN)
}

/// Whether this OAuth scope gives all rights of an admin.
pub(crate) fn is_admin_scope(scope: &str) -> bool {
    scope == ADMIN
}

/// A new account.
#[derive(Clone, Debug)]
pub(crate) struct NewUser {
    pub(crate) id: UserId,
    pub(crate) email: Email,
    pub(crate) password_hash: PasswordHash,
    pub(crate) name: UserName,
}

/// The new values of an account's fields. A field that is `None` keeps its value.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccountChange {
    pub(crate) email: Option<Email>,
    pub(crate) name: Option<UserName>,
}

/// The name that a user has chosen: at most 100 characters, possibly empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserName(String);

impl UserName {
    /// A name from the database. It may follow older rules.
    pub(crate) fn kept(text: String) -> Self {
        Self(text)
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        clean(text, 100).map(Self)
    }
}

/// The roles to give to a user: each is known, and each is in the list once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roles(Vec<String>);

/// A list of roles that is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RolesError {
    #[error("must have at most {} entries", Roles::MAX_ENTRIES)]
    TooMany,
    #[error("must hold no other role than \"{ADMIN}\"")]
    Unknown,
    #[error(transparent)]
    Text(#[from] TextError),
}

impl Roles {
    /// The longest list, including repetitions.
    const MAX_ENTRIES: usize = 10;
    /// The longest role, in characters.
    const MAX_CHARACTERS: usize = 32;

    /// Reads a list of roles. A role that is repeated counts once.
    pub(crate) fn parse(roles: &[String]) -> Result<Self, RolesError> {
        if roles.len() > Self::MAX_ENTRIES {
            return Err(RolesError::TooMany);
        }
        for role in roles {
            if clean(role, Self::MAX_CHARACTERS)? != ADMIN {
                return Err(RolesError::Unknown);
            }
        }
        // There is only one role, so all entries are the same.
        let admin = (!roles.is_empty()).then(|| ADMIN.to_owned());
        Ok(Self(admin.into_iter().collect()))
    }

    /// The roles' names.
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_role_is_admin() {
        let parse = |roles: &[&str]| {
            let roles: Vec<String> = roles.iter().map(|&role| role.into()).collect();
            Roles::parse(&roles).map(|roles| roles.names().join(","))
        };
        let long = "a".repeat(33);
        let cases: [(&[&str], Result<&str, RolesError>); 9] = [
            (&[], Ok("")),
            (&["admin"], Ok("admin")),
            (&[" admin\n"], Ok("admin")),
            (&["admin", "admin"], Ok("admin")),
            (&["Admin"], Err(RolesError::Unknown)),
            (&["admin", ""], Err(RolesError::Unknown)),
            (&["admin\0"], Err(RolesError::Text(TextError::Control))),
            (&[&long], Err(RolesError::Text(TextError::TooLong(32)))),
            (&["admin"; 11], Err(RolesError::TooMany)),
        ];
        for (roles, expected) in cases {
            assert_eq!(parse(roles), expected.map(str::to_owned), "{roles:?}");
        }
    }
}
