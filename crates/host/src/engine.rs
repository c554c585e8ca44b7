//! The wasmtime engine of one application: it compiles components, caches them and allocates their memory.

use std::path::Path;
use std::time::Duration;

use wasmtime::component::Component;
use wasmtime::{
    Cache, CacheConfig, Config, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig,
};

use crate::limits::{EPOCH_TICK, Limits, TABLE_ELEMENTS};

/// Fibers that one instance may need at the same time. If a guest drops a read of a stream, because it raced the read against a
/// clock, the read is cancelled on a separate fiber, while the fiber of the request still waits.
const STACKS_PER_INSTANCE: u32 = 2;
/// Core instances (that is, modules) of one component. Our components have one to three.
const CORE_INSTANCES_PER_COMPONENT: u32 = 8;
/// Linear memories of one component. Our components have one.
const MEMORIES_PER_COMPONENT: u32 = 2;
/// Tables of one component. Our components have one or two.
const TABLES_PER_COMPONENT: u32 = 4;
/// The memory of an ended instance that is cleared by writing zeros instead of a system call.
const KEEP_RESIDENT: usize = 512 << 10;

/// Builds an engine for `components` components under `limits`, and starts the clock that interrupts guests.
///
/// Compiled code is kept in `cache_dir` by wasmtime's own cache. The key of an entry is the component's content and all
/// settings of the compiler. The cache removes old entries, and recompiles entries that it cannot read. It needs no `unsafe`
/// in this crate; loading `.cwasm` files would need it.
pub(crate) fn engine(
    limits: &Limits,
    components: usize,
    cache_dir: Option<&Path>,
) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    config.epoch_interruption(true);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits, components)));
    if let Some(directory) = cache_dir {
        let mut cache = CacheConfig::new();
        cache.with_directory(std::path::absolute(directory)?);
        config.cache(Some(Cache::new(cache)?));
    }
    let engine = Engine::new(&config)?;
    tick(engine.weak())?;
    Ok(engine)
}

/// Slots for as many instances as clients may have requests in flight. An instance takes up to sixteen requests, so there is room
/// for the calls of components and for long responses, too. If slots run out, the request is refused like one beyond the
/// limit. A slot has mappings in the address space, of which Linux allows a process 65,530.
fn pool(limits: &Limits, components: usize) -> PoolingAllocationConfig {
    let instances = u32::try_from(limits.in_flight.saturating_mul(components.max(1))).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances);
    pool.total_core_instances(instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT));
    pool.total_memories(instances);
    pool.total_tables(instances.saturating_mul(TABLES_PER_COMPONENT));
    pool.total_stacks(instances.saturating_mul(STACKS_PER_INSTANCE));
    pool.max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT);
    pool.max_memories_per_component(MEMORIES_PER_COMPONENT);
    pool.max_tables_per_component(TABLES_PER_COMPONENT);
    pool.table_elements(TABLE_ELEMENTS);
    pool.max_memory_size(limits.instance_memory);
    pool.linear_memory_keep_resident(KEEP_RESIDENT);
    pool
}

/// Advances the epoch until the engine is dropped. It runs on a separate thread, because guests may occupy every worker of
/// the async runtime, and then the epoch must still advance.
fn tick(engine: EngineWeak) -> std::io::Result<()> {
    let tick_while_alive = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(EPOCH_TICK);
        }
    };
    std::thread::Builder::new()
        .name("epoch".into())
        .spawn(tick_while_alive)?;
    Ok(())
}

/// Compiles the component in `path`, or takes it from the cache. Blocks: compiling a new component takes seconds.
pub(crate) fn compile(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    let start = std::time::Instant::now();
    let component = Component::from_file(engine, path)?;
    let took: Duration = start.elapsed();
    tracing::debug!(path = %path.display(), ?took, "component ready");
    Ok(component)
}
