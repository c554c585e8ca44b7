//! The addresses that entries of `allowed_outbound_hosts` grant and refuse.

use std::collections::BTreeMap;

use super::*;

fn parse(entries: &[&str]) -> Result<AllowedHosts, Error> {
    let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
    AllowedHosts::parse(&entries, &resolver(), &["user".to_owned(), "product".to_owned()])
}

fn resolver() -> Resolver {
    let values = [("db_host", "db.example"), ("db_port", "6432"), ("none", "")];
    let declared = values.map(|(name, value)| {
        (
            name.to_owned(),
            variables::Declaration {
                default: Some(value.to_owned()),
                secret: false,
            },
        )
    });
    Resolver::new(declared.into(), &BTreeMap::new(), |_| {
        Err(std::env::VarError::NotPresent)
    })
    .unwrap()
}

/// The addresses that one entry grants. Spin: outbound-networking-config/src/allowed_hosts.rs, AllowedHostConfig::allows and
/// OutboundUrl::parse, with the tests below them.
#[test]
fn entry_grants_the_same_as_in_spin() {
    #[rustfmt::skip]
    let rows = [
        // entry, address, scheme if the address has none, allowed?
        ("http://example.com", "http://example.com", "http", true),
        ("http://example.com", "http://example.com/a/b?c#d", "http", true),
        ("http://example.com", "http://example.com:80", "http", true),
        ("http://example.com", "http://example.com:81", "http", false),
        ("http://example.com", "https://example.com", "http", false),
        ("http://example.com", "http://example.org", "http", false),
        ("http://example.com/", "http://EXAMPLE.com/x", "http", true),
        ("http://EXAMPLE.com", "http://example.com", "http", true),
        ("http://example.com:8080", "http://example.com", "http", false),
        ("http://example.com:8080/", "http://example.com:8080", "http", true),
        ("http://example.com:", "http://example.com", "http", true),
        ("http://example.com:*", "http://example.com:1", "http", true),
        ("http://example.com:8000..9000", "http://example.com:8000", "http", true),
        ("http://example.com:8000..9000", "http://example.com:8999", "http", true),
        ("http://example.com:8000..9000", "http://example.com:9000", "http", false),
        ("*://example.com:443", "https://example.com", "https", true),
        ("*://example.com:443", "example.com:443", "https", true),
        ("*://example.com:443", "http://example.com", "https", false),
        ("*://*:*", "anything://anywhere:1", "http", true),
        ("*://*:*", "anything://anywhere", "http", true),
        ("*://*:80", "anything://anywhere", "http", false),
        ("*://*:*", "", "http", false),
        ("http://*.example.com", "http://a.example.com", "http", true),
        ("http://*.Example.COM", "http://a.b.example.com/x", "http", true),
        ("http://*.example.com", "http://example.com", "http", false),
        ("http://*.example.com", "http://myexample.com", "http", false),
        ("http://*.example.com:8383", "http://a.example.com", "http", false),
        ("http://127.0.0.1", "http://127.0.0.1", "http", true),
        ("http://127.0.0.1", "http://2130706433", "http", true),
        ("http://127.0.0.1", "http://localhost", "http", false),
        ("http://127.0.0.1", "http://127.0.0.2", "http", false),
        ("http://[::1]", "http://[::1]/x", "http", true),
        ("http://[::1]", "http://[::1]:81", "http", false),
        ("http://[::1]", "http://[::2]", "http", false),
        ("http://[::1]:8080", "http://[::1]:8080", "http", true),
        ("*://127.0.0.1/24:63551", "tcp://127.0.0.255:63551", "tcp", true),
        ("*://127.0.0.1/24:63551", "tcp://127.0.1.0:63551", "tcp", false),
        ("http://10.0.0.0/8", "http://10.9.8.7", "http", true),
        ("http://10.0.0.0/8", "http://ten.example", "http", false),
        ("http://0.0.0.0/0", "http://203.0.113.9", "http", true),
        ("http://0.0.0.0/0", "http://[::1]", "http", false),
        ("http://2001:db8::/32", "http://[2001:db8:abcd::1]/x", "http", true),
        ("http://2001:db8::/32", "http://[2001:db9::1]", "http", false),
        ("http://self", "http://self", "http", false),
        ("mysql://db.example", "mysql://user:pass#word@db.example", "mysql", true),
        ("mysql://db.example", "user%3Apass%23word@db.example", "mysql", true),
        ("mysql://db.example", "mysql://db.example@evil.example", "mysql", false),
        ("https://example.com", "https://example.com/file@0.1.0.json", "https", true),
        ("postgres://127.0.0.1:5432", "127.0.0.1:5432", "postgres", true),
        ("postgres://127.0.0.1", "127.0.0.1", "postgres", true),
        ("postgres://127.0.0.1:6000", "127.0.0.1", "postgres", false),
        ("redis://127.0.0.1", "redis://u:p@127.0.0.1:6379/0", "redis", true),
        ("redis://127.0.0.1", "rediss://127.0.0.1:6379", "redis", false),
        ("postgres://{{ db_host }}:{{ db_port }}", "db.example:6432", "postgres", true),
        ("postgres://{{ db_host }}:{{ db_port }}", "db.example:5432", "postgres", false),
        ("http://user.spin.internal", "http://user.spin.internal/x", "http", true),
        ("http://user.spin.internal", "http://product.spin.internal", "http", false),
        ("http://*.spin.internal", "http://product.spin.internal", "http", true),
        ("http://*.spin.internal", "http://order.spin.internal", "http", false),
    ];
    for (entry, address, scheme, allowed) in rows {
        let hosts = parse(&[entry]).unwrap();
        assert_eq!(
            hosts.allows(address, scheme),
            allowed,
            "whether {entry:?} allows {address:?} over {scheme}"
        );
    }
}

/// Spin: allowed_hosts.rs, AllowedHostConfig::parse, its tests `rejects_*` and `invalid_*`.
#[test]
fn entries_that_spin_refuses_are_refused() {
    #[rustfmt::skip]
    let rows = [
        "", "*", ":", "?", "localhost", "localhost:3001", "example.com", "[::1]", "[::1]:8080", "insecure:allow-all",
        "http://example.com:notaport", "http://example.com:8080..70000", "http://example.com:99999", "http://self:notaport",
        "http://*:notaport", "http://[::1]:notaport", "http://*.example.com:8080..", "http://example.com:80:90",
        "http://example.com/a", "http://example.com:6666/a/b", "http://*.example.com/a", "http://example.com//",
        "http://127.0.0.0/24/p", "http://ff00::/8/extra", "http://[::1", "http://[::1]junk", "http://[::1]::80",
        "http://*.", "http://*.127.0.0.1", "http://*.[::1]", "http://*.*.example.com", "http://a.*.example.com", "http://example%.com",
        "http://exa[mple.com", "ht-tp://example.com:80", "{http,https}://example.com:80", "http://{a,b}:80",
        "*://example.com", "*://127.0.0.0/24", "http://10.0.0.0/33:80", "http://",
    ];
    for entry in rows {
        let error = parse(&[entry])
            .expect_err(&format!("{entry:?} should be refused"))
            .to_string();
        assert!(
            error.contains(&format!("{entry:?}")),
            "the error names the entry {entry:?}: {error}"
        );
    }
}

#[test]
fn short_check_of_a_component_url_decides_like_the_full_check() {
    let urls = [
        "http://user.spin.internal/a?b",
        "http://product.spin.internal/",
        "http://absent.spin.internal/",
        "http://user.spin.internal:81/",
        "http://me:secret@user.spin.internal/",
        "http://USER.spin.internal/",
        "https://user.spin.internal/",
        "http://a.user.spin.internal/",
        "http://example.com/",
    ];
    let grants: [&[&str]; 5] = [
        &[],
        &["http://user.spin.internal"],
        &["http://*.spin.internal"],
        &["*://*:*"],
        &["http://example.com"],
    ];
    for entries in grants {
        let hosts = parse(entries).unwrap();
        for url in urls {
            let uri: http::Uri = url.parse().unwrap();
            assert_eq!(
                hosts.allows_request(&uri),
                hosts.allows(url, "https"),
                "{url} where {entries:?} is granted"
            );
        }
    }
}

/// Spin: allowed_hosts.rs, PartialAllowedHostConfig::parse_or_skip.
#[test]
fn entry_that_is_empty_after_variables_grants_nothing() {
    let hosts = parse(&["{{ none }}", "https://{{ none }}", "https://three"]).unwrap();
    assert_eq!(
        hosts.entries.len(),
        1,
        "only the entry without variables is left: {hosts:?}"
    );
    assert!(
        parse(&["https://"]).is_err(),
        "an entry that is empty as written is an error"
    );
    let unknown = parse(&["https://{{ absent }}"]).unwrap_err().to_string();
    assert!(
        unknown.contains("absent"),
        "the error names the variable: {unknown}"
    );
}

/// Spin: allowed_hosts.rs, AllowedHostConfig::allows_relative.
#[test]
fn self_allows_relative_requests() {
    let rows = [
        ("http://self", true),
        ("https://self", true),
        ("http://self.alt", true),
        ("*://*:*", true),
        ("redis://self", false),
        ("http://example.com", false),
    ];
    for (entry, allowed) in rows {
        let hosts = parse(&[entry]).unwrap();
        assert_eq!(
            hosts.allows_relative(&["http", "https"]),
            allowed,
            "whether {entry:?} allows relative requests"
        );
    }
}

/// Spin: allowed_hosts.rs, parse_service_chaining_host.
#[test]
fn chaining_hosts_are_distinguished_from_other_hosts() {
    let rows = [
        ("http://user.spin.internal/x", Some("user")),
        ("http://user.spin.internal:80/x", Some("user")),
        ("http://a.user.spin.internal/", None),
        ("http://spin.internal/", None),
        ("http://user.example/", None),
        ("/relative", None),
    ];
    for (uri, component) in rows {
        assert_eq!(
            service_chaining_target(&uri.parse().unwrap()),
            component,
            "the component that {uri} is for"
        );
    }
    let hosts = parse(&["http://user.spin.internal", "http://example.com", "http://*:80"]).unwrap();
    assert_eq!(hosts.chained_components().collect::<Vec<_>>(), ["user"]);
}
