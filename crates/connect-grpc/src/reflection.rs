//! `grpc.reflection.v1.ServerReflection`.

use std::cell::OnceCell;
use std::rc::Rc;

use connect::{Code, ConnectError, ServiceDescriptor};

use crate::contract::server_reflection_request::MessageRequest;
use crate::contract::server_reflection_response::MessageResponse;
use crate::contract::{
    self, ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse,
    ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
};
use crate::index::Index;
use crate::{DESCRIPTORS, health};

/// Services to show, and the descriptor set that declares them.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// A `google.protobuf.FileDescriptorSet` in binary form, with all that its files import.
    pub descriptors: &'static [u8],
    /// The services. Others that stand in the same files are left out of them.
    pub services: &'static [&'static ServiceDescriptor],
    /// The names of more files to show, such as that of the messages that errors carry.
    pub files: &'static [&'static str],
}

/// What this crate declares itself. A server that serves one of them shows it.
impl Shown {
    /// Health checks.
    pub const HEALTH: Self = Self::own(&[&health::health::SERVICE]);
    /// Reflection.
    pub const REFLECTION: Self = Self::own(&[&contract::server_reflection::SERVICE]);

    const fn own(services: &'static [&'static ServiceDescriptor]) -> Self {
        Self {
            descriptors: DESCRIPTORS,
            services,
            files: &[],
        }
    }
}

/// The reflection service: it shows contracts, and nothing that they do not name.
#[derive(Clone)]
pub struct Reflection {
    shown: &'static [Shown],
    /// Made by the first question.
    index: Rc<OnceCell<Index>>,
}

impl Reflection {
    /// Shows these contracts.
    pub fn of(shown: &'static [Shown]) -> Self {
        Self {
            shown,
            index: Rc::default(),
        }
    }

    /// Answers a question.
    ///
    /// # Errors
    /// `internal`: what is to be shown is no descriptor set.
    pub fn answer(&self, request: ServerReflectionRequest) -> Result<ServerReflectionResponse, ConnectError> {
        let index = self.index()?;
        let answer = request
            .message_request
            .as_ref()
            .map(|question| answer(index, question));
        let answer = answer.unwrap_or_else(|| refuse(Code::InvalidArgument, "the request asks for nothing"));
        Ok(ServerReflectionResponse {
            valid_host: request.host.clone(),
            original_request: Some(request),
            message_response: Some(answer),
        })
    }

    fn index(&self) -> Result<&Index, ConnectError> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let index = Index::of(self.shown);
        let index = index.map_err(|error| ConnectError::internal(format!("no descriptor set: {error}")))?;
        Ok(self.index.get_or_init(|| index))
    }
}

fn answer(index: &Index, question: &MessageRequest) -> MessageResponse {
    match question {
        MessageRequest::ListServices(_) => services(index),
        MessageRequest::FileByFilename(name) => files(index.file(name), "file"),
        MessageRequest::FileContainingSymbol(name) => files(index.file_of_symbol(name), "symbol"),
        MessageRequest::FileContainingExtension(extension) => {
            let file = index.file_of_extension(&extension.containing_type, extension.extension_number);
            files(file, "extension")
        }
        MessageRequest::AllExtensionNumbersOfType(name) => match index.extensions(name) {
            Some(numbers) => MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse {
                base_type_name: name.clone(),
                extension_number: numbers,
            }),
            None => missing("message"),
        },
    }
}

fn services(index: &Index) -> MessageResponse {
    let service = index.services().map(|name| ServiceResponse {
        name: name.to_owned(),
    });
    MessageResponse::ListServicesResponse(ListServiceResponse {
        service: service.collect(),
    })
}

fn files(found: Option<Vec<Vec<u8>>>, what: &str) -> MessageResponse {
    match found {
        Some(files) => MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
            file_descriptor_proto: files,
        }),
        None => missing(what),
    }
}

fn missing(what: &str) -> MessageResponse {
    refuse(Code::NotFound, &format!("there is no such {what} here"))
}

fn refuse(code: Code, message: &str) -> MessageResponse {
    MessageResponse::ErrorResponse(ErrorResponse {
        error_code: code.number().into(),
        error_message: message.to_owned(),
    })
}
