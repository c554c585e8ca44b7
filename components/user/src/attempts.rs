//! How often somebody may try to sign in to an account, and how often an address may have a password hashed: counted in Redis
//! and, while that is away, in Postgres.
//!
//! An attempt is counted before its password is looked at, so that many at once are no more than one after the other; a right
//! password takes all of it back. Accounts are named by a keyed hash of the e-mail address that was typed, whether or not it is
//! anybody's: what is counted tells nobody who has an account.

use std::{fmt, rc::Rc, time::Duration};

use kernel::Email;
use spin_adapters::{
    log,
    redis::{Argument, Error as RedisError, Redis, Script},
    variables,
};
use web::{client_address::ClientAddress, request_id::RequestIds};

use crate::pages::keys::PageKey;

/// The attempts that an account has in each [`WINDOW`].
const OF_ACCOUNT: i64 = 5;

/// How often an address may have a password hashed in each [`WINDOW`], whosever it is: it is the costliest thing that a
/// stranger can ask for. Many people may be behind one address.
const OF_ADDRESS: i64 = 60;

/// How long an attempt counts: until this long after the first one.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// Counts, and has the count end by itself. One script, so that no count can be left without an end.
const COUNT: &str = "local attempts = redis.call('INCR', KEYS[1]) \
     if attempts == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end \
     return { attempts, redis.call('TTL', KEYS[1]) }";

const FORGET: &str = "return { redis.call('DEL', KEYS[1]) }";

thread_local! {
    static SCRIPTS: Rc<[Script; 2]> = Rc::new([Script::new(&[COUNT]), Script::new(&[FORGET])]);
}

/// What attempts are counted for, by a keyed hash of it: 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    name: String,
    /// The attempts that it holds.
    most: i64,
}

impl Bucket {
    /// The account with this e-mail address, however it is spelled.
    pub(crate) fn of_account(email: &Email, key: &PageKey) -> Self {
        Self::new(key.mac("attempts", &[email.key().as_bytes()]), OF_ACCOUNT)
    }

    /// An address, whosever the accounts are that are tried from it.
    pub(crate) fn of_address(address: ClientAddress, key: &PageKey) -> Self {
        let mac = key.mac("attempts of an address", &[address.to_string().as_bytes()]);
        Self::new(mac, OF_ADDRESS)
    }

    fn new(mac: [u8; 32], most: i64) -> Self {
        let name = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { name, most }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// How often it was tried, this time included, and for how many seconds that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) attempts: i64,
    pub(crate) seconds_left: i64,
}

/// Where attempts are counted. The texts of its errors are for the log.
pub(crate) trait Counter {
    /// Counts one more. The first one begins a time of so many seconds, after which it is forgotten.
    async fn count(&self, bucket: &Bucket, seconds: i64) -> Result<Count, String>;

    /// Forgets what was counted.
    async fn forget(&self, bucket: &Bucket) -> Result<(), String>;
}

/// There were too many attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// How long to wait, in seconds: at least one.
    pub(crate) seconds: u64,
}

/// Attempts, counted in the first place, or in the second while that fails.
pub(crate) struct Attempts<F, S> {
    first: F,
    second: S,
}

impl<F: Counter, S: Counter> Attempts<F, S> {
    pub(crate) fn new(first: F, second: S) -> Self {
        Self { first, second }
    }

    /// Counts an attempt, and says whether it may be made. Who cannot be counted may not: the error is for the log.
    pub(crate) async fn begin(&self, bucket: &Bucket) -> Result<Result<(), TooMany>, String> {
        let seconds = WINDOW.as_secs() as i64;
        let counted = match self.first.count(bucket, seconds).await {
            Ok(count) => count,
            Err(cause) => {
                log::error(
                    RequestIds::NONE,
                    format_args!("attempts are counted in the second place: {cause}"),
                );
                self.second.count(bucket, seconds).await?
            }
        };
        if counted.attempts <= bucket.most {
            return Ok(Ok(()));
        }
        Ok(Err(TooMany {
            seconds: counted.seconds_left.clamp(1, seconds).unsigned_abs(),
        }))
    }

    /// Takes back what was counted: the password was right.
    pub(crate) async fn succeeded(&self, bucket: &Bucket) {
        let (first, second) = (self.first.forget(bucket).await, self.second.forget(bucket).await);
        if let (Err(first), Err(second)) = (first, second) {
            log::error(
                RequestIds::NONE,
                format_args!("attempts are not forgotten: {first}; {second}"),
            );
        }
    }
}

/// Counts in the Redis that `spin.toml` grants.
pub(crate) struct Cache;

impl Counter for Cache {
    async fn count(&self, bucket: &Bucket, seconds: i64) -> Result<Count, String> {
        let [script, _] = &*SCRIPTS.with(Rc::clone);
        let answer = run(script, bucket, &[Argument::Number(seconds)]).await?;
        let mut numbers = answer.into_iter().map(|value| value.number());
        match (numbers.next(), numbers.next()) {
            (Some(Ok(attempts)), Some(Ok(seconds_left))) => Ok(Count {
                attempts,
                seconds_left,
            }),
            _ => Err(RedisError::Unexpected.to_string()),
        }
    }

    async fn forget(&self, bucket: &Bucket) -> Result<(), String> {
        let [_, script] = &*SCRIPTS.with(Rc::clone);
        run(script, bucket, &[]).await.map(drop)
    }
}

async fn run(
    script: &Script,
    bucket: &Bucket,
    arguments: &[Argument<'_>],
) -> Result<Vec<spin_adapters::redis::Value>, String> {
    let prefix = variables::get("redis_prefix")
        .await
        .map_err(|error| error.to_string())?;
    let redis = Redis::from_variable("redis_url").await;
    let redis = redis.map_err(|error| error.to_string())?;
    let answer = redis.run(script, &[&place(&prefix, bucket)], arguments).await;
    answer.map_err(|error| error.to_string())
}

fn place(prefix: &str, bucket: &Bucket) -> String {
    format!("{prefix}:attempts:{bucket}")
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        collections::HashMap,
    };

    use futures::executor::block_on;

    use super::*;

    /// Counts in memory, or fails.
    #[derive(Default)]
    struct Memory {
        counts: RefCell<HashMap<String, i64>>,
        is_away: Cell<bool>,
    }

    impl Counter for &Memory {
        async fn count(&self, bucket: &Bucket, seconds: i64) -> Result<Count, String> {
            if self.is_away.get() {
                return Err("away".into());
            }
            let mut counts = self.counts.borrow_mut();
            let attempts = counts.entry(bucket.to_string()).or_default();
            *attempts += 1;
            Ok(Count {
                attempts: *attempts,
                seconds_left: seconds,
            })
        }

        async fn forget(&self, bucket: &Bucket) -> Result<(), String> {
            if self.is_away.get() {
                return Err("away".into());
            }
            self.counts.borrow_mut().remove(&bucket.to_string());
            Ok(())
        }
    }

    fn account(email: &str) -> Bucket {
        let key = PageKey::parse(&"A".repeat(44)).unwrap();
        Bucket::of_account(&email.parse().unwrap(), &key)
    }

    fn passed(attempts: &Attempts<&Memory, &Memory>, email: &str) -> bool {
        block_on(attempts.begin(&account(email))).unwrap().is_ok()
    }

    #[test]
    fn five_attempts_pass_and_a_right_password_forgets_them() {
        let (first, second) = (Memory::default(), Memory::default());
        let attempts = Attempts::new(&first, &second);
        let tries: Vec<_> = (0..7).map(|_| passed(&attempts, "mina@example.com")).collect();
        assert_eq!(tries, [true, true, true, true, true, false, false]);
        let refused = block_on(attempts.begin(&account("MINA@example.com")));
        assert_eq!(
            refused,
            Ok(Err(TooMany { seconds: 900 })),
            "however the address is spelled"
        );
        assert!(
            passed(&attempts, "hana@example.com"),
            "another account is another"
        );
        block_on(attempts.succeeded(&account("mina@example.com")));
        assert!(passed(&attempts, "mina@example.com"), "all is forgotten");
    }

    #[test]
    fn without_the_first_place_the_second_counts() {
        let (first, second) = (Memory::default(), Memory::default());
        let attempts = Attempts::new(&first, &second);
        first.is_away.set(true);
        let tries: Vec<_> = (0..6).map(|_| passed(&attempts, "mina@example.com")).collect();
        assert_eq!(tries, [true, true, true, true, true, false]);
        second.is_away.set(true);
        let failed = block_on(attempts.begin(&account("mina@example.com")));
        assert!(failed.is_err(), "who cannot be counted does not pass");
    }

    #[test]
    fn an_account_is_named_by_a_keyed_hash() {
        let (mina, hana) = (account("mina@example.com"), account("hana@example.com"));
        assert_ne!(mina, hana);
        assert_eq!(mina.to_string().len(), 64);
        let other = PageKey::parse(&"B".repeat(44)).unwrap();
        let elsewhere = Bucket::of_account(&"mina@example.com".parse().unwrap(), &other);
        assert_ne!(mina, elsewhere, "who has another key makes other names");
        assert!(place("akinai", &mina).starts_with("akinai:attempts:"));
    }
}
