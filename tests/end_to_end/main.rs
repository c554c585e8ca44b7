//! The whole platform, called from outside by browsers, apps and attackers.

mod accounts;
mod catalogue;
mod clients;
mod edge;
mod events;
mod faults;
mod garbage;
mod grants;
mod health;
mod http_rules;
mod identity;
mod isolation;
mod limits;
mod nul;
mod orders;
mod outages;
mod protocols;
mod provider;
mod readme;
mod relying_parties;
mod services;
mod sign_in;
mod token;
