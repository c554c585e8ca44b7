//! The echo service of the test schema in a router; envelopes and gzip, written and read by hand.

pub(crate) mod envelopes;
pub(crate) mod gzip;

use akinai_connect::MessageStream;
use akinai_connect::json::TextFields;
use akinai_connect::{Code, ConnectError, Context, Interceptor, MethodDescriptor, Router};
use akinai_connect_test_schema::testing::v1::{
    CountRequest, CountResponse, EchoRequest, EchoResponse, EchoService, EchoServiceServer, FailRequest,
    FailResponse, GatherRequest, GatherResponse, LookRequest, LookResponse, TalkRequest, TalkResponse,
    WaitRequest, WaitResponse,
};
use futures::StreamExt as _;
use futures::stream;
use http::HeaderValue;

thread_local! {
    static DROPPED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The number of calls of `Wait`, `Gather` and `Talk` that were cancelled or have ended, in this test.
pub(crate) fn dropped() -> usize {
    DROPPED.get()
}

/// Counts when it is dropped.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
    }
}

/// Answers with the content of the request: messages, and headers whose names begin with `x-echo`.
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

    async fn count(
        &self,
        context: &mut Context,
        request: CountRequest,
    ) -> Result<MessageStream<CountResponse>, ConnectError> {
        context
            .response_headers
            .insert("x-counting", HeaderValue::from_static("yes"));
        context.response_trailers.insert("x-counted", request.to.into());
        let padding = request.padding;
        let numbers = (1..=request.to).map(move |number| {
            let padding = padding.clone();
            Ok(CountResponse { number, padding })
        });
        let error = Code::from_name(&request.error_code).map(|code| {
            let mut error = ConnectError::new(code, "counted enough");
            error
                .metadata_mut()
                .insert("x-tired", HeaderValue::from_static("yes"));
            Err(error)
        });
        let counted = stream::iter(numbers.chain(error));
        Ok(match request.stays_open {
            true => counted.chain(stream::pending()).boxed_local(),
            false => counted.boxed_local(),
        })
    }

    async fn gather(
        &self,
        context: &mut Context,
        mut requests: MessageStream<GatherRequest>,
    ) -> Result<GatherResponse, ConnectError> {
        let _guard = Guard;
        let mut texts = Vec::new();
        while let Some(request) = requests.next().await {
            texts.push(request?.text);
        }
        context.response_trailers.insert("x-gathered", texts.len().into());
        Ok(GatherResponse { texts })
    }

    async fn talk(
        &self,
        context: &mut Context,
        requests: MessageStream<TalkRequest>,
    ) -> Result<MessageStream<TalkResponse>, ConnectError> {
        context
            .response_headers
            .insert("x-talking", HeaderValue::from_static("yes"));
        let guard = Guard;
        let answer = move |request: Result<TalkRequest, ConnectError>| {
            let _guard = &guard;
            let TalkRequest { text, error_code } = request?;
            match Code::from_name(&error_code) {
                Some(code) => Err(ConnectError::new(code, text)),
                None => Ok(TalkResponse { text }),
            }
        };
        Ok(requests.map(answer).boxed_local())
    }

    async fn wait(&self, _: &mut Context, _: WaitRequest) -> Result<WaitResponse, ConnectError> {
        let _guard = Guard;
        std::future::pending().await
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

/// Refuses requests with the header `x-forbidden`, and passes the deadline on as a header.
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

    fn message(
        &self,
        _: &Context,
        method: &'static MethodDescriptor,
        message: &dyn TextFields,
    ) -> Result<(), ConnectError> {
        match message.text_field("text") {
            Some("forbidden") => Err(ConnectError::permission_denied(format!(
                "{} takes no such text",
                method.name
            ))),
            _ => Ok(()),
        }
    }
}

/// The echo service behind the interceptor.
pub(crate) fn router() -> Router {
    Router::new()
        .service(EchoServiceServer::new(Echo))
        .intercept(Gate)
        .cut_off_after(tokio::time::sleep)
}
