//! `cargo xtask up`: builds and runs the whole platform on this machine.

use std::convert::Infallible;
use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::backing::{Cache, Database, Variables};
use crate::http::{self, Request};
use crate::hydra::Place;
use crate::origin::Origin;
use crate::process::{EndSignal, Process};
use crate::seed::SignIn;
use crate::services::{Home, Hydra, free_port};
use crate::spin::Spin;
use crate::ui::{self, Steps};
use crate::workspace::{BuildProfile, Workspace};
use crate::{build, hydra, manifest, reconcile, spin};

/// How long the platform may take from its start to its first "Ready". A host without a cache of compiled components
/// spends most of this time compiling.
const READY_LIMIT: Duration = Duration::from_secs(180);

/// How long one answer of `/ready` may take. It checks all its dependencies, each for up to 2 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The options of `cargo xtask up`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The address to listen on. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// The URL for browsers, if it differs from the address: a host name, or the URL of a proxy in front.
    #[arg(long, value_name = "URL")]
    url: Option<Origin>,

    /// The issuer of the tokens.
    #[arg(long, value_enum, default_value_t = TokenIssuer::Component)]
    issuer: TokenIssuer,

    /// The port on which Hydra listens for browsers and clients, on the address of `--listen`. Port 0 takes a free one.
    /// With `--url`, Hydra's own URL is that URL with this port.
    #[arg(long, value_name = "PORT", default_value_t = 4444)]
    hydra_port: u16,

    /// Run on an installed Spin (4.1 or newer) instead of the host in this repository.
    #[arg(long)]
    spin: bool,
}

/// The issuer of the tokens of an `up`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TokenIssuer {
    /// The issuer component of the platform.
    Component,
    /// Ory Hydra: an installed one of the right version, or one that is built here once.
    Hydra,
}

/// Builds, starts and migrates everything, and runs the platform. Returns only when it fails. Dropping the future shuts
/// everything down: the platform first, then its servers.
///
/// Private servers are used unless `DATABASE_URL` or `REDIS_URL` name others.
///
/// # Errors
/// Any of the steps fails, or the platform ends by itself.
pub async fn run(workspace: &Workspace, options: Options) -> Result<()> {
    let began = Instant::now();
    let listen = free_address(options.listen, &format!("--listen {}:0", options.listen.ip()))?;
    let origin = options.url.clone().unwrap_or_else(|| Origin::of(listen));
    let place = match options.issuer {
        TokenIssuer::Component => None,
        TokenIssuer::Hydra => Some(place_for_hydra(&options, &origin)?),
    };
    let spin = if options.spin { Some(spin::find()?) } else { None };
    let _lock = lock(workspace)?;

    let mut steps = Steps::new(if place.is_some() { 7 } else { 6 });
    let hydra = prepare_hydra(workspace, place, &mut steps).await?;
    let mut programs = compile(workspace, listen, hydra.is_some(), spin, &mut steps).await?;
    let home = Home::of(workspace)?;
    let (mut database, cache) = open_servers(workspace, &home, &mut steps).await?;

    let mut variables = database.variables()?;
    variables.extend(database.keys()?);
    variables.extend(cache.variables());
    variables.extend(origin.as_platform());
    let (mut hydra, issuer, sign_in) = match hydra {
        None => {
            steps.begin("seed the data for signing in: the issuer's signing key, clients, demo accounts");
            variables.extend(origin.as_issuer());
            (None, origin.clone(), database.seed_sign_in(workspace).await?)
        }
        Some(hydra) => {
            let issuer = hydra.place.issuer.clone();
            steps.begin(format_args!(
                "start Ory Hydra at {issuer}, with its clients; add the demo accounts"
            ));
            variables.extend(hydra.place.variables());
            let (hydra, sign_in) = hydra.start(workspace, &home, &mut database, listen).await?;
            (Some(hydra), issuer, sign_in)
        }
    };

    steps.begin("start the platform");
    let platform = with_variables(&mut programs.platform, &variables);
    let mut platform = Process::spawn(platform, EndSignal::Terminate)?;
    wait_until_ready(&mut platform, listen).await?;
    issuer.leave(workspace)?;
    steps.finish();

    println!("\nReady after {}: {origin}\n", ui::seconds(began.elapsed()));
    println!("    {}\n", example(&origin));
    println!("{}\n", sign_in.describe(database.secrets_file()));
    println!("Ctrl-C ends it.");
    let events = with_variables(&mut programs.events, &variables);
    let status = tokio::select! {
        status = platform.wait() => status?,
        status = end_of(&mut hydra) => bail!("Hydra ended by itself ({}); its log is below {}", status?, home.folder().display()),
        never = run_beside(events, listen, &variables) => match never? {},
    };
    bail!("the platform ended by itself ({status}); its output is above")
}

/// Gets the program of Ory Hydra, if Hydra is to issue the tokens.
async fn prepare_hydra(
    workspace: &Workspace,
    place: Option<Place>,
    steps: &mut Steps,
) -> Result<Option<PreparedHydra>> {
    let Some(place) = place else {
        return Ok(None);
    };
    steps.begin(format_args!(
        "get Ory Hydra {}: an installed one, or one built here (some minutes, once)",
        hydra::VERSION
    ));
    let program = hydra::program(workspace).await?;
    Ok(Some(PreparedHydra { program, place }))
}

/// The commands that run the two applications, still without variables.
struct Programs {
    platform: Command,
    events: Command,
}

/// Compiles the components, and the host unless Spin runs them.
async fn compile(
    workspace: &Workspace,
    listen: SocketAddr,
    is_behind_hydra: bool,
    spin: Option<Spin>,
    steps: &mut Steps,
) -> Result<Programs> {
    steps.begin("compile the components");
    build::components(workspace, &[]).await?;
    let manifest = match is_behind_hydra {
        false => workspace.manifest(),
        true => manifest::write_for_hydra(workspace)?,
    };
    if let Some(spin) = spin {
        steps.begin(format_args!("no host to compile, this is {spin}"));
        build::programs(workspace, BuildProfile::Dist, &["akinai-seed"]).await?;
        return Ok(Programs {
            platform: spin.up(workspace, &manifest, listen),
            events: spin.up_events(workspace),
        });
    }
    steps.begin("compile the host");
    build::native(workspace, &["akinai-seed"]).await?;
    let mut platform = host(workspace, &manifest);
    platform.args(["--listen", &listen.to_string()]);
    Ok(Programs {
        platform,
        events: host(workspace, &workspace.events_manifest()),
    })
}

/// Opens Postgres and Redis, and brings the database up to date.
async fn open_servers(workspace: &Workspace, home: &Home, steps: &mut Steps) -> Result<(Database, Cache)> {
    steps.begin("start Postgres and Redis");
    if !home.folder().starts_with(workspace.root()) {
        let folder = home.folder().display();
        ui::detail(format_args!(
            "their data is in {folder}, because their user may not enter this checkout"
        ));
    }
    let (mut database, cache) = tokio::try_join!(
        Database::open(workspace, home.folder()),
        Cache::open(home.folder())
    )?;
    steps.begin("migrate the database, and fill an empty catalogue");
    database.migrate().await?;
    database.seed().await?;
    Ok((database, cache))
}

/// Runs the event handler and the schedule of the reconciler. Returns only an error.
async fn run_beside(events: &mut Command, listen: SocketAddr, variables: &Variables) -> Result<Infallible> {
    let secret = variables
        .get("order_reconciler_secret")
        .context("there is no secret for the reconciler")?;
    tokio::select! {
        never = keep_running(events) => never,
        never = reconcile::for_ever(listen, secret) => Ok(never),
    }
}

/// An Ory Hydra that will run beside the platform.
struct PreparedHydra {
    program: PathBuf,
    place: Place,
}

impl PreparedHydra {
    /// Starts it, with its tables, over a platform that listens at `listen`; then adds its clients and our accounts.
    async fn start(
        self,
        workspace: &Workspace,
        home: &Home,
        database: &mut Database,
        listen: SocketAddr,
    ) -> Result<(Hydra, SignIn)> {
        let private = database.for_hydra(&Origin::of(listen)).await?;
        Hydra::migrate(&self.program, home.folder(), &private).await?;
        let hydra = Hydra::start(workspace, &self.program, home.folder(), &private, self.place).await?;
        let secret = database.service_secret()?;
        let is_ours = hydra.place().add_clients(workspace, &secret).await?;
        let sign_in = database
            .seed_accounts(workspace, is_ours.then_some(secret))
            .await?;
        Ok((hydra, sign_in))
    }
}

/// The addresses of a Hydra beside a platform at `origin`. Its admin API does not authenticate callers, so only this machine
/// can reach its port.
fn place_for_hydra(options: &Options, origin: &Origin) -> Result<Place> {
    let public = free_address(
        SocketAddr::new(options.listen.ip(), options.hydra_port),
        "--hydra-port 0",
    )?;
    let issuer = match options.url {
        Some(_) => origin.with_port(public.port())?,
        None => Origin::of(public),
    };
    Ok(Place {
        public,
        admin: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)),
        issuer,
        pages: origin.clone(),
        allowed_origins: None,
    })
}

/// Waits until Hydra ends by itself. Never returns if there is no Hydra.
async fn end_of(hydra: &mut Option<Hydra>) -> Result<ExitStatus> {
    match hydra {
        Some(hydra) => hydra.wait().await,
        None => std::future::pending().await,
    }
}

/// Starts a program again each time it ends. Spin ends an application with Redis triggers when Redis disconnects.
async fn keep_running(command: &mut Command) -> Result<Infallible> {
    const PAUSE: Duration = Duration::from_secs(2);
    loop {
        let mut process = Process::spawn(command, EndSignal::Terminate)?;
        let status = process.wait().await?;
        ui::detail(format_args!(
            "the subscriber to events ended ({status}) and is started again"
        ));
        tokio::time::sleep(PAUSE).await;
    }
}

/// A request that can be pasted into a terminal.
fn example(origin: &Origin) -> String {
    let url = format!("{origin}/product.v1.ProductService/ListProducts");
    format!("curl -s {url} -H 'content-type: application/json' -d '{{}}'")
}

/// The command that runs an application on the host in this repository.
fn host(workspace: &Workspace, manifest: &Path) -> Command {
    let mut command = Command::new(workspace.native_program(BuildProfile::Dist, "akinai-host"));
    command
        .arg("--manifest")
        .arg(manifest)
        .arg("--cache-dir")
        .arg(workspace.private().join("cache"))
        // The host prints only one line there, which `up` prints itself. Its log goes to stderr.
        .stdout(Stdio::null());
    command
}

/// In the environment, not on the command line, which every user of the machine can read.
fn with_variables<'a>(command: &'a mut Command, variables: &Variables) -> &'a mut Command {
    for (name, value) in variables {
        command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value.reveal());
    }
    command
}

/// `address` with a real port, if it is free. `option` is the option that takes a free port.
fn free_address(mut address: SocketAddr, option: &str) -> Result<SocketAddr> {
    if address.port() == 0 {
        address.set_port(free_port()?);
    }
    match TcpListener::bind(address) {
        Ok(_) => Ok(address),
        Err(error) => bail!(
            "cannot listen on {address}: {error}.\n\
             End what listens there, or choose another port: `cargo xtask up {option}` takes a free one."
        ),
    }
}

/// Only one `up` per checkout: two would share the data of one Postgres. The lock ends with the process, also after a
/// crash.
fn lock(workspace: &Workspace) -> Result<File> {
    let path = workspace.private().join("up.lock");
    std::fs::create_dir_all(workspace.private())
        .with_context(|| format!("cannot create {}", workspace.private().display()))?;
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = std::fs::read_to_string(&path).unwrap_or_default();
            let holder = holder.trim();
            bail!(
                "`cargo xtask up` already runs in this checkout (process {holder}): use that one, or end it first"
            );
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

/// Calls `/ready` until it succeeds. Prints the answer every few seconds until then.
async fn wait_until_ready(platform: &mut Process, listen: SocketAddr) -> Result<()> {
    const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);
    const BETWEEN_REPORTS: Duration = Duration::from_secs(5);
    let question = Request::get(Origin::of(listen).at("/ready")?);
    let began = Instant::now();
    let mut reported = began;
    loop {
        let answer = match http::send(&question, ANSWER_LIMIT).await {
            Ok(answer) if answer.status == 200 => return Ok(()),
            Ok(answer) => answer.body.trim().to_owned(),
            Err(_) => "it does not answer yet: it compiles the components".to_owned(),
        };
        if let Some(status) = platform.try_wait()? {
            bail!("the platform ended while starting ({status}); its output is above");
        }
        if began.elapsed() > READY_LIMIT {
            bail!(
                "the platform was not ready after {}: {answer}",
                ui::seconds(READY_LIMIT)
            );
        }
        if reported.elapsed() > BETWEEN_REPORTS {
            ui::detail(format_args!(
                "not ready after {}: {answer}",
                ui::seconds(began.elapsed())
            ));
            reported = Instant::now();
        }
        tokio::time::sleep(BETWEEN_ATTEMPTS).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_in_use_is_an_error_that_names_the_option() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("its address");
        let error = free_address(address, "--listen 127.0.0.1:0")
            .expect_err("the port is in use")
            .to_string();
        assert!(
            error.contains("--listen"),
            "the error does not name the option: {error}"
        );
    }

    #[test]
    fn hydra_has_the_public_host_with_its_own_port() {
        let options = |url: Option<&str>| Options {
            listen: "127.0.0.1:3000".parse().expect("an address"),
            url: url.map(|url| url.parse().expect("an origin")),
            issuer: TokenIssuer::Hydra,
            hydra_port: 0,
            spin: false,
        };
        let pages = Origin::of(options(None).listen);
        let place = place_for_hydra(&options(None), &pages).expect("a free port");
        assert_eq!(place.issuer.to_string(), format!("http://{}", place.public));
        assert!(place.admin.ip().is_loopback() && place.admin.port() != place.public.port());

        let pages = "https://shop.test".parse().expect("an origin");
        let place = place_for_hydra(&options(Some("https://shop.test")), &pages).expect("a free port");
        assert_eq!(
            place.issuer.to_string(),
            format!("https://shop.test:{}", place.public.port())
        );
        assert_eq!(place.pages, pages);
    }
}
