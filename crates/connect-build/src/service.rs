//! Code for services: descriptors, a trait, a server and a client.

use prost_types::method_options::IdempotencyLevel;
use prost_types::{FileDescriptorProto, MethodDescriptorProto, ServiceDescriptorProto};

use crate::access::AccessExpressions;
use crate::names::{constant, snake, type_path, upper_camel};
use crate::schema::qualified;

/// The code of all services of a file.
pub(crate) fn generate(file: &FileDescriptorProto, access: &AccessExpressions) -> String {
    let services = file.service.iter().enumerate().map(|(index, service)| {
        let service = Service::new(file, index, service, access);
        [
            service.descriptors(),
            service.definition(),
            service.server(),
            service.client(),
        ]
        .concat()
    });
    services.collect()
}

/// A service, with the names that its code uses.
struct Service {
    /// Comments, as lines of rustdoc.
    documentation: String,
    /// Package and name, such as `product.v1.ProductService`.
    full_name: String,
    /// The trait, such as `ProductService`.
    type_name: String,
    /// The module with the descriptors, such as `product_service`.
    module: String,
    methods: Vec<Method>,
}

/// A method, with the names that its code uses.
struct Method {
    documentation: String,
    /// Such as `GetProduct`.
    name: String,
    /// Such as `get_product`.
    function: String,
    /// The descriptor's name, such as `GET_PRODUCT`.
    constant: String,
    request: String,
    response: String,
    kind: Kind,
    /// The variant of `connect::Idempotency`.
    idempotency: &'static str,
    /// An expression of type `connect::Access`, where the .proto file says who may call the method.
    access: Option<String>,
}

/// How many messages a method takes and returns.
#[derive(Clone, Copy)]
struct Kind {
    takes_stream: bool,
    gives_stream: bool,
}

impl Kind {
    /// The variant of `connect::MethodKind`.
    fn variant(self) -> &'static str {
        match (self.takes_stream, self.gives_stream) {
            (false, false) => "Unary",
            (false, true) => "ServerStreaming",
            (true, false) => "ClientStreaming",
            (true, true) => "BidiStreaming",
        }
    }

    /// The function of `connect::Client`.
    fn client_function(self) -> &'static str {
        match (self.takes_stream, self.gives_stream) {
            (false, false) => "unary",
            (false, true) => "server_streaming",
            (true, false) => "client_streaming",
            (true, true) => "bidi_streaming",
        }
    }
}

impl Service {
    fn new(
        file: &FileDescriptorProto,
        index: usize,
        service: &ServiceDescriptorProto,
        access: &AccessExpressions,
    ) -> Self {
        let full_name = qualified(file.package(), service.name());
        let path = [SERVICE_FIELD, index as i32];
        let methods = service.method.iter().enumerate().map(|(index, method)| {
            let path = [path[0], path[1], METHOD_FIELD, index as i32];
            let access = access.get(&qualified(&full_name, method.name()));
            Method::new(file, &path, method, access.cloned())
        });
        Self {
            documentation: documentation(file, &path),
            type_name: upper_camel(service.name()),
            module: snake(service.name()),
            methods: methods.collect(),
            full_name,
        }
    }

    /// A module with what the .proto file says about the service, for routing and policies.
    fn descriptors(&self) -> String {
        let Self {
            full_name,
            type_name,
            module,
            ..
        } = self;
        let methods: String = self
            .methods
            .iter()
            .map(|method| method.descriptor(full_name))
            .collect();
        let list: String = self
            .methods
            .iter()
            .map(|method| format!("&{},", method.constant))
            .collect();
        format!(
            "/// What the .proto file says about [`{type_name}`] and its methods, for routing and policies.\n\
             pub mod {module} {{\n\
                 use ::connect::{{Idempotency, MethodDescriptor, MethodKind, ServiceDescriptor}};\n\n\
                 /// The service.\n\
                 pub static SERVICE: ServiceDescriptor = ServiceDescriptor {{ name: {full_name:?}, methods: &[{list}] }};\n\
                 {methods}\
             }}\n"
        )
    }

    /// The trait.
    fn definition(&self) -> String {
        let Self {
            documentation,
            full_name,
            type_name,
            ..
        } = self;
        let methods: String = self
            .methods
            .iter()
            .map(|method| method.definition(full_name))
            .collect();
        format!(
            "{documentation}\
             ///\n\
             /// A method that is not implemented answers `unimplemented`.\n\
             pub trait {type_name} {{ {methods} }}\n"
        )
    }

    /// The type that makes an implementation of the trait a service of a router.
    fn server(&self) -> String {
        let Self {
            full_name,
            type_name,
            module,
            ..
        } = self;
        let arms: String = self.methods.iter().map(Method::dispatch).collect();
        format!(
            "/// Serves an implementation of [`{type_name}`] in a [`Router`](::connect::Router).\n\
             #[derive(Clone, Debug)]\n\
             pub struct {type_name}Server<S> {{ implementation: S }}\n\n\
             impl<S: {type_name}> {type_name}Server<S> {{\n\
                 /// A server of this implementation.\n\
                 pub fn new(implementation: S) -> Self {{ Self {{ implementation }} }}\n\
             }}\n\n\
             impl<S: {type_name}> ::connect::Service for {type_name}Server<S> {{\n\
                 fn descriptor(&self) -> &'static ::connect::ServiceDescriptor {{ &{module}::SERVICE }}\n\n\
                 fn call<'a>(\n\
                     &'a self,\n\
                     method: &'static ::connect::MethodDescriptor,\n\
                     mut call: ::connect::Call<'a>,\n\
                 ) -> ::connect::CallFuture<'a> {{\n\
                     ::std::boxed::Box::pin(async move {{\n\
                         match method.name {{\n\
                             {arms}\n\
                             other => Err(::connect::ConnectError::unimplemented(::std::format!(\"{full_name} has no method {{other}}\"))),\n\
                         }}\n\
                     }})\n\
                 }}\n\
             }}\n"
        )
    }

    /// The typed client, which is an implementation of the trait too.
    fn client(&self) -> String {
        let Self {
            type_name, module, ..
        } = self;
        let calls: String = self.methods.iter().map(|method| method.call(module)).collect();
        let relays: String = self.methods.iter().map(Method::relay).collect();
        format!(
            "/// Calls a [`{type_name}`] somewhere else.\n\
             ///\n\
             /// It is a `{type_name}` itself: called as one, it sends the outgoing headers and what is left of the time\n\
             /// of the context, and adds the metadata of the answer to it.\n\
             #[derive(Clone, Debug)]\n\
             pub struct {type_name}Client<T> {{ client: ::connect::Client<T> }}\n\n\
             impl<T: ::connect::Transport> {type_name}Client<T> {{\n\
                 /// A client with the defaults of [`Client::new`](::connect::Client::new).\n\
                 pub fn new(transport: T) -> Self {{ Self::with(::connect::Client::new(transport)) }}\n\n\
                 /// A client that makes its calls with this one.\n\
                 pub fn with(client: ::connect::Client<T>) -> Self {{ Self {{ client }} }}\n\n\
                 {calls}\
             }}\n\n\
             impl<T: ::connect::Transport> {type_name} for {type_name}Client<T> {{ {relays} }}\n"
        )
    }
}

impl Method {
    fn new(
        file: &FileDescriptorProto,
        path: &[i32],
        method: &MethodDescriptorProto,
        access: Option<String>,
    ) -> Self {
        let idempotency = method
            .options
            .as_ref()
            .map_or(IdempotencyLevel::IdempotencyUnknown, |options| {
                options.idempotency_level()
            });
        Self {
            documentation: documentation(file, path),
            name: method.name().to_owned(),
            function: snake(method.name()),
            constant: constant(method.name()),
            request: type_path(file.package(), method.input_type()),
            response: type_path(file.package(), method.output_type()),
            kind: Kind {
                takes_stream: method.client_streaming(),
                gives_stream: method.server_streaming(),
            },
            idempotency: match idempotency {
                IdempotencyLevel::IdempotencyUnknown => "Unknown",
                IdempotencyLevel::Idempotent => "Idempotent",
                IdempotencyLevel::NoSideEffects => "NoSideEffects",
            },
            access,
        }
    }

    fn descriptor(&self, service: &str) -> String {
        let Self {
            name,
            constant,
            idempotency,
            access,
            ..
        } = self;
        let kind = self.kind.variant();
        let access = match access {
            Some(access) => format!("::std::option::Option::Some({access})"),
            None => "::std::option::Option::None".to_owned(),
        };
        format!(
            "/// `{name}`.\n\
             pub static {constant}: MethodDescriptor = MethodDescriptor {{\n\
                 service: {service:?},\n\
                 name: {name:?},\n\
                 path: \"/{service}/{name}\",\n\
                 kind: MethodKind::{kind},\n\
                 idempotency: Idempotency::{idempotency},\n\
                 access: {access},\n\
             }};\n"
        )
    }

    /// The name and type of what the trait's function takes.
    fn input(&self) -> String {
        let request = &self.request;
        match self.kind.takes_stream {
            true => format!("requests: ::connect::MessageStream<{request}>"),
            false => format!("request: {request}"),
        }
    }

    /// The name alone.
    fn input_name(&self) -> &'static str {
        match self.kind.takes_stream {
            true => "requests",
            false => "request",
        }
    }

    /// The result of the trait's function.
    fn output(&self) -> String {
        let response = &self.response;
        match self.kind.gives_stream {
            true => format!("::connect::MessageStream<{response}>"),
            false => response.clone(),
        }
    }

    fn definition(&self, service: &str) -> String {
        let Self {
            documentation,
            name,
            function,
            ..
        } = self;
        let (input, input_name, output) = (self.input(), self.input_name(), self.output());
        format!(
            "{documentation}\
             fn {function}(\n\
                 &self,\n\
                 context: &mut ::connect::Context,\n\
                 {input},\n\
             ) -> impl ::std::future::Future<Output = ::std::result::Result<{output}, ::connect::ConnectError>> {{\n\
                 let _ = (context, {input_name});\n\
                 async {{ Err(::connect::ConnectError::unimplemented(\"{service}/{name} is not implemented\")) }}\n\
             }}\n\n"
        )
    }

    /// The match arm that calls the implementation.
    fn dispatch(&self) -> String {
        let Self { name, function, .. } = self;
        let (input, input_name, output) = (self.input(), self.input_name(), self.output());
        let reply = match self.kind.gives_stream {
            true => "Ok(call.reply_stream(response))",
            false => "call.reply(&response)",
        };
        format!(
            "{name:?} => {{\n\
                 let {input} = call.{input_name}()?;\n\
                 let response: {output} = self.implementation.{function}(call.context(), {input_name}).await?;\n\
                 {reply}\n\
             }}\n"
        )
    }

    /// The client's own method.
    fn call(&self, module: &str) -> String {
        let Self {
            documentation,
            function,
            constant,
            response,
            ..
        } = self;
        let (input, input_name) = (self.input(), self.input_name());
        let call = self.kind.client_function();
        let answer = match self.kind.gives_stream {
            true => "Streaming",
            false => "Response",
        };
        let reference = match self.kind.takes_stream {
            true => "",
            false => "&",
        };
        format!(
            "{documentation}\
             pub async fn {function}(\n\
                 &self,\n\
                 options: ::connect::CallOptions,\n\
                 {input},\n\
             ) -> ::std::result::Result<::connect::{answer}<{response}>, ::connect::ConnectError> {{\n\
                 self.client.{call}(&{module}::{constant}, options, {reference}{input_name}).await\n\
             }}\n\n"
        )
    }

    /// The client's method as a service.
    fn relay(&self) -> String {
        let Self { function, .. } = self;
        let (input, input_name, output) = (self.input(), self.input_name(), self.output());
        format!(
            "async fn {function}(\n\
                 &self,\n\
                 context: &mut ::connect::Context,\n\
                 {input},\n\
             ) -> ::std::result::Result<{output}, ::connect::ConnectError> {{\n\
                 let response = self.{function}(context.call_options(), {input_name}).await?;\n\
                 Ok(response.relay(context))\n\
             }}\n\n"
        )
    }
}

/// `FileDescriptorProto.service`: where services are in a path of the source code info.
const SERVICE_FIELD: i32 = 6;
/// `ServiceDescriptorProto.method`: where methods are in it.
const METHOD_FIELD: i32 = 2;

/// The comment above a declaration, as lines of rustdoc.
fn documentation(file: &FileDescriptorProto, path: &[i32]) -> String {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    let comment = locations
        .filter(|location| location.path == path)
        .find_map(|location| location.leading_comments.as_deref());
    comment
        .unwrap_or_default()
        .lines()
        .map(|line| format!("///{}\n", line.trim_end()))
        .collect()
}
