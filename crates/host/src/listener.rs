//! The Redis trigger: subscribes to channels and passes their messages to the components in the manifest.
//!
//! As in Spin, each message is handled by a new instance, one message after another for each server. Redis keeps no
//! messages for a subscriber that is not connected, so no rule may depend on a message. Unlike in Spin, the application
//! continues when Redis fails: the host logs that once, and subscribes again as soon as Redis is available.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use redis::{Client, Msg, RedisError};
use tokio::task::JoinSet;

use crate::dispatch::Application;
use crate::subscriber::Subscription;

/// The pause before a subscriber connects again. It doubles after each failure, up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The maximum time for connecting and subscribing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// Running subscribers. Dropping this ends them, and the handling of messages.
#[derive(Debug)]
pub struct Subscribers {
    _tasks: JoinSet<()>,
}

/// Subscribes, with one connection for each server.
pub(crate) fn subscribe(application: &Arc<Application>) -> Subscribers {
    let mut servers: BTreeMap<String, Vec<Subscription>> = BTreeMap::new();
    for subscription in application.subscriptions() {
        let of_server = servers.entry(subscription.address.clone()).or_default();
        of_server.push(subscription.clone());
    }
    let mut tasks = JoinSet::new();
    for (address, subscriptions) in servers {
        _ = tasks.spawn(listen_for_ever(application.clone(), address, subscriptions));
    }
    Subscribers { _tasks: tasks }
}

async fn listen_for_ever(application: Arc<Application>, address: String, subscriptions: Vec<Subscription>) {
    let mut wait = FIRST_WAIT;
    let mut was_told = false;
    loop {
        match connect(&address, &subscriptions).await {
            Ok(connection) => {
                tracing::info!("subscribed to {}", channels(&subscriptions));
                (wait, was_told) = (FIRST_WAIT, false);
                listen(&application, connection, &subscriptions).await;
                tracing::warn!("Redis has gone away; subscribing again when it is back");
            }
            Err(cause) if !was_told => {
                tracing::warn!(
                    "cannot subscribe to {}: {cause}; trying again",
                    channels(&subscriptions)
                );
                was_told = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

fn channels(subscriptions: &[Subscription]) -> String {
    let names: Vec<_> = subscriptions
        .iter()
        .map(|subscription| subscription.channel.as_str())
        .collect();
    names.join(", ")
}

async fn connect(address: &str, subscriptions: &[Subscription]) -> Result<redis::aio::PubSub, String> {
    let connecting = async {
        let mut connection = Client::open(address)?.get_async_pubsub().await?;
        for subscription in subscriptions {
            connection.subscribe(&subscription.channel).await?;
        }
        Ok::<_, RedisError>(connection)
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {CONNECT_TIMEOUT:?}")),
    }
}

/// Handles messages until the connection ends.
async fn listen(
    application: &Application,
    mut connection: redis::aio::PubSub,
    subscriptions: &[Subscription],
) {
    let mut messages = connection.on_message();
    while let Some(message) = messages.next().await {
        let channel = message.get_channel_name();
        let wanted = subscriptions
            .iter()
            .filter(|subscription| subscription.channel == channel);
        for subscription in wanted {
            handle(application, &subscription.component, &message).await;
        }
    }
}

/// The component decides what to do with a message. A failure is logged.
async fn handle(application: &Application, component: &str, message: &Msg) {
    let Some(subscriber) = application
        .component(component)
        .and_then(|hosted| hosted.subscriber.as_ref())
    else {
        return;
    };
    let deadline = application.request_deadline();
    let payload = message.get_payload_bytes().to_vec();
    match tokio::time::timeout(deadline, subscriber.call(payload)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(component, "a message was not handled: {error:?}"),
        Err(_) => tracing::error!(component, "a message was not handled within {deadline:?}"),
    }
}
