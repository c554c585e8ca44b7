//! The servers and files that `cargo xtask test` has prepared. Environment variables name them.

use std::path::PathBuf;
use std::sync::OnceLock;

use tokio_postgres::Config;
use xtask::secret::{Secret, Secrets};

/// The servers that tests share, and the passwords of the roles on them.
#[derive(Debug)]
pub struct Environment {
    /// A Postgres server, as its superuser (`AKINAI_TEST_POSTGRES`). It holds the migrated database `akinai_template`.
    pub postgres: Config,
    /// The same as a URL.
    pub postgres_url: Secret,
    /// Host and port of a Redis server (`AKINAI_TEST_REDIS`).
    pub redis: (String, u16),
    /// The file with the passwords of the services' roles (`AKINAI_TEST_SECRETS`).
    pub secrets: PathBuf,
    /// The program of Ory Hydra (`AKINAI_TEST_HYDRA`), if there is one.
    pub hydra: Option<PathBuf>,
}

impl Environment {
    /// The password kept under `name`, such as `postgres.product_service`.
    ///
    /// # Panics
    ///
    /// When the file cannot be read.
    pub fn password(&self, name: &str) -> String {
        let secret = Secrets::open(&self.secrets).and_then(|mut secrets| secrets.get(name));
        secret
            .expect("the secrets of the test servers can be read")
            .reveal()
            .to_owned()
    }
}

/// The environment of this test run.
///
/// # Panics
///
/// When the tests were not started by `cargo xtask test`.
pub fn environment() -> &'static Environment {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| Environment {
        postgres: variable("AKINAI_TEST_POSTGRES")
            .parse()
            .expect("AKINAI_TEST_POSTGRES is a Postgres URL"),
        postgres_url: Secret::new(variable("AKINAI_TEST_POSTGRES")),
        redis: host_and_port(&variable("AKINAI_TEST_REDIS")),
        secrets: variable("AKINAI_TEST_SECRETS").into(),
        hydra: std::env::var_os("AKINAI_TEST_HYDRA").map(PathBuf::from),
    })
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: these tests need servers. Run `cargo xtask test`, or `cargo xtask test -- FILTER`")
    })
}

fn host_and_port(url: &str) -> (String, u16) {
    let uri: http::Uri = url.parse().expect("AKINAI_TEST_REDIS is a URL");
    let host = uri.host().expect("AKINAI_TEST_REDIS names a host");
    (host.to_owned(), uri.port_u16().unwrap_or(6379))
}
