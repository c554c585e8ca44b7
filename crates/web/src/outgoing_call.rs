//! The headers of a call between components.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use identity::{
    RequestId,
    caller::Principal,
    service_token::{CallClaims, Minter},
};

use crate::request_id::{self, TRACEPARENT, TRACESTATE, X_REQUEST_ID};

/// The headers that a call has from the request that it is made for, so that the request can be followed.
const PASSED_ON: [HeaderName; 3] = [X_REQUEST_ID, TRACEPARENT, TRACESTATE];

/// A call of another component, made for a request.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingCall<'a> {
    /// On whose behalf the component calls.
    pub principal: &'a Principal,
    /// The address of the client, if the request came from outside of the platform.
    pub client_address: Option<IpAddr>,
    /// The request's headers.
    pub request: &'a HeaderMap,
}

impl OutgoingCall<'_> {
    /// A service token, issued at `now` (seconds since 1970), and the id and the trace of the request. A request without a valid
    /// id gets one. No other header of the request is passed on.
    ///
    /// # Errors
    /// The cause, for the log, where the token or the id is no value of a header.
    pub fn headers(&self, minter: &Minter, now: u64) -> Result<HeaderMap, String> {
        let id = request_id::of(self.request);
        let request_id: RequestId = text(&id)?.parse().map_err(cause)?;
        let claims = CallClaims {
            principal: self.principal,
            request_id: &request_id,
            client_address: self.client_address,
        };
        let token = format!("Bearer {}", minter.mint(&claims, now));
        let mut token = HeaderValue::try_from(token).map_err(cause)?;
        token.set_sensitive(true);
        let mut headers = passed_on(self.request);
        headers.insert(X_REQUEST_ID, id);
        headers.insert(header::AUTHORIZATION, token);
        Ok(headers)
    }
}

/// Those headers of a request that its calls have too: its id and its trace.
pub fn passed_on(request: &HeaderMap) -> HeaderMap {
    let values = PASSED_ON.into_iter().filter_map(|name| {
        let value = request.get(&name)?.clone();
        Some((name, value))
    });
    values.collect()
}

fn text(value: &HeaderValue) -> Result<&str, String> {
    value.to_str().map_err(cause)
}

fn cause(error: impl std::error::Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use identity::service_token::{AcceptedKeys, MintingKey, Verifier};

    use super::*;

    const KEY: &str = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const NOW: u64 = 1_800_000_000;

    fn sent(request: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let call = OutgoingCall {
            principal: &Principal::Anonymous,
            client_address: Some(IpAddr::from([192, 0, 2, 1])),
            request: &request.iter().map(pair).collect(),
        };
        let minter = Minter::new("bff", "product", MintingKey::parse(KEY).expect("a key"));
        call.headers(&minter, NOW).expect("the headers of a call")
    }

    #[test]
    fn call_has_a_service_token_for_the_callee_with_the_id_of_the_request() {
        let headers = sent(&[("x-request-id", "r1")]);
        let token = headers[header::AUTHORIZATION].to_str().expect("text");
        let keys = AcceptedKeys::parse(KEY).expect("a key");
        let verifier = Verifier::new("product", vec![("bff", keys)]).expect("a verifier");
        let token = token.strip_prefix("Bearer ").expect("a bearer token");
        let call = verifier
            .verify(token, NOW)
            .expect("the product component accepts it");
        assert_eq!((call.caller(), call.request_id().as_str()), ("bff", "r1"));
        assert_eq!(call.client_address(), Some(IpAddr::from([192, 0, 2, 1])));
        assert!(
            headers[header::AUTHORIZATION].is_sensitive(),
            "logs must not show the token"
        );
    }

    #[test]
    fn call_has_the_id_and_the_trace_of_the_request_and_no_other_header() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let headers = sent(&[
            ("x-request-id", "r1"),
            ("traceparent", trace),
            ("tracestate", "a=1"),
            ("authorization", "Bearer of-the-user"),
            ("cookie", "a=1"),
        ]);
        assert_eq!(headers["x-request-id"], "r1");
        assert_eq!(headers["traceparent"], trace);
        assert_eq!(headers["tracestate"], "a=1");
        assert_ne!(headers[header::AUTHORIZATION], "Bearer of-the-user");
        assert_eq!(headers.len(), 4, "{headers:?}");
    }

    #[test]
    fn request_without_a_valid_id_gets_one() {
        for request in [&[][..], &[("x-request-id", "a b")]] {
            let headers = sent(request);
            let id = headers["x-request-id"].to_str().expect("text");
            assert!(uuid::Uuid::parse_str(id).is_ok(), "{request:?} got the id {id:?}");
        }
    }
}
