//! Signing out: `/oauth2/sessions/logout`.

use connect::Body;
use http::{Response, header};

use super::{client_auth, error_page};
use crate::domain::failure::Denied;
use crate::request::{HttpRequest, SESSION_COOKIE};
use crate::response::{append, redirect, report};
use crate::sessions::service::SignOut;
use crate::use_cases::UseCases;

pub(super) async fn answer(use_cases: &UseCases, request: &HttpRequest) -> Response<Body> {
    match sign_out(use_cases, request).await {
        Ok(sign_out) => {
            let mut response = redirect(&sign_out.redirect_to);
            if sign_out.removes_cookie {
                let removal = SESSION_COOKIE.remove(use_cases.addresses.is_secure());
                append(response.headers_mut(), header::SET_COOKIE, &removal);
            }
            response
        }
        Err(Denied::Error(error)) => error_page(use_cases, &error),
        Err(Denied::Failed(failure)) => web::response::text(
            report(&failure, request),
            "Signing out does not work at the moment. Please try again.",
        ),
        Err(denied @ Denied::Client) => client_auth::refusal(&denied, request),
    }
}

async fn sign_out(use_cases: &UseCases, request: &HttpRequest) -> Result<SignOut, Denied> {
    let form = request.parameters()?;
    let browser = request.browser(use_cases.addresses.is_secure());
    use_cases.sessions().sign_out(&form, &browser).await
}
