//! An issuer for `cargo xtask bench`: serves its discovery document and its key, and writes access tokens to a file, each of
//! them new to the platform, signed with RS256 as Hydra's are.

use std::io::{BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use clap::Parser;
use serde_json::{Value, json};
use signing::SigningKey;
use tokio::net::TcpListener;
use uuid::Uuid;

/// How long tokens are valid: longer than a measurement takes.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The addresses to listen at, and the tokens to write.
#[derive(Parser)]
struct Arguments {
    /// Address of the issuer.
    #[arg(long)]
    listen: SocketAddr,

    /// The user that the tokens are for.
    #[arg(long)]
    user: Uuid,

    /// How many tokens to write.
    #[arg(long)]
    count: usize,

    /// The file to write them to, one per line.
    #[arg(long)]
    tokens: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let key = SigningKey::generate().context("no key can be made")?;
    let issuer = format!("http://{}", arguments.listen);
    write(&arguments, &issuer, &key)?;

    let discovery = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") });
    let keys = json!({ "keys": [key.public_jwk()] });
    let document = |document: Value| get(move || std::future::ready(Json(document.clone())));
    let routes = Router::new()
        .route("/.well-known/openid-configuration", document(discovery))
        .route("/jwks", document(keys));
    let listener = TcpListener::bind(arguments.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", arguments.listen))?;
    axum::serve(listener, routes).await?;
    Ok(())
}

/// The number of tokens between two lines about the progress: some seconds of work.
const CHUNK: usize = 4_000;

/// Before it listens: a client that waits for an answer finds the tokens written.
fn write(arguments: &Arguments, issuer: &str, key: &SigningKey) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let claims = || {
        json!({
            "iss": issuer,
            "aud": "akinai",
            "sub": arguments.user,
            "client_id": "bench",
            "iat": now.as_secs(),
            "exp": (now + LIFETIME).as_secs(),
            "jti": Uuid::new_v4(),
            "scope": "openid",
            "epoch": 0,
        })
    };
    let sign = || {
        let claims = claims();
        let claims = claims.as_object().context("claims are an object")?;
        Ok(key.sign("at+jwt", claims)?)
    };
    let file = std::fs::File::create(&arguments.tokens)
        .with_context(|| format!("cannot write {}", arguments.tokens.display()))?;
    let mut file = BufWriter::new(file);
    let mut left = arguments.count;
    while left > 0 {
        let chunk = left.min(CHUNK);
        for token in on_all_processors(chunk, sign)? {
            writeln!(file, "{token}")?;
        }
        left -= chunk;
        if arguments.count > CHUNK {
            let signed = arguments.count - left;
            eprintln!("      signed {signed} of {} tokens", arguments.count);
        }
    }
    file.flush()?;
    Ok(())
}

/// Runs `make` this many times, on all processors: a signature takes milliseconds.
fn on_all_processors<T: Send>(
    count: usize,
    make: impl Fn() -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let processors = std::thread::available_parallelism()?.get();
    let make_share = |number: usize| {
        let share = count / processors + usize::from(number < count % processors);
        (0..share).map(|_| make()).collect::<anyhow::Result<Vec<T>>>()
    };
    std::thread::scope(|scope| {
        let make_share = &make_share;
        let threads: Vec<_> = (0..processors)
            .map(|number| scope.spawn(move || make_share(number)))
            .collect();
        let mut made = Vec::with_capacity(count);
        for thread in threads {
            let share = thread.join().map_err(|_| anyhow::anyhow!("a thread gave up"))?;
            made.extend(share?);
        }
        Ok(made)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_as_often_as_requested() {
        for count in [0, 1, 7, 100] {
            let made = on_all_processors(count, || Ok(())).expect("nothing fails");
            assert_eq!(made.len(), count, "shares of {count} add up to it");
        }
    }

    #[test]
    fn one_failure_fails_the_whole_run() {
        let made = on_all_processors(3, || -> anyhow::Result<()> { anyhow::bail!("no entropy") });
        assert_eq!(made.expect_err("nothing can be made").to_string(), "no entropy");
    }
}
