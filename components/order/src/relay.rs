//! Relays events from the outbox to a Redis stream.

use std::rc::Rc;

use spin_adapters::{
    redis::{Argument, Redis, Script},
    variables,
};

use crate::service::{Event, Events};

/// The variable with the address of Redis.
const REDIS: &str = "redis_url";

/// The lifetime of the last relayed version of an order, in seconds: far longer than a claim of an event.
const VERSIONS_KEPT: i64 = 24 * 60 * 60;

/// The lifetime of a stream without new events, in seconds.
const STREAM_KEPT: i64 = 30 * 24 * 60 * 60;

/// The approximate maximum length of the stream; the oldest events are removed.
const LONGEST: i64 = 100_000;

thread_local! {
    static SCRIPT: Rc<Script> = Rc::new(Script::new(&[include_str!("relay.lua")]));
}

/// The stream `PREFIX:order.events` in the Redis that `spin.toml` grants. An entry has the fields `id`, `type`, `order_id`,
/// `version` and `payload` (a JSON object).
pub(crate) struct Stream;

impl Events for Stream {
    /// One round trip. The script skips an event that is appended again because an answer was lost: it is not newer.
    async fn append(&self, events: &[Event]) -> Result<(), String> {
        let prefix = variables::get("redis_prefix").await;
        let redis = Redis::from_variable(REDIS).await;
        let (prefix, redis) = (
            prefix.map_err(|error| error.to_string())?,
            redis.map_err(|error| error.to_string())?,
        );
        let (keys, arguments) = (keys(&prefix, events), arguments(events));
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let arguments: Vec<_> = [VERSIONS_KEPT, STREAM_KEPT, LONGEST]
            .map(Argument::Number)
            .into_iter()
            .chain(arguments.iter().map(|text| Argument::Text(text)))
            .collect();
        let script = SCRIPT.with(Rc::clone);
        let told = redis.run(&script, &keys, &arguments).await;
        told.map(drop).map_err(|error| error.to_string())
    }
}

fn keys(prefix: &str, events: &[Event]) -> Vec<String> {
    let versions = events
        .iter()
        .map(|event| format!("{prefix}:order.events:version:{}", event.order));
    [format!("{prefix}:order.events")]
        .into_iter()
        .chain(versions)
        .collect()
}

fn arguments(events: &[Event]) -> Vec<String> {
    let of_one = |event: &Event| {
        [
            event.id.clone(),
            event.kind.clone(),
            event.order.to_string(),
            event.version.to_string(),
            event.payload.clone(),
        ]
    };
    events.iter().flat_map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_a_key_and_five_arguments() {
        let order = "0190163d-8694-739b-aea5-966c26f8ad91";
        let event = Event {
            id: "e1".into(),
            order: order.parse().unwrap(),
            version: 2,
            kind: "order.confirmed".into(),
            payload: "{}".into(),
        };
        assert_eq!(
            keys("akinai", std::slice::from_ref(&event)),
            [
                "akinai:order.events".to_owned(),
                format!("akinai:order.events:version:{order}")
            ]
        );
        assert_eq!(arguments(&[event]), ["e1", "order.confirmed", order, "2", "{}"]);
    }
}
