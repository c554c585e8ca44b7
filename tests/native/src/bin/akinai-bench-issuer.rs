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

/// How long tokens count: longer than a measurement takes.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Where to listen, and what to write.
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

    /// Where to write them, one a line.
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

/// Before it listens: whoever waits for an answer finds the tokens written.
fn write(arguments: &Arguments, issuer: &str, key: &SigningKey) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let file = std::fs::File::create(&arguments.tokens)
        .with_context(|| format!("cannot write {}", arguments.tokens.display()))?;
    let mut file = BufWriter::new(file);
    for _ in 0..arguments.count {
        let claims = json!({
            "iss": issuer,
            "aud": "akinai",
            "sub": arguments.user,
            "client_id": "bench",
            "iat": now.as_secs(),
            "exp": (now + LIFETIME).as_secs(),
            "jti": Uuid::new_v4(),
            "scope": "openid",
            "epoch": 0,
        });
        let claims = claims.as_object().context("claims are an object")?;
        writeln!(file, "{}", key.sign("at+jwt", claims)?)?;
    }
    file.flush()?;
    Ok(())
}
