//! The Redis trigger: takes the messages of channels to the components that the manifest names for them.
//!
//! As with Spin, a message is handled by a new instance, one after the other for each server, and what Redis publishes while
//! nobody listens is lost: nothing may depend on it. Unlike with Spin, Redis going away does not end the application: the
//! subscriber says so once, and comes back when Redis does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use redis::{Client, IntoConnectionInfo, Msg, RedisError};
use tokio::task::JoinSet;
use wasmtime::component::InstancePre;

use crate::dispatch::Application;
use crate::instance::{Blueprint, State};

#[allow(
    missing_docs,
    unreachable_pub,
    reason = "generated; the interface is documented in wit/deps/spin-redis"
)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "akinai:host/redis-trigger",
        require_store_data_send: true,
        with: { "spin:redis/redis": crate::redis::bindings::spin::redis::redis },
    });
}

/// How long a subscriber waits before it connects again; twice as long each time that it fails, up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How long connecting and subscribing may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// A component's handler of messages: `spin:redis/inbound-redis@3.0.0`.
pub(crate) type Handler = bindings::RedisTriggerPre<State>;

/// The component's handler.
///
/// # Errors
/// When the component does not export one.
pub(crate) fn handler(pre: &InstancePre<State>) -> wasmtime::Result<Handler> {
    bindings::RedisTriggerPre::new(pre.clone())
}

/// A channel, and the component for its messages. The address may hold a password.
#[derive(Clone)]
pub(crate) struct Subscription {
    pub(crate) address: String,
    pub(crate) channel: String,
    pub(crate) component: String,
}

/// Checks the address of a subscription. The message does not quote it.
pub(crate) fn check_address(address: &str) -> Result<(), String> {
    match address.into_connection_info() {
        Ok(_) => Ok(()),
        Err(_) => Err("it is no address of a Redis server, such as redis://user:password@host:6379".into()),
    }
}

/// Running subscribers. Dropping them ends them; messages being handled are cut off.
#[derive(Debug)]
pub struct Subscribers {
    _tasks: JoinSet<()>,
}

/// Listens, with a connection for each server.
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

/// What a component makes of a message is its own matter; that it failed is said in the log.
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

/// A component that handles messages.
pub(crate) struct Subscriber {
    blueprint: Arc<Blueprint>,
    handler: Handler,
}

impl Subscriber {
    pub(crate) fn new(blueprint: Arc<Blueprint>, handler: Handler) -> Self {
        Self { blueprint, handler }
    }

    async fn call(&self, payload: Vec<u8>) -> wasmtime::Result<()> {
        let mut store = self.blueprint.store();
        let instance = self.handler.instantiate_async(&mut store).await?;
        let handled = store
            .run_concurrent(async |accessor| {
                instance
                    .spin_redis_inbound_redis()
                    .call_handle_message(accessor, payload)
                    .await
            })
            .await??;
        handled.map_err(|error| wasmtime::format_err!("it answered {error:?}"))
    }
}
