//! Postgres databases. Each test has its own, which is made from the migrated template and dropped with the test.

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::{Value, json};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;
use xtask::secret::Secrets;

use crate::environment;

/// The database that `cargo xtask test` has migrated.
const TEMPLATE: &str = "akinai_template";

/// The roles with which the services connect to it.
const ROLES: &str = "user_service, product_service, order_service, issuer_service";

/// A migrated database, and a superuser's connection to it, with which tests insert and read rows.
pub struct Database {
    server: Config,
    name: String,
    passwords: Passwords,
    sql: Client,
    /// None on a test's own server, which removes the database when it ends.
    _owned: Option<OwnedDatabase>,
}

/// A database on the shared server, made for one test; dropped with this value.
pub(crate) struct OwnedDatabase {
    name: String,
}

struct Passwords {
    user: String,
    product: String,
    order: String,
    issuer: String,
}

impl Database {
    /// A new, empty database on the shared server; dropped with this value.
    ///
    /// # Panics
    ///
    /// When the server does not answer or has no template.
    pub fn create() -> BoxFuture<'static, Self> {
        Self::from_template().boxed()
    }

    async fn from_template() -> Self {
        let environment = environment();
        let server = environment.postgres.clone();
        let name = format!("t_{}", Uuid::now_v7().simple());
        let owned = OwnedDatabase::copy(&name, TEMPLATE, ROLES).await;
        let passwords = Passwords {
            user: environment.password("postgres.user_service"),
            product: environment.password("postgres.product_service"),
            order: environment.password("postgres.order_service"),
            issuer: environment.password("postgres.issuer_service"),
        };
        let sql = connect(server.clone().dbname(&name)).await;
        Self {
            server,
            name,
            passwords,
            sql,
            _owned: Some(owned),
        }
    }

    /// A migrated database on the test's own server. It exists as long as the server.
    ///
    /// # Panics
    ///
    /// When the server does not answer, or `secrets` lacks the roles' passwords and cannot be written.
    pub async fn existing(url: &str, secrets: &mut Secrets) -> Self {
        let server: Config = url.parse().expect("a Postgres URL");
        let name = server
            .get_dbname()
            .expect("a URL that names a database")
            .to_owned();
        let mut password = |role| {
            secrets
                .get(role)
                .expect("the role has a password")
                .reveal()
                .to_owned()
        };
        let passwords = Passwords {
            user: password("postgres.user_service"),
            product: password("postgres.product_service"),
            order: password("postgres.order_service"),
            issuer: password("postgres.issuer_service"),
        };
        let sql = connect(&server).await;
        Self {
            server,
            name,
            passwords,
            sql,
            _owned: None,
        }
    }

    /// A superuser's connection to this database.
    pub fn sql(&self) -> &Client {
        &self.sql
    }

    /// Adds products with their stock.
    ///
    /// # Panics
    ///
    /// When a constraint of the schema forbids one of them.
    pub async fn insert(&self, products: &[Product]) {
        const SQL: &str = "
            with new as (
                insert into product_service.products
                    (id, name, description, price, currency, image_url, is_deleted, deleted_at, created_at, updated_at)
                values ($1, $2, $3, $4::text::decimal, $5, $6, $7, case when $7 then now() end,
                        $8::text::timestamptz, $9::text::timestamptz)
                returning id)
            insert into product_service.inventory (product_id, quantity, reserved, deleted_at)
            select id, $10, $11, case when $7 then now() end from new";

        let statement = self
            .sql
            .prepare(SQL)
            .await
            .expect("the statement fits the schema");
        for product in products {
            let Product {
                id,
                name,
                description,
                price,
                currency,
                image_url,
                quantity,
                reserved,
                ..
            } = product;
            let Product {
                is_deleted,
                created_at,
                updated_at,
                ..
            } = product;
            self.sql
                .execute(
                    &statement,
                    &[
                        id,
                        name,
                        description,
                        price,
                        currency,
                        image_url,
                        is_deleted,
                        created_at,
                        updated_at,
                        quantity,
                        reserved,
                    ],
                )
                .await
                .unwrap_or_else(|error| panic!("cannot insert the product {name:?}: {error:?}"));
        }
    }

    /// The application variables with which the services find this database.
    pub(crate) fn variables(&self) -> [(&'static str, String); 7] {
        let host = match self.server.get_hosts() {
            [Host::Tcp(host), ..] => host.clone(),
            hosts => panic!("the test server is reached by TCP, not as {hosts:?}"),
        };
        let port = self.server.get_ports().first().copied().unwrap_or(5432);
        [
            ("db_host", host),
            ("db_port", port.to_string()),
            ("db_name", self.name.clone()),
            ("user_db_password", self.passwords.user.clone()),
            ("product_db_password", self.passwords.product.clone()),
            ("order_db_password", self.passwords.order.clone()),
            ("issuer_db_password", self.passwords.issuer.clone()),
        ]
    }
}

impl OwnedDatabase {
    /// A copy of a template. Only these roles may connect to it, besides its owner.
    ///
    /// # Panics
    ///
    /// When the server does not answer or has no such template.
    pub(crate) async fn copy(name: &str, template: &str, roles: &str) -> Self {
        let admin = connect(&environment().postgres).await;
        for statement in [
            format!("create database {name} template {template}"),
            // A template does not contain the roles that may connect.
            format!("revoke all on database {name} from public"),
            format!("grant connect on database {name} to {roles}"),
        ] {
            admin
                .batch_execute(&statement)
                .await
                .expect("a database is made from the template");
        }
        Self {
            name: name.to_owned(),
        }
    }

    /// The name of the database.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for OwnedDatabase {
    /// Runs on a separate thread, because the test's runtime may have ended.
    fn drop(&mut self) {
        let server = environment().postgres.clone();
        // `force`, because connections of the platform that was just dropped may still be open.
        let statement = format!("drop database if exists {} with (force)", self.name);
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async { connect(&server).await.batch_execute(&statement).await })?;
            Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
        });
        match dropping.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("the database {} is left behind: {error}", self.name),
            Err(_) => eprintln!(
                "the database {} is left behind: the server does not answer",
                self.name
            ),
        }
    }
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config
        .connect(NoTls)
        .await
        .expect("the test server answers: was it started by `cargo xtask test`?");
    // The task ends when the client is dropped, or with the server. The client reports errors.
    drop(tokio::spawn(connection));
    client
}

/// A product as a row of the database.
#[derive(Clone, Debug)]
pub struct Product {
    /// A UUIDv7: later ids sort higher.
    pub id: Uuid,
    /// The name.
    pub name: String,
    /// The description.
    pub description: String,
    /// The price: a number with at most two decimals.
    pub price: String,
    /// The currency of the price (ISO 4217).
    pub currency: String,
    /// The address of a picture.
    pub image_url: Option<String>,
    /// The number of pieces in stock.
    pub quantity: i32,
    /// How many of these pieces are reserved for orders.
    pub reserved: i32,
    /// Whether it was removed from the catalogue.
    pub is_deleted: bool,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
}

impl Product {
    /// A product with this name that is not deleted. It is newer than all products that this process made before.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            id: Uuid::now_v7(),
            name: name.into(),
            description: String::new(),
            price: "1980".to_owned(),
            currency: "JPY".to_owned(),
            image_url: None,
            quantity: 5,
            reserved: 0,
            is_deleted: false,
            created_at: "2026-01-02T03:04:05Z".to_owned(),
            updated_at: "2026-01-02T03:04:05Z".to_owned(),
        }
    }

    /// The product as an anonymous caller gets it, in proto3 JSON: fields with default values are absent.
    pub fn to_json(&self) -> Value {
        let mut json = json!({
            "id": self.id.to_string(),
            "name": self.name,
            "price": { "amount": self.price, "currencyCode": self.currency },
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
        });
        if !self.description.is_empty() {
            json["description"] = json!(self.description);
        }
        if let Some(url) = &self.image_url {
            json["imageUrl"] = json!(url);
        }
        if self.quantity > self.reserved {
            json["available"] = json!(self.quantity - self.reserved);
        }
        json
    }
}
