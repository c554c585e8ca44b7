//! Values that several topics use. Pure: without HTTP, SQL, JSON or a clock.

pub(crate) mod addresses;
pub(crate) mod failure;
pub(crate) mod json;
pub(crate) mod oauth_error;
pub(crate) mod parameters;
pub(crate) mod secret;
