//! What happens to every RPC before its method: limits, who is calling, whether they may, and what travels on.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use api::user::v1::{CheckSessionRequest, SessionServiceClient};
use connect::{
    Access, Callers, Code, ConnectError, Context, Interceptor, MethodDescriptor, MethodKind,
    json::TextFields, wkt,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use identity::{
    access::{AccessToken, TokenHash, UnverifiedToken},
    caller::{Principal, SignedIn},
    service_token,
};
use kernel::{Caller, Scope};
use spin_adapters::{clock, log, redis::Redis};
use web::{
    challenge,
    client_address::ClientAddress,
    request_id::{RequestIds, X_REQUEST_ID},
};

use crate::{
    access, bearer,
    gate::{Answer, Claim, Gate, Outcome, Own, Quota},
    rpc::PUBLIC,
    settings::{Settings, USER},
    signing_keys::{self, Failure},
    trace::{TRACEPARENT, TRACESTATE},
    verdict::{self, Verdict},
};

/// How long the user service may take to say whether a token still holds.
const CHECK_LIMIT: Duration = Duration::from_secs(3);

/// How often it is asked about one token when revocations come in between.
const CHECKS: usize = 2;

/// What makes a request safe to repeat (draft-ietf-httpapi-idempotency-key-header): for the service to read.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The interceptor of all public RPCs.
pub(crate) struct Edge;

impl Interceptor for Edge {
    async fn before(
        &self,
        context: &mut Context,
        method: &'static MethodDescriptor,
    ) -> Result<(), ConnectError> {
        let call = Call::new(context, method).await?;
        let token = bearer::token(&context.headers).map(|token| token.map(str::to_owned));
        let has_token = !matches!(token, Ok(None));
        let Admitted {
            principal,
            token_ends_at,
        } = call.admitted(token, context).await?;
        if let Some(ends_at) = token_ends_at
            && method.kind != MethodKind::Unary
        {
            let left = Duration::from_secs(ends_at.saturating_sub(call.now));
            context.limit_deadline(Instant::now() + left);
        }
        let caller = Caller::from(&principal);
        access::check_caller(call.access, &caller).map_err(|refusal| match refusal.code() {
            // Signing in again would change nothing.
            Code::Unauthenticated if has_token => {
                ConnectError::permission_denied("this needs a user's token, and this one is no user's")
            }
            _ => refusal,
        })?;
        call.travel_on(&principal, context)?;
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
        access::check_owner(access::of(method), caller.unwrap_or(&Caller::Anonymous), message)
    }
}

/// Who may go on, and until when: a stream must not outlive its token.
struct Admitted {
    principal: Principal,
    /// In seconds since 1970; none without a token.
    token_ends_at: Option<u64>,
}

impl From<Verdict> for Admitted {
    fn from(verdict: Verdict) -> Self {
        Self {
            principal: verdict.principal,
            token_ends_at: Some(verdict.token_ends_at),
        }
    }
}

/// One call, before its method.
struct Call {
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

impl Call {
    async fn new(context: &Context, method: &'static MethodDescriptor) -> Result<Self, ConnectError> {
        let names = RequestIds::of(&context.headers);
        let settings = Settings::get().await.map_err(|error| broken(names, error))?;
        let redis = Redis::from_variable("redis_url").await;
        Ok(Self {
            method,
            access: access::of(method),
            address: ClientAddress::of(&context.headers, &settings.trusted_proxies),
            redis: redis.map_err(|error| broken(names, error))?,
            settings,
            request_id: names.request_id.to_owned(),
            trace_id: names.trace_id.to_owned(),
            now: clock::unix_seconds(),
        })
    }

    fn names(&self) -> RequestIds<'_> {
        RequestIds {
            request_id: &self.request_id,
            trace_id: &self.trace_id,
        }
    }

    fn gate(&self) -> Gate<'_> {
        Gate {
            redis: self.redis.clone(),
            settings: &self.settings,
            address: self.address,
            names: self.names(),
        }
    }

    /// Who is calling, if they may go on. Who sends no token in form is counted before being refused.
    async fn admitted(
        &self,
        given: Result<Option<String>, ConnectError>,
        context: &mut Context,
    ) -> Result<Admitted, ConnectError> {
        let gate = self.gate();
        let token = given.as_ref().ok().and_then(Option::as_deref);
        let claim = token.map(claim);
        let own = match self.method.kind {
            MethodKind::Unary if self.access.hashes_password => Own::Password,
            MethodKind::Unary => Own::None,
            MethodKind::ServerStreaming | MethodKind::ClientStreaming | MethodKind::BidiStreaming => {
                Own::Stream
            }
        };
        let wants_keys = token.is_some() && !signing_keys::are_known(self.now);
        let entered = gate.enter(claim.as_ref(), own, wants_keys).await;
        match &entered {
            Some(answer) => pass(answer, &mut context.response_headers)?,
            None if self.access.callers == Callers::Role => return Err(no_admins()),
            None => {}
        }
        let Some((token, claim)) = token.zip(claim) else {
            return given.map(|_| Admitted {
                principal: Principal::Anonymous,
                token_ends_at: None,
            });
        };
        if let Some(verdict) = self.known(&gate, &claim, entered.as_ref()) {
            return Ok(verdict.into());
        }
        let genuine = self.verified(&gate, token, entered.as_ref()).await?;
        let asked_at = entered.map_or(0, |answer| answer.now);
        self.judged(&gate, &claim, &genuine, asked_at, context).await
    }

    /// The verdict on a token that was seen before: Redis's, or without Redis this instance's.
    fn known(&self, gate: &Gate<'_>, claim: &Claim, entered: Option<&Answer>) -> Option<Verdict> {
        let (verdict, revoked_at) = match entered {
            Some(answer) => {
                let place = gate.verdict(claim.hash);
                let sealed = answer.verdict.as_deref()?;
                let verdict = Verdict::open(&self.settings.seal, &place, sealed, self.now);
                (verdict, answer.revoked_at)
            }
            None => (verdict::remembered(claim.hash), None),
        };
        verdict.filter(|verdict| verdict.holds(self.now, revoked_at))
    }

    /// The token, if it is genuine and for us. If not, the attempt counts against the address.
    async fn verified(
        &self,
        gate: &Gate<'_>,
        token: &str,
        entered: Option<&Answer>,
    ) -> Result<AccessToken, ConnectError> {
        let issuer = &self.settings.issuer;
        let keys = entered.and_then(|answer| answer.keys.as_deref());
        let verified = match UnverifiedToken::parse(token) {
            Ok(unverified) => signing_keys::verify(&unverified, issuer, gate, keys, self.now).await,
            Err(error) => Err(Failure::Token(error)),
        };
        match verified {
            Ok(token) => Ok(token),
            Err(Failure::NoKeys) => Err(ConnectError::unavailable(
                "access tokens cannot be verified at the moment; try again",
            )),
            Err(Failure::Token(error)) => {
                log::error(self.names(), format_args!("from {}: {error}", self.address));
                gate.fail().await;
                Err(challenge::invalid("the access token is not valid"))
            }
        }
    }

    /// Whom a genuine token is for, if it still holds: asks the user service, charges the user, and keeps the verdict. When
    /// something is revoked meanwhile, asks again.
    async fn judged(
        &self,
        gate: &Gate<'_>,
        claim: &Claim,
        token: &AccessToken,
        mut asked_at: i64,
        context: &mut Context,
    ) -> Result<Admitted, ConnectError> {
        for _ in 0..CHECKS {
            let principal = self.checked(token, context).await?;
            let verdict = Verdict::new(principal, asked_at, self.now, token.expires_at());
            let sealed = verdict.seal(&self.settings.seal, &gate.verdict(claim.hash));
            let admitted = gate.admit(claim, &sealed, verdict.left(self.now)).await;
            if let Some(answer) = &admitted {
                pass(answer, &mut context.response_headers)?;
                asked_at = answer.now;
            }
            if verdict.holds(self.now, admitted.and_then(|answer| answer.revoked_at)) {
                verdict::remember(claim.hash, verdict.clone(), self.now);
                return Ok(verdict.into());
            }
        }
        Err(challenge::invalid("the access token was revoked"))
    }

    /// Whom a token is for, if the user service says that it still holds.
    async fn checked(&self, token: &AccessToken, context: &Context) -> Result<Principal, ConnectError> {
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
        options.headers = self.headers("user", &Principal::Anonymous, context)?;
        let client = SessionServiceClient::new(USER.way().at_most(CHECK_LIMIT));
        let answer = match client.check_session(options, request).await {
            Ok(answer) => answer.message,
            Err(error) if error.code() == Code::InvalidArgument => return Err(revoked()),
            Err(_) => {
                return Err(ConnectError::unavailable(
                    "whether the access token still holds cannot be checked at the moment; try again",
                ));
            }
        };
        if !answer.valid {
            return Err(revoked());
        }
        signed_in.user.scopes.retain(|_| answer.admin);
        Ok(Principal::User(signed_in))
    }

    /// What travels on to the service behind the method: no header from outside, but who is calling as a service token,
    /// and the names of the request.
    fn travel_on(&self, principal: &Principal, context: &mut Context) -> Result<(), ConnectError> {
        if !PUBLIC.iter().any(|service| service.name == self.method.service) {
            // This component answers it itself.
            return Ok(());
        }
        context.outgoing = self.headers(self.method.service, principal, context)?;
        Ok(())
    }

    fn headers(
        &self,
        service: &str,
        principal: &Principal,
        context: &Context,
    ) -> Result<HeaderMap, ConnectError> {
        let minter = self.settings.minter(service);
        let minter = minter.ok_or_else(|| broken(self.names(), format_args!("no key for {service}")))?;
        let request_id = self.request_id.parse();
        let call = service_token::CallClaims {
            principal,
            request_id: &request_id.map_err(|error| broken(self.names(), error))?,
            client_address: Some(self.address.ip()),
        };
        let token = format!("Bearer {}", minter.mint(&call, clock::unix_seconds()));
        let mut token = HeaderValue::try_from(token).map_err(|error| broken(self.names(), error))?;
        token.set_sensitive(true);
        let mut headers = HeaderMap::from_iter([(header::AUTHORIZATION, token)]);
        for name in [X_REQUEST_ID, TRACEPARENT, TRACESTATE, IDEMPOTENCY_KEY] {
            for value in context.headers.get_all(&name) {
                headers.append(name.clone(), value.clone());
            }
        }
        Ok(headers)
    }
}

fn claim(token: &str) -> Claim {
    Claim {
        hash: TokenHash::of(token),
        user: identity::access::claimed_subject(token).and_then(|subject| subject.parse().ok()),
    }
}

/// Says how much is left, and refuses who has nothing left.
fn pass(answer: &Answer, headers: &mut HeaderMap) -> Result<(), ConnectError> {
    let Quota { limit, left, wait } = answer.quota;
    let seconds = wait.as_millis().div_ceil(1000) as u64;
    let refusal = match answer.outcome {
        Outcome::Closed => "too many requests with invalid tokens came from your address; try again later",
        Outcome::Limited => "too many requests; try again later",
        Outcome::Allowed => {
            say_quota(headers, limit, left, seconds);
            return Ok(());
        }
    };
    if answer.outcome == Outcome::Limited {
        say_quota(headers, limit, left, seconds);
    }
    headers.insert(header::RETRY_AFTER, seconds.max(1).into());
    Err(ConnectError::resource_exhausted(refusal))
}

/// The headers of draft-ietf-httpapi-ratelimit-headers-06: what clients know today.
fn say_quota(headers: &mut HeaderMap, limit: i64, left: i64, seconds: u64) {
    headers.insert(HeaderName::from_static("ratelimit-limit"), limit.into());
    headers.insert(HeaderName::from_static("ratelimit-remaining"), left.into());
    headers.insert(HeaderName::from_static("ratelimit-reset"), seconds.into());
}

fn no_admins() -> ConnectError {
    ConnectError::unavailable(
        "what only admins may do has to wait until revocations can be seen at once again; try again",
    )
}

fn revoked() -> ConnectError {
    challenge::invalid("the access token was revoked; sign in again")
}

/// A fault of ours: the caller learns where to look for it.
fn broken(names: RequestIds<'_>, cause: impl std::fmt::Display) -> ConnectError {
    log::error(names, cause);
    ConnectError::internal("something went wrong; the request id leads to it in the log")
}
