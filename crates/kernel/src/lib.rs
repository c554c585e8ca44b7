//! The shared kernel: the types that all services use for an id, an amount of money, a country, an e-mail address, a page, a
//! text and a caller.
//!
//! It is plain Rust without a framework, I/O or a serialization format. Adapters (`rpc.rs`, `wit.rs`, `store.rs` of a
//! component) convert these types to protobuf, WIT and SQL. A value of these types is parsed once and needs no checks
//! afterwards: it is valid by construction.

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
