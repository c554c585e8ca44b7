//! From tokens to the [`Caller`] that every use case takes.

use kernel::{Caller, Scope, UserCaller, UserId};

use crate::access::{AccessToken, TokenKind};
use crate::claims::ADMIN;

/// The reason why a valid token does not identify a user. Its bearer has the rights of an anonymous caller
/// ([`Principal::Anonymous`]). Methods for users answer "permission denied", because signing in again would change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAUser {
    /// It was issued for a client, see [`TokenKind::Machine`].
    #[error("the token is a machine's")]
    Machine,
    /// Its subject is not the id of a user: a UUID with hyphens, in lower case. Other spellings of the same UUID are other
    /// subjects to the issuer (RFC 7519, section 4.1.2: `sub` is case-sensitive), so they are no second name for a user.
    #[error("the token's subject is not a user id")]
    Subject,
}

/// A signed-in user, and the epoch, which only the user service can check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The user, and the scopes of the token.
    pub user: UserCaller,
    /// The user's epoch when the token was granted.
    pub epoch: Option<u64>,
}

impl TryFrom<&AccessToken> for SignedIn {
    type Error = NotAUser;

    fn try_from(token: &AccessToken) -> Result<Self, NotAUser> {
        match token.kind() {
            TokenKind::Machine => Err(NotAUser::Machine),
            TokenKind::User => Ok(Self {
                user: UserCaller {
                    id: user_id(token.subject()).ok_or(NotAUser::Subject)?,
                    scopes: granted(token.scopes().contains(ADMIN)),
                    session: token.session().cloned(),
                },
                epoch: token.epoch(),
            }),
        }
    }
}

/// The id that this text is in its one canonical spelling.
pub(crate) fn user_id(text: &str) -> Option<UserId> {
    text.parse().ok().filter(|id: &UserId| id.to_string() == text)
}

pub(crate) fn granted(admin: bool) -> Vec<Scope> {
    if admin { vec![Scope::Admin] } else { Vec::new() }
}

/// On whose behalf one component calls another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// No user.
    Anonymous,
    /// A user.
    User(SignedIn),
}

impl From<&Principal> for Caller {
    fn from(principal: &Principal) -> Self {
        match principal {
            Principal::Anonymous => Self::Anonymous,
            Principal::User(signed_in) => Self::User(signed_in.user.clone()),
        }
    }
}

impl From<SignedIn> for Caller {
    fn from(signed_in: SignedIn) -> Self {
        Self::User(signed_in.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_has_one_spelling() {
        let id = "0190163d-8694-739b-aea5-966c26f8ad91";
        assert_eq!(user_id(id).map(|id| id.to_string()), Some(id.to_owned()));
        let others = [
            "",
            "mina",
            "0190163D-8694-739B-AEA5-966C26F8AD91",
            "0190163d8694739baea5966c26f8ad91",
            "{0190163d-8694-739b-aea5-966c26f8ad91}",
            "0190163d-8694-739b-aea5-966c26f8ad91 ",
        ];
        for other in others {
            assert_eq!(user_id(other), None, "{other:?} is not a user id");
        }
    }

    #[test]
    fn only_the_scope_makes_a_caller_an_admin() {
        let caller = |admin| {
            Caller::from(&Principal::User(SignedIn {
                user: UserCaller {
                    id: UserId::generate(),
                    scopes: granted(admin),
                    session: None,
                },
                epoch: Some(1),
            }))
        };
        assert!(caller(true).is_admin() && !caller(false).is_admin());
        assert_eq!(Caller::from(&Principal::Anonymous), Caller::Anonymous);
    }
}
