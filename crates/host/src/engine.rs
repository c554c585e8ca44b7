//! The wasmtime engine of one application: how components are compiled, cached and given memory.

use std::path::Path;
use std::time::Duration;

use wasmtime::component::Component;
use wasmtime::{
    Cache, CacheConfig, Config, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig,
};

use crate::limits::{EPOCH_TICK, Limits, TABLE_ELEMENTS};

/// Fibers that one instance may need at the same time. A guest that drops a read of a stream (it raced the read against a clock)
/// cancels it on a fiber of its own, while the fiber of the request still waits.
const STACKS_PER_INSTANCE: u32 = 2;
/// Core instances (modules, in other words) that make up one component; ours have one to three.
const CORE_INSTANCES_PER_COMPONENT: u32 = 8;
/// Linear memories of one component; ours have one.
const MEMORIES_PER_COMPONENT: u32 = 2;
/// Tables of one component; ours have one or two.
const TABLES_PER_COMPONENT: u32 = 4;
/// Memory that an instance leaves behind and that is cleared by writing zeros instead of a system call.
const KEEP_RESIDENT: usize = 512 << 10;

/// Builds an engine for `components` components under `limits`, and starts the clock that interrupts guests.
///
/// Compiled code is kept in `cache_dir` by wasmtime's own cache. It keys entries by the component's content and all that
/// shaped the code, cleans up after itself and recompiles what it cannot read, all without `unsafe` on our side, which
/// loading `.cwasm` files of our own would need.
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

/// Room for as many instances as requests may be in flight: then being turned away is the in-flight limit's doing,
/// and running out of slots is left for the rare moment in which dying instances still hold some.
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

/// Advances the epoch for as long as the engine lives. A thread of its own, because guests may occupy every worker of
/// the async runtime, and that is when the epoch is needed.
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

/// Compiles the component in `path`, or takes it from the cache. Blocks: seconds of computing for a new component.
pub(crate) fn compile(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    let start = std::time::Instant::now();
    let component = Component::from_file(engine, path)?;
    let took: Duration = start.elapsed();
    tracing::debug!(path = %path.display(), ?took, "component ready");
    Ok(component)
}
