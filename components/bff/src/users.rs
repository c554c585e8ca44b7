//! The user service as callers see it: `GetUser` answers a user with the last copy of their own account while the service is
//! away.
//!
//! A copy is sealed for its place and served to its owner alone, after the edge let them in. It is written when the service
//! answered something else than the last time, or after a while: a request as a rule costs Redis nothing more.

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
use prost::Message as _;
use resilience::ComponentTransport;
use spin_adapters::{
    clock, log,
    redis::{Argument, Redis},
};
use web::request_id::RequestIds;

use crate::settings::{Settings, USER};

/// How long a copy is kept, in seconds.
const LIFETIME: u64 = 3600;

/// How long a copy that did not change is not written again.
const REWRITE: Duration = Duration::from_secs(600);

/// Users whose copies an instance remembers to have written.
const REMEMBERED: usize = 1024;

/// RFC 9211: where a response comes from that is not fresh.
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

thread_local! {
    /// What was written last, as a hash, and when.
    static WRITTEN: RefCell<HashMap<UserId, (u64, Instant)>> = RefCell::default();
}

/// The user service, by its client.
pub(crate) struct Users(UserServiceClient<ComponentTransport>);

impl Users {
    pub(crate) fn new() -> Self {
        Self(UserServiceClient::new(USER.way()))
    }
}

impl UserService for Users {
    async fn get_user(
        &self,
        context: &mut Context,
        request: GetUserRequest,
    ) -> Result<GetUserResponse, ConnectError> {
        let owner = own_account(context, &request);
        let answered = self.0.get_user(context.call_options(), request).await;
        let Some(owner) = owner else {
            return Ok(answered?.relay(context));
        };
        match answered {
            Ok(response) => {
                keep(owner, &response.message, RequestIds::of(&context.headers)).await;
                Ok(response.relay(context))
            }
            Err(error) if error.code() == Code::Unavailable => {
                let copy = Copy::read(owner).await.ok_or(error)?;
                copy.announce(&mut context.response_headers);
                Ok(copy.answer)
            }
            Err(error) => Err(error),
        }
    }

    async fn create_user(
        &self,
        context: &mut Context,
        request: CreateUserRequest,
    ) -> Result<CreateUserResponse, ConnectError> {
        UserService::create_user(&self.0, context, request).await
    }

    async fn update_user(
        &self,
        context: &mut Context,
        request: UpdateUserRequest,
    ) -> Result<UpdateUserResponse, ConnectError> {
        UserService::update_user(&self.0, context, request).await
    }

    async fn delete_user(
        &self,
        context: &mut Context,
        request: DeleteUserRequest,
    ) -> Result<DeleteUserResponse, ConnectError> {
        UserService::delete_user(&self.0, context, request).await
    }

    async fn change_password(
        &self,
        context: &mut Context,
        request: ChangePasswordRequest,
    ) -> Result<ChangePasswordResponse, ConnectError> {
        UserService::change_password(&self.0, context, request).await
    }

    async fn sign_out(
        &self,
        context: &mut Context,
        request: SignOutRequest,
    ) -> Result<SignOutResponse, ConnectError> {
        UserService::sign_out(&self.0, context, request).await
    }

    async fn list_users(
        &self,
        context: &mut Context,
        request: ListUsersRequest,
    ) -> Result<ListUsersResponse, ConnectError> {
        UserService::list_users(&self.0, context, request).await
    }

    async fn revoke_user(
        &self,
        context: &mut Context,
        request: RevokeUserRequest,
    ) -> Result<RevokeUserResponse, ConnectError> {
        UserService::revoke_user(&self.0, context, request).await
    }

    async fn set_roles(
        &self,
        context: &mut Context,
        request: SetRolesRequest,
    ) -> Result<SetRolesResponse, ConnectError> {
        UserService::set_roles(&self.0, context, request).await
    }
}

/// Whose account is asked for, if it is the caller's own.
fn own_account(context: &Context, request: &GetUserRequest) -> Option<UserId> {
    let owner = request.id.parse().ok()?;
    let caller = context.extensions.get::<Caller>()?;
    caller.is_user(owner).then_some(owner)
}

/// What the service said last.
struct Copy {
    answer: GetUserResponse,
    /// In seconds.
    age: u64,
}

impl Copy {
    async fn read(owner: UserId) -> Option<Self> {
        let place = Place::of(owner).await?;
        let found = place.redis.execute("GET", &[Argument::Text(&place.key)]).await;
        let sealed = found.ok()?.into_iter().next()?.bytes().ok()??;
        let now = clock::unix_seconds();
        let content = place.settings.seal.open(&place.key, &sealed, now).ok()?;
        let (written_at, message) = content.split_first_chunk()?;
        Some(Self {
            answer: GetUserResponse::decode(message).ok()?,
            age: now.saturating_sub(u64::from_be_bytes(*written_at)),
        })
    }

    /// Says that this is not what the service says now: `Age` (RFC 9111, section 5.1) and `Cache-Status` (RFC 9211).
    fn announce(&self, headers: &mut HeaderMap) {
        let status = format!("bff; hit; ttl=-{}; detail=user-service-unavailable", self.age);
        if let Ok(status) = HeaderValue::try_from(status) {
            headers.insert(CACHE_STATUS, status);
        }
        headers.insert(header::AGE, self.age.into());
    }
}

/// Keeps a copy, unless this instance did so a moment ago. That it could not is no matter to the caller.
async fn keep(owner: UserId, answer: &GetUserResponse, names: RequestIds<'_>) {
    let message = answer.encode_to_vec();
    let mut hasher = DefaultHasher::new();
    message.hash(&mut hasher);
    let hash = hasher.finish();
    if is_written(owner, hash) {
        return;
    }
    let Some(place) = Place::of(owner).await else {
        return;
    };
    let now = clock::unix_seconds();
    let content = [&now.to_be_bytes(), &message[..]].concat();
    let sealed = place.settings.seal.seal(&place.key, &content, now + LIFETIME);
    let arguments = [
        Argument::Text(&place.key),
        Argument::Bytes(&sealed),
        Argument::Text("EX"),
        Argument::Number(LIFETIME as i64),
    ];
    match place.redis.execute("SET", &arguments).await {
        Ok(_) => remember(owner, hash),
        Err(error) if error.is_away() => {}
        Err(error) => log::error(names, format_args!("no copy of an account is kept: {error}")),
    }
}

fn is_written(owner: UserId, hash: u64) -> bool {
    WRITTEN.with_borrow(|written| {
        written
            .get(&owner)
            .is_some_and(|(last, at)| *last == hash && at.elapsed() < REWRITE)
    })
}

/// When there are too many, all are forgotten: then they are written once more.
fn remember(owner: UserId, hash: u64) {
    WRITTEN.with_borrow_mut(|written| {
        if written.len() >= REMEMBERED {
            written.clear();
        }
        written.insert(owner, (hash, Instant::now()));
    });
}

/// Where a user's copy is.
struct Place {
    settings: Rc<Settings>,
    redis: Redis,
    key: String,
}

impl Place {
    async fn of(owner: UserId) -> Option<Self> {
        let settings = Settings::get().await.ok()?;
        let redis = Redis::from_variable("redis_url").await.ok()?;
        let key = format!("{}:copy:user:{owner}", settings.redis_prefix);
        Some(Self { settings, redis, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_written_again_when_it_changed() {
        let owner = UserId::generate();
        assert!(!is_written(owner, 1), "nothing was written yet");
        remember(owner, 1);
        assert!(is_written(owner, 1));
        assert!(!is_written(owner, 2), "another answer is news");
        assert!(
            !is_written(UserId::generate(), 1),
            "another user's was not written"
        );
    }

    #[test]
    fn an_old_answer_says_that_it_is_one() {
        let mut headers = HeaderMap::new();
        let copy = Copy {
            answer: GetUserResponse::default(),
            age: 30,
        };
        copy.announce(&mut headers);
        assert_eq!(headers[header::AGE], "30");
        assert_eq!(
            headers[CACHE_STATUS],
            "bff; hit; ttl=-30; detail=user-service-unavailable"
        );
    }
}
