//! The first order in the README: its commands run in a shell, with the curl of this machine.

use std::path::PathBuf;

use serde_json::Value;
use tokio::process::Command;
use xtask::workspace::{BuildProfile, Workspace};

use crate::clients::printed;
use crate::sign_in::{Issuer, World, over_both_issuers, shop_at};

/// The address of `up` in the README.
const UP: &str = "http://127.0.0.1:3000";

/// The placeholder for a product's id in the README.
const PRODUCT: &str = r#""ID""#;

/// The command that signs a user in. Without an `up` of this checkout it needs `--url`.
const TOKEN: &str = "cargo xtask token";

/// The heading in the README. The commands are the indented blocks below it.
const STORY: &str = "## Talk to it";

/// The commands that a reader types: each block of indented lines.
fn commands() -> Vec<String> {
    let readme = std::fs::read_to_string(Workspace::here().root().join("README.md")).expect("the README");
    let (_, story) = readme.split_once(STORY).expect("the README has the heading");
    let (story, _) = story.split_once("\n## ").expect("another part follows");
    let indented = |block: &&str| block.starts_with("    ");
    story
        .split("\n\n")
        .map(|block| block.trim_start_matches('\n'))
        .filter(indented)
        .map(str::to_owned)
        .collect()
}

/// A reader who runs the commands in a shell.
struct Reader {
    world: World,
    product: Option<String>,
    token: String,
}

impl Reader {
    async fn start(issuer: Issuer) -> Self {
        let world = World::start(issuer).await;
        // The same preparation as `up`: a catalogue, and the redirect URI that `cargo xtask token` has for the application.
        let catalogue = Workspace::here().root().join("xtask/seed/catalogue.sql");
        let catalogue = std::fs::read_to_string(catalogue).expect("the demo catalogue");
        world
            .sql(&format!("set search_path = product_service; {catalogue}"))
            .await;
        world.set_client("shop", None, shop_at(UP)).await;
        Self {
            world,
            product: None,
            token: String::new(),
        }
    }

    /// Runs a command, with earlier results instead of its placeholders. Returns its output.
    async fn run(&self, command: &str) -> String {
        let token = format!("{} token --url {}", xtask().display(), self.world.issuer_url);
        let mut command = command.replace(UP, &self.world.url).replace(TOKEN, &token);
        if let Some(product) = &self.product {
            command = command.replace(PRODUCT, &format!(r#""{product}""#));
        }
        // The output of the command itself. If the command sets a variable, its value is printed at the end.
        let script = format!("set -euo pipefail\n{command}\nprintf '%s' \"${{NEW_TOKEN:-}}\"");
        let script = script.replace("TOKEN=$(", "NEW_TOKEN=$(");
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).env("TOKEN", &self.token);
        printed(&mut bash).await
    }

    /// Runs a command and parses its output as JSON.
    async fn run_json(&self, command: &str) -> Value {
        let answer = self.run(command).await;
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{command}\nanswered {answer}"))
    }

    /// Runs a command and checks its output. Returns a name for the step.
    async fn check(&mut self, command: &str) -> &'static str {
        let has = |part: &str| command.contains(part);
        if has(TOKEN) {
            self.token = self.run(command).await;
            return "signs in";
        }
        if has("/ready") {
            self.run(command).await;
            return "checks readiness";
        }
        let answer = self.run_json(command).await;
        let at = |place: &str| answer.pointer(place).cloned().unwrap_or_default();
        match () {
            () if has("ListProducts") => {
                let products = at("/products");
                let found = products.as_array().into_iter().flatten().find(|product| {
                    let available = product["available"].as_i64().unwrap_or_default();
                    available >= 2 && product["price"]["currencyCode"] == "JPY"
                });
                let id = found.and_then(|product| product["id"].as_str());
                self.product = id.map(str::to_owned).or(self.product.take());
                "lists products"
            }
            () if has("GetProduct") => {
                assert_eq!(at("/product/id").as_str(), self.product.as_deref(), "{answer}");
                "reads a product"
            }
            () if has("CreateUser") => {
                assert_eq!(at("/user/email"), "mina@example.com", "{answer}");
                "signs up"
            }
            () if has("AddToCart") => {
                assert_eq!(at("/cart/items/0/quantity"), 2, "{answer}");
                "adds to the cart"
            }
            () if has("CreateOrder") => {
                assert_eq!(at("/order/status"), "ORDER_STATUS_CONFIRMED", "{answer}");
                assert_eq!(
                    self.run_json(command).await,
                    answer,
                    "a repeat creates no second order"
                );
                "orders"
            }
            () => panic!("there is no check for this command of the README: {command}"),
        }
    }
}

/// The program of `cargo xtask`, which runs this test.
fn xtask() -> PathBuf {
    Workspace::here().native_program(BuildProfile::Dev, "xtask")
}

over_both_issuers!(the_readme_leads_from_signing_up_to_a_confirmed_order);

async fn the_readme_leads_from_signing_up_to_a_confirmed_order(issuer: Issuer) {
    let mut reader = Reader::start(issuer).await;
    let mut story = Vec::new();
    for command in commands() {
        story.push(reader.check(&command).await);
    }
    assert_eq!(
        story,
        [
            "lists products",
            "lists products",
            "reads a product",
            "signs up",
            "signs in",
            "adds to the cart",
            "orders",
            "checks readiness",
        ],
        "the commands of the README"
    );
}
