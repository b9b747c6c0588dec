//! How much CPU time a call has used.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::limits::TICK;

/// Adds up the thread's CPU time over the times that a call's future is polled. The engine's epoch alone would not do:
/// it goes on while a call waits for an answer, and it counts the time in which the kernel runs other threads.
#[derive(Debug, Default)]
pub(crate) struct CpuMeter {
    used: AtomicU64,
    /// The thread's time when the present poll began.
    began: AtomicU64,
}

impl CpuMeter {
    /// Time used so far. Only meaningful on the thread that polls the call, or between polls.
    pub(crate) fn used_now(&self) -> Duration {
        let running = thread_time().saturating_sub(self.began.load(Ordering::Relaxed));
        Duration::from_nanos(self.used.load(Ordering::Relaxed).saturating_add(running))
    }

    /// Time used by the polls that have ended.
    pub(crate) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    /// Runs a future under the meter.
    pub(crate) async fn measure<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        std::future::poll_fn(|context| {
            self.began.store(thread_time(), Ordering::Relaxed);
            let result = future.as_mut().poll(context);
            let spent = thread_time().saturating_sub(self.began.load(Ordering::Relaxed));
            self.used.fetch_add(spent, Ordering::Relaxed);
            result
        })
        .await
    }
}

/// Whole ticks in a time.
pub(crate) fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_nanos() / TICK.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(unix)]
fn thread_time() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}

/// Without a clock per thread the wall clock stands in: a busy machine then stops a call a little early.
#[cfg(not(unix))]
fn thread_time() -> u64 {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_is_free_and_working_is_not() {
        let meter = CpuMeter::default();
        meter
            .measure(tokio::time::sleep(Duration::from_millis(60)))
            .await;
        let waiting = meter.used();
        assert!(waiting < Duration::from_millis(20), "{waiting:?}");
        let spin = async {
            let started = thread_time();
            while thread_time() - started < 30_000_000 {}
        };
        meter.measure(spin).await;
        assert!(meter.used() - waiting >= Duration::from_millis(30));
    }
}
