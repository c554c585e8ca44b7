//! Opening an account on the way in. Who has opened one is signed in.

use connect::Body;
use http::{Response, StatusCode};
use kernel::Caller;

use super::html::Html;
use super::layout::{Field, Kind as FieldKind, Page, Wrong, buttons, form, redirect};
use super::texts::fill;
use super::{LOGIN, Outcome, REGISTER, Visit, login};
use crate::hydra::{Challenge, Kind, LoginRequest, Reject};
use crate::service::{CreateUser, Error};

/// What the form says, and what is wrong with it, by its field.
#[derive(Default)]
struct Typed<'a> {
    email: &'a str,
    name: &'a str,
    wrong: Mistakes,
}

/// What is wrong with each field, if anything.
#[derive(Default)]
struct Mistakes {
    email: Option<&'static str>,
    password: Option<&'static str>,
    name: Option<&'static str>,
}

impl Mistakes {
    fn are_none(&self) -> bool {
        self.email.is_none() && self.password.is_none() && self.name.is_none()
    }
}

pub(super) async fn open(visit: &Visit) -> Outcome {
    let challenge = visit.challenge(Kind::Login)?;
    let request: LoginRequest = visit.hydra.request(&challenge).await?;
    let typed = Typed {
        email: &request.oidc_context.login_hint,
        ..Typed::default()
    };
    Ok(show(visit, &challenge, &request, &typed))
}

pub(super) async fn send(visit: &Visit) -> Outcome {
    let challenge = visit.sent_challenge(Kind::Login, REGISTER)?;
    if visit.says_no() {
        return Ok(redirect(&visit.hydra.reject(&challenge, Reject::DENIED).await?));
    }
    // First: no hash is made for whoever has no living challenge.
    let request: LoginRequest = visit.hydra.request(&challenge).await?;
    let wanted = CreateUser {
        email: visit.form.one("email"),
        password: visit.form.one("password"),
        name: visit.form.one("name"),
    };
    visit.count_hash().await?;
    let accounts = crate::accounts().await?;
    match accounts.create_user(&Caller::Anonymous, wanted).await {
        // An account begins in epoch 0.
        Ok(user) => login::sign_in(visit, &challenge, &request, (user.id, 0), false).await,
        Err(error) => {
            let typed = Typed {
                email: visit.form.one("email"),
                name: visit.form.one("name"),
                wrong: mistakes(visit, error)?,
            };
            Ok(show(visit, &challenge, &request, &typed))
        }
    }
}

/// What is wrong with what was typed; or the error, if that is not what is wrong.
fn mistakes(visit: &Visit, error: Error) -> Result<Mistakes, Error> {
    let texts = visit.texts();
    match error {
        Error::AlreadyExists => Ok(Mistakes {
            email: Some(texts.email_taken),
            ..Mistakes::default()
        }),
        Error::Invalid(violations) => {
            let wrong = |field, text| {
                violations
                    .iter()
                    .any(|violation| violation.field == field)
                    .then_some(text)
            };
            Ok(Mistakes {
                email: wrong("email", texts.email_wrong),
                password: wrong("password", texts.password_wrong),
                name: wrong("name", texts.name_wrong),
            })
        }
        error => Err(error),
    }
}

fn show(visit: &Visit, challenge: &Challenge, request: &LoginRequest, typed: &Typed<'_>) -> Response<Body> {
    let texts = visit.texts();
    let is_wrong = !typed.wrong.are_none();
    let page = Page {
        status: match is_wrong {
            false => StatusCode::OK,
            true => StatusCode::UNPROCESSABLE_ENTITY,
        },
        title: texts.create_account,
        is_wrong,
        destinations: visit.destinations(&request.ways_back()),
    };
    page.show(visit, |html| {
        html.line(
            "p",
            &[("class", "quiet")],
            &fill(texts.sign_in_for, request.client.name()),
        );
        form(html, visit, REGISTER, challenge, |html| {
            fields(html, visit, typed)
        });
        html.element("p", &[], |html| {
            html.text(texts.have_account);
            html.text(" ");
            let link = format!("{LOGIN}?{}", challenge.query());
            html.line("a", &[("href", &link)], texts.sign_in);
        });
    })
}

fn fields(html: &mut Html, visit: &Visit, typed: &Typed<'_>) {
    let (texts, wrong) = (visit.texts(), &typed.wrong);
    let said = |mistake: Option<&'static str>| mistake.map_or(Wrong::No, Wrong::Here);
    let name = Field {
        name: "name",
        label: texts.name,
        value: typed.name,
        kind: FieldKind::Name,
        hint: Some(texts.name_hint),
        wrong: said(wrong.name),
        has_focus: wrong.name.is_some(),
    };
    name.show(html);
    let email = Field {
        name: "email",
        label: texts.email,
        value: typed.email,
        kind: FieldKind::Email,
        hint: None,
        wrong: said(wrong.email),
        has_focus: wrong.name.is_none() && wrong.email.is_some(),
    };
    email.show(html);
    let password = Field {
        name: "password",
        label: texts.password,
        value: "",
        kind: FieldKind::NewPassword,
        hint: Some(texts.password_hint),
        wrong: said(wrong.password),
        has_focus: wrong.name.is_none() && wrong.email.is_none() && wrong.password.is_some(),
    };
    password.show(html);
    buttons(html, texts.create_account, texts.cancel);
}
