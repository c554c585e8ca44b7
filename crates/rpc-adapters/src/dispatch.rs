//! Macros that generate the dispatch of the adapters: from a method of a contract to a use case, and back by `From`.

/// Implements the trait of a Connect service over use cases. Each line of the table is one method: the call of a use case with
/// the caller and the request, and the response to its result. An error becomes a `ConnectError` by `From`, which is the topic's one
/// table of errors; the log gets the cause of an error that a client cannot repair.
///
/// ```ignore
/// connect_methods! {
///     impl<P: Ports> UserService for Rpc<P>, use_cases: accounts;
///     get_user(GetUserRequest): |accounts, caller, request| accounts.get_user(caller, &request.id)
///         => |user| GetUserResponse { user: Some(user.into()) };
/// }
/// ```
#[macro_export]
macro_rules! connect_methods {
    (
        impl<$P:ident: $Ports:path> $Service:ident for $Rpc:ty, use_cases: $field:ident;
        $(
            $method:ident($Request:ty): |$use_cases:ident, $caller:ident, $request:ident| $call:expr
                => |$result:pat_param| $Response:ident { $($part:ident: $value:expr),* $(,)? };
        )+
    ) => {
        impl<$P: $Ports> $Service for $Rpc {
            $(
                async fn $method(
                    &self,
                    context: &mut ::connect::Context,
                    $request: $Request,
                ) -> Result<$Response, ::connect::ConnectError> {
                    let ($use_cases, $caller) = (&self.$field, &$crate::messages::caller(context));
                    let result = $call.await.map(|$result| $Response { $($part: $value),* });
                    $crate::messages::answer(context, result)
                }
            )+
        }
    };
}

/// Implements the trait of a WIT interface over use cases, as [`connect_methods!`](crate::connect_methods) does for a Connect
/// service. The arguments are those of the interface after the caller. `$Provider` gives the use cases: the functions of an export
/// have no receiver.
#[macro_export]
macro_rules! wit_methods {
    (
        impl<$P:ident: $Provider:path> $Guest:ident for $Export:ty, use_cases: $provide:ident;
        $($method:ident($($argument:ident: $Type:ty),*) -> $Record:ty: |$use_cases:ident, $caller:ident| $call:expr;)+
    ) => {
        impl<$P: $Provider> $Guest for $Export {
            $(
                async fn $method(
                    caller: $crate::wit::types::Caller,
                    $($argument: $Type),*
                ) -> Result<$Record, $crate::wit::types::Error> {
                    let caller = $crate::wit::parse_caller(caller);
                    let caller = caller.map_err(|violations| $crate::wit::invalid_argument(&violations))?;
                    let ($use_cases, $caller) = ($P::$provide(), &caller);
                    $call.await.map(Into::into).map_err($crate::wit::refuse)
                }
            )+
        }
    };
}

/// Implements `From` for messages and records: a line for each, `Message = |value: DomainType| Message { … };`.
#[macro_export]
macro_rules! conversions {
    ($($Into:ty = |$value:ident: $From:ty| $made:expr;)+) => {$(
        impl From<$From> for $Into {
            fn from($value: $From) -> Self {
                $made
            }
        }
    )+};
}
