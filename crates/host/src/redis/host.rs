//! The host functions of `spin:redis`.

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind};
use wasmtime::component::{Accessor, Resource};

use super::reply::{flatten, limited, other};
use super::wit::{
    Error, Host, HostConnection, HostConnectionWithStore, Payload, RedisParameter, RedisResult,
};
use super::{Capability, OPEN_TIMEOUT, RedisView};
use crate::networking::AllowedHosts;

/// The resource `connection`.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct Connection(MultiplexedConnection);

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Host for RedisView<'_> {}

impl HostConnection for RedisView<'_> {
    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send + 'static> HostConnectionWithStore<T> for Capability {
    async fn open(accessor: &Accessor<T, Self>, address: String) -> Answer<Resource<Connection>> {
        let allowed = accessor.with(|mut access| access.get().state.0.clone());
        match connect(&allowed, &address).await {
            Ok(connection) => {
                Ok(Ok(accessor.with(|mut access| {
                    access.get().table.push(Connection(connection))
                })?))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn publish(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        channel: String,
        payload: Payload,
    ) -> Answer<()> {
        let mut redis = driver(accessor, &connection)?;
        Ok(redis.publish(channel, payload).await.map_err(other))
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        key: String,
    ) -> Answer<Option<Payload>> {
        let mut redis = driver(accessor, &connection)?;
        Ok(redis.get(key).await.map_err(other).and_then(limited))
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        key: String,
        value: Payload,
    ) -> Answer<()> {
        let mut redis = driver(accessor, &connection)?;
        Ok(redis.set(key, value).await.map_err(other))
    }

    async fn incr(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        key: String,
    ) -> Answer<i64> {
        let mut redis = driver(accessor, &connection)?;
        Ok(redis.incr(key, 1).await.map_err(other))
    }

    async fn del(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        keys: Vec<String>,
    ) -> Answer<u32> {
        let mut redis = driver(accessor, &connection)?;
        Ok(redis.del(keys).await.map_err(other))
    }

    async fn sadd(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> Answer<u32> {
        let mut redis = driver(accessor, &connection)?;
        Ok(redis.sadd(key, values).await.map_err(|error| match error.kind() {
            ErrorKind::UnexpectedReturnType => Error::TypeError,
            _ => other(error),
        }))
    }

    async fn smembers(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        key: String,
    ) -> Answer<Vec<String>> {
        let mut redis = driver(accessor, &connection)?;
        Ok(redis.smembers(key).await.map_err(other))
    }

    async fn srem(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> Answer<u32> {
        let mut redis = driver(accessor, &connection)?;
        Ok(redis.srem(key, values).await.map_err(other))
    }

    async fn execute(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> Answer<Vec<RedisResult>> {
        let mut redis = driver(accessor, &connection)?;
        let mut line = redis::cmd(&command);
        arguments
            .into_iter()
            .for_each(|argument| add(&mut line, argument));
        Ok(line
            .query_async(&mut redis)
            .await
            .map_err(other)
            .and_then(flatten))
    }
}

fn add(line: &mut Cmd, argument: RedisParameter) {
    match argument {
        RedisParameter::Int64(number) => line.arg(number),
        RedisParameter::Binary(bytes) => line.arg(bytes),
    };
}

fn driver<T: Send + 'static>(
    accessor: &Accessor<T, Capability>,
    connection: &Resource<Connection>,
) -> wasmtime::Result<MultiplexedConnection> {
    accessor.with(|mut access| Ok(access.get().table.get(connection)?.0.clone()))
}

async fn connect(allowed: &AllowedHosts, address: &str) -> Result<MultiplexedConnection, Error> {
    if !allowed.allows(address, "redis") {
        return Err(Error::InvalidAddress);
    }
    if address.starts_with("rediss:") {
        return Err(Error::Other(
            "this host has no TLS towards Redis: use redis://".to_owned(),
        ));
    }
    let client = Client::open(address).map_err(|_| Error::InvalidAddress)?;
    if !matches!(client.get_connection_info().addr(), ConnectionAddr::Tcp(..)) {
        return Err(Error::InvalidAddress);
    }
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(OPEN_TIMEOUT))
        .set_response_timeout(None);
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .map_err(other)
}
