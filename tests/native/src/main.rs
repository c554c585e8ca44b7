//! A yardstick of `cargo xtask bench`: the platform's two hops, written without WebAssembly.
//!
//! An axum edge takes `GetProduct` and `ListProducts`, calls an axum product service over HTTP on this machine, which
//! reads Postgres through prepared statements. `cargo xtask bench` runs it beside the platform, on the same rows and in
//! the same rounds. So the ratio shows the cost of components, and not the load of the machine.
//!
//! It only answers valid calls: it measures speed, and is not a second implementation of the contract.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::serve::ListenerExt;
use clap::Parser;
use tokio::net::TcpListener;

/// The host's allocator, so that the comparison does not measure malloc.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod edge;
mod messages;
mod product;

/// The address to listen at, and the database to read.
#[derive(Parser)]
struct Arguments {
    /// Address of the edge; port 0 takes a free one. The address taken is printed on standard output.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Postgres, as the product service's own role. It holds a password, hence the environment and not an argument.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,

    /// How many Postgres connections the product service keeps.
    #[arg(long, default_value_t = 16)]
    connections: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();

    let store = product::pool(&arguments.database_url, arguments.connections)?;
    let product = listen(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let edge = listen(arguments.listen).await?;
    let routes = edge::routes(product.local_addr()?);
    println!("http://{}", edge.local_addr()?);

    tokio::try_join!(serve(product, product::routes(store)), serve(edge, routes))?;
    Ok(())
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

/// Without TCP_NODELAY a keep-alive client would wait 40 ms for the body of each response, and the yardstick would be wrong.
async fn serve(listener: TcpListener, routes: Router) -> anyhow::Result<()> {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("TCP_NODELAY refused: {error}; the figures of this connection will be too slow");
        }
    });
    axum::serve(listener, routes).await.context("the server stopped")
}
