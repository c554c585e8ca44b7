//! Macros that generate adapters from tables: which use case a method of a contract calls, and which fields a message has of a
//! domain type.

/// Generates the methods of a Connect service, in an `impl` of its trait. A line of the table is one method: its request, its
/// response, and the use case that it calls. The first line names the values that the table uses, and makes the use cases. A
/// response in braces has the result in its one field (`{ user }`), or parts of it (`{ users: items }`).
///
/// ```ignore
/// connect_methods! {
///     |self, context, caller, request| accounts = &self.accounts;
///     get_user(GetUserRequest) -> GetUserResponse { user } = accounts.get_user(caller, &request.id);
///     delete_user(DeleteUserRequest) -> DeleteUserResponse {} = accounts.delete_user(caller, &request.id);
/// }
/// ```
#[macro_export]
macro_rules! connect_methods {
    (
        |$self:ident, $context:ident, $caller:ident, $request:ident| $use_cases:ident = $made:expr;
        $($method:ident($Request:ty) -> $Response:ident $parts:tt = $call:expr;)+
    ) => {$(
        async fn $method(
            &$self,
            $context: &mut ::connect::Context,
            $request: $Request,
        ) -> Result<$Response, ::connect::ConnectError> {
            let $context = &*$context;
            let $caller = &$crate::messages::caller($context);
            let $use_cases = $made;
            let _ = &$request; // Some requests have no fields.
            let result = $call.await;
            $crate::messages::answer($context, result).map(|result| $crate::converted!(result, $Response $parts))
        }
    )+};
}

/// Generates the functions of a WIT interface, in an `impl` of its trait: [`connect_methods!`](crate::connect_methods) for records.
/// The arguments are those of the interface after the caller.
#[macro_export]
macro_rules! wit_methods {
    (
        |$caller:ident| $use_cases:ident = $made:expr;
        $($method:ident($($argument:ident: $Type:ty),*) -> $Record:ty $({ $($parts:tt)* })? = $call:expr;)+
    ) => {$(
        async fn $method(
            caller: $crate::wit::types::Caller,
            $($argument: $Type),*
        ) -> Result<$Record, $crate::wit::types::Error> {
            let $caller = &$crate::wit::caller(caller)?;
            let $use_cases = $made;
            let result = $call.await;
            type Record = $Record;
            result.map(|result| $crate::converted!(result, Record $({ $($parts)* })?)).map_err($crate::wit::refuse)
        }
    )+};
}

/// A result as a message or a record: as a whole, in one field, or parts of it in several fields.
#[doc(hidden)]
#[macro_export]
macro_rules! converted {
    ($result:ident, $Into:ident) => { $crate::Convert::<$Into>::convert($result) };
    ($result:ident, $Into:ident {}) => {{ let () = $result; $Into {} }};
    ($result:ident, $Into:ident { $field:ident }) => { $Into { $field: $crate::Convert::convert($result) } };
    ($result:ident, $Into:ident { $($field:ident: $part:ident),+ }) => {
        $Into { $($field: $crate::Convert::convert($result.$part)),+ }
    };
}

/// Implements [`Convert`](crate::Convert) by tables of fields: from a domain type to its message and its record, or from references
/// to them to the unparsed request of a use case. A field without a value has the one of the same name. Every value is converted.
///
/// ```ignore
/// conversions! {
///     OrderItem as item => message::OrderItem, record::OrderItem = { product_id: item.product, name, quantity };
///     &message::UpdateStockRequest as request => UpdateStock = { product_id, quantity };
/// }
/// ```
#[macro_export]
macro_rules! conversions {
    () => {};
    ($(&$From:ty),+ as $value:ident => $Into:ident = $fields:tt; $($rest:tt)*) => {
        $(impl<'a> $crate::Convert<$Into<'a>> for &'a $From {
            fn convert(self) -> $Into<'a> {
                let $value = self;
                $crate::fields!($Into, &$value, $fields)
            }
        })+
        $crate::conversions! { $($rest)* }
    };
    ($From:ty as $value:ident => $($Into:path),+ = $fields:tt; $($rest:tt)*) => {
        $(impl $crate::Convert<$Into> for $From {
            fn convert(self) -> $Into {
                type Converted = $Into;
                let $value = self;
                $crate::fields!(Converted, $value, $fields)
            }
        }
        impl $crate::Convert<Option<$Into>> for $From {
            fn convert(self) -> Option<$Into> {
                Some(self.convert())
            }
        })+
        $crate::conversions! { $($rest)* }
    };
}

/// A struct whose fields have converted values.
#[doc(hidden)]
#[macro_export]
macro_rules! fields {
    ($Into:ident, &$value:ident, { $($field:ident $(: $from:expr)?),+ $(,)? }) => {
        $Into { $($field: $crate::Convert::convert(&$crate::value!($value.$field $(, $from)?))),+ }
    };
    ($Into:ident, $value:ident, { $($field:ident $(: $from:expr)?),+ $(,)? }) => {
        $Into { $($field: $crate::Convert::convert($crate::value!($value.$field $(, $from)?))),+ }
    };
}

/// The given value, or the field of the same name.
#[doc(hidden)]
#[macro_export]
macro_rules! value {
    ($value:ident.$field:ident) => {
        $value.$field
    };
    ($value:ident.$field:ident, $from:expr) => {
        $from
    };
}

/// Implements [`Convert`](crate::Convert) between enums whose variants have the same names. A message holds the number of its
/// variant: `as i32`.
#[macro_export]
macro_rules! variants {
    ($($From:ty => $($Into:ty $(as $number:ident)?),+ = $variants:tt;)+) => {
        $($($crate::variants!(@impl $From, $Into $(as $number)?, $variants);)+)+
    };
    (@impl $From:ty, $Into:ty as $number:ident, { $($variant:ident),+ }) => {
        impl $crate::Convert<$number> for $From {
            fn convert(self) -> $number {
                match self {
                    $(Self::$variant => <$Into>::$variant as $number,)+
                }
            }
        }
    };
    (@impl $From:ty, $Into:ty, { $($variant:ident),+ }) => {
        impl $crate::Convert<$Into> for $From {
            fn convert(self) -> $Into {
                match self {
                    $(Self::$variant => <$Into>::$variant,)+
                }
            }
        }
    };
}
