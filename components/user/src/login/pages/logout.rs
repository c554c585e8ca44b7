//! The page for signing out. The issuer sends browsers here before it ends a session, and the page asks the user.

use connect::Body;
use http::{Response, StatusCode};
use maud::html;

use super::layout::{HtmlPage, buttons, form, redirect};
use super::texts::fill;
use super::visit::Visit;
use super::{LOGOUT, PageResult};
use crate::login::hydra::{ChallengeKind, LogoutRequest, RequestChallenge};
use crate::login::service::{LoginPorts, Logins};

pub(super) async fn open(visit: &Visit) -> PageResult {
    let challenge = visit.challenge(ChallengeKind::Logout)?;
    let request: LogoutRequest = visit.hydra.request(&challenge).await?;
    Ok(show(visit, &challenge, &request))
}

pub(super) async fn submit<P: LoginPorts>(visit: &Visit, logins: &Logins<P>) -> PageResult {
    let challenge = visit.submitted_challenge(ChallengeKind::Logout, LOGOUT)?;
    if visit.is_refused() {
        visit.hydra.reject_logout(&challenge).await?;
        let texts = visit.texts();
        return Ok(visit.notice(StatusCode::OK, texts.stayed, &[texts.close]));
    }
    let request: LogoutRequest = visit.hydra.request(&challenge).await?;
    // The session ends here before it ends at the issuer, because the browser may never reach the issuer.
    if let (Ok(user), Ok(session)) = (request.subject.parse(), request.sid.parse()) {
        logins.end_session(user, &session).await?;
    }
    let url = visit.hydra.accept(&challenge, None::<&()>).await?;
    Ok(redirect(&url))
}

fn show(visit: &Visit, challenge: &RequestChallenge, request: &LogoutRequest) -> Response<Body> {
    let (texts, client) = (visit.texts(), &request.client);
    let page = HtmlPage {
        status: StatusCode::OK,
        title: texts.sign_out,
        is_wrong: false,
        destinations: visit.logout_destinations(&client.post_logout_redirect_uris),
    };
    let question = match client.name() {
        "" => texts.sign_out_question.to_owned(),
        name => fill(texts.sign_out_for, name),
    };
    let content = html! {
        p { (question) }
        (form(visit, LOGOUT, challenge, &buttons(texts.sign_out, texts.stay)))
    };
    page.respond(visit, &content)
}
