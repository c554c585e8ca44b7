//! Whether an access token is still valid: revocations end tokens before they expire.

use kernel::{SessionId, Timestamp, UserId};

use super::user::is_admin;

/// The claims of a token that a revocation can make invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenClaims {
    pub(crate) user: UserId,
    pub(crate) issued: IssueTime,
    pub(crate) session: Option<SessionId>,
    /// Whether the token has the scope `admin`.
    pub(crate) admin: bool,
}

/// When a token was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IssueTime {
    /// In this epoch of its user. The epoch is an exact order.
    Epoch(i64),
    /// At this time, for a token without an epoch. Tokens have whole seconds.
    At(Timestamp),
}

/// The revocations of an account, which may be deleted, and of one of its sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RevocationState {
    pub(crate) is_deleted: bool,
    /// The number of revocations that have ended all tokens of the account.
    pub(crate) epoch: i64,
    pub(crate) epoch_changed_at: Timestamp,
    pub(crate) roles: Vec<String>,
    /// Whether the user has signed out of the token's session.
    pub(crate) session_ended: bool,
}

impl RevocationState {
    /// Whether a token of this time was issued after the last revocation of all tokens.
    fn covers(&self, issued: IssueTime) -> bool {
        match issued {
            IssueTime::Epoch(epoch) => epoch == self.epoch,
            IssueTime::At(at) => self.epoch == 0 || at >= self.epoch_changed_at,
        }
    }
}

/// The status of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenStatus {
    pub(crate) is_valid: bool,
    /// Whether the token has the scope `admin` and its user still has that role.
    pub(crate) is_admin: bool,
}

impl TokenStatus {
    /// The status of a token, from the state of its account. `None` stands for a subject that never was a user: it has
    /// no account, so its tokens cannot be revoked.
    pub(crate) fn of(claims: &TokenClaims, state: Option<&RevocationState>) -> Self {
        let is_valid = state
            .is_none_or(|state| !state.is_deleted && !state.session_ended && state.covers(claims.issued));
        let has_role = state.is_some_and(|state| is_admin(&state.roles));
        Self {
            is_valid,
            is_admin: is_valid && claims.admin && has_role,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_valid_until_a_revocation_ends_it() {
        let at = |seconds: i64| Timestamp::from_unix_micros(seconds * 1_000_000 + 500_000);
        let iat = |seconds: i64| IssueTime::At(Timestamp::from_unix_micros(seconds * 1_000_000));
        let fresh = RevocationState {
            is_deleted: false,
            epoch: 0,
            epoch_changed_at: at(100),
            roles: vec![],
            session_ended: false,
        };
        let raised = RevocationState {
            epoch: 3,
            ..fresh.clone()
        };
        let deleted = RevocationState {
            is_deleted: true,
            ..raised.clone()
        };
        let signed_out = RevocationState {
            session_ended: true,
            ..fresh.clone()
        };
        let cases = [
            ("of the current epoch", &raised, IssueTime::Epoch(3), true),
            ("of an earlier epoch", &raised, IssueTime::Epoch(2), false),
            ("of an epoch to come", &raised, IssueTime::Epoch(4), false),
            ("of no epoch at all", &raised, IssueTime::Epoch(-1), false),
            ("issued long before the change", &raised, iat(99), false),
            ("issued in the second of the change", &raised, iat(100), false),
            ("issued after the change", &raised, iat(101), true),
            (
                "of an account without a change, by epoch",
                &fresh,
                IssueTime::Epoch(0),
                true,
            ),
            ("of an account without a change, by time", &fresh, iat(100), true),
            ("of a deleted account", &deleted, IssueTime::Epoch(3), false),
            ("of a deleted account, by time", &deleted, iat(101), false),
            ("of an ended session", &signed_out, IssueTime::Epoch(0), false),
        ];
        for (which, state, issued, valid) in cases {
            let status = TokenStatus::of(&claims(issued, false), Some(state));
            assert_eq!(status.is_valid, valid, "whether a token {which} is valid");
        }
    }

    #[test]
    fn admin_token_needs_the_claim_and_the_role() {
        let state = |role: Option<&str>, is_deleted| RevocationState {
            is_deleted,
            epoch: 0,
            epoch_changed_at: Timestamp::from_unix_micros(0),
            roles: role.into_iter().map(str::to_owned).collect(),
            session_ended: false,
        };
        let cases = [
            (true, Some(state(Some("admin"), false)), true, true),
            (true, Some(state(Some("other"), false)), true, false),
            (true, Some(state(None, false)), true, false),
            (false, Some(state(Some("admin"), false)), true, false),
            (true, Some(state(Some("admin"), true)), false, false),
            // Never was a user.
            (true, None, true, false),
            (false, None, true, false),
        ];
        for (claimed, state, valid, admin) in cases {
            let status = TokenStatus::of(&claims(IssueTime::Epoch(0), claimed), state.as_ref());
            assert_eq!(
                status,
                TokenStatus {
                    is_valid: valid,
                    is_admin: admin
                },
                "claimed: {claimed}, {state:?}"
            );
        }
    }

    fn claims(issued: IssueTime, admin: bool) -> TokenClaims {
        TokenClaims {
            user: UserId::generate(),
            issued,
            session: None,
            admin,
        }
    }
}
