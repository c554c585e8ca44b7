//! `connectrpc.conformance.v1.ConformanceService`: the answers that requests define.

use std::time::Duration;

use connect::wkt::Any;
use connect::{Code, ConnectError, Context, MessageStream};
use futures::stream::{self, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use platform::clock;
use prost::{Message, Name};

use crate::proto::v1::conformance_payload::RequestInfo;
use crate::proto::v1::unary_response_definition::Response;
use crate::proto::v1::{
    ConformancePayload, ConformanceService, Error, Header, IdempotentUnaryRequest, IdempotentUnaryResponse,
    ServerStreamRequest, ServerStreamResponse, StreamResponseDefinition, UnaryRequest, UnaryResponse,
    UnaryResponseDefinition,
};

/// The service. It keeps nothing.
pub(crate) struct Conformance;

/// Unimplemented is left as the trait has it.
impl ConformanceService for Conformance {
    async fn unary(
        &self,
        context: &mut Context,
        request: UnaryRequest,
    ) -> Result<UnaryResponse, ConnectError> {
        let seen = seen(context, &request);
        let payload = answer(context, request.response_definition, seen).await?;
        Ok(UnaryResponse {
            payload: Some(payload),
        })
    }

    async fn idempotent_unary(
        &self,
        context: &mut Context,
        request: IdempotentUnaryRequest,
    ) -> Result<IdempotentUnaryResponse, ConnectError> {
        let seen = seen(context, &request);
        let payload = answer(context, request.response_definition, seen).await?;
        Ok(IdempotentUnaryResponse {
            payload: Some(payload),
        })
    }

    async fn server_stream(
        &self,
        context: &mut Context,
        request: ServerStreamRequest,
    ) -> Result<MessageStream<ServerStreamResponse>, ConnectError> {
        let seen = seen(context, &request);
        let definition = request.response_definition.unwrap_or_default();
        fill(&mut context.response_headers, &definition.response_headers)?;
        fill(&mut context.response_trailers, &definition.response_trailers)?;
        match definition.error {
            Some(error) if definition.response_data.is_empty() => Err(failure(error).with_detail(&seen)),
            _ => Ok(messages(definition, seen)),
        }
    }
}

/// The answer of a unary method.
async fn answer(
    context: &mut Context,
    definition: Option<UnaryResponseDefinition>,
    seen: RequestInfo,
) -> Result<ConformancePayload, ConnectError> {
    let definition = definition.unwrap_or_default();
    fill(&mut context.response_headers, &definition.response_headers)?;
    fill(&mut context.response_trailers, &definition.response_trailers)?;
    wait(definition.response_delay_ms).await;
    let data = match definition.response {
        Some(Response::Error(error)) => return Err(failure(error).with_detail(&seen)),
        Some(Response::ResponseData(data)) => data,
        None => Vec::new(),
    };
    Ok(ConformancePayload {
        data,
        request_info: Some(seen),
    })
}

/// The answers of a streaming method.
fn messages(definition: StreamResponseDefinition, seen: RequestInfo) -> MessageStream<ServerStreamResponse> {
    let delay = definition.response_delay_ms;
    // What the server saw goes with the first message only.
    let seen = std::iter::once(Some(seen)).chain(std::iter::repeat(None));
    let parts = stream::iter(definition.response_data.into_iter().zip(seen));
    let messages = parts.then(move |(data, request_info)| async move {
        wait(delay).await;
        let payload = Some(ConformancePayload { data, request_info });
        Ok(ServerStreamResponse { payload })
    });
    let end = stream::iter(definition.error.map(|error| Err(failure(error))));
    messages.chain(end).boxed_local()
}

async fn wait(milliseconds: u32) {
    if milliseconds > 0 {
        clock::sleep(Duration::from_millis(milliseconds.into())).await;
    }
}

/// What there is to tell about a request.
fn seen<M: Message + Name>(context: &Context, message: &M) -> RequestInfo {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = context.headers.keys().map(|name| Header {
        name: name.as_str().to_owned(),
        value: context.headers.get_all(name).iter().map(text).collect(),
    });
    RequestInfo {
        request_headers: headers.collect(),
        timeout_ms: context
            .remaining()
            .map(|left| left.as_millis().try_into().unwrap_or(i64::MAX)),
        requests: vec![Any {
            type_url: format!("type.googleapis.com/{}", M::full_name()),
            value: message.encode_to_vec(),
        }],
        // The context has no query.
        connect_get_info: None,
    }
}

/// Adds what a request wants among headers or trailers.
fn fill(metadata: &mut HeaderMap, wanted: &[Header]) -> Result<(), ConnectError> {
    for Header { name, value: values } in wanted {
        for value in values {
            let name = HeaderName::try_from(name).map_err(|_| no_header(name))?;
            let value = HeaderValue::try_from(value).map_err(|_| no_header(name.as_str()))?;
            metadata.append(name, value);
        }
    }
    Ok(())
}

fn no_header(name: &str) -> ConnectError {
    ConnectError::invalid_argument(format!("the header {name:?} cannot be sent over HTTP"))
}

fn failure(error: Error) -> ConnectError {
    // The enum's names are the protocol's, in capitals and with a prefix.
    let name = error
        .code()
        .as_str_name()
        .trim_start_matches("CODE_")
        .to_lowercase();
    let code = Code::from_name(&name).unwrap_or(Code::Unknown);
    let failure = ConnectError::new(code, error.message.unwrap_or_default());
    error.details.into_iter().fold(failure, ConnectError::with_any)
}
