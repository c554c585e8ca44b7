//! Listens to `user.logout`, and clears away what Redis remembers of a user whose tokens were revoked.
//!
//! Nothing depends on it for safety: what it clears no longer counts (a mark says so), and ends by itself. It only ends
//! sooner this way, and with it the copy of the user's account.
//!
//! This file is the door: it takes a message, and has it handled.

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

/// A message that is none is said so in the log, and dropped: nobody will send it again in a better form.
async fn handle(message: &[u8]) -> Result<(), String> {
    match logout::parse(message) {
        Ok(user) => forget(user).await,
        Err(cause) => {
            log::error(
                RequestIds::NONE,
                format_args!("a message of user.logout: {cause}"),
            );
            Ok(())
        }
    }
}

/// Clears the verdicts on the user's tokens, the list of them, and the copy of the account.
async fn forget(user: UserId) -> Result<(), String> {
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
