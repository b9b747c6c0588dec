//! One call's store: what it may import, what it may use, and how its end is read.

use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasData, Instance, InstancePre, Linker, ResourceTable};
use wasmtime::{Engine, PoolConcurrencyLimitError, ResourceLimiter, Store, Trap, UpdateDeadline};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksCtx, WasiClocksCtxView};
use wasmtime_wasi::p2::bindings::{cli, clocks, io};
use wasmtime_wasi_http::p2::bindings as http;
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtx, WasiHttpCtxView};

use super::bindings::types::Error;
use super::bindings::{auth, catalog, operations, triggers};
use super::error::{CallError, HostError, Stop};
use super::host::Without;
use super::limits::Bounds;
use super::meter::{CpuMeter, ticks};
use super::report::Report;
use crate::egress::{Gate, Hooks};

/// Everything that a component may import. The interfaces of `integration:connector` and of the connector's own package
/// come in beside them as long as they hold types only.
const IMPORTS: [&str; 7] = [
    "wasi:cli/environment",
    "wasi:clocks/monotonic-clock",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

/// What a store holds.
pub(crate) struct Sandbox {
    table: ResourceTable,
    http: WasiHttpCtx,
    hooks: Hooks,
    environment: Environment,
    clocks: WasiClocksCtx,
    limiter: Limiter,
}

impl Sandbox {
    fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}

/// The environment variables of a call, nothing of the host's own.
struct Environment(Vec<(String, String)>);

impl cli::environment::Host for Environment {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.0.clone())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

struct OfEnvironment;

impl HasData for OfEnvironment {
    type Data<'a> = &'a mut Environment;
}

struct OfTable;

impl HasData for OfTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// A linker that knows the seven interfaces and nothing else.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Sandbox>> {
    let mut linker = Linker::new(engine);
    let table = Sandbox::table;
    io::error::add_to_linker::<Sandbox, OfTable>(&mut linker, table)?;
    io::poll::add_to_linker::<Sandbox, OfTable>(&mut linker, table)?;
    io::streams::add_to_linker::<Sandbox, OfTable>(&mut linker, table)?;
    clocks::monotonic_clock::add_to_linker::<Sandbox, WasiClocks>(&mut linker, |sandbox| {
        WasiClocksCtxView {
            ctx: &mut sandbox.clocks,
            table: &mut sandbox.table,
        }
    })?;
    cli::environment::add_to_linker::<Sandbox, OfEnvironment>(&mut linker, |sandbox| {
        &mut sandbox.environment
    })?;
    let options = http::LinkOptions::default();
    http::http::types::add_to_linker::<Sandbox, WasiHttp>(
        &mut linker,
        &options.into(),
        Sandbox::http,
    )?;
    http::http::outgoing_handler::add_to_linker::<Sandbox, WasiHttp>(&mut linker, Sandbox::http)?;
    Ok(linker)
}

/// What the component imports beyond the seven interfaces, by its full names.
pub(crate) fn foreign_imports(component: &Component) -> Vec<String> {
    let engine = component.engine();
    let mut foreign = Vec::new();
    for (name, item) in component.component_type().imports(engine) {
        let bare = name.split('@').next().unwrap_or(name);
        if IMPORTS.contains(&bare) {
            continue;
        }
        let types_only = match &item.ty {
            ComponentItem::ComponentInstance(instance) => instance
                .exports(engine)
                .all(|(_, item)| matches!(item.ty, ComponentItem::Type(_))),
            ComponentItem::Type(_) => true,
            _ => false,
        };
        if !types_only {
            foreign.push(name.to_owned());
        }
    }
    foreign
}

/// A component that is linked, and whose exports are found and checked.
pub(crate) struct Prepared {
    instance: InstancePre<Sandbox>,
    auth: auth::GuestIndices,
    catalog: catalog::GuestIndices,
    operations: operations::GuestIndices,
    triggers: triggers::GuestIndices,
    without: Option<Without>,
}

impl Prepared {
    pub(crate) fn new(
        linker: &Linker<Sandbox>,
        component: &Component,
        without: Option<Without>,
    ) -> wasmtime::Result<Self> {
        let instance = linker.instantiate_pre(component)?;
        Ok(Self {
            auth: auth::GuestIndices::new(&instance)?,
            catalog: catalog::GuestIndices::new(&instance)?,
            operations: operations::GuestIndices::new(&instance)?,
            triggers: triggers::GuestIndices::new(&instance)?,
            instance,
            without,
        })
    }
}

/// The exports of a running component. Each interface is typechecked when it is asked for: a call needs one, and
/// checking all four in each new sandbox would take as long as the rest of its start.
pub(crate) struct Exports<'a> {
    pre: &'a Prepared,
    instance: Instance,
    pub(crate) store: &'a mut Store<Sandbox>,
}

impl Exports<'_> {
    pub(crate) fn auth(&mut self) -> wasmtime::Result<auth::Guest> {
        self.pre.auth.load(&mut *self.store, &self.instance)
    }

    pub(crate) fn catalog(&mut self) -> wasmtime::Result<catalog::Guest> {
        self.pre.catalog.load(&mut *self.store, &self.instance)
    }

    pub(crate) fn operations(&mut self) -> wasmtime::Result<operations::Guest> {
        self.pre.operations.load(&mut *self.store, &self.instance)
    }

    pub(crate) fn triggers(&mut self) -> wasmtime::Result<triggers::Guest> {
        self.pre.triggers.load(&mut *self.store, &self.instance)
    }
}

/// Raised into the guest when a limit is reached; read again in [`stop_of`].
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
struct Limit(Stop);

struct Limiter {
    memory: usize,
    table_elements: usize,
    instances: usize,
    tables: usize,
    memories: usize,
    sizes: usize,
    peak: usize,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // `memory` is for all memories together.
        let total = self.sizes.saturating_sub(current).saturating_add(desired);
        if total > self.memory {
            // Not `Ok(false)`: a guest that is told so aborts, and the reason is lost.
            return Err(Limit(Stop::Memory { limit: self.memory }).into());
        }
        self.sizes = total;
        self.peak = self.peak.max(total);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.table_elements {
            return Err(Limit(Stop::Table {
                limit: self.table_elements,
            })
            .into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

/// Runs one function of a component in a new store and throws the store away.
pub(crate) async fn run<T, F>(
    pre: &Prepared,
    gate: Arc<Gate>,
    environment: Vec<(String, String)>,
    bounds: &Bounds,
    function: F,
) -> Result<(T, Report), CallError>
where
    F: for<'a> FnOnce(Exports<'a>) -> BoxFuture<'a, wasmtime::Result<Result<T, Error>>>,
{
    let began = Instant::now();
    let limits = &bounds.limits;
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.resources);
    let sandbox = Sandbox {
        table,
        http: WasiHttpCtx::new(),
        hooks: Hooks::new(gate.clone()),
        environment: Environment(environment),
        clocks: WasiClocksCtx::default(),
        limiter: Limiter {
            memory: bounds.memory,
            table_elements: limits.table_elements,
            instances: limits.core_instances,
            tables: limits.tables,
            memories: limits.memories,
            sizes: 0,
            peak: 0,
        },
    };
    let mut store = Store::new(pre.instance.engine(), sandbox);
    let has = |limit| pre.without != Some(limit);
    if has(Without::MemoryLimiter) {
        store.limiter(|sandbox| &mut sandbox.limiter);
    }
    store.set_hostcall_fuel(limits.hostcall_bytes);
    store.set_max_component_handles(limits.resources);
    let meter = Arc::new(CpuMeter::default());
    // A meter that does not run shows all that the thread ever used.
    let cpu_ticks = if has(Without::CpuMeter) {
        limits.cpu_ticks
    } else {
        u64::MAX
    };
    if has(Without::Epochs) {
        store.set_epoch_deadline(1);
    }
    store.epoch_deadline_callback({
        let meter = meter.clone();
        move |_| {
            if ticks(meter.used_now()) >= cpu_ticks {
                return Err(Limit(Stop::Cpu { ticks: cpu_ticks }).into());
            }
            // Other calls get their turn, and the wall clock is looked at.
            Ok(UpdateDeadline::YieldCustom(
                1,
                Box::pin(tokio::task::yield_now()),
            ))
        }
    });

    let work = async {
        let instance = pre.instance.instantiate_async(&mut store).await?;
        function(Exports {
            pre,
            instance,
            store: &mut store,
        })
        .await
    };
    let metered = async {
        if has(Without::CpuMeter) {
            meter.measure(work).await
        } else {
            work.await
        }
    };
    let result = if has(Without::WallClock) {
        tokio::time::timeout(bounds.wall_clock, metered).await
    } else {
        Ok(metered.await)
    };

    let mut report = Report {
        duration: began.elapsed(),
        cpu: meter.used(),
        cpu_ticks: ticks(meter.used()),
        peak_memory: store.data().limiter.peak,
        ..Report::default()
    };
    // Dropping the store ends the requests that the guest left open, so the tally is final after it.
    drop(store);
    report.take(gate.tally().read());
    match result {
        Ok(Ok(Ok(value))) => Ok((value, report)),
        Ok(Ok(Err(error))) => Err(CallError::Connector {
            error: Box::new(error),
            report: Box::new(report),
        }),
        Ok(Err(error)) => match error.downcast_ref::<PoolConcurrencyLimitError>() {
            Some(full) => Err(HostError::NoSandbox(full.to_string()).into()),
            None => Err(CallError::Stopped {
                stop: stop_of(&error),
                report: Box::new(report),
            }),
        },
        Err(_) => Err(CallError::Stopped {
            stop: Stop::WallClock(bounds.wall_clock),
            report: Box::new(report),
        }),
    }
}

fn stop_of(error: &wasmtime::Error) -> Stop {
    if let Some(Limit(stop)) = error.downcast_ref::<Limit>() {
        return stop.clone();
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Stop::Stack,
        Some(trap) => Stop::Trap(trap.to_string()),
        // The root cause alone: the rest is a backtrace.
        None => Stop::Trap(error.root_cause().to_string().chars().take(500).collect()),
    }
}
