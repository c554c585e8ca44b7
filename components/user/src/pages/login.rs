//! Signing in: by password, or because the issuer remembers the browser.

use connect::Body;
use http::{HeaderValue, Response, StatusCode, header};
use kernel::{Email, SessionId, UserId};

use super::layout::{Field, Kind as FieldKind, Page, Wrong, buttons, choice, form, problem, redirect};
use super::texts::fill;
use super::{LOGIN, Outcome, REGISTER, REMEMBER_FOR, Trouble, Visit};
use crate::attempts::{Attempts, Bucket, Cache, TooMany};
use crate::domain::{Guess, Login};
use crate::hydra::{AcceptLogin, Challenge, Kind, LoginContext, LoginRequest, Reject};

/// How sure it is who signs in: a password, and nothing else (OpenID Connect Core, section 2; ISO/IEC 29115 calls it level 1).
const ACR: &str = "1";

/// By what: a password (RFC 8176, section 2).
const AMR: [&str; 1] = ["pwd"];

/// What the form says, and what is wrong with it.
struct Typed<'a> {
    email: &'a str,
    remember: bool,
    wrong: Option<Mistake>,
}

/// What is wrong. The first of them is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    Email,
    Password,
    Credentials,
    TooMany(TooMany),
}

pub(super) async fn open(visit: &Visit) -> Outcome {
    let challenge = visit.challenge(Kind::Login)?;
    let request: LoginRequest = visit.hydra.request(&challenge).await?;
    if request.skip {
        return resume(visit, &challenge, &request).await;
    }
    let typed = Typed {
        email: &request.oidc_context.login_hint,
        remember: false,
        wrong: None,
    };
    Ok(show(visit, &challenge, &request, &typed))
}

pub(super) async fn send(visit: &Visit) -> Outcome {
    let challenge = visit.sent_challenge(Kind::Login, LOGIN)?;
    if visit.says_no() {
        return Ok(redirect(&visit.hydra.reject(&challenge, Reject::DENIED).await?));
    }
    let request: LoginRequest = visit.hydra.request(&challenge).await?;
    if request.skip {
        return resume(visit, &challenge, &request).await;
    }
    let remember = visit.form.has("remember", "yes");
    match authenticate(visit).await? {
        Ok((user, epoch)) => sign_in(visit, &challenge, &request, (user, epoch), remember).await,
        Err(mistake) => {
            let typed = Typed {
                email: visit.form.one("email"),
                remember,
                wrong: Some(mistake),
            };
            Ok(show(visit, &challenge, &request, &typed))
        }
    }
}

/// Whose e-mail address and password were typed, and in which epoch of theirs they are right.
async fn authenticate(visit: &Visit) -> Result<Result<(UserId, i64), Mistake>, Trouble> {
    let Ok(email) = visit.form.one("email").parse::<Email>() else {
        return Ok(Err(Mistake::Email));
    };
    let Ok(guess) = visit.form.one("password").parse::<Guess>() else {
        return Ok(Err(Mistake::Password));
    };
    visit.count_hash().await?;
    let account = Bucket::of_account(&email, &visit.key);
    let attempts = Attempts::new(Cache, crate::store().await?);
    let begun = attempts.begin(&account).await.map_err(Trouble::Unavailable)?;
    if let Err(too_many) = begun {
        return Ok(Err(Mistake::TooMany(too_many)));
    }
    let known = crate::accounts().await?.authenticate(&email, &guess).await?;
    if known.is_some() {
        attempts.succeeded(&account).await;
    }
    Ok(known.ok_or(Mistake::Credentials))
}

/// The user has shown who they are: the session begins, in this browser.
pub(super) async fn sign_in(
    visit: &Visit,
    challenge: &Challenge,
    request: &LoginRequest,
    (user, epoch): (UserId, i64),
    remember: bool,
) -> Outcome {
    let login = Login {
        user,
        session: session(request)?,
        epoch,
    };
    let browser = visit.browser()?;
    let accounts = crate::accounts().await?;
    if !accounts.start_session(&login, &browser.id()).await? {
        return begin_anew(visit, challenge, request).await;
    }
    let mut response = accept(visit, challenge, &login, remember).await?;
    if let Ok(cookie) = HeaderValue::try_from(browser.cookie(visit.settings.is_secure)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The browser is remembered, which counts while nothing has ended that login. Nobody is asked anything.
async fn resume(visit: &Visit, challenge: &Challenge, request: &LoginRequest) -> Outcome {
    let login = match request.subject.parse::<UserId>() {
        Ok(user) => {
            let accounts = crate::accounts().await?;
            accounts.resume_session(user, &session(request)?).await?
        }
        // Remembered by some other page than this.
        Err(_) => None,
    };
    match login {
        Some(login) => accept(visit, challenge, &login, true).await,
        None => begin_anew(visit, challenge, request).await,
    }
}

async fn accept(visit: &Visit, challenge: &Challenge, login: &Login, remember: bool) -> Outcome {
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
    Ok(redirect(&visit.hydra.accept(challenge, Some(&accepted)).await?))
}

/// The session has ended on our side and not on the issuer's. It ends there, too, and the request begins anew in another one.
/// Where it cannot be ended that would come back here for ever: then the application is told.
async fn begin_anew(visit: &Visit, challenge: &Challenge, request: &LoginRequest) -> Outcome {
    let ended = visit.hydra.end_session(&session(request)?).await;
    match (ended, request.beginning()) {
        (Ok(()), Some(url)) => Ok(redirect(&url)),
        _ => Ok(redirect(
            &visit.hydra.reject(challenge, Reject::LOGIN_REQUIRED).await?,
        )),
    }
}

fn session(request: &LoginRequest) -> Result<SessionId, Trouble> {
    let id = request.session_id.parse();
    id.map_err(|error| Trouble::Failed(format!("session_id of a login request {error}")))
}

fn show(visit: &Visit, challenge: &Challenge, request: &LoginRequest, typed: &Typed<'_>) -> Response<Body> {
    let texts = visit.texts();
    let page = Page {
        status: match typed.wrong {
            None => StatusCode::OK,
            Some(Mistake::TooMany(_)) => StatusCode::TOO_MANY_REQUESTS,
            Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        },
        title: texts.sign_in,
        is_wrong: typed.wrong.is_some(),
        destinations: visit.destinations(&request.ways_back()),
    };
    let mut response = page.show(visit, |html| {
        html.line(
            "p",
            &[("class", "quiet")],
            &fill(texts.sign_in_for, request.client.name()),
        );
        match typed.wrong {
            Some(Mistake::Credentials) => problem(html, texts.wrong_credentials),
            Some(Mistake::TooMany(TooMany { seconds })) => {
                let minutes = seconds.div_ceil(60).to_string();
                problem(html, &fill(texts.too_many_attempts, &minutes));
            }
            Some(Mistake::Email | Mistake::Password) | None => {}
        }
        form(html, visit, LOGIN, challenge, |html| fields(html, visit, typed));
        html.element("p", &[], |html| {
            html.text(texts.no_account);
            html.text(" ");
            let link = format!("{REGISTER}?{}", challenge.query());
            html.line("a", &[("href", &link)], texts.create_account);
        });
    });
    if let Some(Mistake::TooMany(TooMany { seconds })) = typed.wrong {
        super::set(&mut response, header::RETRY_AFTER, &seconds.to_string());
    }
    response
}

fn fields(html: &mut super::html::Html, visit: &Visit, typed: &Typed<'_>) {
    let texts = visit.texts();
    let email = Field {
        name: "email",
        label: texts.email,
        value: typed.email,
        kind: FieldKind::Email,
        hint: None,
        wrong: match typed.wrong {
            Some(Mistake::Email) => Wrong::Here(texts.email_wrong),
            Some(Mistake::Credentials) => Wrong::Above,
            _ => Wrong::No,
        },
        // Which of the two is wrong is not said: the first one may be.
        has_focus: matches!(typed.wrong, Some(Mistake::Email | Mistake::Credentials)),
    };
    email.show(html);
    let password = Field {
        name: "password",
        label: texts.password,
        value: "",
        kind: FieldKind::OldPassword,
        hint: None,
        wrong: match typed.wrong {
            Some(Mistake::Password) => Wrong::Here(texts.password_missing),
            Some(Mistake::Credentials) => Wrong::Above,
            _ => Wrong::No,
        },
        has_focus: typed.wrong == Some(Mistake::Password),
    };
    password.show(html);
    choice(
        html,
        "remember",
        "yes",
        "remember",
        typed.remember,
        texts.remember_me,
    );
    buttons(html, texts.sign_in, texts.cancel);
}
