//! A client, and the rules for its addresses.

use std::collections::BTreeMap;

use super::scopes;
use crate::domain::secret::Hash;

/// How long access tokens live, in seconds. An audience can set another time.
pub(crate) const ACCESS_TOKEN: u64 = 15 * 60;

/// The longest that any access token lives, in seconds.
pub(crate) const LONGEST_ACCESS_TOKEN: u64 = 24 * 3600;

/// The grants by which a client may get a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantType {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
}

impl GrantType {
    pub(crate) const ALL: [Self; 3] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.name() == name)
    }
}

/// How a client authenticates at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthMethod {
    /// A secret in the `Authorization` header (RFC 6749, section 2.3.1).
    Basic,
    /// A secret in the form.
    Post,
    /// No authentication: an app that can keep no secret (RFC 6749, section 2.1).
    None,
}

impl AuthMethod {
    pub(crate) const ALL: [Self; 3] = [Self::Basic, Self::Post, Self::None];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::None => "none",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// A client, with all that the rules depend on.
#[derive(Clone, Debug)]
pub(crate) struct OAuthClient {
    pub(crate) id: String,
    pub(crate) secret: Option<Hash>,
    pub(crate) auth_method: AuthMethod,
    pub(crate) grant_types: Vec<GrantType>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) post_logout_redirect_uris: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) audience: Vec<String>,
    /// The audiences whose tokens have another lifetime than [`ACCESS_TOKEN`], in seconds.
    pub(crate) lifespans: BTreeMap<String, u64>,
}

impl OAuthClient {
    /// Whether it has no secret.
    pub(crate) fn is_public(&self) -> bool {
        self.auth_method == AuthMethod::None
    }

    pub(crate) fn may(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Whether the answer may be sent to this address. It must be registered, byte by byte (RFC 9700, section 2.1).
    /// Only the port may differ, and only for a loopback IP address: an app on the user's own machine listens on any
    /// free port (RFC 8252, section 7.3).
    pub(crate) fn redirects_to(&self, uri: &str) -> bool {
        self.redirect_uris
            .iter()
            .any(|known| known == uri || is_same_loopback(known, uri))
    }

    /// How long an access token with this audience lives, in seconds: the shortest time of all its audiences, because
    /// an API must not accept a token for longer than the lifetime that is set for that API.
    pub(crate) fn lifespan(&self, audience: &[String]) -> u64 {
        let of = |audience: &String| self.lifespans.get(audience).copied().unwrap_or(ACCESS_TOKEN);
        let shortest = audience.iter().map(of).min().unwrap_or(ACCESS_TOKEN);
        shortest.min(LONGEST_ACCESS_TOKEN)
    }

    /// Whether a grant of these scopes can be refreshed.
    pub(crate) fn refreshes(&self, granted: &[String]) -> bool {
        self.may(GrantType::RefreshToken) && scopes::is_offline(granted)
    }
}

/// Both are `http://127.0.0.1…` or both `http://[::1]…`, and only the port differs.
fn is_same_loopback(known: &str, uri: &str) -> bool {
    ["http://127.0.0.1", "http://[::1]"].into_iter().any(|host| {
        let after_port = |uri: &'_ str| -> Option<String> {
            let rest = uri.strip_prefix(host)?;
            let Some(rest) = rest.strip_prefix(':') else {
                let is_end = rest.is_empty() || rest.starts_with(['/', '?']);
                return is_end.then(|| rest.to_owned());
            };
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (port, rest) = rest.split_at(end);
            port.parse::<u16>()
                .ok()
                .filter(|_| port.bytes().all(|byte| byte.is_ascii_digit()))?;
            Some(rest.to_owned())
        };
        after_port(known).is_some_and(|known| after_port(uri) == Some(known))
    })
}

/// Whether an address can be registered as a redirect URI: absolute, without a scheme that a browser executes, without
/// a fragment (RFC 6749, section 3.1.2), and without a character that URLs have to escape. `http` is allowed only for
/// the user's own machine, where the request crosses no network. Apps have schemes of their own, which contain a dot
/// (RFC 8252, section 7.1).
pub(crate) fn can_redirect_to(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    let is_spelled = uri.len() <= 2048
        && uri.bytes().all(|byte| byte.is_ascii_graphic())
        && !uri.contains(['#', '\\', '"', '<', '>']);
    let authority = rest
        .strip_prefix("//")
        .map(|rest| &rest[..rest.find(['/', '?']).unwrap_or(rest.len())]);
    let has_host = authority.is_some_and(|authority| !authority.is_empty() && !authority.contains('@'));
    is_spelled
        && match scheme {
            "https" => has_host,
            "http" => has_host && authority.is_some_and(is_own_machine),
            _ => {
                scheme.contains('.')
                    && scheme
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            }
        }
}

/// Whether `host[:port]` is the user's own machine.
fn is_own_machine(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(host, _)| host),
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    };
    matches!(host, "localhost" | "127.0.0.1" | "::1") || host.ends_with(".localhost")
}

/// Whether the address itself proves which client has it, so that earlier consent may count again (RFC 6749, section
/// 10.2). The scheme of an app is no proof: any app can register it.
pub(crate) fn proves_identity(uri: &str) -> bool {
    uri.starts_with("https://") || uri.starts_with("http://")
}

/// Whether an origin (RFC 6454) has the form that browsers send: scheme, host, port, nothing else.
pub(crate) fn is_origin(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|authority| {
        !authority.is_empty()
            && authority.len() <= 255
            && authority
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:[]".contains(&byte))
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A public client with one address.
    pub(crate) fn client() -> OAuthClient {
        OAuthClient {
            id: "shop".into(),
            secret: None,
            auth_method: AuthMethod::None,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            redirect_uris: vec![
                "https://shop.example/cb".into(),
                "http://127.0.0.1:8000/cb?a=1".into(),
            ],
            post_logout_redirect_uris: vec![],
            scopes: ["openid", "offline_access", "admin"].map(str::to_owned).into(),
            audience: vec!["akinai".into(), "batch".into()],
            lifespans: BTreeMap::from([
                ("batch".into(), 20 * 3600),
                ("long".into(), 1 << 40),
                ("short".into(), 60),
            ]),
        }
    }

    #[test]
    fn redirect_uri_is_compared_byte_by_byte() {
        let client = client();
        for good in [
            "https://shop.example/cb",
            "http://127.0.0.1:8000/cb?a=1",
            "http://127.0.0.1:65535/cb?a=1",
            "http://127.0.0.1/cb?a=1",
        ] {
            assert!(client.redirects_to(good), "{good}");
        }
        let registered = "https://shop.example/cb";
        for index in 0..registered.len() {
            let mut altered = registered.as_bytes().to_vec();
            altered[index] ^= 1;
            let altered = String::from_utf8(altered).unwrap();
            assert!(!client.redirects_to(&altered), "{altered}");
            assert!(
                !client.redirects_to(&registered[..index]),
                "{}",
                &registered[..index]
            );
        }
        for bad in [
            "https://shop.example/cb/",
            "https://shop.example/cb?x",
            "https://shop.example/cb#",
            "https://shop.example:443/cb",
            "https://shop.example/CB",
            "https://shop.example/%63b",
            "https://shop.example/../cb",
            "https://shop.example@evil/cb",
            " https://shop.example/cb",
            "http://127.0.0.1:8000/cb",
            "http://127.0.0.1:8000.evil/cb?a=1",
            "http://127.0.0.1:@evil/cb?a=1",
            "http://127.0.0.1:70000/cb?a=1",
            "http://127.0.0.1:+80/cb?a=1",
            "http://127.0.0.1.evil/cb?a=1",
            "http://[::1]:8000/cb?a=1",
            "http://localhost:8000/cb?a=1",
        ] {
            assert!(!client.redirects_to(bad), "{bad}");
        }
    }

    #[test]
    fn only_safe_absolute_addresses_can_be_registered() {
        for good in [
            "https://shop.example/cb?x=1",
            "http://localhost:3000/cb",
            "http://127.0.0.1/cb",
            "http://[::1]:7/cb",
            "com.example.app:/oauth",
        ] {
            assert!(can_redirect_to(good), "{good}");
        }
        for bad in [
            "",
            "/cb",
            "shop.example/cb",
            "https://",
            "https:///cb",
            "http://shop.example/cb",
            "http://localhost.evil/cb",
            "http://localhost@evil/cb",
            "https://user@shop.example/cb",
            "https://shop.example/cb#f",
            "https://shop.example/a b",
            "https://shop.example/\\cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "shop:/cb",
            "https://商.example/cb",
        ] {
            assert!(!can_redirect_to(bad), "{bad}");
        }
        assert!(!can_redirect_to(&format!("https://a/{}", "b".repeat(3000))));
    }

    #[test]
    fn token_has_the_shortest_lifetime_of_its_audiences() {
        let lifespan = |audience: &[&str]| {
            client().lifespan(&audience.iter().map(|&a| a.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(lifespan(&[]), ACCESS_TOKEN);
        assert_eq!(lifespan(&["akinai"]), ACCESS_TOKEN);
        assert_eq!(lifespan(&["batch"]), 20 * 3600);
        assert_eq!(
            lifespan(&["batch", "akinai"]),
            ACCESS_TOKEN,
            "not longer than akinai's"
        );
        assert_eq!(lifespan(&["batch", "short"]), 60);
        assert_eq!(
            lifespan(&["long"]),
            LONGEST_ACCESS_TOKEN,
            "never longer than a day"
        );
    }

    #[test]
    fn origin_must_have_the_form_that_browsers_send() {
        for good in ["https://shop.example", "http://localhost:5173", "http://[::1]:80"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "null",
            "*",
            "https://",
            "https://shop.example/",
            "https://Shop.example",
            "shop.example",
            "https://a b",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn refresh_token_needs_the_scope_and_the_grant_type() {
        let list = |text: &str| scopes::parse(text).unwrap();
        let mut client = client();
        assert!(client.refreshes(&list("openid offline_access")) && !client.refreshes(&list("openid")));
        client.grant_types = vec![GrantType::AuthorizationCode];
        assert!(!client.refreshes(&list("openid offline_access")));
    }
}
