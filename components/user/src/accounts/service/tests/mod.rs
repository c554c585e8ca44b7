mod access;
mod changes;
mod creation;
mod events;
mod lists_and_roles;
mod passwords;
mod sessions;
mod tokens;

use super::*;
use crate::accounts::testing::{World, run, word};

/// Every use case that takes the id of an account, and whether it is for admins only.
const USE_CASES_OF_ONE_ACCOUNT: [(&str, bool); 5] = [
    ("GetUser", false),
    ("UpdateUser", false),
    ("DeleteUser", false),
    ("RevokeUser", true),
    ("SetRoles", true),
];

fn call(world: &World, name: &str, caller: &Caller, id: &str) -> String {
    let accounts = world.accounts();
    let change = UpdateUser {
        id,
        email: None,
        name: Some("Mina"),
    };
    match name {
        "GetUser" => word(run(accounts.get_user(caller, id))),
        "UpdateUser" => word(run(accounts.update_user(caller, change))),
        "DeleteUser" => word(run(accounts.delete_user(caller, id))),
        "RevokeUser" => word(run(accounts.revoke_user(caller, id))),
        "SetRoles" => word(run(accounts.set_roles(caller, id, &[]))),
        other => panic!("{other} is no use case"),
    }
}
