//! `cargo xtask bench`: how fast the platform is, compared with two baselines that are measured in the same minute on
//! the same machine.
//!
//! One baseline is a component that only answers "hello": it shows the host's own cost per request. The other baseline
//! is a native program with the same two hops (`tests/native`): it shows what components cost. wrk measures all of them
//! in alternating rounds, so that a busy moment of the machine affects all of them. The median round of each figure is
//! shown. The number of Postgres and Redis commands per request does not depend on the machine, so it is counted, not
//! timed.

mod counters;
mod names;
mod report;
mod seed;
mod servers;
mod wrk;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::task::JoinSet;

use self::counters::Counters;
use self::names::*;
use self::report::{CommandsPerRequest, Measured, Report, Round};
use self::servers::{BenchServer, Servers};
use self::wrk::{Lines, Load, Sample, Wrk};
use crate::build;
use crate::process::Scratch;
use crate::ui::{self, Steps};
use crate::workspace::Workspace;

const GET_PRODUCT_PATH: &str = "/product.v1.ProductService/GetProduct";
const LIST_PRODUCTS_PATH: &str = "/product.v1.ProductService/ListProducts";
const GET_USER_PATH: &str = "/user.v1.UserService/GetUser";
const GET_CART_PATH: &str = "/order.v1.OrderService/GetCart";
const CREATE_ORDER_PATH: &str = "/order.v1.OrderService/CreateOrder";
const LIST_ORDERS_PATH: &str = "/order.v1.OrderService/ListOrders";

/// The number of requests of each kind over which the commands to Postgres and Redis are counted. It is large enough
/// for many requests to run at once. The count waits for all of them; wrk would abort the requests that are running
/// when its time is up.
const COUNTED: usize = 128;

/// How long each target runs before it is measured. In this time connections are opened, instances created and
/// statements prepared.
const WARM_UP: Duration = Duration::from_secs(2);

/// The options of `cargo xtask bench`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How long each target is measured in each round, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,

    /// How many rounds. The median round is reported.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,

    /// How many requests run at the same time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    concurrency: u32,

    /// Measure only the targets whose name contains this, such as "order".
    #[arg(long, value_name = "NAME_PART")]
    only: Option<String>,

    /// Also writes the figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Options {
    /// The largest number of requests with messages that must not be sent twice. A target that answers more of them a
    /// second is measured for a shorter time: see [`Options::time`].
    fn most_requests(&self) -> u32 {
        const A_SECOND: u64 = 1_200;
        let seconds = WARM_UP.as_secs() + self.seconds * u64::from(self.rounds);
        let runs = 1 + u64::from(self.rounds);
        let most = COUNTED as u64 + seconds * A_SECOND + runs * self.uncounted_requests();
        most.try_into().unwrap_or(u32::MAX)
    }

    /// Requests that wrk sends without counting their answers: those that are running when its time is up, and one to
    /// check the answer.
    fn uncounted_requests(&self) -> u64 {
        u64::from(self.concurrency) + 1
    }

    /// How long to measure a target that answers `per_second` requests a second, when `left` messages must last for
    /// `rounds` rounds: the requested time, or the whole seconds for which the messages last.
    fn time(&self, per_second: f64, left: Option<usize>, rounds: u32) -> Duration {
        /// The factor by which a round may be faster than the round before it.
        const MARGIN: f64 = 1.25;
        let wanted = Duration::from_secs(self.seconds);
        let Some(left) = left else { return wanted };
        let share = left as f64 / f64::from(rounds) - self.uncounted_requests() as f64;
        let lasts = (share / (per_second * MARGIN)).floor().max(1.0);
        Duration::try_from_secs_f64(lasts).map_or(wanted, |lasts| wanted.min(lasts))
    }

    /// Whether the target of this name is to be measured.
    fn selects(&self, name: &str) -> bool {
        let part = self.only.as_deref().unwrap_or_default();
        name.to_lowercase().contains(&part.to_lowercase())
    }
}

/// Measures and prints a table.
///
/// # Errors
/// Something cannot be built or started; the platform and the native program answer differently; or a request is lost.
/// In the last two cases the figures would mean nothing.
pub async fn run(workspace: &Workspace, options: Options) -> Result<()> {
    ensure!(
        ALL.iter().any(|name| options.selects(name)),
        "no target has this in its name. The targets are: {}",
        ALL.join("; ")
    );
    let mut steps = Steps::new(5);
    steps.begin("compile the components, the host and the native program");
    build::components(workspace, &["akinai-hello"]).await?;
    build::native(workspace, &["akinai-native", "akinai-bench-issuer"]).await?;

    steps.begin("find the load generator");
    let wrk = Wrk::find(workspace).await?;

    steps.begin(format_args!(
        "start Postgres and Redis, put {} products on sale and place {} orders",
        seed::PRODUCTS,
        seed::ORDERS
    ));
    // Declared first, so that it is dropped last: the servers use this folder.
    let scratch = Scratch::new("bench")?;
    let servers = Servers::start(workspace, scratch.path()).await?;

    steps.begin("start the platform, the native program and the hello component");
    let tokens = scratch.path().join("tokens");
    // Signing a token takes milliseconds. Only the target that sends each token once needs many.
    let wanted = match options.selects(GET_USER_FRESH) {
        true => options.most_requests().saturating_add(1),
        false => 1,
    };
    let issuer = servers.issuer(workspace, &tokens, wanted).await?;
    let platform = servers.platform(workspace, &issuer).await?;
    let native = servers.native(workspace).await?;
    let hello = servers.hello(workspace).await?;
    check_same_answers(&platform, &native).await?;

    steps.begin(format_args!(
        "measure: {} rounds of {} s each",
        options.rounds, options.seconds
    ));
    let loads = Loads::new(scratch.path(), &tokens)?;
    let mut targets = targets(&loads, &options, [&platform, &native, &hello]).await?;
    targets.retain(|target| options.selects(target.name));
    let measured = measure(&wrk, &targets, servers.counters().await?, &options).await?;
    steps.finish();

    let report = Report {
        options: options.clone(),
        measured,
    };
    println!("\n{report}");
    if let Some(file) = &options.json {
        let json = serde_json::to_string_pretty(&report.to_json())?;
        std::fs::write(file, json).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// A target to measure, and its load.
struct Target<'a> {
    name: &'static str,
    server: &'a BenchServer,
    load: Load,
    /// How many requests a second it answered last.
    per_second: Cell<f64>,
}

/// Writes the files from which loads are read.
struct Loads {
    folder: PathBuf,
    tokens: Vec<String>,
}

impl Loads {
    fn new(folder: &Path, tokens: &Path) -> Result<Loads> {
        let tokens = std::fs::read_to_string(tokens).context("the tokens are not there")?;
        Ok(Loads {
            folder: folder.to_owned(),
            tokens: tokens.lines().map(str::to_owned).collect(),
        })
    }

    fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.folder.join(format!("{name}.{kind}"))
    }

    /// The first of the tokens. The platform sees it repeatedly.
    fn seen(&self) -> &str {
        self.tokens.first().map(String::as_str).unwrap_or_default()
    }

    /// Messages that are sent repeatedly, without a token.
    fn anonymous(
        &self,
        name: &str,
        path: &'static str,
        messages: impl Iterator<Item = String>,
    ) -> Result<Load> {
        let messages = Lines::again(self.file(name, "messages"), messages)?;
        Ok(Load::calls(path, messages, None))
    }

    /// A message that the user sends repeatedly, with the token that was seen before.
    fn user(&self, name: &str, path: &'static str, message: &str) -> Result<Load> {
        let message = [message.to_owned()].into_iter();
        let messages = Lines::again(self.file(name, "messages"), message)?;
        Ok(Load::calls(path, messages, Some(self.seen_token(name)?)))
    }

    /// Messages that the user sends once each, with the token that was seen before.
    fn user_once(
        &self,
        name: &str,
        path: &'static str,
        messages: impl Iterator<Item = String>,
    ) -> Result<Load> {
        let messages = Lines::once(self.file(name, "messages"), messages)?;
        Ok(Load::calls(path, messages, Some(self.seen_token(name)?)))
    }

    /// A message that the user sends repeatedly, each time with another token.
    fn fresh(&self, name: &str, path: &'static str, message: &str) -> Result<Load> {
        let message = [message.to_owned()].into_iter();
        let messages = Lines::again(self.file(name, "messages"), message)?;
        let others = self.tokens.iter().skip(1).cloned();
        let tokens = Lines::once(self.file(name, "tokens"), others)?;
        Ok(Load::calls(path, messages, Some(tokens)))
    }

    fn seen_token(&self, name: &str) -> Result<Lines> {
        Lines::again(self.file(name, "tokens"), [self.seen().to_owned()].into_iter())
    }
}

/// All targets, in the order of [`ALL`].
async fn targets<'a>(
    loads: &Loads,
    options: &Options,
    [platform, native, hello]: [&'a BenchServer; 3],
) -> Result<Vec<Target<'a>>> {
    let every_product = || (1..=seed::PRODUCTS_READ).map(seed::get_product);
    let first_page = || [seed::FIRST_PAGE.to_owned()].into_iter();
    let queries = seed::QUERIES.into_iter().map(str::to_owned);
    let new_orders = seed::create_orders(options.most_requests());
    let deep = deep_page(platform, loads.seen()).await?;

    let get = loads.anonymous("get", GET_PRODUCT_PATH, every_product())?;
    let get_native = loads.anonymous("get-native", GET_PRODUCT_PATH, every_product())?;
    let list = loads.anonymous("list", LIST_PRODUCTS_PATH, first_page())?;
    let list_native = loads.anonymous("list-native", LIST_PRODUCTS_PATH, first_page())?;
    let search = loads.anonymous("search", LIST_PRODUCTS_PATH, queries)?;
    let seen = loads.user("seen", GET_USER_PATH, seed::GET_USER)?;
    let fresh = loads.fresh("fresh", GET_USER_PATH, seed::GET_USER)?;
    let cart = loads.user("cart", GET_CART_PATH, seed::GET_CART)?;
    let create = loads.user_once("create", CREATE_ORDER_PATH, new_orders)?;
    let orders = loads.user("orders", LIST_ORDERS_PATH, seed::FIRST_PAGE)?;
    let deep = loads.user("deep", LIST_ORDERS_PATH, &deep)?;

    let target = |name, server, load| Target {
        name,
        server,
        load,
        per_second: Cell::new(0.0),
    };
    Ok(vec![
        target(GET_PRODUCT, platform, get),
        target(GET_PRODUCT_NATIVE, native, get_native),
        target(LIST_PRODUCTS, platform, list),
        target(LIST_PRODUCTS_NATIVE, native, list_native),
        target(SEARCH_PRODUCTS, platform, search),
        target(GET_USER_SEEN, platform, seen),
        target(GET_USER_FRESH, platform, fresh),
        target(GET_CART, platform, cart),
        target(CREATE_ORDER, platform, create),
        target(LIST_ORDERS, platform, orders),
        target(LIST_ORDERS_DEEP, platform, deep),
        target(HELLO, hello, Load::Hello),
    ])
}

/// The message for a page deep in the user's orders. It pages there, as a client would.
async fn deep_page(platform: &BenchServer, token: &str) -> Result<String> {
    let mut page_token = String::new();
    let mut seen = 0;
    while seen < seed::DEEP {
        let (message, size) = seed::large_page_of_orders(&page_token);
        let page = platform.call(LIST_ORDERS_PATH, Some(token), &message).await?;
        page_token = match page["nextPageToken"].as_str() {
            Some(next) if !next.is_empty() => next.to_owned(),
            _ => bail!("the user's orders end after {seen}: {page}"),
        };
        seen += size;
    }
    Ok(seed::page_of_orders(&page_token))
}

async fn measure(
    wrk: &Wrk,
    targets: &[Target<'_>],
    mut counters: Counters,
    options: &Options,
) -> Result<Vec<Measured>> {
    let once = async |target: &Target<'_>, time| -> Result<Sample> {
        let sample = wrk
            .run(target.server.address(), &target.load, options.concurrency, time)
            .await?;
        let (lost, total) = (sample.lost, sample.requests);
        ensure!(
            lost == 0,
            "{}: {lost} of {total} requests got a wrong answer or none",
            target.name
        );
        let sent = total + options.uncounted_requests();
        target.load.sent(sent.try_into()?).with_context(|| target.name)?;
        target.per_second.set(sample.per_second);
        Ok(sample)
    };
    let mut measured = Vec::with_capacity(targets.len());
    for target in targets {
        once(target, WARM_UP).await?;
        let commands = count(target, &mut counters).await.with_context(|| target.name)?;
        measured.push(Measured::new(target.name, commands));
    }
    for round in 1..=options.rounds {
        for (target, measured) in targets.iter().zip(&mut measured) {
            let rounds_left = options.rounds - round + 1;
            let time = options.time(target.per_second.get(), target.load.left(), rounds_left);
            let before = target.server.processor_time()?;
            let sample = once(target, time).await?;
            let processor = target.server.processor_time()?.saturating_sub(before);
            ui::detail(format_args!(
                "round {round} of {}: {}: {:.0} requests/s in {} s",
                options.rounds,
                target.name,
                sample.per_second,
                time.as_secs()
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

/// Counts the commands to Postgres and Redis per request.
async fn count(target: &Target<'_>, counters: &mut Counters) -> Result<CommandsPerRequest> {
    let requests = target.load.take(COUNTED)?;
    let before = counters.when_idle().await?;
    let mut answers: JoinSet<Result<String>> = requests
        .into_iter()
        .map(|request| target.server.send(request))
        .collect();
    while let Some(answer) = answers.join_next().await {
        answer??;
    }
    let after = counters.when_idle().await?;
    let per_request = |before: u64, after: u64| (after - before) as f64 / COUNTED as f64;
    Ok(CommandsPerRequest {
        statements: per_request(before.statements, after.statements),
        redis: per_request(before.questions, after.questions),
    })
}

/// The comparison is fair only if both answer the same calls with the same products.
async fn check_same_answers(platform: &BenchServer, native: &BenchServer) -> Result<()> {
    let calls = [
        (GET_PRODUCT_PATH, seed::get_product(1)),
        (LIST_PRODUCTS_PATH, seed::FIRST_PAGE.to_owned()),
    ];
    for (path, message) in calls {
        let mut answers = [
            platform.call(path, None, &message).await?,
            native.call(path, None, &message).await?,
        ];
        for answer in &mut answers {
            // Opaque, and different in each program.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_are_sent_once_last_for_all_rounds() {
        let options = Options {
            seconds: 5,
            rounds: 3,
            concurrency: 64,
            only: None,
            json: None,
        };
        let seconds = |per_second, left, rounds| options.time(per_second, left, rounds).as_secs();
        assert_eq!(seconds(10_000.0, None, 3), 5, "the messages are not limited");
        assert_eq!(seconds(600.0, Some(15_000), 3), 5, "plenty");
        assert_eq!(
            seconds(1_500.0, Some(15_000), 3),
            2,
            "5,000 a round, at a little more than 1,500 a second"
        );
        assert_eq!(
            seconds(1_500.0, Some(5_000), 1),
            2,
            "the last round may use all that is left"
        );
        assert_eq!(
            seconds(9_000.0, Some(600), 3),
            1,
            "the shortest time is one second; running out is reported when it happens"
        );
        assert_eq!(seconds(0.0, Some(15_000), 3), 5, "its speed is not known yet");
    }
}
