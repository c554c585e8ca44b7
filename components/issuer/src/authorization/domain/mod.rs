//! Authorization requests, and the decisions of the login and consent pages.

mod decision;
mod flow;
mod pkce;
mod request;

pub(crate) use self::decision::{AcceptedConsent, AcceptedLogin, Decision, PageRejection, TokenContents};
pub(crate) use self::flow::{ConsentStep, Flow, FlowStep, NewFlow, NewGrant, grant_lifetime};
pub(crate) use self::pkce::Challenge;
pub(crate) use self::request::{
    AuthorizationRequest, Hints, RedirectTarget, requested_audience, requested_scopes,
};
