//! The use cases of tokens.

mod inspect;
mod issue;
mod ports;
mod revoke;
#[cfg(test)]
mod tests;

pub(crate) use self::inspect::Introspection;
pub(crate) use self::issue::{IssuedTokens, TokenRequest};
pub(crate) use self::ports::{CodeUse, GrantStore, HookAnswer, RefreshHook, TokenKeys, TokenSigner};

/// The use cases of tokens.
pub(crate) struct Tokens<'a, S, K, H> {
    pub(crate) store: &'a S,
    pub(crate) keys: &'a K,
    pub(crate) hook: &'a H,
}
