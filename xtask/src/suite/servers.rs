//! The servers of a test run: Postgres with the template of the tests' databases, and Redis.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::hydra;
use crate::migrate::{self, create_database, create_owned_database, service_schemas};
use crate::process::Scratch;
use crate::secret::Secrets;
use crate::services::{Durability, Hydra, Postgres, Redis, SECRETS_FILE};
use crate::workspace::Workspace;

/// The template from which every test's own database is copied.
const TEMPLATE: &str = "akinai_template";

/// Running servers. Dropping them ends them.
pub(super) struct TestServers {
    postgres: Postgres,
    redis: Redis,
    secrets_file: PathBuf,
    // The last field, so that it is dropped last: the servers have their files in it.
    _scratch: Scratch,
}

impl TestServers {
    /// Starts the servers and creates the template. With the program of Ory Hydra, also the template of Hydra's
    /// databases.
    pub(super) async fn start(workspace: &Workspace, hydra: Option<&Path>) -> Result<Self> {
        let scratch = Scratch::new("test")?;
        let secrets_file = scratch.path().join(SECRETS_FILE);
        let postgres = Postgres::start(scratch.path(), Durability::Disposable).await?;
        let redis = Redis::start(scratch.path()).await?;
        create_database(&postgres.admin_url(), TEMPLATE).await?;
        let schemas = service_schemas(&workspace.migrations())?;
        migrate::migrate(
            &postgres.admin_url_of(TEMPLATE),
            &schemas,
            &mut Secrets::open(&secrets_file)?,
        )
        .await?;
        if let Some(program) = hydra {
            make_hydra_template(workspace, program, &scratch, &postgres).await?;
        }
        Ok(Self {
            postgres,
            redis,
            secrets_file,
            _scratch: scratch,
        })
    }

    /// Passes the addresses of the servers to the tests.
    pub(super) fn pass_to(&self, cargo: &mut Command) {
        cargo
            .env("AKINAI_TEST_POSTGRES", self.postgres.admin_url().reveal())
            .env("AKINAI_TEST_REDIS", self.redis.admin_url().reveal())
            .env("AKINAI_TEST_SECRETS", &self.secrets_file);
    }
}

/// The template from which every test's own Hydra database is copied. It contains Hydra's tables and the keys that
/// Hydra creates at its first start, which takes seconds.
async fn make_hydra_template(
    workspace: &Workspace,
    program: &Path,
    scratch: &Scratch,
    postgres: &Postgres,
) -> Result<()> {
    let secrets = &mut Secrets::open(&scratch.path().join(SECRETS_FILE))?;
    let password = secrets.get(&migrate::role_secret(hydra::TEMPLATE))?;
    let dsn = create_owned_database(&postgres.admin_url(), hydra::TEMPLATE, &password).await?;
    let private = hydra::Private::of(dsn, secrets, None)?;
    Hydra::migrate(program, scratch.path(), &private).await?;
    // No user signs in here.
    let place = hydra::Place::on_free_ports("http://127.0.0.1:3000".parse()?)?;
    let mut first = Hydra::start(workspace, program, scratch.path(), &private, place).await?;
    // A template can be copied only while there is no connection to it.
    first.stop().await
}
