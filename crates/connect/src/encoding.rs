use crate::error::ConnectError;
use crate::json::{self, Types};

/// The encoding of messages in the bodies of requests and responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// proto3 JSON.
    Json,
    /// protobuf's binary form.
    Proto,
}

impl Encoding {
    /// The encoding with this name in a media type or in the query of a GET.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "proto" => Some(Self::Proto),
            _ => None,
        }
    }

    /// Its name in a media type or in the query of a GET.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Proto => "proto",
        }
    }

    /// Reads a request. The error describes the mistake, and does not repeat any value.
    pub(crate) fn decode<M: json::Message>(self, bytes: &[u8], types: &Types) -> Result<M, String> {
        match self {
            Self::Json => json::from_slice(bytes, types).map_err(|error| error.to_string()),
            Self::Proto => M::decode(bytes).map_err(|error| error.to_string()),
        }
    }

    /// Reads an answer. The schema of the server may be newer than ours.
    pub(crate) fn decode_answer<M: json::Message>(self, bytes: &[u8], types: &Types) -> Result<M, String> {
        match self {
            Self::Json => json::from_slice_of_newer_schema(bytes, types).map_err(|error| error.to_string()),
            Self::Proto => self.decode(bytes, types),
        }
    }

    /// Writes a message of our own.
    pub(crate) fn encode<M: json::Message>(
        self,
        message: &M,
        types: &Types,
    ) -> Result<Vec<u8>, ConnectError> {
        match self {
            Self::Json => json::to_vec(message, types)
                .map_err(|error| ConnectError::internal(format!("the message has no JSON form: {error}"))),
            Self::Proto => Ok(message.encode_to_vec()),
        }
    }
}
