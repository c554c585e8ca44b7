//! The consent page: it asks the user what an application may do, unless the issuer remembers the answer.

use connect::Body;
use http::{Response, StatusCode};
use maud::{Markup, html};

use super::layout::{Checkbox, HtmlPage, buttons, form, redirect};
use super::texts::{Texts, fill};
use super::visit::Visit;
use super::{CONSENT, PageError, PageResult, REMEMBER_FOR};
use crate::accounts::domain::{User, is_admin_scope};
use crate::login::domain::Login;
use crate::login::hydra::{
    AcceptConsent, ChallengeKind, ConsentRequest, RejectRequest, RequestChallenge, TokenSession,
};
use crate::login::service::{LoginPorts, Logins};

/// A consent request, its login, and its user.
struct ConsentPrompt {
    request: ConsentRequest,
    login: Login,
    user: User,
}

/// The part of a request that the user grants.
struct ConsentGrant {
    scopes: Vec<String>,
    audience: Vec<String>,
    remember: bool,
}

pub(super) async fn open<P: LoginPorts>(visit: &Visit, logins: &Logins<P>) -> PageResult {
    let challenge = visit.challenge(ChallengeKind::Consent)?;
    let Some(prompt) = ConsentPrompt::read(visit, logins, &challenge).await? else {
        return sign_in_again(visit, &challenge).await;
    };
    if prompt.request.skip || prompt.request.client.skip_consent {
        let grant = prompt.grant(|_| true, |_| true, false);
        return prompt.accept(visit, &challenge, grant).await;
    }
    Ok(prompt.show(visit, &challenge))
}

pub(super) async fn submit<P: LoginPorts>(visit: &Visit, logins: &Logins<P>) -> PageResult {
    let challenge = visit.submitted_challenge(ChallengeKind::Consent, CONSENT)?;
    if visit.is_refused() {
        let url = visit.hydra.reject(&challenge, RejectRequest::DENIED).await?;
        return Ok(redirect(&url));
    }
    let Some(prompt) = ConsentPrompt::read(visit, logins, &challenge).await? else {
        return sign_in_again(visit, &challenge).await;
    };
    let grant = prompt.grant(
        |scope| visit.form.has("scope", scope),
        |audience| visit.form.has("audience", audience),
        visit.form.has("remember", "yes"),
    );
    prompt.accept(visit, &challenge, grant).await
}

/// Rejects a request whose login has ended meanwhile: the password was changed, the account was deleted, or the session
/// ended.
async fn sign_in_again(visit: &Visit, challenge: &RequestChallenge) -> PageResult {
    let url = visit
        .hydra
        .reject(challenge, RejectRequest::LOGIN_REQUIRED)
        .await?;
    Ok(redirect(&url))
}

impl ConsentPrompt {
    /// Reads the request of a challenge. `None` if its login is not valid any more, or our login page has not accepted it.
    async fn read<P: LoginPorts>(
        visit: &Visit,
        logins: &Logins<P>,
        challenge: &RequestChallenge,
    ) -> Result<Option<Self>, PageError> {
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
        let user = logins.user_of(&login).await?;
        Ok(user.map(|user| Self { request, login, user }))
    }

    /// The requested scopes that the user may grant.
    fn scopes(&self) -> impl Iterator<Item = &String> {
        let requested = self.request.requested_scope.iter();
        requested.filter(|scope| self.user.may_grant(scope))
    }

    /// The granted values. Each of them is requested, allowed and chosen. Other scopes or audiences in the form are not
    /// granted.
    fn grant(
        &self,
        has_scope: impl Fn(&str) -> bool,
        has_audience: impl Fn(&str) -> bool,
        remember: bool,
    ) -> ConsentGrant {
        let audiences = self.request.requested_access_token_audience.iter();
        ConsentGrant {
            scopes: self.scopes().filter(|name| has_scope(name)).cloned().collect(),
            audience: audiences.filter(|name| has_audience(name)).cloned().collect(),
            remember,
        }
    }

    async fn accept(&self, visit: &Visit, challenge: &RequestChallenge, grant: ConsentGrant) -> PageResult {
        let accepted = AcceptConsent {
            grant_scope: grant.scopes,
            grant_access_token_audience: grant.audience,
            remember: grant.remember,
            remember_for: if grant.remember { REMEMBER_FOR } else { 0 },
            session: TokenSession::of(&self.login, &self.user),
        };
        let url = visit.hydra.accept(challenge, Some(&accepted)).await?;
        Ok(redirect(&url))
    }

    fn show(&self, visit: &Visit, challenge: &RequestChallenge) -> Response<Body> {
        let (texts, client) = (visit.texts(), &self.request.client);
        let page = HtmlPage {
            status: StatusCode::OK,
            title: texts.consent,
            is_wrong: false,
            destinations: visit.destinations(&self.request.return_addresses()),
        };
        let content = html! {
            p { (fill(texts.consent_asks, client.name())) }
            (form(visit, CONSENT, challenge, &self.fields(texts)))
            p class="quiet" { (fill(texts.consent_as, self.user.email.as_str())) }
        };
        page.respond(visit, &content)
    }

    fn fields(&self, texts: &Texts) -> Markup {
        let scopes: Vec<_> = self.scopes().collect();
        let audience = &self.request.requested_access_token_audience;
        let remember = Checkbox {
            name: "remember",
            value: "yes",
            id: "remember",
            is_checked: false,
            label: texts.consent_remember,
        };
        html! {
            @if !scopes.is_empty() {
                fieldset {
                    legend { (texts.consent_scopes) }
                    @for (index, scope) in scopes.into_iter().enumerate() { (scope_checkbox(texts, scope, index)) }
                }
            }
            @if !audience.is_empty() {
                fieldset {
                    legend { (texts.consent_audience) }
                    @for (index, name) in audience.iter().enumerate() { (audience_checkbox(name, index)) }
                }
            }
            (remember.render())
            (buttons(texts.allow, texts.deny))
        }
    }
}

/// The checkbox of a scope. The scope that gives all rights of an admin is not checked in advance.
fn scope_checkbox(texts: &Texts, scope: &str, index: usize) -> Markup {
    let checkbox = Checkbox {
        name: "scope",
        value: scope,
        id: &format!("scope-{index}"),
        is_checked: !is_admin_scope(scope),
        label: scope_label(texts, scope),
    };
    checkbox.render()
}

fn audience_checkbox(name: &str, index: usize) -> Markup {
    let checkbox = Checkbox {
        name: "audience",
        value: name,
        id: &format!("audience-{index}"),
        is_checked: true,
        label: name,
    };
    checkbox.render()
}

/// The description of a scope. An unknown scope is shown by its name.
fn scope_label<'a>(texts: &Texts, scope: &'a str) -> &'a str {
    match scope {
        "openid" => texts.scope_openid,
        "profile" => texts.scope_profile,
        "email" => texts.scope_email,
        "offline" | "offline_access" => texts.scope_offline,
        _ if is_admin_scope(scope) => texts.scope_admin,
        other => other,
    }
}
