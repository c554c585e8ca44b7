//! Subscribes to `user.logout`, and deletes the cached data of a user whose tokens were revoked.
//!
//! Security does not depend on it: a mark makes the cached token statuses invalid, and all cached data expires on its
//! own. The component only deletes the data earlier, including the copy of the user's account.
//!
//! This file receives a message and calls its handler.

use kernel::UserId;
use keyspace::{AccountCopyKey, LOGOUT_CHANNEL, LogoutMessage, RedisKey, TokenStatusKey, UserTokensKey};
use spin_adapters::{
    log,
    redis::{Argument, Error, Redis},
    variables,
};
use web::request_id::RequestIds;

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::expect_used,
    reason = "the SDK's macro makes the export"
)]
mod export {
    #[spin_sdk::redis_subscriber]
    async fn handle(message: bytes::Bytes) -> Result<(), String> {
        super::handle(&message).await
    }
}

/// Handles a message. A malformed message is logged and dropped, because sending it again would not help.
async fn handle(message: &[u8]) -> Result<(), String> {
    match LogoutMessage::user_of(message) {
        Ok(user) => delete_cached(user).await.map_err(|error| error.to_string()),
        Err(cause) => {
            log::error(
                RequestIds::NONE,
                format_args!("a message of {LOGOUT_CHANNEL} was dropped: {cause}"),
            );
            Ok(())
        }
    }
}

/// Deletes the cached statuses of the user's tokens, the list of these tokens, and the copy of the account.
async fn delete_cached(user: UserId) -> Result<(), Error> {
    let prefix = variables::get("redis_prefix").await?;
    let redis = Redis::from_variable("redis_url").await?;
    let tokens = UserTokensKey::new(&prefix, user);
    let all = [Argument::Number(0), Argument::Number(-1)];
    let hashes = redis.execute("ZRANGE", &[&tokens], &all).await?;
    let mut statuses = Vec::new();
    for hash in hashes {
        let hash = hash.text()?;
        statuses.extend(hash.map(|hash| TokenStatusKey::new(&prefix, hash)));
    }
    let copy = AccountCopyKey::new(&prefix, user);
    let mut keys: Vec<&dyn RedisKey> = vec![&tokens, &copy];
    keys.extend(statuses.iter().map(|key| key as &dyn RedisKey));
    redis.execute("DEL", &keys, &[]).await?;
    Ok(())
}
