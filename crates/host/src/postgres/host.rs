//! The host functions of `spin:postgres`.

use std::future;
use std::sync::Arc;

use wasmtime::component::{Access, Accessor, FutureReader, Resource, StreamReader};

use super::error::query_failed;
use super::parameter::Parameter;
use super::pool::{Lease, Pools};
use super::rows::{Batch, Rows};
use super::tls::RootCertificate;
use super::wit::{
    Column, Error, Host, HostConnection, HostConnectionBuilder, HostConnectionBuilderWithStore,
    HostConnectionWithStore, ParameterValue, Row, RowSet,
};
use super::{Capability, PostgresView};

/// The resource `connection`.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct Connection(Arc<Lease>);

/// The resource `connection-builder`.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct ConnectionBuilder {
    address: String,
    root: Option<RootCertificate>,
}

type Opened = wasmtime::Result<Result<Resource<Connection>, Error>>;
/// The component's ends of a result: its rows, and the outcome, which shows whether the rows are complete.
type Readers = (StreamReader<Row>, FutureReader<Result<(), Error>>);
type Streamed = (Vec<Column>, StreamReader<Row>, FutureReader<Result<(), Error>>);

impl Host for PostgresView<'_> {}

impl HostConnectionBuilder for PostgresView<'_> {
    fn new(&mut self, address: String) -> wasmtime::Result<Resource<ConnectionBuilder>> {
        Ok(self.table.push(ConnectionBuilder { address, root: None })?)
    }

    fn set_ca_root(
        &mut self,
        builder: Resource<ConnectionBuilder>,
        certificate: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        let builder = self.table.get_mut(&builder)?;
        Ok(RootCertificate::parse(certificate).map(|root| builder.root = Some(root)))
    }

    async fn build(&mut self, builder: Resource<ConnectionBuilder>) -> Opened {
        let (address, root) = self.builder(&builder)?;
        let opened = self.pools().open(address, root).await;
        self.insert(opened)
    }

    fn drop(&mut self, builder: Resource<ConnectionBuilder>) -> wasmtime::Result<()> {
        self.table.delete(builder)?;
        Ok(())
    }
}

impl<T: Send + 'static> HostConnectionBuilderWithStore<T> for Capability {
    async fn build_async(accessor: &Accessor<T, Self>, builder: Resource<ConnectionBuilder>) -> Opened {
        let (address, root) = accessor.with(|mut access| access.get().builder(&builder))?;
        open(accessor, address, root).await
    }
}

impl HostConnection for PostgresView<'_> {
    async fn open(&mut self, address: String) -> Opened {
        let opened = self.pools().open(address, None).await;
        self.insert(opened)
    }

    async fn query(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<RowSet, Error>> {
        let lease = self.lease(&connection)?;
        Ok(match start(lease, &statement, parameters).await {
            Ok(rows) => rows.collect().await,
            Err(error) => Err(error),
        })
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<u64, Error>> {
        Ok(execute(self.lease(&connection)?, &statement, parameters).await)
    }

    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send + 'static> HostConnectionWithStore<T> for Capability {
    async fn open_async(accessor: &Accessor<T, Self>, address: String) -> Opened {
        open(accessor, address, None).await
    }

    async fn query_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<Streamed, Error>> {
        let lease = accessor.with(|mut access| access.get().lease(&connection))?;
        let mut rows = match start(lease, &statement, parameters).await {
            Ok(rows) => rows,
            Err(error) => return Ok(Err(error)),
        };
        let first = rows.batch().await;
        let columns = rows.take_columns();
        accessor.with(|access| {
            let (stream, outcome) = readers(access, rows, first)?;
            Ok(Ok((columns, stream, outcome)))
        })
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<u64, Error>> {
        let lease = accessor.with(|mut access| access.get().lease(&connection))?;
        Ok(execute(lease, &statement, parameters).await)
    }
}

impl PostgresView<'_> {
    fn pools(&self) -> Pools {
        self.state.0.clone()
    }

    fn builder(
        &self,
        builder: &Resource<ConnectionBuilder>,
    ) -> wasmtime::Result<(String, Option<RootCertificate>)> {
        let builder = self.table.get(builder)?;
        Ok((builder.address.clone(), builder.root.clone()))
    }

    fn insert(&mut self, opened: Result<Lease, Error>) -> Opened {
        match opened {
            Ok(lease) => Ok(Ok(self.table.push(Connection(Arc::new(lease)))?)),
            Err(error) => Ok(Err(error)),
        }
    }

    fn lease(&self, connection: &Resource<Connection>) -> wasmtime::Result<Arc<Lease>> {
        Ok(self.table.get(connection)?.0.clone())
    }
}

async fn open<T: Send + 'static>(
    accessor: &Accessor<T, Capability>,
    address: String,
    root: Option<RootCertificate>,
) -> Opened {
    let pools = accessor.with(|mut access| access.get().pools());
    let opened = pools.open(address, root).await;
    accessor.with(|mut access| access.get().insert(opened))
}

async fn start(lease: Arc<Lease>, statement: &str, parameters: Vec<ParameterValue>) -> Result<Rows, Error> {
    let parameters = read(parameters).map_err(Error::BadParameter)?;
    Rows::start(lease, statement, &parameters).await
}

async fn execute(lease: Arc<Lease>, statement: &str, parameters: Vec<ParameterValue>) -> Result<u64, Error> {
    // The error differs from that of a query with the same mistake, as in Spin (`factor-outbound-pg/src/client.rs` execute).
    let parameters = read(parameters).map_err(Error::ValueConversionFailed)?;
    lease
        .execute(statement, &parameters)
        .await
        .map_err(|error| query_failed(&error))
}

fn read(parameters: Vec<ParameterValue>) -> Result<Vec<Parameter>, String> {
    parameters.into_iter().map(Parameter::read).collect()
}

/// A complete result needs neither the connection nor a wait.
fn readers<T: Send + 'static>(
    mut access: Access<'_, T, Capability>,
    rows: Rows,
    first: Batch,
) -> wasmtime::Result<Readers> {
    match first.outcome {
        Some(outcome) => {
            let told = future::ready(Ok::<_, wasmtime::Error>(outcome));
            Ok((
                StreamReader::new(&mut access, first.rows)?,
                FutureReader::new(&mut access, told)?,
            ))
        }
        None => {
            let (producer, told) = rows.stream_after(first.rows);
            // A component that dropped the stream has read enough rows, as in Spin.
            let told = async move { Ok::<_, wasmtime::Error>(told.await.unwrap_or(Ok(()))) };
            Ok((
                StreamReader::new(&mut access, producer)?,
                FutureReader::new(&mut access, told)?,
            ))
        }
    }
}
