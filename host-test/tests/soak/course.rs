//! One run from its beginning to its judgement: edits, breaks, and the hour of quiet in the end.

use std::sync::atomic::{AtomicU64, Ordering};

use capsule_host::runtime::Connector;

use crate::at_once::{Ended, Turn};
use crate::judge::{Judgement, trace};
use crate::listeners::Mode;
use crate::oracle::Past;
use crate::report::Row;
use crate::run::{self, Run};

/// What is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    pub(crate) seed: u64,
    pub(crate) mode: Mode,
    pub(crate) edits: u32,
}

/// What a run came to.
pub(crate) struct Outcome {
    pub(crate) row: Row,
    /// What is wrong, for people.
    pub(crate) told: String,
}

impl Course {
    /// Runs it on this thread, and counts its edits up.
    pub(crate) fn run(
        self,
        connector: &Connector,
        turn: &Turn<'_>,
        edits_done: &AtomicU64,
    ) -> Ended<Outcome> {
        match without_time(self.go(connector, turn, edits_done)) {
            Some(outcome) if outcome.row.words().is_empty() => Ended::Good(outcome),
            Some(outcome) => Ended::Fault(outcome),
            None => Ended::LeftOff,
        }
    }

    /// None: it is over before its end.
    async fn go(
        self,
        connector: &Connector,
        turn: &Turn<'_>,
        edits_done: &AtomicU64,
    ) -> Option<Outcome> {
        let mut run = Run::new(connector, self.seed, self.mode).await;
        run.turn(false).await;
        let world = run.world.clone();
        // Without hooks nothing comes after the positions.
        let begun = run::begun().unwrap_or_else(|| run.fake.clock().now());
        world.lock().await.restless = 20;
        let first = run.now();
        run.later(1);
        let mut closed = 0_u32;
        let mut stands = false;
        for edit in 1..=self.edits {
            if turn.is_over() {
                return None;
            }
            let (turns, dies) = {
                let mut world = world.lock().await;
                if edit % 250 == 0 {
                    world.import().await;
                } else if stands {
                    // Twice in one second, perhaps with a look in between.
                    world.edit_again().await;
                } else {
                    world.edit().await;
                }
                // One in ten has the next edit in the same second.
                stands = world.rng.u8(..10) == 0;
                if !stands {
                    let pause = world.rng.u64(1..30);
                    world.later(pause);
                }
                if world.rng.u8(..100) < 2 {
                    // Nobody listens for a while: less than Capsule keeps a hook.
                    let pause = world.rng.u64(60..1_200);
                    world.later(pause);
                }
                if edit % 300 == 200 {
                    // Nobody listens for long, but much happens: for a poll to catch up with in many pages.
                    closed = 70;
                }
                closed = closed.saturating_sub(1);
                (
                    // Between two edits of one second there is a look.
                    closed == 0 && (stands || world.rng.u8(..3) > 0),
                    world.rng.u8(..100) < 12,
                )
            };
            if turns {
                run.turn(dies).await;
            }
            if edit % 1_000 == 0 {
                // Nobody asks what was requested.
                run.fake.clear_journal();
            }
            edits_done.fetch_add(1, Ordering::Relaxed);
        }
        let hours = (run.now() - first) as f64 / 3_600_000.0;
        // What is to be told is told within an hour of quiet, and the timeline is read to its depth once more.
        let (requests, quiet) = {
            let mut world = world.lock().await;
            world.quiet = true;
            (world.requests, run.now() / 1_000)
        };
        for _ in 0..14 {
            run.later(300);
            run.turn(false).await;
        }
        run.forget();
        let mut world = world.lock().await;
        let last = world.everything().await;
        world.history.extend(last.iter().cloned());
        let behaviour = &run.fake.options().behaviour;
        // By poll, where Capsule's clock is not ahead of its stamps.
        let settles = self.mode == Mode::Poll && behaviour.date_skew.is_zero();
        let past = Past {
            history: &world.history,
            deleted: &world.deleted,
            handed: &run.handed,
            last: &last,
            begun,
            quiet,
            settles,
        };
        let given = run.given();
        let judgement = Judgement::new(&past, &given);
        let row = Row {
            seed: self.seed,
            mode: self.mode,
            edits: self.edits,
            hours,
            must: judgement.must,
            given: given.len(),
            faults: judgement.faults(),
            settles,
            trace: trace(&given),
            requests,
            cursor: run.counted.cursor,
            journal: run.journal_bytes(),
            kills: run.kills,
            repeated: run.counted.repeated,
            aside: run.counted.quarantined,
            by_hook: judgement.by_hook.clone(),
            by_poll: judgement.by_poll.clone(),
        };
        let told = match row.words() {
            words if words.is_empty() => words,
            _ => judgement.told(behaviour, past.history),
        };
        Some(Outcome { row, told })
    }
}

/// Runs a future in a runtime of its own whose time stands still: no patience ends there, however slow the machine is.
fn without_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    // Paused time goes on by itself to the next timeout when a runtime only waits, as it does for the thread of the journal; not while
    // a blocking task runs.
    let (over, never) = std::sync::mpsc::channel::<()>();
    runtime.spawn_blocking(move || never.recv());
    let done = runtime.block_on(future);
    drop(over);
    done
}
