//! The login page: by password, or without a question if the issuer remembers the browser.

use connect::Body;
use http::{HeaderValue, Response, StatusCode, header};
use kernel::{SessionId, UserId};
use maud::{Markup, html};

use super::layout::{
    Checkbox, FieldError, FieldKind, HtmlPage, InputField, buttons, form, problem, redirect,
};
use super::policy::set;
use super::texts::fill;
use super::visit::Visit;
use super::{LOGIN, PageError, PageResult, REGISTER, REMEMBER_FOR};
use crate::login::domain::{AuthenticatedUser, Login, TooManyAttempts};
use crate::login::hydra::{
    AcceptLogin, ChallengeKind, LoginContext, LoginRequest, RejectRequest, RequestChallenge,
};
use crate::login::service::{LoginError, LoginPorts, Logins};

/// The authentication context of a login by password (OpenID Connect Core, section 2): level 1 of ISO/IEC 29115.
const ACR: &str = "1";

/// The authentication method: a password (RFC 8176, section 2).
const AMR: [&str; 1] = ["pwd"];

/// The content of the form, and its errors.
struct LoginForm<'a> {
    email: &'a str,
    remember: bool,
    mistake: Option<Mistake>,
}

/// The first error of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    Email,
    Password,
    Credentials,
    TooMany(TooManyAttempts),
}

impl Mistake {
    /// The error as a mistake that the form can show; or the error itself, if the form cannot show it.
    fn of(error: LoginError) -> Result<Self, LoginError> {
        match error {
            LoginError::InvalidEmail => Ok(Self::Email),
            LoginError::InvalidPassword => Ok(Self::Password),
            LoginError::WrongCredentials => Ok(Self::Credentials),
            LoginError::AccountLimit(limit) => Ok(Self::TooMany(limit)),
            other => Err(other),
        }
    }
}

pub(super) async fn open<P: LoginPorts>(visit: &Visit, logins: &Logins<P>) -> PageResult {
    let challenge = visit.challenge(ChallengeKind::Login)?;
    let request: LoginRequest = visit.hydra.request(&challenge).await?;
    if request.skip {
        return resume(visit, logins, &challenge, &request).await;
    }
    let form = LoginForm {
        email: &request.oidc_context.login_hint,
        remember: false,
        mistake: None,
    };
    Ok(show(visit, &challenge, &request, &form))
}

pub(super) async fn submit<P: LoginPorts>(visit: &Visit, logins: &Logins<P>) -> PageResult {
    let challenge = visit.submitted_challenge(ChallengeKind::Login, LOGIN)?;
    if visit.is_refused() {
        let url = visit.hydra.reject(&challenge, RejectRequest::DENIED).await?;
        return Ok(redirect(&url));
    }
    let request: LoginRequest = visit.hydra.request(&challenge).await?;
    if request.skip {
        return resume(visit, logins, &challenge, &request).await;
    }
    let remember = visit.form.has("remember", "yes");
    let (email, password) = (visit.form.one("email"), visit.form.one("password"));
    match logins.authenticate(visit.client_address(), email, password).await {
        Ok(user) => sign_in(visit, logins, &challenge, &request, user, remember).await,
        Err(error) => {
            let form = LoginForm {
                email,
                remember,
                mistake: Some(Mistake::of(error)?),
            };
            Ok(show(visit, &challenge, &request, &form))
        }
    }
}

/// Begins the session of a user whose password was right, in this browser.
pub(super) async fn sign_in<P: LoginPorts>(
    visit: &Visit,
    logins: &Logins<P>,
    challenge: &RequestChallenge,
    request: &LoginRequest,
    user: AuthenticatedUser,
    remember: bool,
) -> PageResult {
    let login = Login {
        user: user.id,
        session: session(request)?,
        epoch: user.epoch,
    };
    let browser = visit.browser()?;
    if !logins.start_session(&login, &browser.id()).await? {
        return restart(visit, challenge, request).await;
    }
    let mut response = accept(visit, challenge, &login, remember).await?;
    if let Ok(cookie) = HeaderValue::try_from(browser.cookie(visit.settings.is_secure)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Signs in a user whose browser the issuer remembers. No question is asked while that login is valid.
async fn resume<P: LoginPorts>(
    visit: &Visit,
    logins: &Logins<P>,
    challenge: &RequestChallenge,
    request: &LoginRequest,
) -> PageResult {
    let login = match request.subject.parse::<UserId>() {
        Ok(user) => logins.resume_session(user, &session(request)?).await?,
        // A login page that is not ours has accepted the login.
        Err(_) => None,
    };
    match login {
        Some(login) => accept(visit, challenge, &login, true).await,
        None => restart(visit, challenge, request).await,
    }
}

async fn accept(visit: &Visit, challenge: &RequestChallenge, login: &Login, remember: bool) -> PageResult {
    let accepted = AcceptLogin {
        subject: login.user.to_string(),
        remember,
        remember_for: if remember { REMEMBER_FOR } else { 0 },
        acr: ACR,
        amr: AMR,
        context: LoginContext {
            epoch: Some(login.epoch),
        },
    };
    let url = visit.hydra.accept(challenge, Some(&accepted)).await?;
    Ok(redirect(&url))
}

/// Ends a session at the issuer that has ended here, and starts the authorization request again in a new session. If
/// the issuer cannot end the session, the request would return here again and again: then the application gets an error
/// instead.
async fn restart(visit: &Visit, challenge: &RequestChallenge, request: &LoginRequest) -> PageResult {
    let ended = visit.hydra.end_session(&session(request)?).await;
    if let (Ok(()), Some(url)) = (ended, request.restart()) {
        return Ok(redirect(&url));
    }
    let url = visit
        .hydra
        .reject(challenge, RejectRequest::LOGIN_REQUIRED)
        .await?;
    Ok(redirect(&url))
}

fn session(request: &LoginRequest) -> Result<SessionId, PageError> {
    let id = request.session_id.parse();
    id.map_err(|error| PageError::Failed(format!("session_id of a login request {error}")))
}

fn show(
    visit: &Visit,
    challenge: &RequestChallenge,
    request: &LoginRequest,
    typed: &LoginForm<'_>,
) -> Response<Body> {
    let texts = visit.texts();
    let page = HtmlPage {
        status: match typed.mistake {
            None => StatusCode::OK,
            Some(Mistake::TooMany(_)) => StatusCode::TOO_MANY_REQUESTS,
            Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        },
        title: texts.sign_in,
        is_wrong: typed.mistake.is_some(),
        destinations: visit.destinations(&request.return_addresses()),
    };
    let link = format!("{REGISTER}?{}", challenge.query());
    let content = html! {
        p class="quiet" { (fill(texts.sign_in_for, request.client.name())) }
        @match typed.mistake {
            Some(Mistake::Credentials) => (problem(texts.wrong_credentials)),
            Some(Mistake::TooMany(TooManyAttempts { retry_after })) => {
                (problem(&fill(texts.too_many_attempts, &retry_after.div_ceil(60).to_string())))
            }
            Some(Mistake::Email | Mistake::Password) | None => {}
        }
        (form(visit, LOGIN, challenge, &fields(visit, typed)))
        p { (texts.no_account) " " a href=(link) { (texts.create_account) } }
    };
    let mut response = page.respond(visit, &content);
    if let Some(Mistake::TooMany(TooManyAttempts { retry_after })) = typed.mistake {
        set(&mut response, header::RETRY_AFTER, &retry_after.to_string());
    }
    response
}

fn fields(visit: &Visit, typed: &LoginForm<'_>) -> Markup {
    let texts = visit.texts();
    let email = InputField {
        name: "email",
        label: texts.email,
        value: typed.email,
        kind: FieldKind::Email,
        hint: None,
        error: match typed.mistake {
            Some(Mistake::Email) => FieldError::Here(texts.email_wrong),
            Some(Mistake::Credentials) => FieldError::Above,
            _ => FieldError::None,
        },
        // The page does not show which of the two is wrong, so the first one has the focus.
        has_focus: matches!(typed.mistake, Some(Mistake::Email | Mistake::Credentials)),
    };
    let password = InputField {
        name: "password",
        label: texts.password,
        value: "",
        kind: FieldKind::CurrentPassword,
        hint: None,
        error: match typed.mistake {
            Some(Mistake::Password) => FieldError::Here(texts.password_missing),
            Some(Mistake::Credentials) => FieldError::Above,
            _ => FieldError::None,
        },
        has_focus: typed.mistake == Some(Mistake::Password),
    };
    let remember = Checkbox {
        name: "remember",
        value: "yes",
        id: "remember",
        is_checked: typed.remember,
        label: texts.remember_me,
    };
    html! {
        (email.render())
        (password.render())
        (remember.render())
        (buttons(texts.sign_in, texts.cancel))
    }
}
