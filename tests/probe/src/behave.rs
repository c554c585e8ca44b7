//! Routes that behave well, badly or slowly, for tests of the host. All except `/request` and `/race` are GETs.
//!
//! - `/request` answers with the request itself: `{method, headers: [[name, value]…], body}`, each byte of a value as the
//!   character of its number;
//! - `/race?ms=N` (a POST) reads its body, and gives up each read after N milliseconds to start it anew: `{read, restarts}`;
//! - `/sleep?ms=N` answers after N milliseconds;
//! - `/together?ms=N&caller=TEXT` does too, and says which instance it was in, how many requests that had at most, and
//!   TEXT, kept meanwhile in what belongs to the request and to nothing else;
//! - `/allocate?mib=N` takes N MiB of memory, touched, until the answer is out;
//! - `/print?bytes=N` prints N times `x` without a line break; `/compute` never ends; `/trap` panics.

use std::cell::Cell;
use std::hint::black_box;
use std::io::Write as _;
use std::pin::pin;

use futures::future::{Either, select};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use spin_sdk::http::Request;
use spin_sdk::wasip3::clocks::monotonic_clock;
use spin_sdk::wasip3::random::random;

pub(crate) async fn answer(request: Request) -> Result<Value, String> {
    let uri = request.uri().clone();
    let query = uri.query().unwrap_or_default();
    match uri.path() {
        "/request" => describe(request).await,
        "/race" => {
            let limit = number(query, "ms")?;
            race(request, limit).await
        }
        "/sleep" => sleep(number(query, "ms")?).await,
        "/together" => together(number(query, "ms")?, parameter(query, "caller")?).await,
        "/allocate" => allocate(number(query, "mib")?),
        "/print" => print(number(query, "bytes")?),
        "/compute" => compute(),
        "/trap" => panic!("told to panic"),
        path => Err(format!("the probe has no route {path}")),
    }
}

async fn describe(request: Request) -> Result<Value, String> {
    let (parts, body) = request.into_parts();
    let text = |value: &http::HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    let body = body
        .collect()
        .await
        .map_err(|error| error.to_string())?
        .to_bytes();
    Ok(json!({ "method": parts.method.as_str(), "headers": headers, "body": String::from_utf8_lossy(&body) }))
}

async fn race(request: Request, milliseconds: u64) -> Result<Value, String> {
    let mut body = request.into_body();
    let (mut read, mut restarts) = (0, 0);
    loop {
        let clock = pin!(monotonic_clock::wait_for(milliseconds * 1_000_000));
        match select(body.frame(), clock).await {
            Either::Left((None, _)) => return Ok(json!({ "read": read, "restarts": restarts })),
            Either::Left((Some(frame), _)) => {
                let frame = frame.map_err(|error| error.to_string())?;
                read += frame.data_ref().map_or(0, |data| data.len());
            }
            Either::Right(_) => restarts += 1,
        }
    }
}

async fn sleep(milliseconds: u64) -> Result<Value, String> {
    monotonic_clock::wait_for(milliseconds * 1_000_000).await;
    Ok(json!({ "slept": milliseconds }))
}

thread_local! {
    /// Which instance this is: chosen when it is first asked.
    static INSTANCE: u64 = random::get_random_u64();
    /// Requests that this instance is working on, and the most there ever were.
    static NOW: Cell<u64> = const { Cell::new(0) };
    static MOST: Cell<u64> = const { Cell::new(0) };
}

async fn together(milliseconds: u64, caller: &str) -> Result<Value, String> {
    let now = NOW.get() + 1;
    NOW.set(now);
    MOST.set(MOST.get().max(now));
    let kept = caller.to_owned();
    sleep(milliseconds).await?;
    NOW.set(NOW.get() - 1);
    // As text: JSON numbers of this size lose digits in some readers.
    Ok(json!({ "caller": kept, "instance": INSTANCE.with(u64::to_string), "most": MOST.get() }))
}

fn allocate(mebibytes: u64) -> Result<Value, String> {
    let bytes = usize::try_from(mebibytes << 20).map_err(|error| error.to_string())?;
    let touched = black_box(vec![1_u8; bytes]);
    Ok(json!({ "allocated": touched.len() >> 20 }))
}

fn print(bytes: u64) -> Result<Value, String> {
    let bytes = usize::try_from(bytes).map_err(|error| error.to_string())?;
    std::io::stdout()
        .write_all(&vec![b'x'; bytes])
        .map_err(|error| error.to_string())?;
    Ok(json!({ "printed": bytes }))
}

fn compute() -> Result<Value, String> {
    let mut steps = 0_u64;
    while black_box(true) {
        steps = black_box(steps.wrapping_add(1));
    }
    Ok(json!(steps))
}

fn parameter<'a>(query: &'a str, name: &str) -> Result<&'a str, String> {
    let find = |pair: &'a str| {
        pair.split_once('=')
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    query
        .split('&')
        .find_map(find)
        .ok_or_else(|| format!("the query should have {name}=… in {query:?}"))
}

fn number(query: &str, name: &str) -> Result<u64, String> {
    parameter(query, name)?
        .parse()
        .map_err(|_| format!("{name} should be a number in {query:?}"))
}
