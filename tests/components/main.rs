//! Single services under the host: their real imports, their real grants, and no bff in front.

mod issuer;
mod product;
mod user;
