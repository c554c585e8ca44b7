//! The steps of the edge before the method of an RPC runs: rate limits, authentication, authorization, and the headers for the
//! service.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use api::user::v1::{CheckSessionRequest, SessionServiceClient};
use connect::{
    Access, Callers, Code, ConnectError, Context, Interceptor, MethodDescriptor, MethodKind,
    json::TextFields, wkt,
};
use http::{HeaderMap, HeaderName, header};
use identity::{
    access::{AccessToken, TokenHash, UnverifiedToken},
    caller::{Principal, SignedIn},
};
use kernel::{Caller, Scope};
use spin_adapters::{clock, log, redis::Redis};
use web::{challenge, client_address::ClientAddress, outgoing_call::OutgoingCall, request_id::RequestIds};

use crate::{
    access,
    admission::{Admission, AdmissionControl, AdmissionDecision, ExtraLimit, PresentedToken, Quota},
    bearer,
    rpc::PUBLIC,
    settings::{Settings, USER},
    signing_keys::{self, VerificationError},
    token_status::{self, CachedTokenStatus},
};

/// How long the user service may take to check a token.
const CHECK_LIMIT: Duration = Duration::from_secs(3);

/// How often one token is checked if the user is revoked during the check.
const MAX_CHECKS: usize = 2;

/// A client's key that makes a request safe to repeat (draft-ietf-httpapi-idempotency-key-header). The service reads
/// it.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The interceptor of all public RPCs.
pub(crate) struct Edge;

impl Interceptor for Edge {
    async fn before(
        &self,
        context: &mut Context,
        method: &'static MethodDescriptor,
    ) -> Result<(), ConnectError> {
        let call = EdgeCall::new(context, method).await?;
        let token = bearer::token(&context.headers).map(|token| token.map(str::to_owned));
        let has_token = !matches!(token, Ok(None));
        let AuthenticatedCaller {
            mut principal,
            token_expires_at,
            revocations_are_known,
        } = call.authenticate(token, context).await?;
        if !revocations_are_known && remove_admin(&mut principal) {
            context.extensions.insert(AdminRemoved);
        }
        if let Some(expires_at) = token_expires_at
            && method.kind != MethodKind::Unary
        {
            let left = Duration::from_secs(expires_at.saturating_sub(call.now));
            context.limit_deadline(Instant::now() + left);
        }
        let caller = Caller::from(&principal);
        let is_admin_removed = context.extensions.get::<AdminRemoved>().is_some();
        access::check_caller(call.access, &caller).map_err(|refusal| match refusal.code() {
            _ if is_admin_removed => admins_unavailable(),
            // Signing in again would change nothing.
            Code::Unauthenticated if has_token => ConnectError::permission_denied(
                "this method needs the token of a user, and this token is not a user's",
            ),
            _ => refusal,
        })?;
        call.set_outgoing_headers(&principal, context)?;
        context.extensions.insert(caller);
        Ok(())
    }

    fn message(
        &self,
        context: &Context,
        method: &'static MethodDescriptor,
        message: &dyn TextFields,
    ) -> Result<(), ConnectError> {
        let caller = context.extensions.get::<Caller>();
        let checked = access::check_owner(access::of(method), caller.unwrap_or(&Caller::Anonymous), message);
        match context.extensions.get::<AdminRemoved>() {
            Some(AdminRemoved) => checked.map_err(|_| admins_unavailable()),
            None => checked,
        }
    }
}

/// A caller that may proceed, and the time until which a stream may last.
struct AuthenticatedCaller {
    principal: Principal,
    /// In seconds since 1970; `None` without a token.
    token_expires_at: Option<u64>,
    /// Whether Redis has answered. Otherwise a revocation takes effect only when the status of the token expires.
    revocations_are_known: bool,
}

impl AuthenticatedCaller {
    fn with_token(status: CachedTokenStatus, revocations_are_known: bool) -> Self {
        Self {
            principal: status.principal,
            token_expires_at: Some(status.token_expires_at),
            revocations_are_known,
        }
    }
}

/// The caller is an admin, and counts as an ordinary user: a removed role could not be detected without Redis.
#[derive(Clone, Copy)]
struct AdminRemoved;

/// Whether the principal was an admin.
fn remove_admin(principal: &mut Principal) -> bool {
    let Principal::User(signed_in) = principal else {
        return false;
    };
    let before = signed_in.user.scopes.len();
    signed_in.user.scopes.retain(|scope| *scope != Scope::Admin);
    signed_in.user.scopes.len() < before
}

/// One call, before its method runs.
struct EdgeCall {
    method: &'static MethodDescriptor,
    access: &'static Access,
    settings: Rc<Settings>,
    redis: Redis,
    address: ClientAddress,
    request_id: String,
    trace_id: String,
    /// In seconds since 1970.
    now: u64,
}

impl EdgeCall {
    async fn new(context: &Context, method: &'static MethodDescriptor) -> Result<Self, ConnectError> {
        let ids = RequestIds::of(&context.headers);
        let settings = Settings::get()
            .await
            .map_err(|error| internal_error(ids, error))?;
        let redis = Redis::from_variable("redis_url").await;
        Ok(Self {
            method,
            access: access::of(method),
            address: ClientAddress::of(&context.headers, &settings.trusted_proxies),
            redis: redis.map_err(|error| internal_error(ids, error))?,
            settings,
            request_id: ids.request_id.to_owned(),
            trace_id: ids.trace_id.to_owned(),
            now: clock::unix_seconds(),
        })
    }

    fn ids(&self) -> RequestIds<'_> {
        RequestIds {
            request_id: &self.request_id,
            trace_id: &self.trace_id,
        }
    }

    fn admission_control(&self) -> AdmissionControl<'_> {
        AdmissionControl {
            redis: self.redis.clone(),
            settings: &self.settings,
            address: self.address,
            ids: self.ids(),
        }
    }

    /// The caller, if it may proceed. A request with a malformed token counts for the rate limit before it is refused.
    async fn authenticate(
        &self,
        bearer: Result<Option<String>, ConnectError>,
        context: &mut Context,
    ) -> Result<AuthenticatedCaller, ConnectError> {
        let control = self.admission_control();
        let token = bearer.as_ref().ok().and_then(Option::as_deref);
        let presented = token.map(presented_token);
        let needs_signing_keys = token.is_some() && !signing_keys::are_fresh(self.now);
        let admission = control
            .admit_request(presented.as_ref(), self.extra_limit(), needs_signing_keys)
            .await;
        match &admission {
            Some(admission) => apply_admission(admission, &mut context.response_headers)?,
            None if self.access.callers == Callers::Role => return Err(admins_unavailable()),
            None => {}
        }
        let Some((token, presented)) = token.zip(presented) else {
            return bearer.map(|_| AuthenticatedCaller {
                principal: Principal::Anonymous,
                token_expires_at: None,
                revocations_are_known: true,
            });
        };
        if let Some(status) = self.cached_status(&control, &presented, admission.as_ref()) {
            return Ok(AuthenticatedCaller::with_token(status, admission.is_some()));
        }
        let headers = &mut context.response_headers;
        let verified = self.verify(&control, token, admission.as_ref(), headers).await?;
        self.check(&control, &presented, &verified, admission.as_ref(), context)
            .await
    }

    fn extra_limit(&self) -> Option<ExtraLimit> {
        match self.method.kind {
            MethodKind::Unary => self.access.hashes_password.then_some(ExtraLimit::Passwords),
            MethodKind::ServerStreaming | MethodKind::ClientStreaming | MethodKind::BidiStreaming => {
                Some(ExtraLimit::Streams)
            }
        }
    }

    /// The status of a token that was verified before: from Redis, or without Redis from this instance.
    fn cached_status(
        &self,
        control: &AdmissionControl<'_>,
        token: &PresentedToken,
        admission: Option<&Admission>,
    ) -> Option<CachedTokenStatus> {
        let (status, revoked_at) = match admission {
            Some(admission) => {
                let key = control.token_status_key(token.hash);
                let sealed = admission.token_status.as_deref()?;
                let status = CachedTokenStatus::open(&self.settings.seal, &key, sealed, self.now);
                (status, admission.revoked_at)
            }
            None => (token_status::cached(token.hash), None),
        };
        status.filter(|status| status.is_valid(self.now, revoked_at))
    }

    /// Verifies a token: its signature, its claims, and that it is meant for this API. A failure counts against the address.
    async fn verify(
        &self,
        control: &AdmissionControl<'_>,
        token: &str,
        admission: Option<&Admission>,
        headers: &mut HeaderMap,
    ) -> Result<AccessToken, ConnectError> {
        let issuer = &self.settings.issuer;
        let keys = admission.and_then(|admission| admission.signing_keys.as_deref());
        let verified = match UnverifiedToken::parse(token) {
            Ok(unverified) => signing_keys::verify(&unverified, issuer, control, keys, self.now).await,
            Err(error) => Err(VerificationError::Token(error)),
        };
        match verified {
            Ok(token) => Ok(token),
            Err(VerificationError::NoKeys) => Err(ConnectError::unavailable(
                "access tokens cannot be verified at the moment; try again",
            )),
            Err(VerificationError::Token(error)) => {
                let address = self.address;
                log::info(
                    self.ids(),
                    format_args!("access token refused client_address={address} cause=\"{error}\""),
                );
                if !error.has_valid_signature()
                    && let Some(wait) = control.count_forged_token().await
                {
                    return Err(too_many_forged_tokens(headers, wait));
                }
                Err(challenge::invalid("the access token is not valid"))
            }
        }
    }

    /// Checks with the user service that a verified token is still valid, counts the request for its user, and stores the
    /// token's status. If the user is revoked meanwhile, it checks once more.
    async fn check(
        &self,
        control: &AdmissionControl<'_>,
        token: &PresentedToken,
        verified: &AccessToken,
        admitted: Option<&Admission>,
        context: &mut Context,
    ) -> Result<AuthenticatedCaller, ConnectError> {
        let key = control.token_status_key(token.hash);
        let mut checked_at = admitted.map_or(0, |admission| admission.now);
        for _ in 0..MAX_CHECKS {
            let principal = self.check_session(verified, context).await?;
            let status = CachedTokenStatus::new(principal, checked_at, self.now, verified.expires_at());
            let sealed = status.seal(&self.settings.seal, &key);
            let admission = control
                .admit_token(token, &sealed, status.lifetime(self.now))
                .await;
            if let Some(admission) = &admission {
                apply_admission(admission, &mut context.response_headers)?;
                checked_at = admission.now;
            }
            let revoked_at = admission.as_ref().and_then(|admission| admission.revoked_at);
            if status.is_valid(self.now, revoked_at) {
                token_status::cache(token.hash, status.clone(), self.now);
                let revocations_are_known = admitted.is_some() && admission.is_some();
                return Ok(AuthenticatedCaller::with_token(status, revocations_are_known));
            }
        }
        Err(challenge::invalid("the access token was revoked"))
    }

    /// The principal of a token, if the user service answers that the token is still valid.
    async fn check_session(&self, token: &AccessToken, context: &Context) -> Result<Principal, ConnectError> {
        let Ok(mut signed_in) = SignedIn::try_from(token) else {
            return Ok(Principal::Anonymous);
        };
        let request = CheckSessionRequest {
            user_id: signed_in.user.id.to_string(),
            epoch: signed_in.epoch.and_then(|epoch| epoch.try_into().ok()),
            session_id: signed_in.user.session.as_ref().map(ToString::to_string),
            issued_at: Some(wkt::Timestamp {
                seconds: token.issued_at().try_into().unwrap_or(i64::MAX),
                nanos: 0,
            }),
            admin: signed_in.user.scopes.contains(&Scope::Admin),
        };
        let mut options = context.call_options();
        options.headers = self.service_headers("user", &Principal::Anonymous, context)?;
        let client = SessionServiceClient::new(USER.transport().at_most(CHECK_LIMIT));
        let answer = match client.check_session(options, request).await {
            Ok(answer) => answer.message,
            Err(error) if error.code() == Code::InvalidArgument => return Err(revoked()),
            Err(_) => {
                return Err(ConnectError::unavailable(
                    "the access token cannot be checked at the moment; try again",
                ));
            }
        };
        if !answer.valid {
            return Err(revoked());
        }
        signed_in.user.scopes.retain(|_| answer.admin);
        Ok(Principal::User(signed_in))
    }

    /// Sets the headers of the call to the service behind the method.
    fn set_outgoing_headers(&self, principal: &Principal, context: &mut Context) -> Result<(), ConnectError> {
        if !PUBLIC.iter().any(|service| service.name == self.method.service) {
            // This component answers it itself.
            return Ok(());
        }
        context.outgoing = self.service_headers(self.method.service, principal, context)?;
        Ok(())
    }

    /// The headers of a call to a service: those of every call between components, and the client's idempotency key.
    fn service_headers(
        &self,
        service: &str,
        principal: &Principal,
        context: &Context,
    ) -> Result<HeaderMap, ConnectError> {
        let ids = self.ids();
        let minter = self.settings.minter(service);
        let minter = minter.ok_or_else(|| internal_error(ids, format_args!("no key for {service}")))?;
        let call = OutgoingCall {
            principal,
            client_address: Some(self.address.ip()),
            request: &context.headers,
        };
        let headers = call.headers(minter, clock::unix_seconds());
        let mut headers = headers.map_err(|cause| internal_error(ids, cause))?;
        for key in context.headers.get_all(IDEMPOTENCY_KEY) {
            headers.append(IDEMPOTENCY_KEY, key.clone());
        }
        Ok(headers)
    }
}

fn presented_token(token: &str) -> PresentedToken {
    PresentedToken {
        hash: TokenHash::of(token),
        user: identity::access::claimed_subject(token).and_then(|subject| subject.parse().ok()),
    }
}

/// Writes the caller's quota into the response headers, and refuses a request that may not proceed.
fn apply_admission(admission: &Admission, headers: &mut HeaderMap) -> Result<(), ConnectError> {
    let seconds = admission.quota.retry_after.as_millis().div_ceil(1000) as u64;
    let refusal = match admission.decision {
        AdmissionDecision::Allowed => {
            write_quota(headers, admission.quota, seconds);
            return Ok(());
        }
        AdmissionDecision::RateLimited => {
            write_quota(headers, admission.quota, seconds);
            "too many requests; try again later"
        }
    };
    headers.insert(header::RETRY_AFTER, seconds.max(1).into());
    Err(ConnectError::resource_exhausted(refusal))
}

/// The headers of draft-ietf-httpapi-ratelimit-headers-06, which present clients support.
fn write_quota(headers: &mut HeaderMap, quota: Quota, seconds: u64) {
    headers.insert(HeaderName::from_static("ratelimit-limit"), quota.limit.into());
    headers.insert(
        HeaderName::from_static("ratelimit-remaining"),
        quota.remaining.into(),
    );
    headers.insert(HeaderName::from_static("ratelimit-reset"), seconds.into());
}

fn too_many_forged_tokens(headers: &mut HeaderMap, wait: Duration) -> ConnectError {
    let seconds = wait.as_millis().div_ceil(1000) as u64;
    headers.insert(header::RETRY_AFTER, seconds.max(1).into());
    ConnectError::resource_exhausted(
        "too many tokens that are not the issuer's came from your address; try again later",
    )
}

fn admins_unavailable() -> ConnectError {
    ConnectError::unavailable(
        "methods for admins are unavailable while revocations cannot take effect at once; try again",
    )
}

fn revoked() -> ConnectError {
    challenge::invalid("the access token was revoked; sign in again")
}

/// A failure of the platform. The client learns only that the request id finds the cause in the log.
fn internal_error(ids: RequestIds<'_>, cause: impl std::fmt::Display) -> ConnectError {
    log::error(ids, cause);
    ConnectError::internal("something went wrong; the request id leads to it in the log")
}
