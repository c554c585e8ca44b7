//! The platform under test: the application of `spin.toml`, in this process, on a free port.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use host::chaining::Chaining;
use host::manifest::Manifest;
use host::{App, Config, Limits, Server};
use uuid::Uuid;
use xtask::process::Scratch;
use xtask::services::Redis;
use xtask::workspace::Workspace;

use crate::{Client, Database, environment, log};

/// A running platform. Dropping it interrupts the requests in flight and drops its database.
pub struct Platform {
    server: Server,
    app: App,
    client: Client,
    // This field is last, because fields are dropped in this order: first the platform, then the things that it uses.
    database: Database,
}

/// The parts of a platform that is not started yet.
pub struct Setup {
    /// The manifest: `spin.toml` by default.
    pub(crate) manifest: PathBuf,
    /// The folder of the manifest, if it belongs to the test.
    pub(crate) manifest_folder: Option<Scratch>,
    /// The application variables that tests set, such as the address of Redis. They replace those of the database.
    pub variables: BTreeMap<String, String>,
    /// The variables with the passwords of all users of Redis. An application uses some of them.
    redis_passwords: BTreeMap<String, String>,
    /// The database of the services.
    pub database: Database,
    /// The proxy between the components.
    pub chaining: Option<Arc<dyn Chaining>>,
    /// Whether the manifest lacks the issuer component: its variables are not set then.
    pub(crate) is_behind_hydra: bool,
}

impl Setup {
    /// The real application over a new database and the shared Redis.
    pub async fn new() -> Self {
        Self::over(Database::create().await)
    }

    /// The real application over this database and the shared Redis.
    pub fn over(database: Database) -> Self {
        let environment = environment();
        let (redis_host, redis_port) = environment.redis.clone();
        let variables = [
            ("redis_host", redis_host),
            ("redis_port", redis_port.to_string()),
            ("redis_prefix", format!("akinai:{}", Uuid::now_v7().simple())),
            ("bff_user_service_key", service_key("user")),
            ("bff_product_service_key", service_key("product")),
            ("bff_order_service_key", service_key("order")),
            ("order_product_service_key", order_service_key("product")),
            ("order_user_service_key", order_service_key("user")),
            ("order_reconciler_secret", key("reconciler")),
            ("bff_seal_key", key("seal")),
            ("issuer_sealing_key", issuer_sealing_key()),
            ("user_page_key", key("pages")),
            ("refresh_hook_key", refresh_hook_key()),
            // Tests send requests faster than people. Tests of the limits set their own limits.
            ("rate_per_second", "1000000".to_owned()),
            ("rate_burst", "1000000".to_owned()),
            ("password_per_minute", "1000000".to_owned()),
            ("password_burst", "1000000".to_owned()),
            ("stream_per_minute", "1000000".to_owned()),
            ("stream_burst", "1000000".to_owned()),
            // Tests do not wait for a minute.
            ("breaker_reset_timeout", "1".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        let passwords = Redis::component_users().map(|user| {
            let password = environment.password(&format!("redis.{user}"));
            (format!("{user}_redis_password"), password)
        });
        Self {
            redis_passwords: passwords.collect(),
            manifest: Workspace::here().manifest(),
            manifest_folder: None,
            variables,
            database,
            chaining: None,
            is_behind_hydra: false,
        }
    }

    /// The same variables for another application, without a database that is dropped with it.
    pub fn of(&self, manifest: PathBuf) -> OtherApplication {
        OtherApplication {
            manifest,
            variables: self.variables.clone(),
            redis_passwords: self.redis_passwords.clone(),
        }
    }

    /// The same with this Redis, instead of the shared one.
    pub fn redis(mut self, redis: &Redis) -> Self {
        self = self
            .variable("redis_host", "127.0.0.1")
            .variable("redis_port", redis.port().to_string());
        let passwords = redis.users().map(|(user, password)| {
            let name = format!("{user}_redis_password");
            (name, password.reveal().to_owned())
        });
        self.redis_passwords = passwords.collect();
        self
    }

    /// The same with a proxy between the components.
    pub fn chaining(mut self, chaining: Arc<dyn Chaining>) -> Self {
        self.chaining = Some(chaining);
        self
    }

    /// Sets an application variable.
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Loads the application without serving it.
    ///
    /// # Panics
    ///
    /// When the host refuses it; the message is the host's own.
    pub async fn load(&self) -> App {
        load(self.config()).await
    }

    /// The configuration of the host, for a host in a separate process.
    pub fn config(&self) -> Config {
        let mut variables: BTreeMap<_, _> = self
            .database
            .variables()
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        variables.extend(self.variables.clone());
        if self.is_behind_hydra {
            // The variables of the issuer component are left out. Any other variable that the manifest does not declare is
            // an error.
            let declared = |manifest: &Path| Manifest::read(manifest).expect("a manifest").variables;
            let (all, left) = (declared(&Workspace::here().manifest()), declared(&self.manifest));
            variables.retain(|name, _| left.contains_key(name) || !all.contains_key(name));
        }
        let mut config = config(&self.manifest, variables, &self.redis_passwords);
        config.chaining = self.chaining.clone();
        config
    }

    /// Starts it on a free port.
    ///
    /// # Panics
    ///
    /// When the host refuses the application.
    pub fn start(self) -> BoxFuture<'static, Platform> {
        async move {
            let app = self.load().await;
            let server = app
                .serve(SocketAddr::from(([127, 0, 0, 1], 0)))
                .await
                .expect("a free port to listen on");
            let client = Client::new(format!("http://{}", server.local_addr()));
            Platform {
                server,
                app,
                client,
                database: self.database,
            }
        }
        .boxed()
    }
}

/// An application beside the platform, such as the subscriber to events.
pub struct OtherApplication {
    manifest: PathBuf,
    variables: BTreeMap<String, String>,
    redis_passwords: BTreeMap<String, String>,
}

impl OtherApplication {
    /// Loads it, with those of the platform's variables that it declares.
    ///
    /// # Panics
    ///
    /// When the host refuses it; the message is the host's own.
    pub async fn load(self) -> App {
        let declared = Manifest::read(&self.manifest).expect("a manifest").variables;
        let mut variables = self.variables;
        variables.retain(|name, _| declared.contains_key(name));
        load(config(&self.manifest, variables, &self.redis_passwords)).await
    }
}

fn config(
    manifest: &Path,
    mut variables: BTreeMap<String, String>,
    redis_passwords: &BTreeMap<String, String>,
) -> Config {
    let declared = Manifest::read(manifest).map(|manifest| manifest.variables);
    let declared = declared.unwrap_or_default();
    for (name, password) in redis_passwords {
        if declared.contains_key(name) {
            variables.entry(name.clone()).or_insert_with(|| password.clone());
        }
    }
    let mut config = Config::new(manifest);
    config.variables = variables;
    // Components are compiled once for all tests of all runs: the key of the cache is the content of a component.
    config.cache_dir = Some(Workspace::here().root().join("target/compiled-components"));
    allow_many_clients(&mut config.limits);
    config
}

/// Lets one address do what many clients do: a test has one. Tests of the limits set their own.
pub fn allow_many_clients(limits: &mut Limits) {
    limits.requests_per_address = usize::MAX;
    limits.connections_per_address = usize::MAX;
    limits.long_responses = limits.in_flight;
    limits.long_uploads = limits.in_flight;
    limits.long_per_address = usize::MAX;
}

async fn load(config: Config) -> App {
    log::keep();
    App::load(config)
        .await
        .unwrap_or_else(|error| panic!("the application must load, but: {error}"))
}

/// A key of 32 bytes for tests, in base64url: the same for the same name, so that platforms can share one.
fn key(name: &str) -> String {
    let bytes: String = name
        .chars()
        .cycle()
        .filter(char::is_ascii_alphabetic)
        .take(43)
        .collect();
    format!("{}A", &bytes[..42])
}

/// The key of the bff's calls of a service, with its name, as the variables have it.
pub fn service_key(callee: &str) -> String {
    format!("1:{}", key(&format!("bff to {callee}")))
}

/// The key of the order component's calls of a service, with its name, as the variables have it.
pub fn order_service_key(callee: &str) -> String {
    format!("order-1:{}", key(&format!("order to {callee}")))
}

/// The key that encrypts the issuer's signing keys.
pub fn issuer_sealing_key() -> String {
    key("signing keys")
}

/// The secret that the issuer sends when it calls the hook for refreshing.
pub fn refresh_hook_key() -> String {
    key("refresh hook")
}

impl Platform {
    /// The real application over a new database and the shared Redis.
    pub async fn start() -> Self {
        Setup::new().await.start().await
    }

    /// The address at which the bff listens.
    pub fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// The address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// A client of the bff.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The database that the services use.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The application, from which a test can take single components.
    pub fn app(&self) -> &App {
        &self.app
    }
}
