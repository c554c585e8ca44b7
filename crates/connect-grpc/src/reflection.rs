//! `grpc.reflection.v1.ServerReflection`.

use std::cell::OnceCell;
use std::rc::Rc;

use connect::{Code, ConnectError, Context, MessageStream};
use futures::StreamExt as _;

use crate::contract::server_reflection_request::MessageRequest;
use crate::contract::server_reflection_response::MessageResponse;
use crate::contract::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse, ServerReflection,
    ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
};
use crate::index::Index;
use crate::shown::Shown;

/// The reflection service: it shows contracts, and nothing that they do not name. How many questions a stream may have is a
/// limit of the router.
#[derive(Clone, Debug)]
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

    /// The answer to a question. `internal` if what is to be shown is no descriptor set.
    fn answer(&self, request: ServerReflectionRequest) -> Result<ServerReflectionResponse, ConnectError> {
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

impl ServerReflection for Reflection {
    async fn server_reflection_info(
        &self,
        _: &mut Context,
        requests: MessageStream<ServerReflectionRequest>,
    ) -> Result<MessageStream<ServerReflectionResponse>, ConnectError> {
        let reflection = self.clone();
        let answers = requests.map(move |request| reflection.answer(request?));
        Ok(answers.boxed_local())
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

#[cfg(test)]
mod tests {
    use connect::ServiceDescriptor;
    use connect::wkt::{
        DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
        MethodDescriptorProto, ServiceDescriptorProto,
    };
    use futures::{FutureExt as _, stream};
    use prost::Message as _;

    use super::*;
    use crate::contract;

    static SHOP: ServiceDescriptor = ServiceDescriptor {
        name: "shop.Shop",
        methods: &[],
    };
    static SERVICES: [&ServiceDescriptor; 1] = [&SHOP];

    fn service(name: &str) -> ServiceDescriptorProto {
        ServiceDescriptorProto {
            name: Some(name.to_owned()),
            method: vec![MethodDescriptorProto {
                name: Some("Buy".to_owned()),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    fn file(name: &str, package: &str, imports: &[&str]) -> FileDescriptorProto {
        FileDescriptorProto {
            name: Some(name.to_owned()),
            package: Some(package.to_owned()),
            dependency: imports.iter().map(|name| name.to_string()).collect(),
            ..Default::default()
        }
    }

    fn message(name: &str) -> DescriptorProto {
        DescriptorProto {
            name: Some(name.to_owned()),
            ..Default::default()
        }
    }

    /// A shop with one public service and one that is not, in the same file; what it imports; and a file that nothing needs.
    fn shop() -> Reflection {
        let order = DescriptorProto {
            enum_type: vec![EnumDescriptorProto {
                name: Some("Status".to_owned()),
                ..Default::default()
            }],
            ..message("Order")
        };
        let note = FieldDescriptorProto {
            name: Some("note".to_owned()),
            number: Some(100),
            extendee: Some(".money.Money".to_owned()),
            ..Default::default()
        };
        let set = FileDescriptorSet {
            file: vec![
                FileDescriptorProto {
                    message_type: vec![message("Money")],
                    ..file("money.proto", "money", &[])
                },
                FileDescriptorProto {
                    message_type: vec![order],
                    extension: vec![note],
                    service: vec![service("Shop"), service("Stock")],
                    ..file("shop.proto", "shop", &["money.proto"])
                },
                FileDescriptorProto {
                    message_type: vec![message("Detail")],
                    ..file("details.proto", "details", &[])
                },
                FileDescriptorProto {
                    service: vec![service("Secret")],
                    ..file("secret.proto", "secret", &["shop.proto"])
                },
            ],
        };
        let shown = Shown {
            descriptors: set.encode_to_vec().leak(),
            services: &SERVICES,
            files: &["details.proto"],
        };
        Reflection::of(Box::leak(Box::new([shown, Shown::REFLECTION])))
    }

    /// The answers of one stream.
    fn ask(questions: Vec<MessageRequest>) -> Vec<MessageResponse> {
        let requests = questions.into_iter().map(|question| {
            Ok(ServerReflectionRequest {
                host: "shop.example".to_owned(),
                message_request: Some(question),
            })
        });
        let requests = stream::iter(requests).boxed_local();
        let shop = shop();
        let mut context = Context::default();
        let answers = shop.server_reflection_info(&mut context, requests).now_or_never();
        let answers = answers
            .expect("it waits for nothing")
            .expect("a stream of answers");
        let answers: Vec<_> = answers.collect().now_or_never().expect("it waits for nothing");
        let answers = answers
            .into_iter()
            .map(|answer| answer.expect("every question has an answer"));
        answers
            .map(|answer| answer.message_response.expect("there is something in it"))
            .collect()
    }

    /// The content of the answer to one request: names of files, or the code of an error.
    fn found(question: MessageRequest) -> Result<Vec<String>, i32> {
        match ask(vec![question]).remove(0) {
            MessageResponse::FileDescriptorResponse(files) => Ok(files
                .file_descriptor_proto
                .iter()
                .map(|file| {
                    FileDescriptorProto::decode(&**file)
                        .expect("a descriptor")
                        .name()
                        .to_owned()
                })
                .collect()),
            MessageResponse::ErrorResponse(error) => Err(error.error_code),
            other => panic!("neither files nor an error: {other:?}"),
        }
    }

    #[test]
    fn requests_are_answered_in_order_and_an_invalid_one_does_not_end_the_stream() {
        let answers = ask(vec![
            MessageRequest::ListServices(String::new()),
            MessageRequest::FileByFilename("no.proto".to_owned()),
            MessageRequest::ListServices(String::new()),
        ]);
        let MessageResponse::ListServicesResponse(list) = &answers[0] else {
            panic!("the first answer is a list: {answers:?}");
        };
        let names: Vec<&str> = list.service.iter().map(|service| &*service.name).collect();
        assert_eq!(names, ["grpc.reflection.v1.ServerReflection", "shop.Shop"]);
        assert!(
            matches!(answers[1], MessageResponse::ErrorResponse(_)),
            "{answers:?}"
        );
        assert_eq!(answers[2], answers[0]);
    }

    #[test]
    fn symbols_and_files_lead_to_files_and_their_imports() {
        let whole = || Ok(vec!["shop.proto".to_owned(), "money.proto".to_owned()]);
        for symbol in [
            "shop.Shop",
            "shop.Shop.Buy",
            "shop.Order",
            "shop.Order.Status",
            "shop.note",
        ] {
            let files = found(MessageRequest::FileContainingSymbol(symbol.to_owned()));
            assert_eq!(files, whole(), "the files of {symbol}");
        }
        assert_eq!(
            found(MessageRequest::FileByFilename("shop.proto".to_owned())),
            whole()
        );
        let detail = found(MessageRequest::FileContainingSymbol("details.Detail".to_owned()));
        assert_eq!(detail, Ok(vec!["details.proto".to_owned()]));
    }

    #[test]
    fn services_that_are_not_shown_are_in_no_answer() {
        const NOT_FOUND: i32 = 5;
        for symbol in ["shop.Stock", "shop.Stock.Buy", "secret.Secret", ""] {
            let files = found(MessageRequest::FileContainingSymbol(symbol.to_owned()));
            assert_eq!(files, Err(NOT_FOUND), "the files of {symbol:?}");
        }
        assert_eq!(
            found(MessageRequest::FileByFilename("secret.proto".to_owned())),
            Err(NOT_FOUND)
        );
        let MessageResponse::FileDescriptorResponse(files) =
            ask(vec![MessageRequest::FileByFilename("shop.proto".to_owned())]).remove(0)
        else {
            panic!("the file is shown");
        };
        let shop = FileDescriptorProto::decode(&*files.file_descriptor_proto[0]).expect("a descriptor");
        let names: Vec<&str> = shop.service.iter().map(|service| service.name()).collect();
        assert_eq!(names, ["Shop"], "the other service of the file is left out");
    }

    #[test]
    fn extensions_are_found_by_number() {
        let extension = |number| {
            MessageRequest::FileContainingExtension(contract::ExtensionRequest {
                containing_type: "money.Money".to_owned(),
                extension_number: number,
            })
        };
        assert_eq!(
            found(extension(100)).map(|files| files[0].clone()),
            Ok("shop.proto".to_owned())
        );
        assert_eq!(found(extension(101)), Err(5));
        let numbers = ask(vec![
            MessageRequest::AllExtensionNumbersOfType("money.Money".to_owned()),
            MessageRequest::AllExtensionNumbersOfType("shop.Order".to_owned()),
        ]);
        for (answer, expected) in numbers.iter().zip([vec![100], vec![]]) {
            let MessageResponse::AllExtensionNumbersResponse(numbers) = answer else {
                panic!("the numbers come: {answer:?}");
            };
            assert_eq!(numbers.extension_number, expected);
        }
        assert_eq!(
            found(MessageRequest::AllExtensionNumbersOfType("no.Message".to_owned())),
            Err(5)
        );
    }

    #[test]
    fn request_without_a_message_is_an_invalid_argument() {
        let answer = shop()
            .answer(ServerReflectionRequest::default())
            .expect("an answer");
        let Some(MessageResponse::ErrorResponse(error)) = answer.message_response else {
            panic!("an error: {answer:?}");
        };
        assert_eq!(error.error_code, 3, "invalid_argument");
    }
}
