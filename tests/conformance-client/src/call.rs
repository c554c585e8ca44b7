//! One order: a call with all its parameters, and its result.

use std::time::{Duration, Instant};

use connect::wkt::Any;
use connect::{CallOptions, Client, ConnectError, Encoding};
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::{Message, Name};
use resilience::RemoteTransport;

use crate::drive::{self, Cancel, Plan};
use crate::proto::v1::client_compat_request::cancel::CancelTiming;
use crate::proto::v1::{
    self, ClientCompatRequest, ClientResponseResult, Codec, Compression, ConformancePayload,
    ConformanceServiceClient, Error, Header, Protocol, StreamType,
};

/// Makes the ordered call, and returns its result.
///
/// # Errors
/// The order is invalid. The text says why.
pub(crate) async fn make(order: ClientCompatRequest) -> Result<ClientResponseResult, String> {
    let client = ConformanceServiceClient::with(client(&order)?);
    let options = options(&order)?;
    let plan = plan(&order);
    let mut seen = Seen::default();
    match order.method() {
        "Unary" => {
            let call = client.unary(options, only(&order)?);
            drive::one(call, |answer| answer.payload, plan.cancel, &mut seen).await;
        }
        "IdempotentUnary" => {
            let call = client.idempotent_unary(options, only(&order)?);
            drive::one(call, |answer| answer.payload, plan.cancel, &mut seen).await;
        }
        "Unimplemented" => {
            let call = client.unimplemented(options, only(&order)?);
            drive::one(call, |_| None, plan.cancel, &mut seen).await;
        }
        "ServerStream" => {
            let call = client.server_stream(options, only(&order)?);
            drive::many(call, |answer| answer.payload, plan.cancel, &mut seen).await;
        }
        "ClientStream" => {
            let requests = drive::Requests::new(all(&order)?, &plan);
            let call = client.client_stream(options, requests.stream);
            let cancel = requests.sent.cancel(plan.cancel);
            drive::one_of_many(call, |answer| answer.payload, cancel, &mut seen).await;
            seen.unsent = requests.left.get();
        }
        "BidiStream" if order.stream_type() == StreamType::FullDuplexBidiStream => {
            let call = |requests| client.bidi_stream(options, requests);
            drive::in_turns(call, all(&order)?, |answer| answer.payload, &plan, &mut seen).await;
        }
        "BidiStream" => {
            let requests = drive::Requests::new(all(&order)?, &plan);
            let call = client.bidi_stream(options, requests.stream);
            let cancel = requests.sent.cancel(plan.cancel);
            drive::many_of_many(call, |answer| answer.payload, plan.cancel, cancel, &mut seen).await;
            seen.unsent = requests.left.get();
        }
        other => return Err(format!("there is no method {other:?}")),
    }
    Ok(seen.result())
}

fn client(order: &ClientCompatRequest) -> Result<Client<RemoteTransport>, String> {
    let origin = format!("http://{}:{}", order.host, order.port);
    let remote = RemoteTransport::to(&origin).map_err(|error| error.to_string())?;
    let mut client = Client::new(remote).types(v1::TYPES);
    client = match order.protocol() {
        Protocol::Connect => client,
        Protocol::Grpc => client.grpc(),
        Protocol::GrpcWeb => client.grpc_web(),
        Protocol::Unspecified => return Err("no protocol is given".into()),
    };
    client = match order.codec() {
        Codec::Proto => client.encoding(Encoding::Proto),
        Codec::Json => client.encoding(Encoding::Json),
        other => return Err(format!("the codec {} is not known", other.as_str_name())),
    };
    client = match order.compression() {
        Compression::Identity | Compression::Unspecified => client,
        Compression::Gzip => client.gzip_from(0),
        other => return Err(format!("the compression {} is not known", other.as_str_name())),
    };
    if order.use_get_http_method {
        client = client.by_get();
    }
    match order.message_receive_limit {
        0 => Ok(client),
        limit => Ok(client.response_limit(limit as usize)),
    }
}

fn options(order: &ClientCompatRequest) -> Result<CallOptions, String> {
    let mut headers = HeaderMap::new();
    for Header { name, value: values } in &order.request_headers {
        let name = HeaderName::try_from(name).map_err(|error| format!("the header {name:?}: {error}"))?;
        for value in values {
            let value =
                HeaderValue::try_from(value).map_err(|error| format!("the header {name}: {error}"))?;
            headers.append(&name, value);
        }
    }
    let time = order.timeout_ms.map(|time| Duration::from_millis(time.into()));
    Ok(CallOptions {
        headers,
        deadline: time.map(|time| Instant::now() + time),
    })
}

fn plan(order: &ClientCompatRequest) -> Plan {
    let cancel = order.cancel.as_ref().map(|cancel| match cancel.cancel_timing {
        Some(CancelTiming::BeforeCloseSend(())) => Cancel::InsteadOfEnd,
        Some(CancelTiming::AfterCloseSendMs(time)) => Cancel::AfterEnd(Duration::from_millis(time.into())),
        Some(CancelTiming::AfterNumResponses(count)) => Cancel::AfterAnswers(count as usize),
        None => Cancel::AfterEnd(Duration::ZERO),
    });
    Plan {
        delay: Duration::from_millis(order.request_delay_ms.into()),
        cancel,
    }
}

fn all<M: Message + Name + Default>(order: &ClientCompatRequest) -> Result<Vec<M>, String> {
    let wanted = M::full_name();
    let message = |any: &Any| match any.type_url.rsplit('/').next() {
        Some(name) if name == wanted => M::decode(&*any.value).map_err(|error| error.to_string()),
        _ => Err(format!("{wanted} is wanted, not {}", any.type_url)),
    };
    order.request_messages.iter().map(message).collect()
}

fn only<M: Message + Name + Default>(order: &ClientCompatRequest) -> Result<M, String> {
    let mut messages = all(order)?;
    match (messages.pop(), messages.is_empty()) {
        (Some(message), true) => Ok(message),
        _ => Err("the method takes one message".into()),
    }
}

/// The received parts of a call.
#[derive(Default)]
pub(crate) struct Seen {
    headers: HeaderMap,
    payloads: Vec<ConformancePayload>,
    error: Option<ConnectError>,
    trailers: HeaderMap,
    unsent: usize,
}

impl Seen {
    pub(crate) fn began(&mut self, headers: HeaderMap) {
        self.headers = headers;
    }

    pub(crate) fn answered(&mut self, payload: Option<ConformancePayload>) {
        self.payloads.push(payload.unwrap_or_default());
    }

    pub(crate) fn answers(&self) -> usize {
        self.payloads.len()
    }

    pub(crate) fn succeeded(&mut self, trailers: HeaderMap) {
        self.trailers = trailers;
    }

    /// The metadata of an error counts as trailing metadata. The suite expects that if the two cannot be distinguished.
    pub(crate) fn failed(&mut self, error: ConnectError) {
        self.trailers = error.metadata().clone();
        self.error = Some(error);
    }

    /// An error instead of a stream. All metadata came in one place then, and the suite looks in both.
    pub(crate) fn never_began(&mut self, error: ConnectError) {
        self.headers = error.metadata().clone();
        self.failed(error);
    }

    /// The caller dropped the call, which is all that there is to giving it up.
    pub(crate) fn canceled(&mut self) {
        self.failed(ConnectError::canceled("the caller gave the call up"));
    }

    fn result(self) -> ClientResponseResult {
        ClientResponseResult {
            response_headers: pairs(&self.headers),
            payloads: self.payloads,
            error: self.error.as_ref().map(described),
            response_trailers: pairs(&self.trailers),
            num_unsent_requests: i32::try_from(self.unsent).unwrap_or(i32::MAX),
        }
    }
}

fn pairs(metadata: &HeaderMap) -> Vec<Header> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let header = |name: &HeaderName| Header {
        name: name.as_str().to_owned(),
        value: metadata.get_all(name).iter().map(text).collect(),
    };
    metadata.keys().map(header).collect()
}

fn described(error: &ConnectError) -> Error {
    let details = error.details().iter().map(|detail| Any {
        type_url: format!("type.googleapis.com/{}", detail.type_name()),
        value: detail.value().to_vec(),
    });
    Error {
        code: error.code().number().into(),
        message: Some(error.message().to_owned()),
        details: details.collect(),
    }
}
