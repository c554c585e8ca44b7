//! `cargo xtask admin EMAIL`: makes a user an admin. It exists because no admin can appoint the first one.

use anyhow::{Context as _, Result, anyhow, bail};
use kernel::Email;
use sqlx::Connection as _;

use crate::backing::Database;

/// Gives the role to the living account with that address. Returns whether there is such an account, and whether it
/// lacked the role.
///
/// The address is compared as the user service compares it.
const MAKE_ADMIN: &str = "
    with account as (
        select id from user_service.users where email_key = $1 and not is_deleted),
    changed as (
        update user_service.users set roles = array_append(roles, 'admin'), updated_at = now()
        where id = (select id from account) and not is_deleted and 'admin' <> all (roles)
        returning id)
    select exists (select from account), exists (select from changed)";

/// Makes the account with this address an admin. Returns whether it was not an admin before.
///
/// # Errors
/// The text is not an e-mail address; no living account has it; the table of accounts is missing; or the database does
/// not answer.
pub async fn make_admin(database: &Database, email: &str) -> Result<bool> {
    let address: Email = email
        .parse()
        .map_err(|error| anyhow!("the e-mail address {error}"))?;
    let mut connection = database.connect().await?;
    let (found, changed): (bool, bool) = sqlx::query_as(MAKE_ADMIN)
        .bind(address.key())
        .fetch_one(&mut connection)
        .await
        .context("cannot change the accounts; `cargo xtask migrate` makes their table")?;
    connection.close().await?;
    if !found {
        bail!(
            "there is no account with the e-mail address {email}.\n\
             Open it first (user.v1.UserService/CreateUser), then run this again."
        );
    }
    Ok(changed)
}
