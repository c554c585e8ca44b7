use std::time::Duration;

/// The declaration of a service in its .proto file. Generated code has one for each service.
#[derive(Debug)]
pub struct ServiceDescriptor {
    /// The full name: package, then service, such as `product.v1.ProductService`.
    pub name: &'static str,
    /// The methods, in the order of declaration.
    pub methods: &'static [&'static MethodDescriptor],
}

/// The declaration of a method in its .proto file. Policies (who may call it, how often, whether to retry) are based on it.
#[derive(Debug)]
pub struct MethodDescriptor {
    /// The full name of its service.
    pub service: &'static str,
    /// The name, such as `GetProduct`.
    pub name: &'static str,
    /// The path at which it is served: `/product.v1.ProductService/GetProduct`.
    pub path: &'static str,
    /// How many messages it takes and returns.
    pub kind: MethodKind,
    /// Whether a call may be repeated safely.
    pub idempotency: Idempotency,
    /// Who may call it, if the .proto file has the option that connect-build is configured with.
    pub access: Option<Access>,
}

/// Who may call a method, and under which conditions.
///
/// This crate only carries it. The interceptors of an application read it and enforce it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The clients that may call the method.
    pub callers: Callers,
    /// The roles that allow a user to call it: in addition to the owner, or, for [`Callers::Role`], one of them is
    /// required.
    pub roles: &'static [&'static str],
    /// The components of the application that may call it, or pass on the calls of clients.
    pub components: &'static [&'static str],
    /// The OAuth scopes that an access token must have.
    pub scopes: &'static [&'static str],
    /// The largest time since the user's sign-in.
    pub sign_in_max_age: Option<Duration>,
    /// Whether a call hashes a password, which costs far more than other calls.
    pub hashes_password: bool,
}

/// The clients that may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Every client, with or without an access token.
    Public,
    /// Users that are signed in.
    User,
    /// The user whose id is in the field of this name in the request.
    Owner(&'static str),
    /// Users with one of the roles.
    Role,
    /// Components of the application, without a user. It has no public route.
    Component,
}

/// How many messages a method takes and returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodKind {
    /// One message for one message.
    Unary,
    /// Any number of messages for one message, as they come.
    ServerStreaming,
    /// One message for any number of messages, as they come.
    ClientStreaming,
    /// Any number of messages for any number of messages, both as they come.
    BidiStreaming,
}

impl MethodKind {
    /// Whether a request may have any number of messages.
    pub fn takes_stream(self) -> bool {
        matches!(self, Self::ClientStreaming | Self::BidiStreaming)
    }

    /// Whether a response may have any number of messages.
    pub fn gives_stream(self) -> bool {
        matches!(self, Self::ServerStreaming | Self::BidiStreaming)
    }
}

/// The value of the option `idempotency_level` of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// The option is not set: each call may have a new effect.
    Unknown,
    /// `IDEMPOTENT`: a repeat changes no more than the first call did.
    Idempotent,
    /// `NO_SIDE_EFFECTS`: it only reads. So it can also be called by GET, and the answer can be cached.
    NoSideEffects,
}
