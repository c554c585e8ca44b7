//! A Postgres server for one test.

use futures::future::{FutureExt as _, LocalBoxFuture};
use xtask::migrate;
use xtask::process::Scratch;
use xtask::secret::Secrets;
use xtask::services::{Durability, Postgres, SECRETS_FILE};
use xtask::workspace::Workspace;

use crate::Database;

/// A migrated Postgres server for one test, which may stop it.
pub struct OwnPostgres {
    /// The server.
    pub server: Postgres,
    secrets: Secrets,
    // This field is last: the server's files are removed after the server has ended.
    _folder: Scratch,
}

impl OwnPostgres {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// When Postgres is not installed.
    pub fn start() -> LocalBoxFuture<'static, Self> {
        async move {
            let folder = Scratch::new("outage").expect("a folder for a server");
            let server = Postgres::start(folder.path(), Durability::Disposable)
                .await
                .expect("a server for this test");
            let mut secrets = Secrets::open(&folder.path().join(SECRETS_FILE)).expect("its secrets");
            let schemas = migrate::service_schemas(&Workspace::here().migrations()).expect("the migrations");
            migrate::create_database(&server.admin_url(), "akinai")
                .await
                .expect("a database");
            migrate::migrate(&server.admin_url_of("akinai"), &schemas, &mut secrets)
                .await
                .expect("migrated");
            Self {
                server,
                secrets,
                _folder: folder,
            }
        }
        .boxed_local()
    }

    /// Its database, with a new connection.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub async fn database(&mut self) -> Database {
        Database::existing(self.server.admin_url_of("akinai").reveal(), &mut self.secrets).await
    }
}
