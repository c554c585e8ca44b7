//! What an application may do: asked of the user, once or each time.

use connect::Body;
use http::{Response, StatusCode};

use super::html::Html;
use super::layout::{Page, buttons, choice, form, redirect};
use super::texts::{Texts, fill};
use super::{CONSENT, Outcome, REMEMBER_FOR, Trouble, Visit};
use crate::domain::{Login, User};
use crate::hydra::{AcceptConsent, AccessClaims, Challenge, ConsentRequest, IdClaims, Kind, Reject, Session};

/// The scope that only users with the role of this name can grant.
pub(crate) const ADMIN: &str = "admin";

/// A request whose user is known, and the login that it is made in.
struct Asked {
    request: ConsentRequest,
    login: Login,
    user: User,
}

/// What is granted of a request.
struct Grant {
    scopes: Vec<String>,
    audience: Vec<String>,
    remember: bool,
}

pub(super) async fn open(visit: &Visit) -> Outcome {
    let challenge = visit.challenge(Kind::Consent)?;
    let Some(asked) = Asked::read(visit, &challenge).await? else {
        return sign_in_again(visit, &challenge).await;
    };
    if asked.request.skip || asked.request.client.skip_consent {
        let grant = asked.grant(|_| true, |_| true, false);
        return asked.accept(visit, &challenge, grant).await;
    }
    Ok(asked.show(visit, &challenge))
}

pub(super) async fn send(visit: &Visit) -> Outcome {
    let challenge = visit.sent_challenge(Kind::Consent, CONSENT)?;
    if visit.says_no() {
        return Ok(redirect(&visit.hydra.reject(&challenge, Reject::DENIED).await?));
    }
    let Some(asked) = Asked::read(visit, &challenge).await? else {
        return sign_in_again(visit, &challenge).await;
    };
    let grant = asked.grant(
        |scope| visit.form.has("scope", scope),
        |audience| visit.form.has("audience", audience),
        visit.form.has("remember", "yes"),
    );
    asked.accept(visit, &challenge, grant).await
}

/// The login has ended since: the password was changed, the account deleted, all sessions ended.
async fn sign_in_again(visit: &Visit, challenge: &Challenge) -> Outcome {
    let url = visit.hydra.reject(challenge, Reject::LOGIN_REQUIRED).await?;
    Ok(redirect(&url))
}

/// What goes into the tokens of a login.
pub(crate) fn session(login: &Login, user: &User) -> Session {
    Session {
        access_token: AccessClaims {
            epoch: login.epoch,
            sid: login.session.to_string(),
        },
        id_token: IdClaims {
            name: user.name.as_str().into(),
            email: user.email.as_str().into(),
            email_verified: false,
        },
    }
}

impl Asked {
    /// None if the login does not hold any more, or was none of ours.
    async fn read(visit: &Visit, challenge: &Challenge) -> Result<Option<Self>, Trouble> {
        let request: ConsentRequest = visit.hydra.request(challenge).await?;
        let parts = (
            request.subject.parse(),
            request.login_session_id.parse(),
            request.context.epoch,
        );
        let (Ok(user), Ok(session), Some(epoch)) = parts else {
            return Ok(None);
        };
        let login = Login { user, session, epoch };
        let user = crate::accounts().await?.whose(&login).await?;
        Ok(user.map(|user| Self { request, login, user }))
    }

    /// What is requested and the user can grant.
    fn scopes(&self) -> impl Iterator<Item = &String> {
        let is_admin = self.user.is_admin();
        let requested = self.request.requested_scope.iter();
        requested.filter(move |scope| is_admin || *scope != ADMIN)
    }

    /// What is requested, can be granted, and is. A form that names more than that grants nothing more.
    fn grant(&self, scope: impl Fn(&str) -> bool, audience: impl Fn(&str) -> bool, remember: bool) -> Grant {
        let audiences = self.request.requested_access_token_audience.iter();
        Grant {
            scopes: self.scopes().filter(|name| scope(name)).cloned().collect(),
            audience: audiences.filter(|name| audience(name)).cloned().collect(),
            remember,
        }
    }

    async fn accept(&self, visit: &Visit, challenge: &Challenge, grant: Grant) -> Outcome {
        let accepted = AcceptConsent {
            grant_scope: grant.scopes,
            grant_access_token_audience: grant.audience,
            remember: grant.remember,
            remember_for: if grant.remember { REMEMBER_FOR } else { 0 },
            session: session(&self.login, &self.user),
        };
        Ok(redirect(&visit.hydra.accept(challenge, Some(&accepted)).await?))
    }

    fn show(&self, visit: &Visit, challenge: &Challenge) -> Response<Body> {
        let (texts, client) = (visit.texts(), &self.request.client);
        let page = Page {
            status: StatusCode::OK,
            title: texts.consent,
            is_wrong: false,
            destinations: visit.destinations(&self.request.ways_back()),
        };
        page.show(visit, |html| {
            html.line("p", &[], &fill(texts.consent_asks, client.name()));
            form(html, visit, CONSENT, challenge, |html| self.fields(html, texts));
            let email = self.user.email.as_str();
            html.line("p", &[("class", "quiet")], &fill(texts.consent_as, email));
        })
    }

    fn fields(&self, html: &mut Html, texts: &Texts) {
        let scopes: Vec<_> = self.scopes().collect();
        if !scopes.is_empty() {
            html.element("fieldset", &[], |html| {
                html.line("legend", &[], texts.consent_scopes);
                for (index, scope) in scopes.into_iter().enumerate() {
                    // The right to everything is given on purpose or not at all.
                    let is_on = scope != ADMIN;
                    let id = format!("scope-{index}");
                    choice(html, "scope", scope, &id, is_on, label(texts, scope));
                }
            });
        }
        let audience = &self.request.requested_access_token_audience;
        if !audience.is_empty() {
            html.element("fieldset", &[], |html| {
                html.line("legend", &[], texts.consent_audience);
                for (index, name) in audience.iter().enumerate() {
                    choice(html, "audience", name, &format!("audience-{index}"), true, name);
                }
            });
        }
        choice(html, "remember", "yes", "remember", false, texts.consent_remember);
        buttons(html, texts.allow, texts.deny);
    }
}

/// What a scope means; one that we do not know is shown by its name.
fn label<'a>(texts: &Texts, scope: &'a str) -> &'a str {
    match scope {
        "openid" => texts.scope_openid,
        "profile" => texts.scope_profile,
        "email" => texts.scope_email,
        "offline" | "offline_access" => texts.scope_offline,
        ADMIN => texts.scope_admin,
        other => other,
    }
}
