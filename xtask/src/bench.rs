//! `cargo xtask bench`: how fast the platform is, beside two yardsticks that ran in the same minute on the same machine.
//!
//! One yardstick is a component that only answers "hello": the host's own cost per request. The other is the same two
//! hops written natively (`tests/native`): what components cost. All are measured by wrk, in rounds that take turns, so
//! that a busy moment of the machine hits all of them; of each figure the median round is shown.

mod report;
mod seed;
mod servers;
mod wrk;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use self::report::{Measured, Report, Round};
use self::servers::{Server, Servers};
use self::wrk::{Load, Sample, Tokens, Wrk};
use crate::build;
use crate::process::Scratch;
use crate::ui::{self, Steps};
use crate::workspace::Workspace;

/// How many products are for sale while we measure.
const PRODUCTS: u32 = 1_000;

/// How long each target runs before it is measured: connections are opened, instances made, statements prepared.
const WARM_UP: Duration = Duration::from_secs(2);

/// The options of `cargo xtask bench`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How long each target is measured in each round, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,

    /// How many rounds; the median one counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,

    /// How many requests are under way at the same time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    concurrency: u32,

    /// Also writes the figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Options {
    /// Tokens that are not sent twice, for as many requests as the platform may answer in the time.
    fn tokens(&self) -> u32 {
        const A_SECOND: u64 = 1_200;
        let seconds = WARM_UP.as_secs() + self.seconds * u64::from(self.rounds);
        (seconds * A_SECOND).try_into().unwrap_or(u32::MAX)
    }
}

/// Measures and prints a table.
///
/// # Errors
/// Something cannot be built or started, the platform and the native program answer differently, or a request is lost:
/// then the figures would mean nothing.
pub async fn run(workspace: &Workspace, options: Options) -> Result<()> {
    let mut steps = Steps::new(5);
    steps.begin("compile the components, the host and the native program");
    build::components(workspace, &["akinai-hello"]).await?;
    build::native(workspace, &["akinai-native", "akinai-bench-issuer"]).await?;

    steps.begin("find the load generator");
    let wrk = Wrk::find(workspace).await?;

    steps.begin(format_args!(
        "start Postgres and Redis, and put {PRODUCTS} products on sale"
    ));
    // Declared first, dropped last: the servers live in it.
    let scratch = Scratch::new("bench")?;
    let servers = Servers::start(workspace, scratch.path()).await?;

    steps.begin("start the platform, the native program and the hello component");
    let tokens = scratch.path().join("tokens");
    let wanted = options.tokens();
    let issuer = servers.issuer(workspace, &tokens, wanted).await?;
    let platform = servers.platform(workspace, &issuer).await?;
    let native = servers.native(workspace).await?;
    let hello = servers.hello(workspace).await?;
    answer_alike(&platform, &native).await?;

    steps.begin(format_args!(
        "measure: {} rounds of {} s each",
        options.rounds, options.seconds
    ));
    let targets = [
        Target {
            name: "GetProduct, platform",
            server: &platform,
            load: Load::get_product(scratch.path(), PRODUCTS)?,
        },
        Target {
            name: "GetProduct, native",
            server: &native,
            load: Load::get_product(scratch.path(), PRODUCTS)?,
        },
        Target {
            name: "ListProducts, platform",
            server: &platform,
            load: Load::list_products(scratch.path())?,
        },
        Target {
            name: "ListProducts, native",
            server: &native,
            load: Load::list_products(scratch.path())?,
        },
        Target {
            name: "GetUser, seen token",
            server: &platform,
            load: Load::get_user(scratch.path(), "seen", seen(&tokens)?)?,
        },
        Target {
            name: "GetUser, fresh tokens",
            server: &platform,
            load: Load::get_user(
                scratch.path(),
                "fresh",
                Tokens {
                    file: tokens,
                    sent: Some(Cell::new(1)),
                },
            )?,
        },
        Target {
            name: "hello component",
            server: &hello,
            load: Load::hello(),
        },
    ];
    let [get, get_native, list, list_native, seen, fresh, hello] = measure(&wrk, &targets, &options).await?;
    steps.finish();

    let report = Report {
        options: options.clone(),
        get,
        get_native,
        list,
        list_native,
        seen,
        fresh,
        hello,
    };
    println!("\n{report}");
    if let Some(file) = &options.json {
        let json = serde_json::to_string_pretty(&report.to_json())?;
        std::fs::write(file, json).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// The first of the tokens, to be sent again and again.
fn seen(tokens: &Path) -> Result<Tokens> {
    let file = tokens.with_extension("seen");
    let all = std::fs::read_to_string(tokens).context("the tokens are not there")?;
    std::fs::write(&file, all.lines().next().unwrap_or_default())?;
    Ok(Tokens { file, sent: None })
}

/// What is measured, and with what.
struct Target<'a> {
    name: &'static str,
    server: &'a Server,
    load: Load,
}

async fn measure<const N: usize>(
    wrk: &Wrk,
    targets: &[Target<'_>; N],
    options: &Options,
) -> Result<[Measured; N]> {
    let once = async |target: &Target<'_>, time| -> Result<Sample> {
        let sample = wrk
            .run(target.server.address(), &target.load, options.concurrency, time)
            .await?;
        let (lost, total) = (sample.lost, sample.requests);
        target.load.sent(total + u64::from(options.concurrency));
        ensure!(
            lost == 0,
            "{}: {lost} of {total} requests were not answered as they must be",
            target.name
        );
        Ok(sample)
    };
    for target in targets {
        once(target, WARM_UP).await?;
    }
    let mut measured = targets.each_ref().map(|target| Measured::new(target.name));
    for round in 1..=options.rounds {
        for (target, measured) in targets.iter().zip(&mut measured) {
            let before = target.server.processor_time()?;
            let sample = once(target, Duration::from_secs(options.seconds)).await?;
            let processor = target.server.processor_time()?.saturating_sub(before);
            ui::detail(format_args!(
                "round {round} of {}: {}: {:.0} requests/s",
                options.rounds, target.name, sample.per_second
            ));
            measured.add(Round {
                sample,
                processor,
                resident: target.server.resident()?,
            });
        }
    }
    Ok(measured)
}

/// A yardstick that did less work would flatter nobody: both must answer the same calls with the same products.
async fn answer_alike(platform: &Server, native: &Server) -> Result<()> {
    let calls = [
        ("/product.v1.ProductService/GetProduct", seed::get_product(1)),
        (
            "/product.v1.ProductService/ListProducts",
            seed::LIST_PRODUCTS.to_owned(),
        ),
    ];
    for (path, message) in calls {
        let mut answers = [
            platform.call(path, &message).await?,
            native.call(path, &message).await?,
        ];
        for answer in &mut answers {
            // Opaque, and theirs alone.
            if let Some(fields) = answer.as_object_mut() {
                fields.remove("nextPageToken");
            }
        }
        let [from_platform, from_native] = answers;
        if from_platform != from_native {
            bail!("{path}: the platform answers\n{from_platform}\nand the native program\n{from_native}");
        }
    }
    Ok(())
}
