//! Where the issuer sends a browser that it cannot send anywhere else.

use connect::Body;
use http::{Response, StatusCode};
use spin_adapters::log;

use super::Visit;
use super::texts::{Texts, fill};

/// The longest part of what the issuer says that goes into the log, in characters.
const MOST: usize = 200;

/// Which of the texts explains an error.
type Meaning = fn(&Texts) -> &'static str;

/// Errors that issuers name, and what they mean to whoever sees them (RFC 6749, section 4.1.2.1; OpenID Connect Core, section
/// 3.1.2.6; Hydra's own).
const KNOWN: [(&str, Meaning); 18] = [
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

/// Says what is wrong in words of our own. The description is not shown: whoever makes up an address of this page would have
/// us say it. It goes into the log, for whoever has set up the application.
pub(super) fn open(visit: &Visit) -> Response<Body> {
    let (error, texts) = (visit.query.one("error"), visit.texts());
    let description: String = visit.query.one("error_description").chars().take(MOST).collect();
    let said: String = error.chars().take(MOST).collect();
    log::info(
        visit.names(),
        format_args!("the error page was shown: {said}: {description}"),
    );
    let known = KNOWN.iter().find(|(name, _)| *name == error);
    let Some((code, why)) = known else {
        return visit.notice(StatusCode::BAD_REQUEST, texts.failed, &[texts.start_again]);
    };
    let code = fill(texts.error_code, code);
    visit.notice(
        StatusCode::BAD_REQUEST,
        texts.failed,
        &[why(texts), texts.start_again, &code],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_is_there_once() {
        for (index, (name, _)) in KNOWN.iter().enumerate() {
            assert!(
                KNOWN[index + 1..].iter().all(|(other, _)| other != name),
                "{name}"
            );
        }
    }
}
