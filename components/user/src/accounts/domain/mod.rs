//! The types and rules of accounts: users, passwords, roles, the events of an account and the status of tokens.

mod event;
mod password;
mod token;
mod user;

pub(crate) use event::{EventIds, EventLimit, UserEvent, UserEventKind};
pub(crate) use password::{Credentials, Password, PasswordHash, TypedPassword};
pub(crate) use token::{IssueTime, RevocationState, TokenClaims, TokenStatus};
pub(crate) use user::{AccountChange, NewUser, Roles, User, UserName, is_admin_scope};
