//! Runs things on several threads at once, and tells what came of them in their order: it is the same however many threads there are.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Between two calls of [`Watch::meanwhile`].
const OFTEN: Duration = Duration::from_secs(30);

/// How something ended.
pub(crate) enum Ended<T> {
    Good(T),
    /// Nothing that comes after it counts.
    Fault(T),
    /// Something before it had a fault.
    LeftOff,
}

/// Which it was, and how it ended or broke down.
type Came<T> = (usize, std::thread::Result<Ended<T>>);

/// Where something stands among the others.
pub(crate) struct Turn<'a> {
    at: usize,
    first_fault: &'a AtomicUsize,
}

impl Turn<'_> {
    /// Whether something before it had a fault, so that it need not go on.
    pub(crate) fn is_over(&self) -> bool {
        self.first_fault.load(Ordering::Relaxed) < self.at
    }
}

/// Who looks on.
pub(crate) trait Watch<T> {
    /// Called for each in their order, up to the first fault.
    fn ended(&mut self, outcome: &T);
    /// Called every so often, with how many have ended.
    fn meanwhile(&mut self, ended: usize);
}

/// Runs all of them up to the first fault; gives the good ones before it, and it.
pub(crate) fn in_order<J: Sync + Debug, T: Send>(
    jobs: &[J],
    threads: usize,
    run: impl Fn(&J, &Turn<'_>) -> Ended<T> + Sync,
    watch: &mut impl Watch<T>,
) -> (Vec<T>, Option<T>) {
    let (next, first_fault) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let work = |done: &mpsc::Sender<Came<T>>| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let first_fault = &first_fault;
            let turn = Turn { at, first_fault };
            let Some(job) = jobs.get(at).filter(|_| !turn.is_over()) else {
                return;
            };
            let ended = catch_unwind(AssertUnwindSafe(|| run(job, &turn)));
            if matches!(ended, Ok(Ended::Fault(_)) | Err(_)) {
                first_fault.fetch_min(at, Ordering::Relaxed);
            }
            // Nobody hears it where the one before it broke down.
            let _ = done.send((at, ended));
        }
    };
    let mut results = BTreeMap::new();
    let (mut good, mut fault) = (Vec::new(), None);
    std::thread::scope(|scope| {
        let (done, ended) = mpsc::channel();
        for _ in 0..threads.min(jobs.len()) {
            let (work, done) = (&work, done.clone());
            scope.spawn(move || work(&done));
        }
        drop(done);
        let mut count = 0;
        loop {
            match ended.recv_timeout(OFTEN) {
                Ok((at, result)) => {
                    count += 1;
                    results.insert(at, result);
                }
                Err(RecvTimeoutError::Timeout) => watch.meanwhile(count),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while let Some(result) = results.remove(&good.len()) {
                match result {
                    Ok(Ended::Good(outcome)) => {
                        watch.ended(&outcome);
                        good.push(outcome);
                    }
                    Ok(Ended::Fault(outcome)) => {
                        watch.ended(&outcome);
                        fault = Some(outcome);
                    }
                    Ok(Ended::LeftOff) => {}
                    Err(panic) => {
                        eprintln!("{:?} broke down", jobs.get(good.len()));
                        resume_unwind(panic);
                    }
                }
            }
        }
    });
    (good, fault)
}

struct Nobody;

impl<T> Watch<T> for Nobody {
    fn ended(&mut self, _: &T) {}
    fn meanwhile(&mut self, _: usize) {}
}

#[test]
fn what_came_before_the_first_fault_is_told_in_order_and_nothing_after_it() {
    let jobs: Vec<u64> = (0..200).collect();
    for threads in [1, 2, 7] {
        let begun = AtomicUsize::new(0);
        let run = |job: &u64, turn: &Turn<'_>| {
            begun.fetch_add(1, Ordering::Relaxed);
            // Those that come first end last.
            std::thread::sleep(Duration::from_millis(3 - job % 3));
            match job % 50 {
                _ if turn.is_over() => Ended::LeftOff,
                20 => Ended::Fault(*job),
                _ => Ended::Good(*job),
            }
        };
        let (good, fault) = in_order(&jobs, threads, run, &mut Nobody);
        assert_eq!((good, fault), ((0..20).collect(), Some(20)), "{threads}");
        assert!(begun.into_inner() < jobs.len(), "{threads}");
    }
    let all = in_order(&jobs[..5], 9, |job, _| Ended::Good(*job), &mut Nobody);
    assert_eq!(all, (vec![0, 1, 2, 3, 4], None));
}
