use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::HeaderMap;

use crate::code::Code;
use crate::json::{self, Types};
use crate::wkt::Any;

/// The reason why an RPC failed: a code for programs, a message for people, and details for the caller.
///
/// All of it is sent to the caller. Information that only the operator needs belongs in the log.
#[derive(Clone)]
pub struct ConnectError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: String,
    details: Vec<Detail>,
    metadata: HeaderMap,
}

/// Declares a constructor for each code.
macro_rules! constructors {
    ($($(#[$documentation:meta])* $name:ident: $code:ident;)*) => {
        $($(#[$documentation])*
        pub fn $name(message: impl Into<String>) -> Self {
            Self::new(Code::$code, message)
        })*
    };
}

impl ConnectError {
    /// An error with a message: what failed, why, and what the caller can do.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner {
            code,
            message,
            details: Vec::new(),
            metadata: HeaderMap::new(),
        }))
    }

    constructors! {
        /// [`Code::Canceled`].
        canceled: Canceled;
        /// [`Code::Unknown`].
        unknown: Unknown;
        /// [`Code::InvalidArgument`].
        invalid_argument: InvalidArgument;
        /// [`Code::DeadlineExceeded`].
        deadline_exceeded: DeadlineExceeded;
        /// [`Code::NotFound`].
        not_found: NotFound;
        /// [`Code::AlreadyExists`].
        already_exists: AlreadyExists;
        /// [`Code::PermissionDenied`].
        permission_denied: PermissionDenied;
        /// [`Code::ResourceExhausted`].
        resource_exhausted: ResourceExhausted;
        /// [`Code::FailedPrecondition`].
        failed_precondition: FailedPrecondition;
        /// [`Code::Aborted`].
        aborted: Aborted;
        /// [`Code::OutOfRange`].
        out_of_range: OutOfRange;
        /// [`Code::Unimplemented`].
        unimplemented: Unimplemented;
        /// [`Code::Internal`].
        internal: Internal;
        /// [`Code::Unavailable`].
        unavailable: Unavailable;
        /// [`Code::DataLoss`].
        data_loss: DataLoss;
        /// [`Code::Unauthenticated`].
        unauthenticated: Unauthenticated;
    }

    /// The refusal of a message that has more than `limit` bytes, as sent or decompressed.
    pub(crate) fn message_too_large(limit: usize) -> Self {
        Self::resource_exhausted(format!("the message is larger than {limit} bytes"))
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The message, which may be empty.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The typed details, in the order they were added.
    pub fn details(&self) -> &[Detail] {
        &self.0.details
    }

    /// The first detail of type `D`, if there is one and it is well-formed.
    pub fn detail<D: prost::Name + Default>(&self) -> Option<D> {
        let name = D::full_name();
        let detail = self.0.details.iter().find(|detail| detail.type_name == name)?;
        D::decode(&*detail.value).ok()
    }

    /// The same error with one more typed detail.
    #[must_use]
    pub fn with_detail<D: json::Message + prost::Name>(mut self, detail: &D) -> Self {
        self.0.details.push(Detail::of(detail));
        self
    }

    /// The same error with one more detail, of a type that is only known by its name.
    #[must_use]
    pub fn with_any(mut self, detail: Any) -> Self {
        self.0.details.push(Detail::from(detail));
        self
    }

    /// The metadata that is sent as response headers. In a client: the metadata that was received.
    pub fn metadata(&self) -> &HeaderMap {
        &self.0.metadata
    }

    /// Response headers to send, such as `Retry-After`.
    pub fn metadata_mut(&mut self) -> &mut HeaderMap {
        &mut self.0.metadata
    }

    /// The error as the Connect protocol has it in JSON: `{"code": …, "message": …, "details": […]}`.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let types = Types::default();
        let mut writer = json::Writer::new(&types);
        self.write_json(&mut writer);
        writer.into_bytes()
    }

    /// [`Self::to_json`], as part of another text.
    pub(crate) fn write_json(&self, writer: &mut json::Writer<'_>) {
        let mut object = writer.object();
        object.name("code").string(self.code().as_str());
        if !self.message().is_empty() {
            object.name("message").string(self.message());
        }
        if !self.details().is_empty() {
            let Ok(()) = object.name("details").array(self.details(), |writer, detail| {
                detail.write(writer);
                Ok::<(), std::convert::Infallible>(())
            });
        }
        object.end();
    }

    /// Parses the error from a JSON text of the Connect protocol. If the code is missing or unknown, the error has the code
    /// of `otherwise`, and its message too if the text has none.
    pub(crate) fn from_json(text: &[u8], otherwise: Self) -> Result<Self, json::Error> {
        let text = std::str::from_utf8(text).map_err(|_| json::Error::new("not valid UTF-8"))?;
        let types = Types::default();
        let mut reader = json::Reader::new(text, &types);
        let error = Self::read_json(&mut reader, otherwise)?;
        reader.finish()?;
        Ok(error)
    }

    /// [`Self::from_json`], as part of another text.
    pub(crate) fn read_json(reader: &mut json::Reader<'_>, otherwise: Self) -> Result<Self, json::Error> {
        let (mut code, mut message, mut details) = (None, String::new(), Vec::new());
        let mut object = reader.object()?;
        while let Some(name) = object.next_name()? {
            let value = object.value();
            match &*name {
                "code" if value.null()? => {}
                "code" => code = Code::from_name(&value.string()?),
                "message" if value.null()? => {}
                "message" => message = value.string()?.into_owned(),
                "details" if value.null()? => {}
                "details" => value.array(|value| {
                    details.push(Detail::read(value)?);
                    Ok(())
                })?,
                _ => value.skip()?,
            }
        }
        if code.is_none() && message.is_empty() {
            message = otherwise.0.message;
        }
        Ok(Self(Box::new(Inner {
            code: code.unwrap_or(otherwise.0.code),
            message,
            details,
            metadata: HeaderMap::new(),
        })))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            "" => write!(formatter, "{}", self.code()),
            message => write!(formatter, "{}: {message}", self.code()),
        }
    }
}

/// Shows the names of the details, but neither the details nor the metadata: they may be long, and metadata may be
/// secret.
impl fmt::Debug for ConnectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details: Vec<_> = self.details().iter().map(Detail::type_name).collect();
        formatter
            .debug_struct("ConnectError")
            .field("code", &self.code())
            .field("message", &self.message())
            .field("details", &details)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for ConnectError {}

/// A protobuf message that comes with an error, in its binary form.
#[derive(Clone, PartialEq, Eq)]
pub struct Detail {
    type_name: String,
    value: Vec<u8>,
    /// Its JSON form, for people who read the response; programs use `value`.
    debug: Option<String>,
}

impl Detail {
    fn of<D: json::Message + prost::Name>(message: &D) -> Self {
        let debug = json::to_vec(message, &Types::default()).ok();
        Self {
            type_name: D::full_name(),
            value: message.encode_to_vec(),
            debug: debug.and_then(|json| String::from_utf8(json).ok()),
        }
    }

    /// The full name of the message type, such as `google.rpc.BadRequest`.
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The message, in protobuf's binary form.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    fn write(&self, writer: &mut json::Writer<'_>) {
        let mut object = writer.object();
        object.name("type").string(&self.type_name);
        object.name("value").string(&STANDARD_NO_PAD.encode(&self.value));
        if let Some(debug) = &self.debug {
            object.name("debug").raw(debug);
        }
        object.end();
    }

    fn read(reader: &mut json::Reader<'_>) -> Result<Self, json::Error> {
        let mut detail = Self {
            type_name: String::new(),
            value: Vec::new(),
            debug: None,
        };
        let mut object = reader.object()?;
        while let Some(name) = object.next_name()? {
            let value = object.value();
            match &*name {
                "type" => detail.type_name = value.string()?.into_owned(),
                "value" => {
                    let text = value.string()?;
                    let bytes = json::kind::decode_base64(&text);
                    detail.value = bytes.ok_or_else(|| value.error("a detail's value is not base64"))?;
                }
                "debug" => detail.debug = Some(value.raw()?.to_owned()),
                _ => value.skip()?,
            }
        }
        Ok(detail)
    }
}

impl From<Any> for Detail {
    fn from(Any { type_url, value }: Any) -> Self {
        let name = type_url.rsplit('/').next().unwrap_or_default();
        Self {
            type_name: name.to_owned(),
            value,
            debug: None,
        }
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Detail({}, {} bytes)",
            self.type_name,
            self.value.len()
        )
    }
}
