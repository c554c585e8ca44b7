//! Clients of other projects that use our issuer: a certified client library, Ory's own client for Hydra's admin API, and a
//! page in Chromium.
//!
//! Their tests are in `clients/openid-client`, `clients/hydra-client` and `clients/browser`. This file starts a platform for
//! them and creates accounts.

use std::path::PathBuf;

use harness::{Hydra, Setup};
use serde_json::json;
use tokio::sync::OnceCell;
use xtask::services::free_port;
use xtask::workspace::Workspace;

use crate::clients::{client, command, must};
use crate::sign_in::{Issuer, World, over_both_issuers, shop_at};

const EMAIL: &str = "mina@example.com";
const ADMIN: &str = "admin@example.com";
const PASSWORD: &str = "correct horse battery";
const SERVICE_SECRET: &str = "a-secret-that-is-long-enough-for-a-service";

/// A platform with an application at a separate origin, a service, and two accounts, one of them an admin's.
struct Shop {
    world: World,
    application: String,
}

impl Shop {
    async fn open(issuer: Issuer) -> Self {
        let application = format!("http://127.0.0.1:{}", free_port().expect("a free port"));
        let allowed = |setup: Setup| setup.variable("allowed_origins", application.as_str());
        let world = World::with(issuer, allowed).await;
        for email in [EMAIL, ADMIN] {
            world.sign_up(email, PASSWORD).await;
        }
        world.set_client("shop", None, shop_at(&application)).await;
        let service = json!({
            "client_name": "A service", "grant_types": ["client_credentials"], "audience": ["akinai"],
            "token_endpoint_auth_method": "client_secret_basic",
        });
        world.set_client("service", Some(SERVICE_SECRET), service).await;
        world
            .sql(&format!(
                "update user_service.users set roles = '{{admin}}' where email_key = '{ADMIN}'"
            ))
            .await;
        Self { world, application }
    }

    /// Runs a suite of tests of Node.js with all of this.
    async fn must_pass(&self, folder: PathBuf, file: &str) {
        let pictures = Workspace::here().root().join("target/pictures");
        let mut node = command("node", &folder);
        node.args(["--test", file])
            .env("AKINAI_URL", &self.world.url)
            .env("AKINAI_ISSUER", &self.world.issuer_url)
            .env("AKINAI_IS_HYDRA", self.world.hydra.is_some().to_string())
            .env("AKINAI_APPLICATION", &self.application)
            .env("AKINAI_EMAIL", EMAIL)
            .env("AKINAI_ADMIN", ADMIN)
            .env("AKINAI_PASSWORD", PASSWORD)
            .env("AKINAI_SERVICE_SECRET", SERVICE_SECRET)
            .env("AKINAI_PICTURES", pictures);
        must(&mut node).await;
    }
}

/// Installs exactly what the lock file of a client names, and nothing else.
async fn installed(name: &str) -> PathBuf {
    let folder = client(name);
    must(command("npm", &folder).arg("ci")).await;
    folder
}

over_both_issuers!(
    a_certified_client_signs_people_in_and_out,
    ory_s_hydra_client_drives_the_admin_api,
    people_sign_up_in_and_out_in_a_browser,
    attacks_fail_in_a_browser,
);

async fn a_certified_client_signs_people_in_and_out(issuer: Issuer) {
    static INSTALLED: OnceCell<PathBuf> = OnceCell::const_new();
    let folder = INSTALLED.get_or_init(|| installed("openid-client")).await;
    let shop = Shop::open(issuer).await;
    shop.must_pass(folder.clone(), "sign-in.test.js").await;
}

async fn ory_s_hydra_client_drives_the_admin_api(issuer: Issuer) {
    let mut node = command("node", hydra_client().await);
    node.args(["--test", "built/admin.test.js"])
        .env("AKINAI_IS_HYDRA", (issuer == Issuer::Hydra).to_string());
    // The users of these tests have no accounts, so the hook would refuse to refresh their tokens.
    match issuer {
        Issuer::Component => {
            let world = World::with(issuer, |setup| {
                let setup = setup.routes(&[("/admin/...", "issuer-admin")]);
                setup.variable("refresh_hook_path", "")
            })
            .await;
            node.env("AKINAI_ADMIN", &world.url)
                .env("AKINAI_ISSUER", &world.url);
            must(&mut node).await;
        }
        Issuer::Hydra => {
            let hydra = Hydra::alone().await;
            node.env("AKINAI_ADMIN", hydra.admin_url())
                .env("AKINAI_ISSUER", hydra.issuer());
            must(&mut node).await;
        }
    }
}

/// The folder of Ory's client, installed and compiled once for all tests.
async fn hydra_client() -> &'static PathBuf {
    static COMPILED: OnceCell<PathBuf> = OnceCell::const_new();
    let compile = || async {
        let folder = installed("hydra-client").await;
        // The compiler writes nothing where a type is wrong.
        must(command("node", &folder).arg("node_modules/typescript/bin/tsc")).await;
        folder
    };
    COMPILED.get_or_init(compile).await
}

async fn people_sign_up_in_and_out_in_a_browser(issuer: Issuer) {
    in_a_browser(issuer, "people.test.js").await;
}

async fn attacks_fail_in_a_browser(issuer: Issuer) {
    in_a_browser(issuer, "attacks.test.js").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_accessible_in_a_browser() {
    in_a_browser(Issuer::Component, "pictures.test.js").await;
}

/// Runs a file of tests with the browser that `cargo xtask test` has found. If it has found none, it has printed that, and
/// the tests are skipped.
async fn in_a_browser(issuer: Issuer, file: &str) {
    static INSTALLED: OnceCell<PathBuf> = OnceCell::const_new();
    if std::env::var_os("AKINAI_TEST_BROWSER").is_none() {
        eprintln!("SKIPPED: there is no browser for {file}; `cargo xtask test` says how to get one");
        return;
    }
    let folder = INSTALLED.get_or_init(|| installed("browser")).await;
    Shop::open(issuer).await.must_pass(folder.clone(), file).await;
}
