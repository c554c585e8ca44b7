//! Runs the reconciler on a schedule for `up`. In a cluster, a CronJob does this.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::http::{self, Request};
use crate::secret::Secret;
use crate::ui;

/// How often it runs: often enough that a customer does not notice a pending order.
const EVERY: Duration = Duration::from_secs(10);

/// How long a run may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Calls the reconciler of the platform at `listen` until the future is dropped. The first of several failures in a row
/// is printed.
pub async fn for_ever(listen: SocketAddr, secret: &Secret) -> Infallible {
    let mut is_well = true;
    loop {
        tokio::time::sleep(EVERY).await;
        let ran = run(listen, secret).await;
        if let (Err(error), true) = (&ran, is_well) {
            ui::detail(format_args!(
                "the reconciler did not run: {error:#}; trying again every {} s",
                EVERY.as_secs()
            ));
        }
        is_well = ran.is_ok();
    }
}

async fn run(listen: SocketAddr, secret: &Secret) -> Result<()> {
    let request = Request {
        method: "POST",
        url: format!("http://{listen}/internal/reconcile").parse()?,
        headers: vec![("authorization", format!("Bearer {}", secret.reveal()))],
        body: String::new(),
    };
    let answer = http::send(&request, LIMIT).await?;
    ensure!(answer.status == 200, "it answered {}", answer.status);
    Ok(())
}
