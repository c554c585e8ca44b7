//! What each component may do in Redis.

use crate::{
    LOGOUT_CHANNEL,
    key::{
        AccountCopyKey, BreakerKey, OrderEventsKey, OrderVersionKey, RevocationKey, SignInAttemptsKey,
        TokenStatusKey, UserTokensKey,
    },
};

/// What a component's user of Redis may do: one or more permissions, each by itself enough for a command.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The component's name in `spin.toml`, which is also its user's.
    pub component: &'static str,
    root: Permission,
    others: &'static [Permission],
}

/// Commands on keys and channels.
#[derive(Clone, Copy, Debug)]
struct Permission {
    keys: Keys,
    channels: &'static [&'static str],
    commands: &'static [&'static str],
}

/// The keys of a permission, in every installation that shares the Redis.
#[derive(Clone, Copy, Debug)]
enum Keys {
    All,
    /// Those of these patterns, behind the prefix.
    Of(&'static [&'static str]),
}

/// The components that use Redis.
pub const GRANTS: [Grant; 4] = [
    Grant {
        component: "bff",
        root: Permission {
            keys: Keys::All,
            channels: &[],
            commands: &[
                "eval",
                "evalsha",
                "get",
                "set",
                "incr",
                "pexpire",
                "pttl",
                "time",
                "zadd",
                "zremrangebyscore",
            ],
        },
        others: &[Permission {
            keys: Keys::Of(&[BreakerKey::PATTERN]),
            channels: &[],
            commands: &["del"],
        }],
    },
    Grant {
        component: "user",
        root: Permission {
            keys: Keys::Of(&[RevocationKey::PATTERN]),
            channels: &[LOGOUT_CHANNEL],
            commands: &["eval", "evalsha", "set", "time", "publish"],
        },
        others: &[Permission {
            keys: Keys::Of(&[SignInAttemptsKey::PATTERN]),
            channels: &[],
            commands: &["eval", "evalsha", "incr", "expire", "ttl", "del"],
        }],
    },
    Grant {
        component: "order",
        root: Permission {
            keys: Keys::Of(&[OrderEventsKey::PATTERN, OrderVersionKey::PATTERN]),
            channels: &[],
            commands: &["eval", "evalsha", "get", "set", "expire", "xadd"],
        },
        others: &[],
    },
    Grant {
        component: "events",
        root: Permission {
            keys: Keys::Of(&[
                TokenStatusKey::PATTERN,
                UserTokensKey::PATTERN,
                AccountCopyKey::PATTERN,
            ]),
            channels: &[LOGOUT_CHANNEL],
            commands: &["subscribe", "zrange", "del"],
        },
        others: &[],
    },
];

impl Grant {
    /// The rules of an ACL of Redis 7: the root permissions, then each selector in parentheses.
    pub fn acl_rules(&self) -> String {
        let others = self
            .others
            .iter()
            .map(|permission| format!("({})", permission.acl_rules()));
        let rules: Vec<String> = [self.root.acl_rules()].into_iter().chain(others).collect();
        rules.join(" ")
    }
}

impl Permission {
    fn acl_rules(&self) -> String {
        let keys: Vec<String> = match self.keys {
            Keys::All => vec!["~akinai:*".to_owned()],
            Keys::Of(patterns) => patterns
                .iter()
                .map(|pattern| format!("~akinai*:{pattern}"))
                .collect(),
        };
        let channels = self.channels.iter().map(|channel| format!("&{channel}"));
        let commands = self.commands.iter().map(|command| format!("+{command}"));
        let rules: Vec<String> = keys.into_iter().chain(channels).chain(commands).collect();
        rules.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_rules_of_an_acl() {
        let rules = GRANTS.map(|grant| (grant.component, grant.acl_rules()));
        let expected = [
            (
                "bff",
                "~akinai:* +eval +evalsha +get +set +incr +pexpire +pttl +time +zadd +zremrangebyscore \
                 (~akinai*:breaker:* +del)",
            ),
            (
                "user",
                "~akinai*:revoked:* &user.logout +eval +evalsha +set +time +publish \
                 (~akinai*:attempts:* +eval +evalsha +incr +expire +ttl +del)",
            ),
            (
                "order",
                "~akinai*:order.events ~akinai*:order.events:version:* +eval +evalsha +get +set +expire +xadd",
            ),
            (
                "events",
                "~akinai*:verdict:* ~akinai*:verdicts:* ~akinai*:copy:user:* &user.logout +subscribe +zrange +del",
            ),
        ];
        assert_eq!(
            rules,
            expected.map(|(component, rules)| (component, rules.to_owned()))
        );
    }
}
