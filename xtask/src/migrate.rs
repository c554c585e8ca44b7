//! Databases: a role and a schema for each service, and the tables in it.
//!
//! `migrations/NAME/*.sql` belong to the service NAME. Its tables are in the schema `NAME_service`, which belongs to
//! the role that migrates. The service itself logs in as the role `NAME_service`. That role may use the tables as the
//! migrations grant. It may not change a table, and it cannot see the tables of other services.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use anyhow::{Context as _, Result, bail};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection as _, Executor as _};
use url::Url;

use crate::secret::{Secret, Secrets};

/// The key of the lock with which concurrent runs take turns. The number is arbitrary, but the same for every process
/// that migrates this database.
const LOCK: i64 = 0x616b_696e_6169;

/// One service's part of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSchema {
    /// The service's name, which is also its folder's name: `user`.
    pub service: String,
    /// Its SQL files.
    pub folder: PathBuf,
}

impl ServiceSchema {
    /// The name of the schema, and of the service's login role: `user_service`.
    pub fn role(&self) -> String {
        format!("{}_service", self.service)
    }

    /// The password of its role.
    ///
    /// # Errors
    /// A new one cannot be saved.
    pub fn password(&self, secrets: &mut Secrets) -> Result<Secret> {
        secrets.get(&role_secret(&self.role()))
    }
}

/// The name under which a role's password is stored.
pub fn role_secret(role: &str) -> String {
    format!("postgres.{role}")
}

/// The services that have migrations, by name.
///
/// # Errors
/// `migrations` cannot be read, or a folder's name is not a valid schema name (lower case letters, digits, `_`).
pub fn service_schemas(migrations: &Path) -> Result<Vec<ServiceSchema>> {
    let entries =
        std::fs::read_dir(migrations).with_context(|| format!("cannot read {}", migrations.display()))?;
    let mut schemas = Vec::new();
    for entry in entries {
        let folder = entry?.path();
        if !folder.is_dir() {
            continue;
        }
        let service = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let starts_well = service.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts_well
            || !service
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        {
            bail!(
                "{}: the folder's name must be lower case letters, digits and `_`",
                folder.display()
            );
        }
        schemas.push(ServiceSchema { service, folder });
    }
    schemas.sort_by(|a, b| a.service.cmp(&b.service));
    Ok(schemas)
}

/// Creates the database `name` on the server of `admin_url` unless it is there.
///
/// # Errors
/// The server does not answer, or the user of the URL may not create databases.
pub async fn create_database(admin_url: &Secret, name: &str) -> Result<()> {
    let mut connection = connect(admin_url).await?;
    let exists: Option<i32> = sqlx::query_scalar("select 1 from pg_database where datname = $1")
        .bind(name)
        .fetch_optional(&mut connection)
        .await?;
    if exists.is_none() {
        run(
            &mut connection,
            "select format('create database %I', $1)",
            &[name],
        )
        .await?;
    }
    connection.close().await?;
    Ok(())
}

/// Creates the role `name` and a database of the same name, which only this role may enter, on the server of
/// `admin_url`. Existing ones are kept. It is for a program that creates its own tables. Returns the role's URL of the
/// database.
///
/// # Errors
/// As [`create_database`]; or the user may not create roles.
pub async fn create_owned_database(admin_url: &Secret, name: &str, password: &Secret) -> Result<Secret> {
    let mut connection = connect(admin_url).await?;
    create_role(&mut connection, name, password).await?;
    connection.close().await?;
    create_database(admin_url, name).await?;
    let mut connection = connect(admin_url).await?;
    for statement in [
        "select format('alter database %I owner to %I', $1, $1)",
        "select format('revoke all on database %I from public', $1)",
    ] {
        run(&mut connection, statement, &[name]).await?;
    }
    connection.close().await?;
    url_as(admin_url, name, password, name)
}

/// The URL of the same server for another role and database.
///
/// # Errors
/// `url` is not a URL. The error does not show it.
pub fn url_as(url: &Secret, role: &str, password: &Secret, database: &str) -> Result<Secret> {
    let other = || {
        let mut url = Url::parse(url.reveal()).ok()?;
        url.set_username(role).ok()?;
        url.set_password(Some(password.reveal())).ok()?;
        url.set_path(database);
        Some(url)
    };
    let url =
        other().context("the database URL is not of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE")?;
    Ok(Secret::new(url))
}

/// Migrates the database of `url`: roles, schemas, and the migrations that are still missing. Does nothing if the
/// database is up to date.
///
/// The URL's user owns the schemas and tables, so it must be the same at every run. It may create roles and schemas.
///
/// # Errors
/// The server does not answer, a privilege is missing, a migration fails (it is rolled back), or an applied migration
/// has been changed or deleted since.
pub async fn migrate(url: &Secret, schemas: &[ServiceSchema], secrets: &mut Secrets) -> Result<()> {
    let mut connection = connect(url).await?;
    // The lock is held until the connection closes.
    sqlx::query("select pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut connection)
        .await?;
    revoke_default_privileges(&mut connection).await?;
    for schema in schemas {
        let password = schema.password(secrets)?;
        prepare(&mut connection, &schema.role(), &password)
            .await
            .with_context(|| format!("cannot prepare the role and schema `{}`", schema.role()))?;
        apply(url, schema).await?;
    }
    connection.close().await?;
    Ok(())
}

/// Revokes the privileges that every role on the server has by default: to connect, and to create temporary tables.
async fn revoke_default_privileges(connection: &mut PgConnection) -> Result<()> {
    run(
        connection,
        "select format('revoke all on database %I from public', current_database())",
        &[],
    )
    .await?;
    run(
        connection,
        "select 'revoke create on schema public from public'",
        &[],
    )
    .await
}

/// Creates or updates a role that logs in with this password.
async fn create_role(connection: &mut PgConnection, role: &str, password: &Secret) -> Result<()> {
    let exists: Option<i32> = sqlx::query_scalar("select 1 from pg_roles where rolname = $1")
        .bind(role)
        .fetch_optional(&mut *connection)
        .await?;
    if exists.is_none() {
        run(connection, "select format('create role %I', $1)", &[role]).await?;
    }
    let login = "select format('alter role %I login password %L', $1, $2)";
    run(connection, login, &[role, password.reveal()]).await
}

/// Creates the role with its password, and its schema.
async fn prepare(connection: &mut PgConnection, role: &str, password: &Secret) -> Result<()> {
    create_role(connection, role, password).await?;
    run(
        connection,
        "select format('alter role %I set search_path = %I', $1, $1)",
        &[role],
    )
    .await?;
    let enter = "select format('grant connect on database %I to %I', current_database(), $1)";
    run(connection, enter, &[role]).await?;
    run(
        connection,
        "select format('create schema if not exists %I', $1)",
        &[role],
    )
    .await?;
    run(
        connection,
        "select format('grant usage on schema %I to %I', $1, $1)",
        &[role],
    )
    .await
}

/// Lets the server format a statement, with names and texts quoted by its own rules, and runs it. Names of roles and
/// schemas cannot be parameters.
async fn run(connection: &mut PgConnection, format: &str, arguments: &[&str]) -> Result<()> {
    let mut query = sqlx::query_scalar(format);
    for argument in arguments {
        query = query.bind(*argument);
    }
    let statement: String = query.fetch_one(&mut *connection).await?;
    connection.execute(statement.as_str()).await?;
    Ok(())
}

/// Runs the migrations of one service in its own schema. Their record (`_sqlx_migrations`) is stored there, too.
async fn apply(url: &Secret, schema: &ServiceSchema) -> Result<()> {
    let folder = schema.folder.display();
    let migrator = Migrator::new(schema.folder.as_path())
        .await
        .with_context(|| format!("cannot read {folder}"))?;
    let options = connect_options(url)?.options([("search_path", schema.role())]);
    let mut connection = PgConnection::connect_with(&options).await?;
    match migrator.run(&mut connection).await {
        Ok(()) => Ok(connection.close().await?),
        Err(MigrateError::VersionMismatch(version)) => bail!(
            "{folder}/{version}_*.sql was changed after this database had run it.\n\
             Undo that and put the change into a new file; or, for a database you can lose, delete it and migrate again."
        ),
        Err(MigrateError::VersionMissing(version)) => bail!(
            "this database has run a migration {version} that is not in {folder}.\n\
             It was migrated by a newer checkout: update yours, or use another database."
        ),
        Err(error) => Err(error).with_context(|| format!("a migration in {folder} failed")),
    }
}

pub(crate) async fn connect(url: &Secret) -> Result<PgConnection> {
    let options = connect_options(url)?;
    PgConnection::connect_with(&options).await.with_context(|| {
        format!(
            "cannot connect to Postgres at {}:{}",
            options.get_host(),
            options.get_port()
        )
    })
}

/// Reads a `postgres://` URL.
///
/// # Errors
/// It is not such a URL. The error does not show it, because it may contain a password.
pub fn connect_options(url: &Secret) -> Result<PgConnectOptions> {
    let url = url.reveal();
    let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
    // The parser's error is not returned: it may quote the URL and thus the password.
    match PgConnectOptions::from_str(url) {
        Ok(options) if is_postgres => Ok(options),
        _ => bail!("the database URL is not of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_is_a_service() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["user", "product"] {
            std::fs::create_dir(folder.path().join(name)).expect("created");
        }
        std::fs::write(folder.path().join("README.md"), "").expect("written");
        let schemas = service_schemas(folder.path()).expect("two well-named folders");
        let roles: Vec<String> = schemas.iter().map(ServiceSchema::role).collect();
        assert_eq!(roles, ["product_service", "user_service"]);
    }

    #[test]
    fn folder_with_an_invalid_schema_name_is_refused() {
        for name in ["User", "9lives", "a-b", "a b"] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            std::fs::create_dir(folder.path().join(name)).expect("created");
            assert!(
                service_schemas(folder.path()).is_err(),
                "`{name}` was taken for a schema name"
            );
        }
    }

    #[test]
    fn a_url_for_another_role_keeps_the_server_and_its_settings() {
        let admin = Secret::new("postgres://postgres:secret@[::1]:5433/akinai?sslmode=require");
        let url = url_as(&admin, "other", &Secret::new("password"), "others").expect("a URL");
        assert_eq!(
            url.reveal(),
            "postgres://other:password@[::1]:5433/others?sslmode=require"
        );
        let error = url_as(&Secret::new("hunter2"), "a", &admin, "b").expect_err("no URL");
        assert!(
            !format!("{error:?}").contains("hunter2"),
            "the error shows the URL"
        );
    }

    #[test]
    fn an_unreadable_url_is_not_shown() {
        let error =
            connect_options(&Secret::new("mysql:/user:hunter2@x")).expect_err("it is not a Postgres URL");
        assert!(
            !format!("{error:?}").contains("hunter2"),
            "the error shows the password"
        );
    }
}
