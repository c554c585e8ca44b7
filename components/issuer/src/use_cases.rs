//! All use cases of the issuer with this component's adapters. `lib.rs` passes them to the HTTP adapters.

use crate::authorization::service::Authorization;
use crate::clients::service::Clients;
use crate::domain::addresses::Addresses;
use crate::keys::service::SigningKeys;
use crate::keys::vault::KeyVault;
use crate::sessions::service::Sessions;
use crate::store::PostgresIssuer;
use crate::tokens::hook::UserComponentHook;
use crate::tokens::jwt::JwtKeys;
use crate::tokens::service::Tokens;

/// The use cases over Postgres, signed JWTs and the user component.
pub(crate) struct UseCases {
    pub(crate) addresses: Addresses,
    pub(crate) store: PostgresIssuer,
    pub(crate) keys: JwtKeys<PostgresIssuer>,
    pub(crate) hook: UserComponentHook,
}

impl UseCases {
    pub(crate) fn authorization(&self) -> Authorization<'_, PostgresIssuer, JwtKeys<PostgresIssuer>> {
        Authorization {
            store: &self.store,
            keys: &self.keys,
            addresses: &self.addresses,
        }
    }

    pub(crate) fn tokens(&self) -> Tokens<'_, PostgresIssuer, JwtKeys<PostgresIssuer>, UserComponentHook> {
        Tokens {
            store: &self.store,
            keys: &self.keys,
            hook: &self.hook,
        }
    }

    pub(crate) fn sessions(&self) -> Sessions<'_, PostgresIssuer, JwtKeys<PostgresIssuer>> {
        Sessions {
            store: &self.store,
            keys: &self.keys,
            addresses: &self.addresses,
        }
    }

    pub(crate) fn clients(&self) -> Clients<'_, PostgresIssuer> {
        Clients { store: &self.store }
    }

    pub(crate) fn keys(&self) -> SigningKeys<'_, PostgresIssuer, KeyVault> {
        SigningKeys {
            store: &self.store,
            vault: &self.keys.vault,
        }
    }
}
