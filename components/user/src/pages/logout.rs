//! Signing out. The issuer asks here before it ends a session; that the user wants it is for the user to say.

use connect::Body;
use http::{Response, StatusCode};

use super::layout::{Page, buttons, form, redirect};
use super::texts::fill;
use super::{LOGOUT, Outcome, Visit};
use crate::hydra::{Challenge, Kind, LogoutRequest};

pub(super) async fn open(visit: &Visit) -> Outcome {
    let challenge = visit.challenge(Kind::Logout)?;
    let request: LogoutRequest = visit.hydra.request(&challenge).await?;
    Ok(show(visit, &challenge, &request))
}

pub(super) async fn send(visit: &Visit) -> Outcome {
    let challenge = visit.sent_challenge(Kind::Logout, LOGOUT)?;
    if visit.says_no() {
        visit.hydra.reject_logout(&challenge).await?;
        let texts = visit.texts();
        return Ok(visit.notice(StatusCode::OK, texts.stayed, &[texts.close]));
    }
    let request: LogoutRequest = visit.hydra.request(&challenge).await?;
    // Tokens first: the browser may not come back to tell the issuer.
    if let (Ok(user), Ok(session)) = (request.subject.parse(), request.sid.parse()) {
        crate::accounts().await?.end_session(user, &session).await?;
    }
    let url = visit.hydra.accept(&challenge, None::<&()>).await?;
    Ok(redirect(&url))
}

fn show(visit: &Visit, challenge: &Challenge, request: &LogoutRequest) -> Response<Body> {
    let (texts, client) = (visit.texts(), &request.client);
    let page = Page {
        status: StatusCode::OK,
        title: texts.sign_out,
        is_wrong: false,
        destinations: visit.logout_destinations(&client.post_logout_redirect_uris),
    };
    page.show(visit, |html| {
        match client.name() {
            "" => html.line("p", &[], texts.sign_out_question),
            name => html.line("p", &[], &fill(texts.sign_out_for, name)),
        }
        form(html, visit, LOGOUT, challenge, |html| {
            buttons(html, texts.sign_out, texts.stay);
        });
    })
}
