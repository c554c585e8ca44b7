//! Authorization requests from the client's link to the code.

mod challenges;
mod consent;
mod remembered;
mod requests;
