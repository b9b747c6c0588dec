//! The engine, its clock, and loading.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;
use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig,
};

use super::LARGEST_MEMORY;
use super::artifact::{self, ArtifactKey};
use super::connector::Connector;
use super::limits::TICK;
use super::memory_watch::{Creator, MemoryWatch};
use super::sandbox::{self, Prepared, Sandbox};
use super::slots::Slots;
use crate::egress::ComponentDigest;

/// Core instances, tables and memories that a pool slot has room for.
const CORE_INSTANCES: u32 = 8;
const TABLES: u32 = 8;
const TABLE_ELEMENTS: usize = 10_000;
/// Memory that an idle slot may keep.
const KEPT_PER_SLOT: usize = 512 * 1024;
/// Mappings that a live instance needs: memory, tables, stack and their guards (measured 6).
const MAPPINGS_PER_SLOT: usize = 6;

/// How a host is set up.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Sandboxes at once, over all tenants. Where calls wait for one, their tenants take turns.
    pub slots: usize,
    /// Reserve the address space of all sandboxes at the start. Faster; without it each sandbox is mapped anew.
    pub pool: bool,
    /// For tests only: see [`MemoryWatch`].
    #[doc(hidden)]
    pub watch: Option<Arc<MemoryWatch>>,
    /// For benches only: see [`Without`].
    #[doc(hidden)]
    pub without: Option<Without>,
}

/// A limit that a host leaves out, so that a bench can tell what it costs: such a host must run no component that is not trusted.
///
/// What is not here can't be left out: wasmtime counts what host calls copy, handles and resources whatever the limit is, and the checks of
/// the egress are its work.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// The checks for the epoch in the compiled code, the clock's thread, and the callback that stops a call.
    Epochs,
    /// The two looks at the thread's CPU time at each poll of a call.
    CpuMeter,
    /// What is asked when a memory or a table grows.
    MemoryLimiter,
    /// The timer of a call.
    WallClock,
    /// The tenant's place and the sandbox's slot, with the turns by which they are given.
    Places,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            slots: 256,
            pool: true,
            watch: None,
            without: None,
        }
    }
}

/// Why a host can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The engine refuses its configuration.
    #[error("the engine can't be set up: {0:#}")]
    Engine(wasmtime::Error),
    /// No thread for the clock.
    #[error("the engine's clock can't be started: {0}")]
    Clock(std::io::Error),
    /// No sandboxes at all.
    #[error("HostOptions::slots is 0; no call could ever run")]
    NoSlots,
}

/// Why a component can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read.
    #[error("{path} can't be read: {error}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// It is not a component.
    #[error("this is not a component that can be compiled: {0:#}")]
    Compile(wasmtime::Error),
    /// It wants more of the host than a connector needs.
    #[error(
        "the component imports {}, which a connector may not; it may import wasi:http (types, outgoing-handler), \
         wasi:io, wasi:cli/environment and wasi:clocks/monotonic-clock",
        .0.join(", ")
    )]
    ForeignImports(Vec<String>),
    /// It imports a version that the host has not, or exports no connector.
    #[error("the component is not a connector of integration:connector@0.1.0: {0:#}")]
    NotAConnector(wasmtime::Error),
    /// The artifact was not made with this key, or was changed.
    #[error(
        "the compiled artifact is not ours or was changed; delete it and compile the component again"
    )]
    NotOurs,
    /// The artifact is of another engine version or configuration.
    #[error("the compiled artifact does not fit this engine; compile the component again: {0:#}")]
    OtherEngine(wasmtime::Error),
}

/// One engine with its clock. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    engine: Engine,
    linker: Linker<Sandbox>,
    /// Sandboxes for calls.
    pub(super) slots: Arc<Slots>,
    /// Sandboxes for refreshes: a call that waits for a newer token holds a slot, and must not wait for another one.
    pub(super) reserve: Arc<Semaphore>,
    total: usize,
    pooled: bool,
    pub(super) without: Option<Without>,
}

impl Host {
    /// Sets up the engine and starts its clock, which ends with the last clone.
    pub fn new(options: HostOptions) -> Result<Self, SetupError> {
        if options.slots == 0 {
            return Err(SetupError::NoSlots);
        }
        let total = within_map_count(options.slots);
        let reserve = (total / 8).clamp(1, 64);
        let pool = options.pool && options.watch.is_none();
        let epochs = options.without != Some(Without::Epochs);
        let engine_of = |slots, watch| {
            let mut config = engine_config(slots, watch);
            config.epoch_interruption(epochs);
            Engine::new(&config)
        };
        let (engine, pooled) = match pool.then(|| engine_of(Some(total + reserve), None)) {
            Some(Ok(engine)) => (engine, true),
            Some(Err(error)) => {
                tracing::warn!(%error, "the pool can't be reserved; sandboxes are mapped one by one");
                (engine_of(None, None).map_err(SetupError::Engine)?, false)
            }
            None => {
                let engine = engine_of(None, options.watch);
                (engine.map_err(SetupError::Engine)?, false)
            }
        };
        if epochs {
            start_clock(engine.weak()).map_err(SetupError::Clock)?;
        }
        let linker = sandbox::linker(&engine).map_err(SetupError::Engine)?;
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                linker,
                slots: Slots::new(total),
                reserve: Arc::new(Semaphore::new(reserve)),
                total,
                pooled,
                without: options.without,
            }),
        })
    }

    /// Sandboxes at once, after the system's own limits.
    pub fn slots(&self) -> usize {
        self.shared.total
    }

    /// Whether the sandboxes' address space is reserved.
    pub fn is_pooled(&self) -> bool {
        self.shared.pooled
    }

    /// Compiles a component and checks that it imports nothing but what a connector needs. Takes up to a second of CPU:
    /// on a server, call it from a blocking task.
    pub fn load(&self, component: &[u8]) -> Result<Connector, LoadError> {
        let digest = ComponentDigest::of(component);
        let component =
            Component::from_binary(&self.shared.engine, component).map_err(LoadError::Compile)?;
        self.link(component, digest)
    }

    /// The same from a file.
    pub fn load_file(&self, path: impl AsRef<Path>) -> Result<Connector, LoadError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| LoadError::File {
            path: path.display().to_string(),
            error,
        })?;
        self.load(&bytes)
    }

    /// Compiles a component into an artifact for [`Host::load_precompiled`].
    pub fn precompile(&self, component: &[u8], key: &ArtifactKey) -> Result<Vec<u8>, LoadError> {
        let code = self
            .shared
            .engine
            .precompile_component(component)
            .map_err(LoadError::Compile)?;
        Ok(key.seal(&ComponentDigest::of(component), &code))
    }

    /// Loads what [`Host::precompile`] made with the same key, in a millisecond or two.
    pub fn load_precompiled(
        &self,
        artifact: &[u8],
        key: &ArtifactKey,
    ) -> Result<Connector, LoadError> {
        let (digest, code) = key.open(artifact).ok_or(LoadError::NotOurs)?;
        // SAFETY: the code must come from this version of wasmtime unchanged. The MAC was checked: these bytes were
        // sealed by `precompile`, which gets them from `Engine::precompile_component`, with a key that only the
        // operator has. Another version or configuration of the engine is refused by wasmtime itself.
        #[allow(unsafe_code, reason = "the one place where compiled code is loaded")]
        let component = unsafe { Component::deserialize(&self.shared.engine, code) }
            .map_err(LoadError::OtherEngine)?;
        self.link(component, digest)
    }

    /// Loads a component with the help of a folder of compiled artifacts: from there if it is there and ours, else it is
    /// compiled and put there. An artifact that others could have written is not even read; a folder that can't be
    /// written costs the time of compiling again, and a warning.
    pub fn load_cached(
        &self,
        component: &[u8],
        folder: &Path,
        key: &ArtifactKey,
    ) -> Result<Connector, LoadError> {
        let digest = ComponentDigest::of(component);
        let path = artifact::path(folder, &digest);
        match artifact::read(&path).map(|artifact| self.load_precompiled(&artifact, key)) {
            // The name of the file proves nothing, the digest under the MAC does.
            Ok(Ok(connector)) if connector.digest() == digest => return Ok(connector),
            Ok(Ok(_)) => {
                tracing::warn!(path = %path.display(), "the artifact is of another component")
            }
            Ok(Err(error)) => {
                tracing::warn!(path = %path.display(), %error, "the artifact is not used")
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the artifact is not used")
            }
        }
        let artifact = self.precompile(component, key)?;
        if let Err(error) = artifact::write(&path, &artifact) {
            tracing::warn!(path = %path.display(), %error, "the artifact could not be kept");
        }
        self.load_precompiled(&artifact, key)
    }

    fn link(&self, component: Component, digest: ComponentDigest) -> Result<Connector, LoadError> {
        let foreign = sandbox::foreign_imports(&component);
        if !foreign.is_empty() {
            return Err(LoadError::ForeignImports(foreign));
        }
        let pre = Prepared::new(&self.shared.linker, &component, self.shared.without)
            .map_err(LoadError::NotAConnector)?;
        Ok(Connector::new(self.clone(), pre, digest))
    }
}

fn engine_config(slots: Option<usize>, watch: Option<Arc<MemoryWatch>>) -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    // Nothing here shares memory or needs more than one.
    config.wasm_multi_memory(false);
    config.wasm_memory64(false);
    if let Some(slots) = slots {
        let slots = u32::try_from(slots).unwrap_or(u32::MAX);
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(slots)
            .total_core_instances(slots.saturating_mul(CORE_INSTANCES))
            .total_memories(slots)
            .total_tables(slots.saturating_mul(TABLES))
            .total_stacks(slots)
            .max_core_instances_per_component(CORE_INSTANCES)
            .max_memories_per_component(1)
            .max_tables_per_component(TABLES)
            .table_elements(TABLE_ELEMENTS)
            .max_memory_size(LARGEST_MEMORY)
            // A used slot keeps the pages that its last call touched, wiped, instead of giving them back to the kernel
            // and faulting them in again at the next call.
            .linear_memory_keep_resident(KEPT_PER_SLOT)
            .table_keep_resident(KEPT_PER_SLOT)
            .pagemap_scan(Enabled::Auto);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    } else {
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    }
    if let Some(watch) = watch {
        // Compiled code then checks every bound itself, as `Creator` needs it.
        config
            .memory_reservation(0)
            .memory_guard_size(0)
            .memory_reservation_for_growth(0);
        config
            .guard_before_linear_memory(false)
            .memory_init_cow(false);
        config.with_host_memory(Arc::new(Creator(watch)));
    }
    config
}

/// The engine's clock: one thread that counts the epoch up, until the engine is gone.
fn start_clock(engine: EngineWeak) -> std::io::Result<()> {
    let clock = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new()
        .name("engine-clock".into())
        .spawn(clock)
        .map(drop)
}

/// Fewer slots where the kernel allows fewer mappings (`vm.max_map_count`).
fn within_map_count(slots: usize) -> usize {
    let Some(most) = std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse::<usize>().ok())
    else {
        return slots;
    };
    // A tenth is left to the rest of the process.
    let fit = (most / 10 * 9 / MAPPINGS_PER_SLOT).max(1);
    if slots > fit {
        tracing::warn!(
            asked = slots,
            given = fit,
            max_map_count = most,
            "vm.max_map_count allows fewer sandboxes; raise it to about {}",
            slots * MAPPINGS_PER_SLOT / 9 * 10 + 1_000
        );
    }
    slots.min(fit)
}
