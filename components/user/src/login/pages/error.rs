//! The page for the issuer's errors, and the pages for our own.

use connect::Body;
use http::{Response, StatusCode, header};
use kernel::StoreError;
use spin_adapters::log;

use super::PageError;
use super::layout::redirect;
use super::texts::{Texts, fill};
use super::visit::Visit;
use crate::accounts::service as accounts;
use crate::login::{domain::TooManyAttempts, hydra, service::LoginError};

/// The longest part of the issuer's text that goes into the log, in characters.
const MAX_LOGGED: usize = 200;

/// The text that explains an error.
type Explanation = fn(&Texts) -> &'static str;

/// The errors of issuers, and the texts that explain them to users (RFC 6749, section 4.1.2.1; OpenID Connect Core, section 3.1.2.6;
/// Hydra's own).
const KNOWN_ERRORS: [(&str, Explanation); 18] = [
    ("access_denied", |texts| texts.error_denied),
    ("request_denied", |texts| texts.error_denied),
    ("invalid_client", |texts| texts.error_client),
    ("unauthorized_client", |texts| texts.error_client),
    ("invalid_request", |texts| texts.error_request),
    ("invalid_request_object", |texts| texts.error_request),
    ("invalid_request_uri", |texts| texts.error_request),
    ("invalid_scope", |texts| texts.error_request),
    ("invalid_state", |texts| texts.error_request),
    ("registration_not_supported", |texts| texts.error_request),
    ("request_not_supported", |texts| texts.error_request),
    ("request_uri_not_supported", |texts| texts.error_request),
    ("unsupported_response_type", |texts| texts.error_request),
    ("unsupported_grant_type", |texts| texts.error_request),
    ("request_forbidden", |texts| texts.error_browser),
    ("login_required", |texts| texts.error_denied),
    ("server_error", |texts| texts.unavailable_why),
    ("temporarily_unavailable", |texts| texts.unavailable_why),
];

/// The page for browsers that the issuer cannot send to an application. It explains the error in our own words. The
/// issuer's description is only logged, because an attacker could make an address of this page with any description.
pub(super) fn open(visit: &Visit) -> Response<Body> {
    let (error, texts) = (visit.query.one("error"), visit.texts());
    let shortened = |text: &str| text.chars().take(MAX_LOGGED).collect::<String>();
    let (code, description) = (shortened(error), shortened(visit.query.one("error_description")));
    log::info(
        visit.request_ids(),
        format_args!("the issuer sent a browser to the error page: {code}: {description}"),
    );
    let known = KNOWN_ERRORS.iter().find(|(name, _)| *name == error);
    let Some((code, explanation)) = known else {
        return visit.notice(StatusCode::BAD_REQUEST, texts.failed, &[texts.start_again]);
    };
    let code = fill(texts.error_code, code);
    let lines = [explanation(texts), texts.start_again, &code];
    visit.notice(StatusCode::BAD_REQUEST, texts.failed, &lines)
}

/// The page for an error. Errors that the user cannot correct are logged.
pub(super) fn explain(visit: &Visit, error: &PageError) -> Response<Body> {
    use hydra::Error as Hydra;
    let texts = visit.texts();
    let (status, title, why) = match error {
        PageError::Hydra(Hydra::Gone(Some(url))) => return redirect(url),
        PageError::Hydra(Hydra::Gone(None)) => (StatusCode::GONE, texts.done_before, texts.start_again),
        PageError::Hydra(Hydra::Unknown) => (StatusCode::NOT_FOUND, texts.expired, texts.expired_why),
        PageError::NoChallenge => (StatusCode::BAD_REQUEST, texts.expired, texts.expired_why),
        PageError::Forged => (StatusCode::FORBIDDEN, texts.forged, texts.forged_why),
        PageError::Login(LoginError::AddressLimit(limit)) => return too_many(visit, *limit),
        PageError::Login(LoginError::NotCounted(_))
        | PageError::Hydra(Hydra::Unavailable(_))
        | PageError::Login(LoginError::Accounts(accounts::Error::Store(StoreError::Unavailable(_)))) => {
            log::error(visit.request_ids(), error);
            let (title, why) = (texts.unavailable, texts.unavailable_why);
            (StatusCode::SERVICE_UNAVAILABLE, title, why)
        }
        PageError::Failed(_) | PageError::Hydra(_) | PageError::Login(_) => {
            log::error(visit.request_ids(), error);
            (StatusCode::INTERNAL_SERVER_ERROR, texts.failed, texts.start_again)
        }
    };
    visit.notice(status, title, &[why, texts.start_again])
}

fn too_many(visit: &Visit, limit: TooManyAttempts) -> Response<Body> {
    let texts = visit.texts();
    let lines = [texts.too_many_from_here];
    let mut response = visit.notice(StatusCode::TOO_MANY_REQUESTS, texts.unavailable, &lines);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, limit.retry_after.into());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_is_in_the_table_once() {
        for (index, (name, _)) in KNOWN_ERRORS.iter().enumerate() {
            assert!(
                KNOWN_ERRORS[index + 1..].iter().all(|(other, _)| other != name),
                "{name}"
            );
        }
    }
}
