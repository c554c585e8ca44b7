//! Claims about the user (OpenID Connect Core, section 5.3): `/userinfo`.

use connect::Body;
use http::{Method, Response, StatusCode, header};
use serde_json::{Map, Value};

use crate::clients::domain::scopes;
use crate::domain::oauth_error::OAuthError;
use crate::domain::parameters::Parameters;
use crate::request::HttpRequest;
use crate::response::{empty, json, oauth_error, report, set};
use crate::tokens::domain::UserGrant;
use crate::tokens::jwt::added_claims;
use crate::tokens::service::{GrantStore, RefreshHook, TokenKeys, Tokens};

pub(super) async fn answer<S, K, H>(tokens: &Tokens<'_, S, K, H>, request: &HttpRequest) -> Response<Body>
where
    S: GrantStore,
    K: TokenKeys,
    H: RefreshHook,
{
    let token = match token(request) {
        Ok(Some(token)) => token,
        Ok(None) => return refused(StatusCode::UNAUTHORIZED, None),
        Err(error) => return refused(StatusCode::BAD_REQUEST, Some(&error)),
    };
    match tokens.active_access_token(&token).await {
        Ok(Some(active)) => match active.grant.filter(|grant| scopes::is_openid(&grant.scopes)) {
            Some(grant) => json(StatusCode::OK, &claims(&grant)),
            None => refused(StatusCode::FORBIDDEN, Some(&no_openid())),
        },
        Ok(None) => refused(StatusCode::UNAUTHORIZED, Some(&invalid_token())),
        Err(failure) => empty(report(&failure, request)),
    }
}

/// The access token, from the header or from a form (RFC 6750, sections 2.1 and 2.2). A token in the query is not accepted (RFC
/// 9700, section 4.3.2).
///
/// # Errors
/// `invalid_request` if the token is sent in more than one way (section 2), or if the form is malformed.
fn token(request: &HttpRequest) -> Result<Option<String>, OAuthError> {
    let header = request.authorization()?;
    let form = match request.method() == Method::POST && request.has_form() {
        true => request.form()?,
        false => Parameters::default(),
    };
    let in_form = form.get("access_token");
    let ways = [
        header.is_some(),
        in_form.is_some(),
        request.query_names("access_token"),
    ];
    if ways.into_iter().filter(|is_used| *is_used).count() > 1 {
        return Err(OAuthError::invalid_request(
            "send the access token in one way: as a bearer token in the header Authorization",
        ));
    }
    let bearer = header.and_then(|header| header.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Ok(bearer
        .map(|(_, token)| token.trim())
        .or(in_form)
        .map(str::to_owned))
}

fn claims(grant: &UserGrant) -> Map<String, Value> {
    let mut claims = added_claims(&grant.consent.contents.id_token);
    claims.insert("sub".into(), grant.subject.as_str().into());
    claims
}

fn no_openid() -> OAuthError {
    OAuthError::new(
        "insufficient_scope",
        "the token belongs to no user, or the user has not granted openid",
    )
}

fn invalid_token() -> OAuthError {
    OAuthError::new("invalid_token", "the token is unknown, expired or revoked")
}

/// RFC 6750, section 3: a request without a token gets no error. No name and no description contains a quotation mark.
fn refused(status: StatusCode, error: Option<&OAuthError>) -> Response<Body> {
    let mut challenge = "Bearer realm=\"issuer\"".to_owned();
    let mut response = match error {
        None => empty(status),
        Some(error) => {
            let OAuthError { name, description } = error;
            challenge.push_str(&format!(
                ", error=\"{name}\", error_description=\"{description}\""
            ));
            oauth_error(status, error)
        }
    };
    if status == StatusCode::FORBIDDEN {
        challenge.push_str(", scope=\"openid\"");
    }
    set(&mut response, header::WWW_AUTHENTICATE, &challenge);
    response
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderValue, Request};

    use super::*;

    fn http_request(
        method: Method,
        query: &str,
        authorization: &[&'static str],
        form: &'static str,
    ) -> HttpRequest {
        let uri = format!("/userinfo{query}");
        let mut request = Request::builder().method(method).uri(uri).body(()).unwrap();
        for value in authorization {
            let value = HeaderValue::from_static(value);
            request.headers_mut().append(header::AUTHORIZATION, value);
        }
        if !form.is_empty() {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        let mut request = HttpRequest::new(request.into_parts().0);
        request.body = Bytes::from_static(form.as_bytes());
        request
    }

    #[test]
    fn access_token_is_accepted_in_only_one_way() {
        let read = |method, query, authorization: &[&'static str], form| {
            token(&http_request(method, query, authorization, form)).map_err(|error| error.name)
        };
        let (get, post) = (|| Method::GET, || Method::POST);
        let (header, form, query) = (&["bearer t"][..], "access_token=t", "?access_token=t");
        let found = |token: &str| Ok(Some(token.to_owned()));
        assert_eq!(read(get(), "", header, ""), found("t"));
        assert_eq!(read(post(), "", &[], form), found("t"));
        assert_eq!(
            read(post(), "", header, "access_token=&x=1"),
            found("t"),
            "an empty one is none"
        );
        assert_eq!(read(get(), query, &[], ""), Ok(None), "not in the query");
        assert_eq!(read(get(), "", &["Basic t"], ""), Ok(None));
        assert_eq!(read(get(), "", &["Bearer"], ""), Ok(None));
        for (method, query, authorization, form) in [
            (post(), "", header, form),
            (post(), "", &["Basic YTpi"][..], form),
            (get(), query, header, ""),
            (post(), query, &[], form),
            (post(), query, header, form),
            (get(), "", &["Bearer t", "Bearer t"], ""),
            (post(), "", &["Bearer t", "Bearer t"], form),
            (post(), "", &[], "access_token=t&access_token=t"),
        ] {
            let answer = read(method, query, authorization, form);
            assert_eq!(
                answer,
                Err("invalid_request".into()),
                "{query} {authorization:?} {form}"
            );
        }
    }
}
