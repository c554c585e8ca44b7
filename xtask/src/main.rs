//! `cargo xtask`: the one build system of this repository.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};
use xtask::backing::Database;
use xtask::services::Home;
use xtask::setup::{self, RustOrigin};
use xtask::workspace::Workspace;
use xtask::{admin, bench, build, configuration, conformance, deploy, manifest, openapi, suite, token, up};

/// Gets what is missing, builds, runs and tests Akinai.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Gets a Rust that can build WebAssembly components. The other commands do it when they need to.
    Setup {
        /// Only this way, instead of rustup's and then Debian's.
        #[arg(long)]
        from: Option<RustOrigin>,
    },
    /// Compiles the components and the host, and makes the manifest for Ory Hydra.
    Build,
    /// Brings the database up to date: that of DATABASE_URL, else the private one of `up`.
    Migrate,
    /// Makes a user with an account an admin, in the database that `migrate` is for.
    Admin {
        /// The account's e-mail address.
        email: String,
    },
    /// Runs the whole platform: builds, starts private servers, migrates, serves. Ctrl-C ends it.
    ///
    /// DATABASE_URL and REDIS_URL name servers to use instead of private ones.
    Up(up::Options),
    /// Signs a user in at a running `up`, as a browser would, and prints an access token as its last line.
    Token(token::Options),
    /// Writes the secret files of deployments/compose.yaml.
    Secrets,
    /// Writes docs/openapi.json, the public API as an OpenAPI document, from the contracts in proto/.
    Openapi,
    /// Writes docs/CONFIGURATION.md, the reference of the variables in spin.toml.
    Configuration,
    /// Checks contracts, format and lints, and runs the unit tests and the rules about source code. Compiles no component and
    /// starts no server.
    Check,
    /// Checks and tests everything, against servers of its own.
    Test(suite::Options),
    /// Runs the Connect project's conformance suite. AKINAI_SPIN names a Spin to run what is tested on, instead of our host.
    Conformance(conformance::Options),
    /// Serves the test service for the conformance runner, which starts this.
    #[command(hide = true)]
    ConformanceServer,
    /// Measures the platform, beside a component that does nothing and the same two hops written natively.
    Bench(bench::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match Interruption::listen() {
        Ok(mut interruption) => {
            tokio::select! {
                result = run(arguments.command) => result,
                // The other branch is dropped, and with it, in order, all that it had started.
                code = interruption.wait() => return code,
            }
        }
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    let workspace = Workspace::here();
    match command {
        Command::Setup { from } => {
            let rust = setup::wasm_rust(&workspace, from).await?;
            println!("Components can be compiled with {rust}.");
            Ok(())
        }
        Command::Build => {
            build::components(&workspace, &[]).await?;
            manifest::write_for_hydra(&workspace)?;
            build::native(&workspace, &[]).await
        }
        Command::Migrate => migrate(&workspace).await,
        Command::Admin { email } => make_admin(&workspace, &email).await,
        Command::Up(options) => up::run(&workspace, options).await,
        Command::Token(options) => token::run(&workspace, options).await,
        Command::Secrets => deploy::write(&workspace),
        Command::Openapi => openapi::write(&workspace),
        Command::Configuration => configuration::write(&workspace),
        Command::Check => suite::check(&workspace).await,
        Command::Test(options) => suite::test(&workspace, options).await,
        Command::Conformance(options) => conformance::conformance(&workspace, options).await,
        Command::ConformanceServer => conformance::serve(&workspace).await,
        Command::Bench(options) => bench::run(&workspace, options).await,
    }
}

async fn migrate(workspace: &Workspace) -> Result<()> {
    database(workspace).await?.migrate().await?;
    println!("The database is up to date.");
    Ok(())
}

async fn make_admin(workspace: &Workspace, email: &str) -> Result<()> {
    if admin::make_admin(&database(workspace).await?, email).await? {
        println!("{email} is an admin. It takes a new sign-in to become one in a token.");
    } else {
        println!("{email} is an admin already.");
    }
    Ok(())
}

/// The platform's database: that of a running `up`, else as `up` would find or start it.
async fn database(workspace: &Workspace) -> Result<Database> {
    let home = Home::of(workspace)?;
    match Database::of_running_server(workspace, home.folder())? {
        Some(database) => Ok(database),
        None => Database::open(workspace, home.folder()).await,
    }
}

/// The signals that ask us to end.
struct Interruption {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Interruption {
    fn listen() -> std::io::Result<Interruption> {
        Ok(Interruption {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Returns the exit code that shells expect after the signal that came: 128 and its number.
    async fn wait(&mut self) -> ExitCode {
        let number = tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
            _ = self.hangup.recv() => 1,
        };
        eprintln!("\nstopping…");
        ExitCode::from(128 + number)
    }
}
