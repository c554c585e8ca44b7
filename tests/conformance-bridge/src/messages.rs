//! The fields that the bridge reads in the messages that it forwards. The whole contract is in `tests/proto`.

/// `connectrpc.conformance.v1.HTTPVersion.HTTP_VERSION_2`.
const HTTP_2: i32 = 2;

/// The needed part of `connectrpc.conformance.v1.ClientCompatRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Order {
    #[prost(string, tag = "1")]
    pub(crate) test_name: String,
    #[prost(int32, tag = "2")]
    http_version: i32,
    #[prost(string, tag = "6")]
    host: String,
    #[prost(uint32, tag = "7")]
    port: u32,
}

impl Order {
    /// The server that is to be called, if that is by HTTP/2.
    pub(crate) fn server_by_http2(&self) -> Option<String> {
        (self.http_version == HTTP_2).then(|| format!("{}:{}", self.host, self.port))
    }
}

/// `connectrpc.conformance.v1.ClientCompatResponse`, for orders without a response of the component.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Report {
    #[prost(string, tag = "1")]
    test_name: String,
    #[prost(message, optional, tag = "3")]
    error: Option<Problem>,
}

/// `connectrpc.conformance.v1.ClientErrorResult`.
#[derive(Clone, PartialEq, prost::Message)]
struct Problem {
    #[prost(string, tag = "1")]
    message: String,
}

impl Report {
    /// The report of an order that could not be executed.
    pub(crate) fn failed(test_name: String, message: String) -> Self {
        Self {
            test_name,
            error: Some(Problem { message }),
        }
    }
}
