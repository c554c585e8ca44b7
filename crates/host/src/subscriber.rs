//! A component that handles the messages of Redis channels: `spin:redis/inbound-redis@3.0.0`.

use std::sync::Arc;

use redis::IntoConnectionInfo;
use wasmtime::component::InstancePre;

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

/// A component's handler of messages: `spin:redis/inbound-redis@3.0.0`.
pub(crate) type Handler = bindings::RedisTriggerPre<State>;

/// The component's handler.
///
/// # Errors
/// The component does not export a handler.
pub(crate) fn handler(pre: &InstancePre<State>) -> wasmtime::Result<Handler> {
    bindings::RedisTriggerPre::new(pre.clone())
}

/// A channel, and the component for its messages. The address may contain a password.
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

/// A component that handles messages.
pub(crate) struct Subscriber {
    blueprint: Arc<Blueprint>,
    handler: Handler,
}

impl Subscriber {
    pub(crate) fn new(blueprint: Arc<Blueprint>, handler: Handler) -> Self {
        Self { blueprint, handler }
    }

    pub(crate) async fn call(&self, payload: Vec<u8>) -> wasmtime::Result<()> {
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
