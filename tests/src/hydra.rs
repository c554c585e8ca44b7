//! An Ory Hydra for one test, with its own database.

use std::path::PathBuf;

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::Value;
use uuid::Uuid;
use xtask::hydra::{Place, Private, REFRESH_HOOK, TEMPLATE};
use xtask::migrate;
use xtask::origin::Origin;
use xtask::process::Scratch;
use xtask::secret::{Secret, Secrets};
use xtask::services;
use xtask::workspace::Workspace;

use crate::database::OwnedDatabase;
use crate::{Client, RealManifest, Setup, environment, refresh_hook_key};

/// A running Hydra. It ends with the test.
pub struct Hydra {
    server: services::Hydra,
    admin: Client,
    // These fields are last, and in this order: the server is dropped before the things that it uses.
    _database: OwnedDatabase,
    _folder: Scratch,
}

impl Hydra {
    /// Whether Hydra is installed. If it is not, `cargo xtask test` has printed that, and this prints which test is skipped.
    pub fn is_there(test: &str) -> bool {
        let is_there = environment().hydra.is_some();
        if !is_there {
            eprintln!("SKIPPED: there is no Ory Hydra for {test}; `cargo xtask test` says how to get one");
        }
        is_there
    }

    /// Starts Hydra for a platform at `platform`. Hydra redirects browsers to the pages of the platform, and calls its hook
    /// before it refreshes tokens. Pages at `application` may call Hydra, too.
    ///
    /// # Panics
    ///
    /// When Hydra is not installed or does not start.
    pub fn start(platform: &str, application: Option<&String>) -> BoxFuture<'static, Self> {
        let platform: Origin = platform.parse().expect("an origin");
        let hook = platform.at(REFRESH_HOOK).expect("a URL").into();
        let hook = Some((hook, Secret::new(refresh_hook_key())));
        let mut place = Place::on_free_ports(platform).expect("two free ports");
        place.allowed_origins = application.map(|origin| vec![origin.clone()]);
        Self::launch(place, hook).boxed()
    }

    /// Starts Hydra without a platform, and so without a hook for refreshing.
    ///
    /// # Panics
    ///
    /// As [`Hydra::start`].
    pub fn alone() -> BoxFuture<'static, Self> {
        let nowhere = "http://127.0.0.1:3000".parse().expect("an origin");
        Self::launch(Place::on_free_ports(nowhere).expect("two free ports"), None).boxed()
    }

    async fn launch(mut place: Place, hook: Option<(String, Secret)>) -> Self {
        let environment = environment();
        let program: &PathBuf = environment.hydra.as_ref().expect("AKINAI_TEST_HYDRA is set");
        let database =
            OwnedDatabase::copy(&format!("h_{}", Uuid::now_v7().simple()), TEMPLATE, TEMPLATE).await;
        let mut secrets = Secrets::open(&environment.secrets).expect("the secrets of the test servers");
        let password = secrets.get(&migrate::role_secret(TEMPLATE)).expect("a password");
        let dsn = migrate::url_as(&environment.postgres_url, TEMPLATE, &password, database.name());
        let private = Private::of(dsn.expect("a URL"), &mut secrets, hook).expect("its keys");
        let folder = Scratch::new("hydra").expect("a folder for Hydra");
        let workspace = Workspace::here();
        let mut attempts = 0;
        let server = loop {
            let start = |place| services::Hydra::start(&workspace, program, folder.path(), &private, place);
            match start(place.clone()).await {
                Ok(server) => break server,
                // Another test has used a port since it was found free.
                Err(error) if attempts < 3 && error.to_string().contains("address already in use") => {
                    attempts += 1;
                    place = place.on_other_ports().expect("two free ports");
                }
                Err(error) => panic!("Hydra must start, but: {error:#}"),
            }
        };
        Self {
            admin: Client::new(server.place().admin_url()),
            server,
            _database: database,
            _folder: folder,
        }
    }

    /// The `iss` of its tokens, which is also the address of its public API.
    pub fn issuer(&self) -> String {
        self.server.place().issuer.to_string()
    }

    /// The address of its admin API.
    pub fn admin_url(&self) -> String {
        self.server.place().admin_url()
    }

    /// Registers or replaces a client.
    ///
    /// # Panics
    ///
    /// When Hydra refuses it.
    pub async fn set_client(&self, id: &str, mut client: Value) {
        client["client_id"] = id.into();
        let mut request = self
            .admin
            .post(&format!("/admin/clients/{id}"), client.to_string());
        *request.method_mut() = http::Method::PUT;
        let mut answer = self.admin.send(request).await;
        if answer.status == 404 {
            answer = self
                .admin
                .send(self.admin.post("/admin/clients", client.to_string()))
                .await;
        }
        assert!(answer.status.is_success(), "{id}: {}", answer.text());
    }
}

impl Setup {
    /// The same with Hydra instead of the issuer component.
    #[must_use]
    pub fn behind(self, hydra: &Hydra) -> Self {
        let place = hydra.server.place();
        let variables = place.variables();
        let mut setup = self.with_manifest(&RealManifest::for_hydra());
        setup.is_behind_hydra = true;
        variables.into_iter().fold(setup, |setup, (name, value)| {
            setup.variable(&name, value.reveal())
        })
    }
}
