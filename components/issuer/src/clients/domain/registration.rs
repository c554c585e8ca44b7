//! The registration of a client: the values that an admin may set, and the values that are stored.

use super::{AuthMethod, GrantType, OAuthClient, can_redirect_to, is_origin};
use crate::domain::json::Json;
use crate::domain::secret::Hash;

/// The shortest secret that an admin may set, in characters. It is stored as a fast hash, so it must not be guessable.
const SHORTEST_SECRET: usize = 32;

/// The longest secret and the longest id of a client, in bytes.
const LONGEST_NAME: usize = 255;

/// The description of a client. No rule depends on it, except on `cors_origins`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientProfile {
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) policy_uri: String,
    pub(crate) tos_uri: String,
    pub(crate) client_uri: String,
    pub(crate) logo_uri: String,
    /// The scopes as they were registered: a list with spaces between them.
    pub(crate) scope: String,
    pub(crate) contacts: Vec<String>,
    /// The origins whose pages may read the answers of the token endpoint.
    pub(crate) cors_origins: Vec<String>,
    pub(crate) skip_consent: bool,
    pub(crate) skip_logout_consent: Option<bool>,
    /// The client's own JSON object.
    pub(crate) metadata: Json,
}

/// A client as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct RegisteredClient {
    pub(crate) client: OAuthClient,
    pub(crate) profile: ClientProfile,
    /// RFC 3339.
    pub(crate) created_at: String,
    /// RFC 3339.
    pub(crate) updated_at: String,
}

/// A client to register.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    /// Without one the client gets a random id.
    pub(crate) id: Option<String>,
    /// Without one, a new confidential client gets a random secret, and a replaced client keeps its own.
    pub(crate) secret: Option<String>,
    /// Its id and its secret are filled in when it is registered.
    pub(crate) client: OAuthClient,
    pub(crate) profile: ClientProfile,
}

/// The clients to list, and the first one.
#[derive(Clone, Debug)]
pub(crate) struct ClientFilter<'a> {
    /// The list begins after the client with this id.
    pub(crate) after: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) owner: Option<&'a str>,
    pub(crate) limit: i64,
}

/// The id and the secret of a request (RFC 6749, section 2.3).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientAuthentication {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    pub(crate) method: AuthMethod,
}

impl ClientAuthentication {
    /// Whether they belong to this client, and were sent in its registered way.
    pub(crate) fn match_client(&self, client: &OAuthClient) -> bool {
        let is_secret = match (&client.secret, &self.secret) {
            (Some(stored), Some(given)) => stored.is(&Hash::of(given)),
            (None, None) => client.is_public(),
            _ => false,
        };
        is_secret && self.method == client.auth_method
    }
}

impl Registration {
    /// Checks the rules for every field.
    ///
    /// # Errors
    /// The first field that breaks its rule, and the rule.
    pub(crate) fn check(&self) -> Result<(), String> {
        const ADDRESS: &str = "each must be an absolute URI without a fragment: https, http on this machine, or an app's own scheme with a dot";
        let Self { client, profile, .. } = self;
        let all = |name: &str, items: &[String], test: fn(&str) -> bool, rule: &str| match items
            .iter()
            .all(|item| test(item))
        {
            true => Ok(()),
            false => Err(format!("{name}: {rule}")),
        };
        all("redirect_uris", &client.redirect_uris, can_redirect_to, ADDRESS)?;
        all(
            "post_logout_redirect_uris",
            &client.post_logout_redirect_uris,
            can_redirect_to,
            ADDRESS,
        )?;
        all(
            "allowed_cors_origins",
            &profile.cors_origins,
            is_origin,
            "each must be an origin as browsers spell it, without a path",
        )?;
        all(
            "audience",
            &client.audience,
            |audience| !audience.is_empty() && !audience.contains(char::is_whitespace),
            "each must be a text without spaces",
        )?;
        if client.is_public() && client.may(GrantType::ClientCredentials) {
            return Err(
                "grant_types: client_credentials is for clients with a secret (RFC 6749, section 4.4)".into(),
            );
        }
        if !self.id.as_deref().is_none_or(is_client_id) {
            return Err("client_id: use 1 to 255 visible ASCII characters, and none of / ? # % \\".into());
        }
        if !self.secret.as_deref().is_none_or(is_secret) {
            return Err(format!(
                "client_secret: use {SHORTEST_SECRET} to {LONGEST_NAME} visible ASCII characters, chosen at random, or leave it out to get one"
            ));
        }
        Ok(())
    }
}

fn is_client_id(id: &str) -> bool {
    id.len() <= LONGEST_NAME
        && id.bytes().all(|byte| byte.is_ascii_graphic())
        && !id.contains(['/', '?', '#', '%', '\\'])
}

fn is_secret(secret: &str) -> bool {
    (SHORTEST_SECRET..=LONGEST_NAME).contains(&secret.len())
        && secret.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_match_only_in_the_registered_way() {
        let mut client = crate::clients::domain::tests::client();
        let given = |secret: Option<&str>, method| ClientAuthentication {
            id: "shop".into(),
            secret: secret.map(str::to_owned),
            method,
        };
        assert!(given(None, AuthMethod::None).match_client(&client));
        assert!(
            !given(Some("s"), AuthMethod::Post).match_client(&client),
            "a public client has no secret"
        );
        client.secret = Some(Hash::of("s"));
        client.auth_method = AuthMethod::Basic;
        assert!(given(Some("s"), AuthMethod::Basic).match_client(&client));
        for (secret, method) in [
            (Some("s"), AuthMethod::Post),
            (Some("S"), AuthMethod::Basic),
            (Some(""), AuthMethod::Basic),
            (None, AuthMethod::None),
            (None, AuthMethod::Basic),
        ] {
            assert!(
                !given(secret, method).match_client(&client),
                "{secret:?} by {method:?}"
            );
        }
    }
}
