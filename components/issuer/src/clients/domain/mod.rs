//! Clients: their grants, their authentication and their redirect URIs.

mod client;
mod registration;
pub(crate) mod scopes;

#[cfg(test)]
pub(crate) use self::client::tests;
pub(crate) use self::client::{
    AuthMethod, GrantType, LONGEST_ACCESS_TOKEN, OAuthClient, can_redirect_to, is_origin, proves_identity,
};
pub(crate) use self::registration::{
    ClientAuthentication, ClientFilter, ClientProfile, RegisteredClient, Registration,
};
