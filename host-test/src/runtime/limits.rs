//! How much a call may use.

use std::time::Duration;

use crate::egress::EgressLimits;

const MIB: usize = 1024 * 1024;

/// The length of one tick of the engine's clock, and the unit in which CPU time is limited.
pub const TICK: Duration = Duration::from_millis(10);

/// Limits on one call, and on how many of a tenant's calls run at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of a call.
    pub memory: usize,
    /// Linear memory of a call of an operation `files.*`. At most [`crate::runtime::LARGEST_MEMORY`].
    pub files_memory: usize,
    /// CPU time in ticks of 10 ms. Waiting costs nothing.
    pub cpu_ticks: u64,
    /// From the call's start (in its slot) to its end.
    pub wall_clock: Duration,
    /// The same for `files.*`, whose requests may take longer.
    pub files_wall_clock: Duration,
    /// Elements of a table.
    pub table_elements: usize,
    /// Core instances of the component.
    pub core_instances: usize,
    /// Tables of the component.
    pub tables: usize,
    /// Linear memories of the component.
    pub memories: usize,
    /// Bytes that one call from the guest to the host may hand over.
    pub hostcall_bytes: usize,
    /// Resources that the host keeps for the guest at once.
    pub resources: usize,
    /// Calls of this tenant that run at once.
    pub concurrency: usize,
    /// Calls of this tenant that wait for their turn; one more is refused.
    pub queue: usize,
    /// What a caller may hand in: the input of an operation, the body of a delivery.
    /// In `invoke_many` it is the limit of each input.
    pub input_bytes: usize,
    /// Limits on requests.
    pub egress: EgressLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 * MIB,
            files_memory: 256 * MIB,
            cpu_ticks: 100,
            wall_clock: Duration::from_secs(60),
            files_wall_clock: Duration::from_secs(300),
            table_elements: 10_000,
            core_instances: 8,
            tables: 8,
            memories: 1,
            hostcall_bytes: 64 * MIB,
            resources: 4096,
            concurrency: 4,
            queue: 64,
            input_bytes: 8 * MIB,
            egress: EgressLimits::default(),
        }
    }
}

/// The limits of one call, after the choice between ordinary and `files.*`.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) memory: usize,
    pub(crate) wall_clock: Duration,
    pub(crate) limits: Limits,
}

impl Limits {
    /// Operations of the interface `files` move up to 25 MB, and get the room for it.
    pub(crate) fn bounds(&self, operation: Option<&str>) -> (Bounds, EgressLimits) {
        let files = operation.is_some_and(|id| id.starts_with("files."));
        let (memory, wall_clock, egress) = if files {
            (
                self.files_memory.max(self.memory),
                self.files_wall_clock.max(self.wall_clock),
                self.egress.for_files(),
            )
        } else {
            (self.memory, self.wall_clock, self.egress.clone())
        };
        (
            Bounds {
                memory: memory.min(super::LARGEST_MEMORY),
                wall_clock,
                limits: self.clone(),
            },
            egress,
        )
    }
}
