//! The shared kernel: what every service means by an id, an amount of money, a page, a text and a caller.
//!
//! Plain Rust, no framework, no I/O, no serialization format: adapters at the edges (`rpc.rs`, `wit.rs`, `store.rs` of a
//! component) turn these types into protobuf, WIT and SQL. Everything here is parsed, never checked: a value of one of
//! these types is valid by construction.

mod caller;
mod id;
mod money;
mod page;
mod session;
mod text;
mod time;
mod violation;

pub use caller::{Caller, Scope, UserCaller};
pub use id::{EventId, OrderId, ParseIdError, ProductId, UserId};
pub use money::{Amount, Currency, Money, MoneyError};
pub use page::{
    DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Page, PageRequest, PageSize, PageSizeError, PageToken, PageTokenError,
};
pub use session::{ParseSessionIdError, SessionId};
pub use text::{TextError, clean};
pub use time::Timestamp;
pub use violation::{FieldViolation, Violations};
