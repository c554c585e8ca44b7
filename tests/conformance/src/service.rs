//! `connectrpc.conformance.v1.ConformanceService`: the answers that requests define.

use std::time::Duration;

use connect::wkt::Any;
use connect::{Code, ConnectError, Context, MessageStream};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::{Message, Name};
use spin_adapters::clock;

use crate::proto::v1::conformance_payload::{ConnectGetInfo, RequestInfo};
use crate::proto::v1::unary_response_definition::Response;
use crate::proto::v1::{
    BidiStreamRequest, BidiStreamResponse, ClientStreamRequest, ClientStreamResponse, ConformancePayload,
    ConformanceService, Error, Header, IdempotentUnaryRequest, IdempotentUnaryResponse, ServerStreamRequest,
    ServerStreamResponse, StreamResponseDefinition, UnaryRequest, UnaryResponse, UnaryResponseDefinition,
};

/// The service. It has no state.
pub(crate) struct Conformance;

/// The method `unimplemented` keeps the default of the trait.
impl ConformanceService for Conformance {
    async fn unary(
        &self,
        context: &mut Context,
        request: UnaryRequest,
    ) -> Result<UnaryResponse, ConnectError> {
        let seen = seen(context, vec![any(&request)]);
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
        let seen = seen(context, vec![any(&request)]);
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
        let seen = seen(context, vec![any(&request)]);
        let payloads = answers(context, request.response_definition.unwrap_or_default(), seen)?;
        let responses = payloads.map_ok(|payload| ServerStreamResponse {
            payload: Some(payload),
        });
        Ok(responses.boxed_local())
    }

    async fn client_stream(
        &self,
        context: &mut Context,
        mut requests: MessageStream<ClientStreamRequest>,
    ) -> Result<ClientStreamResponse, ConnectError> {
        let first = requests.try_next().await?;
        let mut received: Vec<Any> = first.iter().map(any).collect();
        while let Some(request) = requests.try_next().await? {
            received.push(any(&request));
        }
        let definition = first.and_then(|first| first.response_definition);
        let seen = seen(context, received);
        let payload = answer(context, definition, seen).await?;
        Ok(ClientStreamResponse {
            payload: Some(payload),
        })
    }

    async fn bidi_stream(
        &self,
        context: &mut Context,
        mut requests: MessageStream<BidiStreamRequest>,
    ) -> Result<MessageStream<BidiStreamResponse>, ConnectError> {
        let Some(first) = requests.try_next().await? else {
            return Ok(stream::empty().boxed_local());
        };
        let mut received = vec![any(&first)];
        let definition = first.response_definition.unwrap_or_default();
        let payloads = if first.full_duplex && !definition.response_data.is_empty() {
            fill(&mut context.response_headers, &definition.response_headers)?;
            fill(&mut context.response_trailers, &definition.response_trailers)?;
            Conversation::new(definition, seen(context, received), requests).into_stream()
        } else {
            while !first.full_duplex
                && let Some(request) = requests.try_next().await?
            {
                received.push(any(&request));
            }
            let seen = seen(context, received);
            answers(context, definition, seen)?
        };
        let responses = payloads.map_ok(|payload| BidiStreamResponse {
            payload: Some(payload),
        });
        Ok(responses.boxed_local())
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

/// The answers of a method that returns a stream, after all requests were read.
fn answers(
    context: &mut Context,
    definition: StreamResponseDefinition,
    seen: RequestInfo,
) -> Result<MessageStream<ConformancePayload>, ConnectError> {
    fill(&mut context.response_headers, &definition.response_headers)?;
    fill(&mut context.response_trailers, &definition.response_trailers)?;
    match definition.error {
        Some(error) if definition.response_data.is_empty() => Err(failure(error).with_detail(&seen)),
        _ => Ok(Conversation::new(definition, seen, stream::empty().boxed_local()).into_stream()),
    }
}

/// Answers, one after each request. The rest follows after the last request.
struct Conversation {
    data: std::vec::IntoIter<Vec<u8>>,
    delay: u32,
    /// The error at the end, if there is one.
    error: Option<Error>,
    /// The requests since the last answer.
    seen: Option<RequestInfo>,
    /// `None` when there are no more requests.
    requests: Option<MessageStream<BidiStreamRequest>>,
}

impl Conversation {
    fn new(
        definition: StreamResponseDefinition,
        seen: RequestInfo,
        requests: MessageStream<BidiStreamRequest>,
    ) -> Self {
        Self {
            data: definition.response_data.into_iter(),
            delay: definition.response_delay_ms,
            error: definition.error,
            seen: Some(seen),
            requests: Some(requests),
        }
    }

    fn into_stream(self) -> MessageStream<ConformancePayload> {
        let next = |mut conversation: Self| async move {
            let payload = conversation.next().await?;
            Ok(payload.map(|payload| (payload, conversation)))
        };
        stream::try_unfold(self, next).boxed_local()
    }

    async fn next(&mut self) -> Result<Option<ConformancePayload>, ConnectError> {
        if self.seen.is_none() {
            self.listen().await?;
        }
        let Some(data) = self.data.next() else {
            return self.error.take().map_or(Ok(None), |error| Err(failure(error)));
        };
        wait(self.delay).await;
        Ok(Some(ConformancePayload {
            data,
            request_info: self.seen.take(),
        }))
    }

    /// Reads the next request, if there is one.
    async fn listen(&mut self) -> Result<(), ConnectError> {
        let Some(requests) = &mut self.requests else {
            return Ok(());
        };
        match requests.try_next().await? {
            Some(request) => {
                self.seen = Some(RequestInfo {
                    requests: vec![any(&request)],
                    ..RequestInfo::default()
                });
            }
            None => self.requests = None,
        }
        Ok(())
    }
}

async fn wait(milliseconds: u32) {
    if milliseconds > 0 {
        clock::sleep(Duration::from_millis(milliseconds.into())).await;
    }
}

/// The description of a request with these messages, for the answer.
fn seen(context: &Context, requests: Vec<Any>) -> RequestInfo {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = context.headers.keys().map(|name| Header {
        name: name.as_str().to_owned(),
        value: context.headers.get_all(name).iter().map(text).collect(),
    });
    let parameters = context.query_parameters().map(|parameters| {
        parameters.map(|(name, value)| Header {
            name: name.into_owned(),
            value: vec![value.into_owned()],
        })
    });
    RequestInfo {
        request_headers: headers.collect(),
        timeout_ms: context
            .remaining()
            .map(|left| left.as_millis().try_into().unwrap_or(i64::MAX)),
        requests,
        connect_get_info: parameters.map(|parameters| ConnectGetInfo {
            query_params: parameters.collect(),
        }),
    }
}

/// A request message in the form of the answer.
fn any<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{}", M::full_name()),
        value: message.encode_to_vec(),
    }
}

/// Adds the headers or trailers that a request defines.
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
