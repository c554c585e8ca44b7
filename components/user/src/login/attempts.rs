//! Counts attempts: in Redis and, while Redis is unavailable, in Postgres.
//!
//! A count is stored under a keyed hash of the e-mail address or client address. Without the key, the stored counts do
//! not reveal which addresses were typed.

use std::time::Duration;

use keyspace::SignInAttemptsKey;
use spin_adapters::{
    log,
    redis::{Argument, Error as RedisError, Redis, Script},
    variables,
};
use web::request_id::RequestIds;

use super::domain::{AttemptCount, AttemptSubject};
use super::page_key::PageKey;
use super::service::AttemptCounter;

/// A store of counts. The texts of its errors are for the log.
pub(crate) trait CounterStore {
    /// Counts one more. The first count begins a window of this length, in seconds.
    async fn count(&self, bucket: &str, seconds: u64) -> Result<AttemptCount, String>;

    /// Removes a count.
    async fn remove(&self, bucket: &str) -> Result<(), String>;
}

/// Counts under keyed hashes. The key is the variable `page_key`.
pub(crate) struct KeyedAttempts<C>(pub(crate) C);

impl<C: CounterStore> AttemptCounter for KeyedAttempts<C> {
    async fn count(&self, subject: &AttemptSubject, window: Duration) -> Result<AttemptCount, String> {
        let bucket = bucket(subject, &PageKey::from_variable().await?);
        self.0.count(&bucket, window.as_secs()).await
    }

    async fn reset(&self, subject: &AttemptSubject) {
        let removed = async {
            let bucket = bucket(subject, &PageKey::from_variable().await?);
            self.0.remove(&bucket).await
        };
        if let Err(cause) = removed.await {
            log::error(
                RequestIds::NONE,
                format_args!("a count of attempts was not reset: {cause}"),
            );
        }
    }
}

/// The name of a count: a keyed hash, as 64 hexadecimal digits.
fn bucket(subject: &AttemptSubject, key: &PageKey) -> String {
    let mac = match subject {
        AttemptSubject::Account(email) => key.mac("attempts", &[email.key().as_bytes()]),
        AttemptSubject::Address(address) => {
            key.mac("attempts of an address", &[address.to_string().as_bytes()])
        }
    };
    mac.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Counts in the first store, or in the second while the first fails.
pub(crate) struct FallbackCounter<F, S> {
    pub(crate) first: F,
    pub(crate) second: S,
}

impl<F: CounterStore, S: CounterStore> CounterStore for FallbackCounter<F, S> {
    async fn count(&self, bucket: &str, seconds: u64) -> Result<AttemptCount, String> {
        match self.first.count(bucket, seconds).await {
            Ok(count) => Ok(count),
            Err(cause) => {
                log::error(
                    RequestIds::NONE,
                    format_args!("attempts are counted in the second store: {cause}"),
                );
                self.second.count(bucket, seconds).await
            }
        }
    }

    /// Removes the count from both stores. It fails if both fail.
    async fn remove(&self, bucket: &str) -> Result<(), String> {
        let first = self.first.remove(bucket).await;
        let second = self.second.remove(bucket).await;
        match (first, second) {
            (Err(first), Err(second)) => Err(format!("{first}; {second}")),
            _ => Ok(()),
        }
    }
}

/// Counts one more, and sets the expiry of the count. It is one script, so that every count has an expiry.
const COUNT: &str = "local attempts = redis.call('INCR', keys.attempts) \
     if attempts == 1 then redis.call('EXPIRE', keys.attempts, arguments.window) end \
     return answer({ attempts = attempts, seconds_left = redis.call('TTL', keys.attempts) })";

thread_local! {
    static COUNT_SCRIPT: Script = Script::new(&[COUNT]);
}

/// Counts in the Redis that `spin.toml` grants.
pub(crate) struct RedisCounter;

impl CounterStore for RedisCounter {
    async fn count(&self, bucket: &str, seconds: u64) -> Result<AttemptCount, String> {
        let counted = async {
            let redis = Redis::from_variable("redis_url").await?;
            let key = SignInAttemptsKey::new(&variables::get("redis_prefix").await?, bucket);
            let window = Argument::Number(seconds.try_into().unwrap_or(i64::MAX));
            let script = COUNT_SCRIPT.with(Clone::clone);
            let mut answer = redis
                .run(&script, &[("attempts", &key)], &[("window", window)])
                .await?;
            Ok::<_, RedisError>(AttemptCount {
                attempts: answer.take_number("attempts")?,
                seconds_left: answer.take_number("seconds_left")?,
            })
        };
        counted.await.map_err(|error| error.to_string())
    }

    async fn remove(&self, bucket: &str) -> Result<(), String> {
        let removed = async {
            let redis = Redis::from_variable("redis_url").await?;
            let key = SignInAttemptsKey::new(&variables::get("redis_prefix").await?, bucket);
            redis.execute("DEL", &[&key], &[]).await
        };
        removed.await.map(drop).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::executor::block_on;

    use super::*;

    /// Counts in memory, or fails.
    #[derive(Default)]
    struct CountInMemory {
        attempts: Cell<i64>,
        is_unavailable: Cell<bool>,
    }

    impl CounterStore for &CountInMemory {
        async fn count(&self, _: &str, seconds: u64) -> Result<AttemptCount, String> {
            if self.is_unavailable.get() {
                return Err("unavailable".into());
            }
            self.attempts.set(self.attempts.get() + 1);
            Ok(AttemptCount {
                attempts: self.attempts.get(),
                seconds_left: seconds as i64,
            })
        }

        async fn remove(&self, _: &str) -> Result<(), String> {
            if self.is_unavailable.get() {
                return Err("unavailable".into());
            }
            self.attempts.set(0);
            Ok(())
        }
    }

    #[test]
    fn second_store_counts_while_the_first_is_unavailable() {
        let (first, second) = (CountInMemory::default(), CountInMemory::default());
        let counter = FallbackCounter {
            first: &first,
            second: &second,
        };
        let count = || block_on(counter.count("bucket", 900));
        assert_eq!(count().unwrap().attempts, 1);
        assert_eq!(second.attempts.get(), 0, "only one store counts");
        first.is_unavailable.set(true);
        let counted: Vec<_> = (0..6).map(|_| count().unwrap().attempts).collect();
        assert_eq!(counted, [1, 2, 3, 4, 5, 6]);
        block_on(counter.remove("bucket")).expect("the second store is there");
        assert_eq!(second.attempts.get(), 0);
        second.is_unavailable.set(true);
        assert!(count().is_err(), "an attempt that cannot be counted is an error");
        assert!(block_on(counter.remove("bucket")).is_err());
    }

    #[test]
    fn count_is_stored_under_a_keyed_hash() {
        let key = |letter: &str| PageKey::parse(&letter.repeat(44)).unwrap();
        let account = |email: &str| AttemptSubject::Account(email.parse().unwrap());
        let (mina, hana) = (account("mina@example.com"), account("hana@example.com"));
        let name = bucket(&mina, &key("A"));
        assert_ne!(name, bucket(&hana, &key("A")), "another account");
        assert_ne!(name, bucket(&mina, &key("B")), "another key");
        assert_eq!(
            name,
            bucket(&account("MINA@example.com"), &key("A")),
            "another spelling of the same address"
        );
        assert_eq!(name.len(), 64);
    }
}
