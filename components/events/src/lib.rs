//! Subscribes to `user.logout`, and deletes the cached data of a user whose tokens were revoked.
//!
//! Safety does not depend on it: a mark makes the cached token statuses invalid, and all cached data expires on its own. The component
//! only deletes it sooner, the copy of the user's account included.
//!
//! This file receives a message and calls its handler.

mod logout;

use kernel::UserId;
use spin_adapters::{
    log,
    redis::{Argument, Redis},
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

/// Handles a message. A malformed message is logged and dropped: sending it again would not help.
async fn handle(message: &[u8]) -> Result<(), String> {
    match logout::parse(message) {
        Ok(user) => delete_cached(user).await,
        Err(cause) => {
            log::error(
                RequestIds::NONE,
                format_args!("a message of user.logout was dropped: {cause}"),
            );
            Ok(())
        }
    }
}

/// Deletes the cached statuses of the user's tokens, the list of them, and the copy of the account.
async fn delete_cached(user: UserId) -> Result<(), String> {
    let prefix = variables::get("redis_prefix")
        .await
        .map_err(|error| error.to_string())?;
    let redis = Redis::from_variable("redis_url")
        .await
        .map_err(|error| error.to_string())?;
    let list = format!("{prefix}:verdicts:{user}");
    let all = [Argument::Text(&list), Argument::Number(0), Argument::Number(-1)];
    let hashes = redis
        .execute("ZRANGE", &all)
        .await
        .map_err(|error| error.to_string())?;
    let mut keys = vec![list.clone(), format!("{prefix}:copy:user:{user}")];
    for hash in hashes {
        let hash = hash.text().map_err(|error| error.to_string())?;
        keys.extend(hash.map(|hash| format!("{prefix}:verdict:{hash}")));
    }
    let keys: Vec<_> = keys.iter().map(|key| Argument::Text(key)).collect();
    redis
        .execute("DEL", &keys)
        .await
        .map_err(|error| error.to_string())?;
    Ok(())
}
