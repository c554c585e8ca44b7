//! A private Ory Hydra with a real database: its clients, and a restart.

use std::path::PathBuf;

use xtask::hydra::{Place, Private};
use xtask::migrate::create_owned_database;
use xtask::process::Scratch;
use xtask::secret::{Secret, Secrets};
use xtask::services::{Durability, Hydra, Postgres, SECRETS_FILE};
use xtask::workspace::Workspace;

/// The name of the role and the database.
const NAME: &str = "hydra_of_a_test";

/// A Postgres with a database for Hydra, and the program.
struct World {
    program: PathBuf,
    scratch: Scratch,
    secrets: Secrets,
    postgres: Postgres,
}

impl World {
    /// `None` if there is no Hydra. `cargo xtask test` has printed that.
    async fn new() -> Option<World> {
        let Some(program) = std::env::var_os("AKINAI_TEST_HYDRA") else {
            eprintln!("SKIPPED: there is no Ory Hydra; `cargo xtask test` says how to get one");
            return None;
        };
        let scratch = Scratch::new("hydra-test").expect("a temporary folder");
        let postgres = Postgres::start(scratch.path(), Durability::Disposable).await;
        Some(World {
            program: program.into(),
            secrets: Secrets::open(&scratch.path().join(SECRETS_FILE)).expect("readable"),
            scratch,
            postgres: postgres.expect("Postgres starts"),
        })
    }

    /// Starts Hydra as `up` does, with a new database or an existing one.
    async fn start(&mut self) -> Hydra {
        let password = Secret::new("a-password");
        let dsn = create_owned_database(&self.postgres.admin_url(), NAME, &password).await;
        let private = Private::of(dsn.expect("a database"), &mut self.secrets, None).expect("its keys");
        let folder = self.scratch.path();
        Hydra::migrate(&self.program, folder, &private)
            .await
            .expect("its tables");
        let pages = "http://127.0.0.1:3000".parse().expect("an origin");
        let place = Place::on_free_ports(pages).expect("two free ports");
        Hydra::start(&Workspace::here(), &self.program, folder, &private, place)
            .await
            .expect("it starts")
    }
}

#[tokio::test]
async fn hydra_keeps_its_clients_and_their_secrets_over_a_restart() {
    let Some(mut world) = World::new().await else {
        return;
    };
    let workspace = Workspace::here();
    let (ours, others) = (Secret::new("a secret of ours"), Secret::new("a secret of others"));
    let mut hydra = world.start().await;
    let is_ours = hydra.place().add_clients(&workspace, &ours).await;
    assert!(
        is_ours.expect("the clients are added"),
        "the client has the given secret"
    );
    hydra.stop().await.expect("it ends");

    let hydra = world.start().await;
    let is_ours = hydra.place().add_clients(&workspace, &others).await;
    assert!(
        !is_ours.expect("they are there"),
        "another checkout's secret is refused"
    );
    let is_ours = hydra.place().add_clients(&workspace, &ours).await;
    assert!(
        is_ours.expect("they are there"),
        "the first secret is still valid"
    );
}

#[tokio::test]
async fn error_of_a_failed_start_contains_the_log_of_hydra() {
    let Some(mut world) = World::new().await else {
        return;
    };
    // Hydra would wait for a database that does not answer.
    let private = Private::of(Secret::new("nonsense://127.0.0.1/none"), &mut world.secrets, None);
    let private = private.expect("its keys");
    let failed = Hydra::migrate(&world.program, world.scratch.path(), &private).await;
    let error = format!("{:#}", failed.expect_err("the kind of database is unknown"));
    assert!(
        error.contains("the end of ") && error.contains("hydra/log"),
        "{error}"
    );
}
