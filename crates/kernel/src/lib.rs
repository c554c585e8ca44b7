//! The shared kernel: what every service means by an id, an amount of money, a country, an e-mail address, a page, a text and
//! a caller.
//!
//! Plain Rust, no framework, no I/O, no serialization format: adapters at the edges (`rpc.rs`, `wit.rs`, `store.rs` of a
//! component) turn these types into protobuf, WIT and SQL. Everything here is parsed, never checked: a value of one of
//! these types is valid by construction.

mod access_scope;
mod caller;
mod country;
mod currency;
mod email;
mod id;
mod money;
mod page;
mod session;
mod store_error;
mod text;
mod time;
mod violation;

pub use access_scope::AccessScope;
pub use caller::{Caller, Scope, UserCaller};
pub use country::{Country, CountryError};
pub use currency::Currency;
pub use email::{Email, EmailError};
pub use id::{EventId, OrderId, ParseIdError, ProductId, UserId};
pub use money::{Money, MoneyError, MoneyInput};
pub use page::{
    DEFAULT_PAGE_SIZE, ListScope, MAX_PAGE_SIZE, Page, PageRequest, PageSize, PageSizeError, PageToken,
    PageTokenError,
};
pub use session::{ParseSessionIdError, SessionId};
pub use store_error::StoreError;
pub use text::{TextError, clean, fold, is_hidden};
pub use time::Timestamp;
pub use violation::{FieldViolation, Violations};
