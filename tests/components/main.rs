//! Single services under the host: their real imports, their real grants, and no bff in front.

mod inventory;
mod issuer;
mod order;
mod outgoing;
mod pages;
mod product;
mod service;
mod user;
