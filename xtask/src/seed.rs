//! The data for signing in: the issuer's first signing key, two clients, two accounts.
//!
//! Only missing data is added. Existing data is not changed: a client keeps its secret, and an account keeps its
//! password and its roles. This holds for a private database and for that of `DATABASE_URL`. Everything that requires
//! cryptography is made by `akinai-seed` (`crates/seed`), a program of its own.

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

/// The client for single-page apps and for `cargo xtask token`. It is public, so only PKCE protects it.
pub const SHOP: &str = "shop";

/// The client for services. It has a secret and acts for itself.
pub const SERVICE: &str = "service";

/// The scopes that [`SHOP`] may be granted.
pub const SCOPES: &str = "openid offline_access admin";

/// The audience of the tokens: the default of the variable `audience`.
pub const AUDIENCE: &str = "akinai";

/// Ports from which pages of [`SHOP`] may come: those that development servers use. The issuer ignores the port of a
/// redirect URI only for 127.0.0.1 (RFC 8252, section 7.3), and browsers never ignore the port of an origin.
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

// Another `up` may do the same at the same time. Only one key signs, and the first one is kept.
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

// A user may have registered the address meanwhile. Then the account is theirs, and does not become an admin.
const ADD_ACCOUNT: &str = "
    insert into user_service.users (id, email, email_key, password_hash, roles)
    values ($1::text::uuid, $2, $2, $3, $4)
    on conflict (email_key) where not is_deleted do nothing";

/// The accounts and the client's secret that this program made.
#[derive(Debug)]
pub struct SignIn {
    /// E-mail address and password. `None` where the account has a password that this program did not make.
    pub accounts: Vec<(&'static str, Option<Secret>)>,
    /// The secret of [`SERVICE`]. `None` where the client has another one.
    pub service_secret: Option<Secret>,
}

/// The name under which an account's password is stored. Different spellings of one address have the same name.
pub fn account_secret(email: &str) -> String {
    format!("account.{}", Email::kept(email.trim().to_owned()).key())
}

/// The name under which a client's secret is stored.
pub fn client_secret(client: &str) -> String {
    format!("client.{client}")
}

/// The addresses of the accounts, for messages.
pub fn emails() -> String {
    ACCOUNTS.map(|(email, _)| email).join(" and ")
}

/// Adds the missing data. `make` is [`program`] or a replacement for it.
///
/// # Errors
/// The tables do not exist, a secret cannot be saved, or the signing key was sealed with another sealing key than ours.
pub async fn seed(
    connection: &mut PgConnection,
    secrets: &mut Secrets,
    make: impl FnOnce(&Value) -> Result<Value>,
) -> Result<SignIn> {
    let issuer = wanted_issuer(connection, secrets).await?;
    let accounts = wanted_accounts(connection, secrets).await?;
    // Blocking is fine: no other task is running.
    let made = make(&json!({ "issuer": issuer, "accounts": accounts }))?;
    add_signing_key(connection, &made["signing_key"], secrets).await?;
    Ok(SignIn {
        service_secret: add_clients(connection, secrets).await?,
        accounts: add_accounts(connection, &made, secrets).await?,
    })
}

/// Adds only the accounts, for an issuer whose keys and clients are stored elsewhere.
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

/// The issuer's data in the database: `seed::Issuer`.
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

/// The accounts in the database: each a `seed::Account`.
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

/// Returns the secret of [`SERVICE`], if it is ours.
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

/// Returns the accounts, and the passwords that are ours.
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

/// Returns the account's password, if it is ours.
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

/// A client in the form of the issuer's admin API, without id, secret and times: every field, with its default.
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

/// Runs `akinai-seed`, which makes the missing data. The data goes through pipes, because every user of the machine can
/// read a command line.
///
/// # Errors
/// The program cannot be run, or fails. It prints the reason on our terminal.
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
    /// The text for the user of `up`.
    pub fn describe(&self, secrets_file: &std::path::Path) -> String {
        const ELSEWHERE: &str = "(an older account: its password is not stored here)";
        let accounts = self.accounts.iter().map(|(email, password)| {
            let password = password.as_ref().map_or(ELSEWHERE, Secret::reveal);
            format!("    {email:<18}  {password}\n")
        });
        let service = match &self.service_secret {
            Some(_) => format!("`{}` in {}", client_secret(SERVICE), secrets_file.display()),
            None => "not stored here, because the client is an older one".to_owned(),
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
    fn unknown_passwords_and_secrets_are_not_shown() {
        let sign_in = SignIn {
            accounts: vec![
                ("demo@example.com", Some(Secret::new("hunter2"))),
                ("admin@example.com", None),
            ],
            service_secret: Some(Secret::new("topsecret")),
        };
        let text = sign_in.describe(std::path::Path::new("secrets.json"));
        assert!(text.contains("demo@example.com    hunter2\n"), "{text}");
        assert!(text.contains("admin@example.com   (an older account"), "{text}");
        assert!(
            !text.contains("topsecret"),
            "a service's secret is read from the file, not from the terminal: {text}"
        );
        assert!(!format!("{sign_in:?}").contains("hunter2"));
    }

    #[test]
    fn every_redirect_uri_has_its_origin_for_cors() {
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
            "the redirect URI of `cargo xtask token`"
        );
    }

    /// The clients that are sent to Hydra's admin API are the ones that are seeded here.
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
