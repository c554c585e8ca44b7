//! Conversions of the values that several services have in messages and records.

use api::common::v1::Money as MoneyMessage;
use connect::wkt;
use kernel::{Email, EventId, Money, MoneyInput, OrderId, PageToken, ProductId, Timestamp, UserId};

use crate::{messages::timestamp, wit::types};

/// The conversion to the type that a message, a record or a request of a use case has for a value. It is no `From`, because Rust
/// allows that for types of this crate only. [`conversions!`](crate::conversions) implements it for structs,
/// [`variants!`](crate::variants) for enums.
pub trait Convert<T> {
    /// The converted value.
    fn convert(self) -> T;
}

macro_rules! values {
    (<$a:lifetime> $($From:ty => $Into:ty: |$value:ident| $made:expr;)+) => {$(
        impl<$a> Convert<$Into> for $From {
            fn convert(self) -> $Into {
                let $value = self;
                $made
            }
        }
    )+};
}

// Domain values. Counts and versions of the database fit into signed numbers; a larger one becomes the maximum.
values! { <'a>
    String => String: |text| text;
    () => (): |nothing| nothing;
    bool => bool: |fact| fact;
    i32 => i32: |number| number;
    u32 => u32: |count| count;
    u32 => i32: |count| count.try_into().unwrap_or(i32::MAX);
    u64 => u64: |version| version;
    u64 => i64: |version| version.try_into().unwrap_or(i64::MAX);
    EventId => String: |id| id.to_string();
    OrderId => String: |id| id.to_string();
    ProductId => String: |id| id.to_string();
    UserId => String: |id| id.to_string();
    Email => String: |email| email.as_str().into();
    Option<String> => String: |text| text.unwrap_or_default();
    Option<PageToken> => String: |next| next.map(PageToken::encode).unwrap_or_default();
    Timestamp => Option<wkt::Timestamp>: |at| Some(timestamp(at));
    Timestamp => wkt::Timestamp: |at| timestamp(at);
    Timestamp => i64: |at| at.unix_micros();
    Money => Option<MoneyMessage>: |money| Some(money.convert());
    Money => MoneyMessage: |money| MoneyMessage {
        amount: money.amount(),
        currency_code: money.currency().code().into(),
    };
    Money => types::Money: |money| types::Money {
        amount: money.amount(),
        currency_code: money.currency().code().into(),
    };
}

// Unparsed values of requests. An absent text is empty, and an absent number is 0.
values! { <'a>
    &'a String => &'a str: |text| text;
    &'a Option<String> => &'a str: |text| text.as_deref().unwrap_or_default();
    &'a i32 => i32: |number| *number;
    &'a Option<i32> => i32: |number| number.unwrap_or_default();
    &'a i64 => i64: |number| *number;
    &'a MoneyMessage => MoneyInput<'a>: |money| MoneyInput::new(&money.amount, &money.currency_code);
    &'a types::Money => MoneyInput<'a>: |money| MoneyInput::new(&money.amount, &money.currency_code);
    &'a types::Money => Option<MoneyInput<'a>>: |money| Some(money.convert());
}

impl<A: Convert<B>, B> Convert<Option<B>> for Option<A> {
    fn convert(self) -> Option<B> {
        self.map(A::convert)
    }
}

impl<'a, A, B> Convert<Option<B>> for &'a Option<A>
where
    &'a A: Convert<B>,
{
    fn convert(self) -> Option<B> {
        self.as_ref().map(Convert::convert)
    }
}

impl<A: Convert<B>, B> Convert<Vec<B>> for Vec<A> {
    fn convert(self) -> Vec<B> {
        self.into_iter().map(A::convert).collect()
    }
}
