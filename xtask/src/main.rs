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
    /// Get a Rust that can build WebAssembly components. The other commands do it when they need to.
    Setup {
        /// Use only this way, instead of rustup's and then Debian's.
        #[arg(long)]
        from: Option<RustOrigin>,
    },
    /// Compile the components and the host, and write the manifest for Ory Hydra.
    Build,
    /// Migrate the database: the one of DATABASE_URL, or else the private one of `up`.
    Migrate,
    /// Make a user with an account an admin, in the database that `migrate` uses.
    Admin {
        /// The account's e-mail address.
        email: String,
    },
    /// Run the whole platform: build, start private servers, migrate, serve. Ctrl-C ends it.
    ///
    /// DATABASE_URL and REDIS_URL name servers to use instead of private ones.
    Up(up::Options),
    /// Sign a user in at a running `up`, as a browser would, and print an access token as the last line.
    Token(token::Options),
    /// Write the secret files of deployments/compose.yaml.
    Secrets,
    /// Write docs/openapi.json, the public API as an OpenAPI document, from the contracts in proto/.
    Openapi,
    /// Write docs/CONFIGURATION.md, the reference of the variables in spin.toml.
    Configuration,
    /// Check contracts, format and lints, and run the unit tests and the rules about source code. This compiles no
    /// component and starts no server.
    Check,
    /// Check and test everything, against servers of its own.
    Test(suite::Options),
    /// Run the Connect project's conformance suite. AKINAI_SPIN names a Spin that runs the tested components instead of
    /// our host.
    Conformance(conformance::Options),
    /// Serve the test service for the conformance runner. The runner starts this command.
    #[command(hide = true)]
    ConformanceServer,
    /// Measure the platform, compared with a component that does nothing and with a native program of the same two
    /// hops.
    Bench(bench::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match Interruption::listen() {
        Ok(mut interruption) => {
            tokio::select! {
                result = run(arguments.command) => result,
                // The other branch is dropped, and with it, in order, everything that it started.
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
        println!("{email} is an admin. Tokens contain the role after the next sign-in.");
    } else {
        println!("{email} is an admin already.");
    }
    Ok(())
}

/// The platform's database: that of a running `up`, or else the one that `up` would find or start.
async fn database(workspace: &Workspace) -> Result<Database> {
    let home = Home::of(workspace)?;
    match Database::of_running_server(workspace, home.folder())? {
        Some(database) => Ok(database),
        None => Database::open(workspace, home.folder()).await,
    }
}

/// The signals that end this program.
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

    /// Waits for a signal. Returns the exit code that shells expect: 128 plus the signal's number.
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
