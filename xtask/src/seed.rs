//! What signing in needs: the issuer's first signing key, two clients, two accounts.
//!
//! Only what is missing is added. What is there, is left as it is: a client keeps its secret, an account
//! its password and its roles, in a private database and in that of `DATABASE_URL` alike. What takes cryptography is made by
//! `akinai-seed` (`crates/seed`), a program of its own.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use kernel::Email;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::postgres::PgConnection;

use crate::secret::{Secret, Secrets};
use crate::ui;
use crate::workspace::{BuildProfile, Workspace};

/// The client for single-page apps and for `cargo xtask token`: public, so PKCE alone protects it.
pub const SHOP: &str = "shop";

/// The client for services: it has a secret, and acts for itself.
pub const SERVICE: &str = "service";

/// What [`SHOP`] may be granted.
pub const SCOPES: &str = "openid offline_access admin";

/// What the tokens are for: the default of the variable `audience`.
pub const AUDIENCE: &str = "akinai";

/// Where pages of [`SHOP`] may come from: the ports that development servers take. Only for 127.0.0.1 would the issuer look past
/// the port of a redirect URI (RFC 8252, section 7.3), and browsers never look past it in an origin.
pub const ORIGINS: [&str; 6] = [
    "http://localhost:3000",
    "http://127.0.0.1:3000",
    "http://localhost:5173",
    "http://127.0.0.1:5173",
    "http://localhost:8080",
    "http://127.0.0.1:8080",
];

/// The accounts, each with its roles.
const ACCOUNTS: [(&str, &[&str]); 2] = [("demo@example.com", &[]), ("admin@example.com", &["admin"])];

const SIGNING_KEY: &str = "select id, sealed_key from issuer_service.signing_keys where retired_at is null";

// Another `up` may be doing the same: one key signs, and the first one stays.
const ADD_SIGNING_KEY: &str = "
    insert into issuer_service.signing_keys (id, sealed_key, public_jwk)
    values ($1, $2, $3::text::jsonb) on conflict do nothing";

const ADD_CLIENT: &str = "
    insert into issuer_service.clients (id, secret_hash, metadata)
    values ($1, $2, $3::text::jsonb) on conflict (id) do nothing";

const CLIENT_HAS_SECRET: &str = "
    select coalesce(secret_hash::text = $2, false) from issuer_service.clients where id = $1";

const PASSWORD_HASH: &str = "
    select password_hash from user_service.users where email_key = $1 and not is_deleted";

// A user may have registered the address meanwhile: then the account is theirs, and does not become an admin.
const ADD_ACCOUNT: &str = "
    insert into user_service.users (id, email, email_key, password_hash, roles)
    values ($1::text::uuid, $2, $2, $3, $4)
    on conflict (email_key) where not is_deleted do nothing";

/// An account to sign in with.
#[derive(Debug)]
pub struct SignIn {
    /// E-mail address and password; none where the account has another than the one that we have made.
    pub accounts: Vec<(&'static str, Option<Secret>)>,
    /// That of [`SERVICE`]; none where the client has another.
    pub service_secret: Option<Secret>,
}

/// Under which name an account's password is kept, however its address is written.
pub fn account_secret(email: &str) -> String {
    format!("account.{}", Email::kept(email.trim().to_owned()).key())
}

/// Under which name a client's secret is kept.
pub fn client_secret(client: &str) -> String {
    format!("client.{client}")
}

/// The addresses of the accounts, for messages.
pub fn emails() -> String {
    ACCOUNTS.map(|(email, _)| email).join(" and ")
}

/// Adds what is missing. `make` is [`program`], or does the same.
///
/// # Errors
/// The tables are not there, a secret cannot be saved, or the key that signs was sealed with another sealing key than ours.
pub async fn seed(
    connection: &mut PgConnection,
    secrets: &mut Secrets,
    make: impl FnOnce(&Value) -> Result<Value>,
) -> Result<SignIn> {
    let issuer = wanted_issuer(connection, secrets).await?;
    let accounts = wanted_accounts(connection, secrets).await?;
    // Blocking: nothing else is going on.
    let made = make(&json!({ "issuer": issuer, "accounts": accounts }))?;
    add_signing_key(connection, &made["signing_key"], secrets).await?;
    Ok(SignIn {
        service_secret: add_clients(connection, secrets).await?,
        accounts: add_accounts(connection, &made, secrets).await?,
    })
}

/// Adds the accounts alone, for an issuer that has its keys and clients elsewhere.
///
/// # Errors
/// As [`seed`].
pub async fn seed_accounts(
    connection: &mut PgConnection,
    secrets: &mut Secrets,
    make: impl FnOnce(&Value) -> Result<Value>,
) -> Result<Vec<(&'static str, Option<Secret>)>> {
    let accounts = wanted_accounts(connection, secrets).await?;
    let made = make(&json!({ "issuer": null, "accounts": accounts }))?;
    add_accounts(connection, &made, secrets).await
}

/// What the database has of the issuer: `seed::Issuer`.
async fn wanted_issuer(connection: &mut PgConnection, secrets: &mut Secrets) -> Result<Value> {
    let key: Option<(String, String)> = sqlx::query_as(SIGNING_KEY)
        .fetch_optional(&mut *connection)
        .await
        .context("cannot read the issuer's keys; `cargo xtask migrate` makes their table")?;
    Ok(json!({
        "sealing_key": secrets.get("seal.issuer")?.reveal(),
        "signing_key": key.map(|(id, sealed_key)| json!({ "id": id, "sealed_key": sealed_key })),
    }))
}

/// What the database has of the accounts: each a `seed::Account`.
async fn wanted_accounts(connection: &mut PgConnection, secrets: &mut Secrets) -> Result<Vec<Value>> {
    let mut accounts = Vec::new();
    for (email, _) in ACCOUNTS {
        let hash: Option<String> = sqlx::query_scalar(PASSWORD_HASH)
            .bind(email)
            .fetch_optional(&mut *connection)
            .await?;
        let password = secrets.get(&account_secret(email))?;
        accounts.push(json!({ "password": password.reveal(), "password_hash": hash }));
    }
    Ok(accounts)
}

async fn add_signing_key(connection: &mut PgConnection, made: &Value, secrets: &Secrets) -> Result<()> {
    if made == "foreign" {
        bail!(
            "the issuer's signing key in this database was sealed with another key than the one in {file}.\n\
             Put that other one there (`seal.issuer`). If it is lost, no token can be signed any more: then\n\
             `delete from issuer_service.signing_keys` has a new key made, and ends all tokens.",
            file = secrets.file().display()
        );
    }
    let Some(key) = made.get("new") else { return Ok(()) };
    let added = sqlx::query(ADD_SIGNING_KEY)
        .bind(key["id"].as_str())
        .bind(key["sealed_key"].as_str())
        .bind(key["public_jwk"].to_string())
        .execute(connection)
        .await?;
    if added.rows_affected() > 0 {
        ui::detail("made the key that the issuer signs with");
    }
    Ok(())
}

/// Answers with the secret of [`SERVICE`], if it is ours.
async fn add_clients(connection: &mut PgConnection, secrets: &mut Secrets) -> Result<Option<Secret>> {
    let secret = secrets.get(&client_secret(SERVICE))?;
    let hash: String = Sha256::digest(secret.reveal())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for (id, hash, metadata) in [(SHOP, None, shop()), (SERVICE, Some(&hash), service())] {
        sqlx::query(ADD_CLIENT)
            .bind(id)
            .bind(hash)
            .bind(metadata.to_string())
            .execute(&mut *connection)
            .await
            .with_context(|| format!("cannot add the client `{id}`"))?;
    }
    let is_ours: bool = sqlx::query_scalar(CLIENT_HAS_SECRET)
        .bind(SERVICE)
        .bind(&hash)
        .fetch_one(connection)
        .await?;
    Ok(is_ours.then_some(secret))
}

/// Answers with the accounts and their passwords, those that are ours.
async fn add_accounts(
    connection: &mut PgConnection,
    made: &Value,
    secrets: &mut Secrets,
) -> Result<Vec<(&'static str, Option<Secret>)>> {
    let mut accounts = Vec::new();
    for ((email, roles), made) in ACCOUNTS
        .into_iter()
        .zip(made["accounts"].as_array().into_iter().flatten())
    {
        let password = add_account(connection, email, roles, made, secrets).await?;
        accounts.push((email, password));
    }
    Ok(accounts)
}

/// Answers with the account's password, if it is ours.
async fn add_account(
    connection: &mut PgConnection,
    email: &str,
    roles: &[&str],
    made: &Value,
    secrets: &mut Secrets,
) -> Result<Option<Secret>> {
    let is_ours = match made.get("new") {
        Some(new) => {
            let added = sqlx::query(ADD_ACCOUNT)
                .bind(new["id"].as_str())
                .bind(email)
                .bind(new["password_hash"].as_str())
                .bind(roles)
                .execute(connection)
                .await
                .with_context(|| format!("cannot add the account {email}"))?;
            added.rows_affected() > 0
        }
        None => made == "ours",
    };
    is_ours.then(|| secrets.get(&account_secret(email))).transpose()
}

fn shop() -> Value {
    let at_each = |path: &str| ORIGINS.map(|origin| format!("{origin}{path}"));
    let mut client = client("Shop (demo)", &["authorization_code", "refresh_token"], "none");
    client["scope"] = SCOPES.into();
    client["redirect_uris"] = json!(at_each("/callback"));
    client["post_logout_redirect_uris"] = json!(at_each("/"));
    client["allowed_cors_origins"] = json!(ORIGINS);
    client
}

fn service() -> Value {
    client("Service (demo)", &["client_credentials"], "client_secret_basic")
}

/// As the issuer's admin API would show it, without id, secret and times: every field, with its default.
fn client(name: &str, grant_types: &[&str], auth_method: &str) -> Value {
    json!({
        "client_name": name,
        "owner": "", "policy_uri": "", "tos_uri": "", "client_uri": "", "logo_uri": "", "scope": "",
        "redirect_uris": [], "post_logout_redirect_uris": [], "allowed_cors_origins": [], "contacts": [],
        "audience": [AUDIENCE],
        "grant_types": grant_types,
        "response_types": ["code"],
        "token_endpoint_auth_method": auth_method,
        "subject_type": "public",
        "userinfo_signed_response_alg": "none",
        "access_token_strategy": "jwt",
        "skip_consent": false,
        "skip_logout_consent": null,
        "metadata": {},
    })
}

/// Has `akinai-seed` make what is missing. Through pipes: every user of the machine can read a command line.
///
/// # Errors
/// It cannot be run, or fails; it says why on our terminal.
pub fn program(workspace: &Workspace, wanted: &Value) -> Result<Value> {
    let program = workspace.native_program(BuildProfile::Dist, "akinai-seed");
    let failed = || format!("`{}` has failed", program.display());
    let mut child = Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(failed)?;
    let mut pipe = child.stdin.take().with_context(failed)?;
    pipe.write_all(wanted.to_string().as_bytes())
        .with_context(failed)?;
    drop(pipe);
    let output = child.wait_with_output().with_context(failed)?;
    if !output.status.success() {
        bail!("{}: {}", failed(), output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(failed)
}

impl SignIn {
    /// What a person has to know of it.
    pub fn describe(&self, secrets_file: &std::path::Path) -> String {
        const ELSEWHERE: &str = "(an account of before: its password is not known here)";
        let accounts = self.accounts.iter().map(|(email, password)| {
            let password = password.as_ref().map_or(ELSEWHERE, Secret::reveal);
            format!("    {email:<18}  {password}\n")
        });
        let service = match &self.service_secret {
            Some(_) => format!("`{}` in {}", client_secret(SERVICE), secrets_file.display()),
            None => "not known here, the client is one of before".to_owned(),
        };
        format!(
            "Sign in with (admin@example.com is an admin):\n\n{}\n\
             An access token:  cargo xtask token --user {}\n\
             Clients:          {SHOP} (public, PKCE), {SERVICE} (client_credentials; its secret: {service})",
            accounts.collect::<String>(),
            ACCOUNTS[0].0,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_not_claimed() {
        let sign_in = SignIn {
            accounts: vec![
                ("demo@example.com", Some(Secret::new("hunter2"))),
                ("admin@example.com", None),
            ],
            service_secret: Some(Secret::new("topsecret")),
        };
        let text = sign_in.describe(std::path::Path::new("secrets.json"));
        assert!(text.contains("demo@example.com    hunter2\n"), "{text}");
        assert!(
            text.contains("admin@example.com   (an account of before"),
            "{text}"
        );
        assert!(
            !text.contains("topsecret"),
            "a service's secret is read from the file, not from the terminal: {text}"
        );
        assert!(!format!("{sign_in:?}").contains("hunter2"));
    }

    #[test]
    fn every_page_can_come_back_and_call() {
        let shop = shop();
        for (field, count) in [
            ("redirect_uris", 6),
            ("post_logout_redirect_uris", 6),
            ("allowed_cors_origins", 6),
        ] {
            assert_eq!(shop[field].as_array().map(Vec::len), Some(count), "{field}");
        }
        assert_eq!(
            shop["redirect_uris"][1], "http://127.0.0.1:3000/callback",
            "that of `cargo xtask token`"
        );
    }

    /// What goes to Hydra's admin API is what is seeded here.
    #[test]
    fn the_clients_for_hydra_are_the_same() {
        for (id, seeded) in [(SHOP, shop()), (SERVICE, service())] {
            let file = Workspace::here()
                .root()
                .join(format!("deployments/hydra/clients/{id}.json"));
            let text = std::fs::read_to_string(&file).expect("a client");
            let client: serde_json::Map<String, Value> = serde_json::from_str(&text).expect("JSON");
            assert_eq!(client["client_id"], id);
            for (field, value) in client.iter().filter(|(field, _)| *field != "client_id") {
                assert_eq!(&seeded[field], value, "{id}: {field}");
            }
        }
    }
}
