//! The page for signing up: it creates an account and signs its user in.

use connect::Body;
use http::{Response, StatusCode};
use maud::{Markup, html};

use super::layout::{FieldError, FieldKind, HtmlPage, InputField, buttons, form, redirect};
use super::texts::fill;
use super::visit::Visit;
use super::{LOGIN, PageResult, REGISTER, login};
use crate::accounts::service::{CreateUser, Error};
use crate::login::hydra::{ChallengeKind, LoginRequest, RejectRequest, RequestChallenge};
use crate::login::service::{LoginError, LoginPorts, Logins};

/// The content of the form, and its errors.
#[derive(Default)]
struct RegistrationForm<'a> {
    email: &'a str,
    name: &'a str,
    errors: FieldErrors,
}

/// The error of each field.
#[derive(Default)]
struct FieldErrors {
    email: Option<&'static str>,
    password: Option<&'static str>,
    name: Option<&'static str>,
}

impl FieldErrors {
    fn are_none(&self) -> bool {
        self.email.is_none() && self.password.is_none() && self.name.is_none()
    }

    /// The errors that the form shows; or the error, if the form does not show it.
    fn of(error: LoginError, visit: &Visit) -> Result<Self, LoginError> {
        let texts = visit.texts();
        match error {
            LoginError::Accounts(Error::AlreadyExists) => Ok(Self {
                email: Some(texts.email_taken),
                ..Self::default()
            }),
            LoginError::Accounts(Error::Invalid(violations)) => {
                let text_for = |field, text| {
                    let mut fields = violations.iter().map(|violation| &*violation.field);
                    fields.any(|name| name == field).then_some(text)
                };
                Ok(Self {
                    email: text_for("email", texts.email_wrong),
                    password: text_for("password", texts.password_wrong),
                    name: text_for("name", texts.name_wrong),
                })
            }
            other => Err(other),
        }
    }
}

pub(super) async fn open(visit: &Visit) -> PageResult {
    let challenge = visit.challenge(ChallengeKind::Login)?;
    let request: LoginRequest = visit.hydra.request(&challenge).await?;
    let form = RegistrationForm {
        email: &request.oidc_context.login_hint,
        ..RegistrationForm::default()
    };
    Ok(show(visit, &challenge, &request, &form))
}

pub(super) async fn submit<P: LoginPorts>(visit: &Visit, logins: &Logins<P>) -> PageResult {
    let challenge = visit.submitted_challenge(ChallengeKind::Login, REGISTER)?;
    if visit.is_refused() {
        let url = visit.hydra.reject(&challenge, RejectRequest::DENIED).await?;
        return Ok(redirect(&url));
    }
    // This comes first: no password is hashed without a valid challenge.
    let request: LoginRequest = visit.hydra.request(&challenge).await?;
    let (email, name) = (visit.form.one("email"), visit.form.one("name"));
    let wanted = CreateUser {
        email,
        password: visit.form.one("password"),
        name,
    };
    match logins.register(visit.client_address(), wanted).await {
        Ok(user) => login::sign_in(visit, logins, &challenge, &request, user, false).await,
        Err(error) => {
            let errors = FieldErrors::of(error, visit)?;
            let form = RegistrationForm { email, name, errors };
            Ok(show(visit, &challenge, &request, &form))
        }
    }
}

fn show(
    visit: &Visit,
    challenge: &RequestChallenge,
    request: &LoginRequest,
    typed: &RegistrationForm<'_>,
) -> Response<Body> {
    let texts = visit.texts();
    let is_wrong = !typed.errors.are_none();
    let page = HtmlPage {
        status: if is_wrong {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::OK
        },
        title: texts.create_account,
        is_wrong,
        destinations: visit.destinations(&request.return_addresses()),
    };
    let link = format!("{LOGIN}?{}", challenge.query());
    let content = html! {
        p class="quiet" { (fill(texts.sign_in_for, request.client.name())) }
        (form(visit, REGISTER, challenge, &fields(visit, typed)))
        p { (texts.have_account) " " a href=(link) { (texts.sign_in) } }
    };
    page.respond(visit, &content)
}

fn fields(visit: &Visit, typed: &RegistrationForm<'_>) -> Markup {
    let (texts, errors) = (visit.texts(), &typed.errors);
    let shown = |error: Option<&'static str>| error.map_or(FieldError::None, FieldError::Here);
    let name = InputField {
        name: "name",
        label: texts.name,
        value: typed.name,
        kind: FieldKind::Name,
        hint: Some(texts.name_hint),
        error: shown(errors.name),
        has_focus: errors.name.is_some(),
    };
    let email = InputField {
        name: "email",
        label: texts.email,
        value: typed.email,
        kind: FieldKind::Email,
        hint: None,
        error: shown(errors.email),
        has_focus: errors.name.is_none() && errors.email.is_some(),
    };
    let password = InputField {
        name: "password",
        label: texts.password,
        value: "",
        kind: FieldKind::NewPassword,
        hint: Some(texts.password_hint),
        error: shown(errors.password),
        has_focus: errors.name.is_none() && errors.email.is_none() && errors.password.is_some(),
    };
    html! {
        (name.render())
        (email.render())
        (password.render())
        (buttons(texts.create_account, texts.cancel))
    }
}
