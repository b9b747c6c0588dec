//! Connections that wait for the next request of their tenant to their origin.
//!
//! hyper-util has pools too. The one of its client knows connections by scheme and authority alone, and so would share
//! them between tenants; the other takes a connection back whenever it is dropped, with a body half read, and lets it
//! wait for ever.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::connection::{AbortOnDrop, Connection};
use crate::egress::Origin;

/// How long a connection waits. Servers close idle ones after a minute or more; ours are to be gone by then, so that a
/// request does not meet the close half-way.
const LONGEST: Duration = Duration::from_secs(30);
/// Connections of one tenant to one origin that wait.
const OF_ONE: usize = 4;
/// Connections that wait, over all tenants.
const OF_ALL: usize = 256;

/// Idle connections. Clones share them.
#[derive(Clone)]
pub(super) struct Pool {
    idle: Arc<Mutex<Idle>>,
    of_all: usize,
}

impl Default for Pool {
    fn default() -> Self {
        Self::of(OF_ALL)
    }
}

#[derive(Default)]
struct Idle {
    /// Since when each waits; the oldest in front.
    waiting: VecDeque<(Instant, Connection)>,
    /// Closes what nobody asks for any more. There while anything waits.
    sweeper: Option<AbortOnDrop>,
}

impl Pool {
    /// For so many connections.
    pub(super) fn of(of_all: usize) -> Self {
        let idle = Arc::default();
        Self { idle, of_all }
    }

    /// A connection over which the next request may go. Those that turn out to be of no use are closed.
    pub(super) async fn take(&self, tenant: &str, origin: &Origin) -> Option<Connection> {
        loop {
            let mut connection = self.newest(tenant, origin)?;
            if connection.is_usable().await {
                return Some(connection);
            }
        }
    }

    /// The newest: a quiet hour then closes all that are not needed.
    fn newest(&self, tenant: &str, origin: &Origin) -> Option<Connection> {
        let mut idle = lock(&self.idle);
        idle.prune();
        let mut waiting = idle.waiting.iter();
        let at = waiting.rposition(|(_, connection)| connection.is_for(tenant, origin))?;
        idle.waiting.remove(at).map(|(_, connection)| connection)
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(super) fn put(&self, connection: Connection) {
        let mut idle = lock(&self.idle);
        idle.prune();
        let alike = |(_, other): &(Instant, Connection)| other.is_like(&connection);
        if idle.waiting.iter().filter(|one| alike(one)).count() >= OF_ONE
            && let Some(oldest) = idle.waiting.iter().position(alike)
        {
            idle.waiting.remove(oldest);
        } else if idle.waiting.len() >= self.of_all {
            idle.waiting.pop_front();
        }
        idle.waiting.push_back((Instant::now(), connection));
        // It has ended too where the runtime that it ran on has.
        if idle
            .sweeper
            .as_ref()
            .is_none_or(|task| task.0.is_finished())
        {
            let sweeper = tokio::spawn(sweep(Arc::downgrade(&self.idle)));
            idle.sweeper = Some(AbortOnDrop(sweeper));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.idle).waiting.len()
    }
}

impl Idle {
    fn prune(&mut self) {
        let now = Instant::now();
        self.waiting.retain(|(since, connection)| {
            now.duration_since(*since) < LONGEST && !connection.is_closed()
        });
    }
}

async fn sweep(idle: Weak<Mutex<Idle>>) {
    while let Some(idle) = idle.upgrade() {
        let next = {
            let mut idle = lock(&idle);
            idle.prune();
            let Some((since, _)) = idle.waiting.front() else {
                idle.sweeper = None;
                return;
            };
            *since + LONGEST
        };
        drop(idle);
        sleep_until(next).await;
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    // No code that can panic runs under this lock.
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
