//! Code that the adapters of all services would repeat.

/// Implements methods of a generated service trait. The body of a method is one use case: its value becomes the response by
/// `From`, and its error becomes a `ConnectError` by [`messages::answer`](crate::messages::answer).
///
/// ```ignore
/// impl OrderService for Rpc {
///     rpc_adapters::unary! { |self, context, caller|
///         get_order(request: GetOrderRequest) -> GetOrderResponse {
///             self.shop(context).get_order(&caller, &request.id).await
///         }
///     }
/// }
/// ```
#[macro_export]
macro_rules! unary {
    (|$self:ident, $context:ident, $caller:ident|
        $($method:ident($request:tt: $Request:ty) -> $Response:ty $body:block)+) => {
        $(async fn $method(
            &$self,
            $context: &mut ::connect::Context,
            $request: $Request,
        ) -> Result<$Response, ::connect::ConnectError> {
            let $context = &*$context;
            let $caller = $crate::messages::caller($context);
            let result = async { $body }.await;
            $crate::messages::answer($context, result)
        })+
    };
}

/// Implements `From` of a value for the responses that hold it in one field: `responses!(Order => order in GetOrderResponse);`
#[macro_export]
macro_rules! responses {
    ($($Value:ty => $field:ident in $($Response:ident),+;)+) => {
        $($(impl From<$Value> for $Response {
            fn from(value: $Value) -> Self {
                Self { $field: Some(value.into()) }
            }
        })+)+
    };
}

/// Implements `From` between enums whose variants have the same names.
#[macro_export]
macro_rules! same_variants {
    ($($From:ident => $To:ident { $($variant:ident),+ })+) => {
        $(impl From<$From> for $To {
            fn from(value: $From) -> Self {
                match value {
                    $($From::$variant => Self::$variant,)+
                }
            }
        })+
    };
}

/// Implements `From` between structs whose fields have the same names. `&A => B` borrows from `A`.
#[macro_export]
macro_rules! same_fields {
    () => {};
    (&$From:ident => $To:ident { $($field:ident),+ } $($rest:tt)*) => {
        impl<'a> From<&'a $From> for $To<'a> {
            fn from(value: &'a $From) -> Self {
                Self { $($field: &value.$field,)+ }
            }
        }
        $crate::same_fields! { $($rest)* }
    };
    ($From:ident => $To:ident { $($field:ident),+ } $($rest:tt)*) => {
        impl From<$From> for $To {
            fn from(value: $From) -> Self {
                Self { $($field: value.$field.into(),)+ }
            }
        }
        $crate::same_fields! { $($rest)* }
    };
}
