//! The echo service of the test schema, in a router.

use akinai_connect::{Code, ConnectError, Context, Interceptor, MethodDescriptor, Router};
use akinai_connect_test_schema::testing::v1::{
    EchoRequest, EchoResponse, EchoService, EchoServiceServer, FailRequest, FailResponse, LookRequest,
    LookResponse,
};
use http::HeaderValue;

/// Answers with what it gets: messages, and headers whose names begin with `x-echo`.
pub(crate) struct Echo;

impl EchoService for Echo {
    async fn echo(&self, context: &mut Context, request: EchoRequest) -> Result<EchoResponse, ConnectError> {
        for (name, value) in &context.headers {
            if name.as_str().starts_with("x-echo") {
                context.response_headers.append(name, value.clone());
                context.response_trailers.append(name, value.clone());
            }
        }
        Ok(EchoResponse {
            everything: request.everything,
        })
    }

    async fn look(&self, _: &mut Context, request: LookRequest) -> Result<LookResponse, ConnectError> {
        Ok(LookResponse { text: request.text })
    }

    async fn fail(&self, context: &mut Context, request: FailRequest) -> Result<FailResponse, ConnectError> {
        context
            .response_headers
            .insert("x-failed", HeaderValue::from_static("yes"));
        context
            .response_trailers
            .insert("x-cost", HeaderValue::from_static("7"));
        let code = Code::from_name(&request.code).unwrap_or(Code::Unknown);
        let mut error = ConnectError::new(code, request.message);
        error
            .metadata_mut()
            .insert("retry-after", HeaderValue::from_static("3"));
        Err(match request.detail {
            Some(detail) => error.with_detail(&detail),
            None => error,
        })
    }
}

/// Lets nobody in who says `x-forbidden`, and passes the deadline on as a header.
pub(crate) struct Gate;

impl Interceptor for Gate {
    async fn before(
        &self,
        context: &mut Context,
        method: &'static MethodDescriptor,
    ) -> Result<(), ConnectError> {
        if context.headers.contains_key("x-forbidden") {
            return Err(ConnectError::permission_denied(format!(
                "{} is not for you",
                method.name
            )));
        }
        if let Some(left) = context.remaining() {
            context
                .response_headers
                .insert("x-milliseconds-left", HeaderValue::from(left.as_millis() as u64));
        }
        if let Some(value) = context.headers.get("x-pass-on") {
            context.outgoing.insert("x-echo-passed", value.clone());
        }
        Ok(())
    }
}

/// The echo service behind the gate.
pub(crate) fn router() -> Router {
    Router::new()
        .service(EchoServiceServer::new(Echo))
        .intercept(Gate)
}
