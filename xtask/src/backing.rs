//! The Postgres and the Redis of the platform: private servers, unless `DATABASE_URL` and `REDIS_URL` name others.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr as _;

use anyhow::{Context as _, Result, bail};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};

use crate::hydra::{Private, REFRESH_HOOK};
use crate::migrate::{self, ServiceSchema};
use crate::origin::Origin;
use crate::secret::{Secret, Secrets};
use crate::seed::{self, SignIn};
use crate::services::{Durability, Postgres, Redis, SECRETS_FILE};
use crate::workspace::Workspace;

/// The database on the private server that the services share.
const DATABASE: &str = "akinai";

/// Hydra's database on the same server, and the role that owns it. The name is not `hydra`, because the server of
/// `DATABASE_URL` may already have a database of that name for another Hydra.
const HYDRA_DATABASE: &str = "akinai_hydra";

/// The name under which the key of the refresh hook is stored.
pub(crate) const HOOK_KEY: &str = "hook.refresh";

/// The demo catalogue.
const CATALOGUE: &str = include_str!("../seed/catalogue.sql");

/// The application's variables (see `[variables]` in `spin.toml`), by name.
pub type Variables = BTreeMap<String, Secret>;

/// The services' database. Dropping this stops a private server.
#[derive(Debug)]
pub struct Database {
    url: Secret,
    schemas: Vec<ServiceSchema>,
    secrets: Secrets,
    _server: Option<Postgres>,
}

impl Database {
    /// Opens the database that `DATABASE_URL` names. Without that variable: one on a private server in `folder`, which
    /// is started now.
    ///
    /// # Errors
    /// As [`Postgres::start`]; or the migrations cannot be read.
    pub async fn open(workspace: &Workspace, folder: &Path) -> Result<Database> {
        if let Ok(url) = std::env::var("DATABASE_URL") {
            return Database::new(workspace, folder, Secret::new(url), None);
        }
        let server = Postgres::start(folder, Durability::Kept).await?;
        migrate::create_database(&server.admin_url(), DATABASE).await?;
        Database::new(workspace, folder, server.admin_url_of(DATABASE), Some(server))
    }

    /// The database of the private server in `folder`, if another process runs that server.
    ///
    /// # Errors
    /// The migrations or the passwords cannot be read.
    pub fn of_running_server(workspace: &Workspace, folder: &Path) -> Result<Option<Database>> {
        match Postgres::running(folder, DATABASE)? {
            Some(url) => Database::new(workspace, folder, url, None).map(Some),
            None => Ok(None),
        }
    }

    fn new(workspace: &Workspace, folder: &Path, url: Secret, server: Option<Postgres>) -> Result<Database> {
        let schemas = migrate::service_schemas(&workspace.migrations())?;
        let secrets = Secrets::open(&folder.join(SECRETS_FILE))?;
        Ok(Database {
            url,
            schemas,
            secrets,
            _server: server,
        })
    }

    /// Brings the roles, schemas and tables up to date.
    ///
    /// # Errors
    /// As [`migrate::migrate`].
    pub async fn migrate(&mut self) -> Result<()> {
        migrate::migrate(&self.url, &self.schemas, &mut self.secrets).await
    }

    /// Fills an empty catalogue with a few dozen products. A catalogue that has any row, even a deleted product, is not
    /// changed.
    ///
    /// # Errors
    /// The tables do not exist, or have another shape.
    pub async fn seed(&self) -> Result<()> {
        let mut connection = self.connect().await?;
        connection.execute("set search_path = product_service").await?;
        let is_filled: bool = sqlx::query_scalar("select exists (select from products)")
            .fetch_one(&mut connection)
            .await?;
        if !is_filled {
            connection
                .execute(CATALOGUE)
                .await
                .context("the demo catalogue does not fit the tables")?;
        }
        connection.close().await?;
        Ok(())
    }

    /// Adds the data for signing in: see [`seed::seed`].
    ///
    /// # Errors
    /// As [`seed::seed`].
    pub async fn seed_sign_in(&mut self, workspace: &Workspace) -> Result<SignIn> {
        let mut connection = self.connect().await?;
        let make = |wanted: &_| seed::program(workspace, wanted);
        let sign_in = seed::seed(&mut connection, &mut self.secrets, make).await?;
        connection.close().await?;
        Ok(sign_in)
    }

    /// Adds only the accounts: see [`seed::seed_accounts`]. `service_secret` is the secret of the client
    /// [`seed::SERVICE`], if Hydra has that client.
    ///
    /// # Errors
    /// As [`seed::seed_accounts`].
    pub async fn seed_accounts(
        &mut self,
        workspace: &Workspace,
        service_secret: Option<Secret>,
    ) -> Result<SignIn> {
        let mut connection = self.connect().await?;
        let make = |wanted: &_| seed::program(workspace, wanted);
        let accounts = seed::seed_accounts(&mut connection, &mut self.secrets, make).await?;
        connection.close().await?;
        Ok(SignIn {
            accounts,
            service_secret,
        })
    }

    /// Creates Hydra's own database on the same server if it does not exist, and returns it with the other settings
    /// that only Hydra may see. Hydra calls the platform at `platform` to check whether a user may refresh.
    ///
    /// # Errors
    /// The user of the database's URL may not create roles and databases, or a secret cannot be saved.
    pub async fn for_hydra(&mut self, platform: &Origin) -> Result<Private> {
        let password = self.secrets.get(&migrate::role_secret(HYDRA_DATABASE))?;
        let dsn = migrate::create_owned_database(&self.url, HYDRA_DATABASE, &password)
            .await
            .with_context(|| format!("cannot make the role and the database `{HYDRA_DATABASE}`"))?;
        let hook = (platform.at(REFRESH_HOOK)?.into(), self.secrets.get(HOOK_KEY)?);
        Private::of(dsn, &mut self.secrets, Some(hook))
    }

    /// The secret of the client [`seed::SERVICE`].
    ///
    /// # Errors
    /// A new one cannot be saved.
    pub fn service_secret(&mut self) -> Result<Secret> {
        self.secrets.get(&seed::client_secret(seed::SERVICE))
    }

    /// The file in which the passwords are stored.
    pub fn secrets_file(&self) -> &Path {
        self.secrets.file()
    }

    /// The variables with the keys that components share: the keys for calls between components, and the key with which
    /// the bff seals.
    ///
    /// # Errors
    /// A key cannot be saved.
    pub fn keys(&mut self) -> Result<Variables> {
        keys(&mut self.secrets)
    }

    /// A connection to the database, as the role that migrates.
    pub(crate) async fn connect(&self) -> Result<PgConnection> {
        migrate::connect(&self.url).await
    }

    /// The variables with which each service connects to the database.
    ///
    /// # Errors
    /// A password cannot be saved.
    pub fn variables(&mut self) -> Result<Variables> {
        let options = migrate::connect_options(&self.url)?;
        let mut variables = Variables::from([
            ("db_host".to_owned(), Secret::new(options.get_host())),
            ("db_port".to_owned(), Secret::new(options.get_port().to_string())),
            (
                "db_name".to_owned(),
                Secret::new(options.get_database().unwrap_or(DATABASE)),
            ),
        ]);
        for schema in &self.schemas {
            variables.insert(
                format!("{}_db_password", schema.service),
                schema.password(&mut self.secrets)?,
            );
        }
        Ok(variables)
    }
}

/// The keys that components share. A missing key is created.
///
/// # Errors
/// A key cannot be saved.
pub fn keys(secrets: &mut Secrets) -> Result<Variables> {
    let mut keys = Variables::new();
    for (caller, callee) in [
        ("bff", "user"),
        ("bff", "product"),
        ("bff", "order"),
        ("order", "product"),
        ("order", "user"),
    ] {
        let key = secrets.get(&format!("service.{caller}.{callee}"))?;
        // A callee distinguishes the keys of its callers by their names.
        let named = Secret::new(format!("{caller}-1:{}", key.reveal()));
        keys.insert(format!("{caller}_{callee}_service_key"), named);
    }
    keys.insert(
        "order_reconciler_secret".to_owned(),
        secrets.get("reconciler.order")?,
    );
    keys.insert("bff_seal_key".to_owned(), secrets.get("seal.bff")?);
    keys.insert("issuer_sealing_key".to_owned(), secrets.get("seal.issuer")?);
    keys.insert("user_page_key".to_owned(), secrets.get("pages.user")?);
    keys.insert("refresh_hook_key".to_owned(), secrets.get(HOOK_KEY)?);
    Ok(keys)
}

/// The Redis of the components. Dropping this stops a private server.
#[derive(Debug)]
pub struct Cache {
    host: String,
    port: u16,
    /// The login of each component.
    logins: Vec<(&'static str, Login)>,
    _server: Option<Redis>,
}

impl Cache {
    /// Opens the Redis that `REDIS_URL` names. Without that variable: a private one in `folder`, which is started now.
    ///
    /// # Errors
    /// `REDIS_URL` is not a `redis://` URL, or as [`Redis::start`].
    pub async fn open(folder: &Path) -> Result<Cache> {
        if let Ok(url) = std::env::var("REDIS_URL") {
            let (host, port, login) = parse_redis_url(&url)?;
            // All components share one login. The operator of that server decides what it may do.
            let logins = Redis::component_users().map(|user| (user, login.clone()));
            return Ok(Cache {
                host,
                port,
                logins: logins.collect(),
                _server: None,
            });
        }
        let server = Redis::start(folder).await?;
        let own = |(user, password): (&'static str, &Secret)| {
            let login = Login {
                user: user.to_owned(),
                password: password.clone(),
            };
            (user, login)
        };
        Ok(Cache {
            host: "127.0.0.1".to_owned(),
            port: server.port(),
            logins: server.users().map(own).collect(),
            _server: Some(server),
        })
    }

    /// The variables with which the components connect to it.
    pub fn variables(&self) -> Variables {
        let mut variables = Variables::from([
            ("redis_host".to_owned(), Secret::new(&self.host)),
            ("redis_port".to_owned(), Secret::new(self.port.to_string())),
        ]);
        for (component, login) in &self.logins {
            variables.insert(format!("{component}_redis_user"), Secret::new(&login.user));
            variables.insert(format!("{component}_redis_password"), login.password.clone());
        }
        variables
    }
}

/// The login of a component. User and password are URL-encoded, because the manifest puts them into a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Login {
    user: String,
    password: Secret,
}

/// Reads `redis://[USER[:PASSWORD]@]HOST[:PORT]`. A server without users accepts any password of its user
/// `default`, but not an empty one.
fn parse_redis_url(url: &str) -> Result<(String, u16, Login)> {
    let parts = url
        .strip_prefix("redis://")
        .map(|rest| rest.trim_end_matches('/'));
    let (login, address) = match parts.map(|rest| rest.rsplit_once('@').unwrap_or(("", rest))) {
        Some((login, address)) if !address.is_empty() && !address.contains('/') => (login, address),
        // The URL itself is not shown: it may contain a password.
        _ => bail!("REDIS_URL is not of the form redis://USER:PASSWORD@HOST:PORT"),
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (
            host,
            u16::from_str(port).context("the port in REDIS_URL is not a number")?,
        ),
        None => (address, 6379),
    };
    let or_default = |text: &str, default: &str| if text.is_empty() { default } else { text }.to_owned();
    let login = Login {
        user: or_default(user, "default"),
        password: Secret::new(or_default(password, "none")),
    };
    Ok((host.to_owned(), port, login))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_urls_are_read_with_and_without_a_login() {
        let cases = [
            ("redis://cache.example", "cache.example", 6379, "default", "none"),
            ("redis://10.0.0.1:7000/", "10.0.0.1", 7000, "default", "none"),
            (
                "redis://:secret@localhost:6379",
                "localhost",
                6379,
                "default",
                "secret",
            ),
            (
                "redis://bff:s%40cret@localhost",
                "localhost",
                6379,
                "bff",
                "s%40cret",
            ),
        ];
        for (url, host, port, user, password) in cases {
            let login = Login {
                user: user.to_owned(),
                password: Secret::new(password),
            };
            assert_eq!(
                parse_redis_url(url).expect(url),
                (host.to_owned(), port, login),
                "{url}"
            );
        }
    }

    #[test]
    fn other_urls_are_refused_without_showing_them() {
        for url in [
            "http://u:hunter2@x",
            "redis://",
            "redis://u:hunter2@x/3",
            "redis://u:hunter2@x:port",
        ] {
            let error = parse_redis_url(url).expect_err(url);
            assert!(
                !format!("{error:?}").contains("hunter2"),
                "the error shows the password: {error:?}"
            );
        }
    }

    #[test]
    fn the_catalogue_has_a_few_dozen_products() {
        let products = CATALOGUE.matches("::uuid, '").count();
        assert!((24..=60).contains(&products), "{products} products");
    }
}
