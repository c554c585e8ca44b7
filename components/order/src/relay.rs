//! Relays events from the outbox to a Redis stream.

use keyspace::{
    ORDER_EVENTS_LENGTH, ORDER_EVENTS_LIFETIME, ORDER_VERSION_LIFETIME, OrderEventEntry, OrderEventsKey,
    OrderVersionKey, RedisKey,
};
use serde::Serialize;
use spin_adapters::{
    redis::{Argument, Error, Redis, Script},
    variables,
};

use crate::service::{Event, Events};

thread_local! {
    static SCRIPT: Script = Script::new(&[include_str!("relay.lua")]);
}

/// The stream `order.events` in the Redis that `spin.toml` grants. [`OrderEventEntry`] describes an entry.
pub(crate) struct Stream;

impl Events for Stream {
    /// One round trip. The script skips an event that is appended again because an answer was lost: it is not newer.
    async fn append(&self, events: &[Event]) -> Result<(), String> {
        let entries = serde_json::to_string(&entries(events)).map_err(|error| error.to_string())?;
        let appended = async {
            let redis = Redis::from_variable("redis_url").await?;
            let prefix = variables::get("redis_prefix").await?;
            let stream = OrderEventsKey::new(&prefix);
            let versions = version_keys(&prefix, events);
            let mut keys: Vec<(&str, &dyn RedisKey)> = vec![("stream", &stream)];
            keys.extend(versions.iter().map(|(name, key)| (&**name, key as &dyn RedisKey)));
            let arguments = [
                ("entries", Argument::Text(&entries)),
                ("version_lifetime", seconds(ORDER_VERSION_LIFETIME)),
                ("stream_lifetime", seconds(ORDER_EVENTS_LIFETIME)),
                ("stream_length", Argument::Number(ORDER_EVENTS_LENGTH.into())),
            ];
            let script = SCRIPT.with(Clone::clone);
            redis.run(&script, &keys, &arguments).await
        };
        let appended: Result<_, Error> = appended.await;
        appended.map(drop).map_err(|error| error.to_string())
    }
}

/// An event in the argument `entries` of `relay.lua`.
#[derive(Serialize)]
struct RelayedEvent {
    order: String,
    version: u64,
    /// Names and values of the entry, in turn.
    fields: [String; 10],
}

fn entries(events: &[Event]) -> Vec<RelayedEvent> {
    let entry = |event: &Event| {
        let entry = OrderEventEntry {
            id: &event.id,
            kind: &event.kind,
            order: event.order,
            version: event.version,
            payload: &event.payload,
        };
        RelayedEvent {
            order: event.order.to_string(),
            version: event.version,
            fields: entry.fields(),
        }
    };
    events.iter().map(entry).collect()
}

/// The keys of the orders' versions. Their name in `relay.lua` is the id of the order.
fn version_keys(prefix: &str, events: &[Event]) -> Vec<(String, OrderVersionKey)> {
    let orders = events.iter().map(|event| event.order);
    orders
        .map(|order| (order.to_string(), OrderVersionKey::new(prefix, order)))
        .collect()
}

fn seconds(time: std::time::Duration) -> Argument<'static> {
    Argument::Number(time.as_secs().try_into().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_of_an_event_names_its_order_and_has_five_fields() {
        let order = "0190163d-8694-739b-aea5-966c26f8ad91";
        let events = [Event {
            id: "e1".into(),
            order: order.parse().unwrap(),
            version: 2,
            kind: "order.confirmed".into(),
            payload: "{}".into(),
        }];
        let keys = version_keys("akinai", &events);
        assert_eq!(keys[0].0, order);
        assert_eq!(keys[0].1.as_str(), format!("akinai:order.events:version:{order}"));
        let fields = [
            "id",
            "e1",
            "type",
            "order.confirmed",
            "order_id",
            order,
            "version",
            "2",
            "payload",
            "{}",
        ];
        assert_eq!(
            serde_json::to_value(entries(&events)).unwrap(),
            serde_json::json!([{ "order": order, "version": 2, "fields": fields }])
        );
    }
}
