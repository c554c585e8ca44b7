//! Lists of scopes and audiences.

/// OpenID Connect's own scope. A request with it gets an ID token.
pub(crate) const OPENID: &str = "openid";

/// The scopes that request a refresh token: OpenID Connect's name for it, and Hydra's older one.
pub(crate) const OFFLINE: [&str; 2] = ["offline_access", "offline"];

/// Splits a list at spaces (RFC 6749, section 3.3). Repeated entries are removed. `None` if an entry has a character
/// that no scope may have.
pub(crate) fn parse(text: &str) -> Option<Vec<String>> {
    let is_valid = |scope: &str| {
        scope
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    };
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        if !is_valid(scope) {
            return None;
        }
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    Some(scopes)
}

/// Whether each of these is exactly equal to one of those.
pub(crate) fn are_among(these: &[String], those: &[String]) -> bool {
    these.iter().all(|this| those.contains(this))
}

/// Whether a refresh token was granted.
pub(crate) fn is_offline(scopes: &[String]) -> bool {
    scopes.iter().any(|scope| OFFLINE.contains(&scope.as_str()))
}

/// Whether an ID token was granted.
pub(crate) fn is_openid(scopes: &[String]) -> bool {
    scopes.iter().any(|scope| scope == OPENID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_split_once_each() {
        let cases = [
            ("", Some(vec![])),
            (" openid  admin openid ", Some(vec!["openid", "admin"])),
            ("Openid openid", Some(vec!["Openid", "openid"])),
            ("https://api/read", Some(vec!["https://api/read"])),
            ("a\"b", None),
            ("a\\b", None),
            ("日本", None),
            ("a\tb", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|list| list.into_iter().map(str::to_owned).collect());
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn scope_must_be_listed_exactly() {
        let list = |text: &str| parse(text).unwrap();
        let allowed = list("openid product.read https://api");
        for good in ["", "openid", "https://api openid"] {
            assert!(are_among(&list(good), &allowed), "{good}");
        }
        for bad in [
            "admin",
            "product",
            "product.read.all",
            "OPENID",
            "https://api/",
            "https://ap",
            "openid admin",
        ] {
            assert!(!are_among(&list(bad), &allowed), "{bad}");
        }
        assert!(
            is_offline(&list("openid offline_access"))
                && is_offline(&list("offline"))
                && !is_offline(&allowed)
        );
        assert!(is_openid(&allowed) && !is_openid(&list("open id")));
    }
}
