//! The user service at the edge. While the service is unavailable, `GetUser` answers with the last copy of the account,
//! but only to its owner.
//!
//! A copy is sealed together with its key, and only its owner gets it, after admission. It is written if the service's
//! answer has changed, or after some time. So most requests need no further command to Redis.

use std::{
    cell::RefCell,
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    rc::Rc,
    time::{Duration, Instant},
};

use api::user::v1::{
    ChangePasswordRequest, ChangePasswordResponse, CreateUserRequest, CreateUserResponse, DeleteUserRequest,
    DeleteUserResponse, GetUserRequest, GetUserResponse, ListUsersRequest, ListUsersResponse,
    RevokeUserRequest, RevokeUserResponse, SetRolesRequest, SetRolesResponse, SignOutRequest,
    SignOutResponse, UpdateUserRequest, UpdateUserResponse, UserService, UserServiceClient,
};
use connect::{Code, ConnectError, Context};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use kernel::{Caller, UserId};
use keyspace::{ACCOUNT_COPY_LIFETIME, AccountCopyKey, RedisKey as _};
use prost::Message as _;
use resilience::ComponentTransport;
use spin_adapters::{
    clock, log,
    redis::{Argument, Redis},
};
use web::request_id::RequestIds;

use crate::settings::{Settings, USER};

/// After this time a copy is written again even if it has not changed.
const REWRITE_INTERVAL: Duration = Duration::from_secs(600);

/// The most users for which an instance remembers when it wrote their copies.
const MAX_REMEMBERED: usize = 1024;

/// RFC 9211: this header shows that a response comes from a cache, and from which one.
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

thread_local! {
    /// The hash of the last written copy of each user, and the time.
    static WRITTEN: RefCell<HashMap<UserId, (u64, Instant)>> = RefCell::default();
}

/// Relays calls to the user service.
pub(crate) struct UserRelay(UserServiceClient<ComponentTransport>);

impl UserRelay {
    pub(crate) fn new() -> Self {
        Self(UserServiceClient::new(USER.transport()))
    }
}

/// Methods that are relayed unchanged.
macro_rules! relay {
    ($($method:ident($request:ty) -> $response:ty;)+) => {
        $(
            async fn $method(
                &self,
                context: &mut Context,
                request: $request,
            ) -> Result<$response, ConnectError> {
                UserService::$method(&self.0, context, request).await
            }
        )+
    };
}

impl UserService for UserRelay {
    async fn get_user(
        &self,
        context: &mut Context,
        request: GetUserRequest,
    ) -> Result<GetUserResponse, ConnectError> {
        let owner = own_account(context, &request);
        let answer = self.0.get_user(context.call_options(), request).await;
        let Some(owner) = owner else {
            return Ok(answer?.relay(context));
        };
        match answer {
            Ok(response) => {
                store_copy(owner, &response.message, RequestIds::of(&context.headers)).await;
                Ok(response.relay(context))
            }
            Err(error) if error.code() == Code::Unavailable => {
                let copy = AccountCopy::read(owner).await.ok_or(error)?;
                copy.write_headers(&mut context.response_headers);
                Ok(copy.answer)
            }
            Err(error) => Err(error),
        }
    }

    relay! {
        create_user(CreateUserRequest) -> CreateUserResponse;
        update_user(UpdateUserRequest) -> UpdateUserResponse;
        delete_user(DeleteUserRequest) -> DeleteUserResponse;
        change_password(ChangePasswordRequest) -> ChangePasswordResponse;
        sign_out(SignOutRequest) -> SignOutResponse;
        list_users(ListUsersRequest) -> ListUsersResponse;
        revoke_user(RevokeUserRequest) -> RevokeUserResponse;
        set_roles(SetRolesRequest) -> SetRolesResponse;
    }
}

/// The caller, if the request is for the caller's own account.
fn own_account(context: &Context, request: &GetUserRequest) -> Option<UserId> {
    let owner = request.id.parse().ok()?;
    let caller = context.extensions.get::<Caller>()?;
    caller.is_user(owner).then_some(owner)
}

/// The last answer of the service about an account.
struct AccountCopy {
    answer: GetUserResponse,
    /// In seconds.
    age: u64,
}

impl AccountCopy {
    async fn read(owner: UserId) -> Option<Self> {
        let slot = CopySlot::of(owner).await?;
        let found = slot.redis.execute("GET", &[&slot.key], &[]).await;
        let sealed = found.ok()?.into_iter().next()?.bytes().ok()??;
        let now = clock::unix_seconds();
        let content = slot.settings.seal.open(slot.key.as_str(), &sealed, now).ok()?;
        let (written_at, message) = content.split_first_chunk()?;
        Some(Self {
            answer: GetUserResponse::decode(message).ok()?,
            age: now.saturating_sub(u64::from_be_bytes(*written_at)),
        })
    }

    /// Adds the headers for an old answer: `Age` (RFC 9111, section 5.1) and `Cache-Status` (RFC 9211).
    fn write_headers(&self, headers: &mut HeaderMap) {
        let status = format!("bff; hit; ttl=-{}; detail=user-service-unavailable", self.age);
        if let Ok(status) = HeaderValue::try_from(status) {
            headers.insert(CACHE_STATUS, status);
        }
        headers.insert(header::AGE, self.age.into());
    }
}

/// Stores a copy, unless this instance did so a moment ago. The caller gets an answer even if that fails.
async fn store_copy(owner: UserId, answer: &GetUserResponse, ids: RequestIds<'_>) {
    let message = answer.encode_to_vec();
    let mut hasher = DefaultHasher::new();
    message.hash(&mut hasher);
    let hash = hasher.finish();
    if is_written(owner, hash) {
        return;
    }
    let Some(slot) = CopySlot::of(owner).await else {
        return;
    };
    let now = clock::unix_seconds();
    let lifetime = ACCOUNT_COPY_LIFETIME.as_secs();
    let content = [&now.to_be_bytes(), &message[..]].concat();
    let sealed = slot
        .settings
        .seal
        .seal(slot.key.as_str(), &content, now + lifetime);
    let arguments = [
        Argument::Bytes(&sealed),
        Argument::Text("EX"),
        Argument::Number(lifetime as i64),
    ];
    match slot.redis.execute("SET", &[&slot.key], &arguments).await {
        Ok(_) => remember_written(owner, hash),
        Err(error) if error.is_unavailable() => {}
        Err(error) => log::error(
            ids,
            format_args!("the copy of an account was not stored: {error}"),
        ),
    }
}

fn is_written(owner: UserId, hash: u64) -> bool {
    WRITTEN.with_borrow(|written| {
        written
            .get(&owner)
            .is_some_and(|(last, at)| *last == hash && at.elapsed() < REWRITE_INTERVAL)
    })
}

/// If there are too many users, all entries are removed, and their copies are written once more.
fn remember_written(owner: UserId, hash: u64) {
    WRITTEN.with_borrow_mut(|written| {
        if written.len() >= MAX_REMEMBERED {
            written.clear();
        }
        written.insert(owner, (hash, Instant::now()));
    });
}

/// The place in Redis where a user's copy is stored.
struct CopySlot {
    settings: Rc<Settings>,
    redis: Redis,
    key: AccountCopyKey,
}

impl CopySlot {
    async fn of(owner: UserId) -> Option<Self> {
        let settings = Settings::get().await.ok()?;
        let redis = Redis::from_variable("redis_url").await.ok()?;
        let key = AccountCopyKey::new(&settings.redis_prefix, owner);
        Some(Self { settings, redis, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_is_written_again_when_it_has_changed() {
        let owner = UserId::generate();
        assert!(!is_written(owner, 1), "nothing was written yet");
        remember_written(owner, 1);
        assert!(is_written(owner, 1));
        assert!(!is_written(owner, 2), "another answer is new");
        assert!(
            !is_written(UserId::generate(), 1),
            "the copy of another user was not written"
        );
    }

    #[test]
    fn old_answer_has_age_and_cache_status_headers() {
        let mut headers = HeaderMap::new();
        let copy = AccountCopy {
            answer: GetUserResponse::default(),
            age: 30,
        };
        copy.write_headers(&mut headers);
        assert_eq!(headers[header::AGE], "30");
        assert_eq!(
            headers[CACHE_STATUS],
            "bff; hit; ttl=-30; detail=user-service-unavailable"
        );
    }
}
