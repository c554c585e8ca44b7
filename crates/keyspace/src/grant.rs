//! The rights of each component in Redis.

use crate::{
    LOGOUT_CHANNEL,
    key::{
        AccountCopyKey, BreakerKey, BreakerProbeKey, FetchTurnKey, OrderEventsKey, OrderVersionKey,
        RateLimitKey, RevocationKey, SignInAttemptsKey, SigningKeysKey, TokenStatusKey, UserTokensKey,
    },
};

/// The permissions of a component's user of Redis. One permission must allow a command with all its keys.
#[derive(Clone, Copy, Debug)]
pub struct RedisGrant {
    /// The component's name in `spin.toml`, which is also the name of its user.
    pub component: &'static str,
    root: Permission,
    others: &'static [Permission],
}

/// Commands on keys and channels.
#[derive(Clone, Copy, Debug)]
struct Permission {
    /// Patterns of keys, without their prefix.
    keys: &'static [&'static str],
    channels: &'static [&'static str],
    commands: &'static [&'static str],
}

/// The components that use Redis.
pub const GRANTS: [RedisGrant; 4] = [
    RedisGrant {
        component: "bff",
        root: Permission {
            keys: &[
                RateLimitKey::PATTERN,
                TokenStatusKey::PATTERN,
                UserTokensKey::PATTERN,
                RevocationKey::PATTERN,
                SigningKeysKey::PATTERN,
                FetchTurnKey::PATTERN,
                AccountCopyKey::PATTERN,
                BreakerKey::PATTERN,
                BreakerProbeKey::PATTERN,
            ],
            channels: &[],
            commands: &[
                "eval",
                "evalsha",
                "get",
                "set",
                "incr",
                "pexpire",
                "time",
                "zadd",
                "zremrangebyscore",
            ],
        },
        others: &[Permission {
            keys: &[BreakerKey::PATTERN, BreakerProbeKey::PATTERN],
            channels: &[],
            commands: &["del"],
        }],
    },
    RedisGrant {
        component: "user",
        root: Permission {
            keys: &[RevocationKey::PATTERN],
            channels: &[LOGOUT_CHANNEL],
            commands: &["eval", "evalsha", "set", "time", "publish"],
        },
        others: &[Permission {
            keys: &[SignInAttemptsKey::PATTERN],
            channels: &[],
            commands: &["eval", "evalsha", "incr", "expire", "ttl", "del"],
        }],
    },
    RedisGrant {
        component: "order",
        root: Permission {
            keys: &[OrderEventsKey::PATTERN, OrderVersionKey::PATTERN],
            channels: &[],
            commands: &["eval", "evalsha", "get", "set", "expire", "xadd"],
        },
        others: &[],
    },
    RedisGrant {
        component: "events",
        root: Permission {
            keys: &[
                TokenStatusKey::PATTERN,
                UserTokensKey::PATTERN,
                AccountCopyKey::PATTERN,
            ],
            channels: &[LOGOUT_CHANNEL],
            commands: &["subscribe", "zrange", "del"],
        },
        others: &[],
    },
];

impl RedisGrant {
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
        // Installations that share the Redis have prefixes that begin with `akinai`.
        let keys = self.keys.iter().map(|pattern| format!("~akinai*:{pattern}"));
        let channels = self.channels.iter().map(|channel| format!("&{channel}"));
        let commands = self.commands.iter().map(|command| format!("+{command}"));
        let rules: Vec<String> = keys.chain(channels).chain(commands).collect();
        rules.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_become_rules_of_an_acl() {
        let rules = GRANTS.map(|grant| (grant.component, grant.acl_rules()));
        let expected = [
            (
                "bff",
                "~akinai*:rate:* ~akinai*:verdict:* ~akinai*:verdicts:* ~akinai*:revoked:* \
                 ~akinai*:jwks ~akinai*:jwks:turn ~akinai*:copy:user:* ~akinai*:breaker:* ~akinai*:breaker:*:probe \
                 +eval +evalsha +get +set +incr +pexpire +time +zadd +zremrangebyscore \
                 (~akinai*:breaker:* ~akinai*:breaker:*:probe +del)",
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
