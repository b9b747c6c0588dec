//! Runs the rows: in chunks, each row behind those that could mean the same record, waiting where the vendor says so, again where
//! again helps.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::sync::watch;

use crate::command::exit::Exit;
use crate::command::failure::Failure;

use super::order::{Claims, Order};

/// Rows that are looked through for some that may start.
const LOOK_AHEAD: usize = 2_000;

/// What runs rows. One chunk is one call of the component: its rows share what is looked up.
pub(crate) trait Runs {
    /// Runs them all, and says what became of each. An error: the call as a whole ended before it told.
    async fn run(&self, chunk: &[(usize, &Value)]) -> Result<Vec<(usize, Told)>, Failure>;
}

/// What became of a row.
#[derive(Debug)]
pub(crate) enum Told {
    Done(Value),
    Failed(Failure),
    /// Not run; safe to run again.
    NotStarted,
}

/// A row to run.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) input: Value,
    pub(crate) claims: Claims,
}

/// How to go about it.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// Rows of one call.
    pub(crate) chunk: usize,
    /// How often a row is tried, and how many calls in a row may end without any success.
    pub(crate) attempts: u32,
    /// The first wait after trouble; it doubles.
    pub(crate) first_wait: Duration,
    /// The longest wait that nobody asked for.
    pub(crate) longest_wait: Duration,
    /// A row whose outcome is lost may be run again.
    pub(crate) is_repeat_safe: bool,
}

/// What happens, as it happens.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// These rows are sent now.
    Started(&'a [usize]),
    /// These of them were not carried out, and wait again.
    Back(&'a [usize]),
    /// This is the last word about a row.
    Settled(usize, Result<&'a Value, &'a Failure>),
    /// The sandbox was stopped with so many rows in it; each of them is tried by itself.
    Broken(usize, &'a Failure),
    /// Nothing happens for so long.
    Waiting(Duration, &'a str),
}

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every row has its outcome.
    All,
    /// Somebody asked to stop.
    Stopped,
    /// The token is refused: it would be for every other row.
    TokenRefused,
    /// Several calls one after another had no success at all.
    NoAnswer,
}

/// Runs the jobs. What `tell` can't store ends it.
pub(crate) async fn run<R: Runs>(
    jobs: &[Job],
    runs: &R,
    pace: &Pace,
    stop: &mut watch::Receiver<bool>,
    mut tell: impl FnMut(Event<'_>) -> Result<()>,
) -> Result<Ended> {
    let mut order = Order::default();
    for (row, job) in jobs.iter().enumerate() {
        order.add(row, &job.claims);
    }
    let mut waiting: BTreeSet<usize> = (0..jobs.len()).collect();
    let mut attempts = vec![0_u32; jobs.len()];
    // Rows of a call that ended as a whole: one of them may be the cause, so each runs by itself.
    let mut alone: BTreeSet<usize> = BTreeSet::new();
    let mut trouble = 0_u32;
    while !waiting.is_empty() {
        if *stop.borrow() {
            return Ok(Ended::Stopped);
        }
        let chunk = next_chunk(jobs, &order, &waiting, &alone, pace.chunk);
        tell(Event::Started(&chunk))?;
        let calls: Vec<(usize, &Value)> =
            chunk.iter().map(|row| (*row, &jobs[*row].input)).collect();
        let outcomes = match runs.run(&calls).await {
            Ok(outcomes) => outcomes,
            Err(failure) if is_broken(&failure) && chunk.len() > 1 && pace.is_repeat_safe => {
                tell(Event::Broken(chunk.len(), &failure))?;
                alone.extend(&chunk);
                continue;
            }
            Err(failure) => chunk
                .iter()
                .map(|row| (*row, Told::Failed(failure.clone())))
                .collect(),
        };

        let mut limit: Option<Duration> = None;
        let (mut successes, mut troubles, mut is_refused) = (0, 0, false);
        for (row, told) in outcomes {
            let (Some(job), true) = (jobs.get(row), waiting.contains(&row)) else {
                continue;
            };
            match told {
                Told::NotStarted => continue,
                Told::Done(output) => {
                    successes += 1;
                    order.done(row, &job.claims, true);
                    tell(Event::Settled(row, Ok(&output)))?;
                }
                Told::Failed(failure) => {
                    if let Some(retry_after) = failure.retry_after {
                        // Not the row's fault: it costs it no attempt.
                        limit = Some(limit.unwrap_or_default().max(retry_after));
                        continue;
                    }
                    if failure.exit == Exit::Transient {
                        troubles += 1;
                        attempts[row] += 1;
                        if attempts[row] < pace.attempts {
                            continue;
                        }
                    } else {
                        // Refused by somebody who is there: no sign of an outage.
                        successes += 1;
                    }
                    is_refused |= failure.case == "unauthenticated";
                    order.done(row, &job.claims, false);
                    tell(Event::Settled(row, Err(&failure)))?;
                }
            }
            waiting.remove(&row);
        }
        let back: Vec<usize> = chunk
            .into_iter()
            .filter(|row| waiting.contains(row))
            .collect();
        if !back.is_empty() {
            tell(Event::Back(&back))?;
        }
        if is_refused {
            return Ok(Ended::TokenRefused);
        }
        trouble = match (successes, troubles) {
            (_, 0) => 0,
            (0, _) => trouble + 1,
            _ => 1,
        };
        if trouble >= pace.attempts {
            return Ok(if waiting.is_empty() {
                Ended::All
            } else {
                Ended::NoAnswer
            });
        }
        let wait = match limit {
            Some(told) if !told.is_zero() => Some((told, "the rate limit is reached")),
            Some(_) => Some((
                backoff(pace, trouble + 3),
                "the rate limit is reached, and nothing says for how long",
            )),
            None if trouble > 0 => Some((backoff(pace, trouble), "no answer from some calls")),
            None => None,
        };
        if let Some((wait, why)) = wait.filter(|_| !waiting.is_empty()) {
            tell(Event::Waiting(wait, why))?;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }
    Ok(Ended::All)
}

/// Whether the sandbox was stopped: after it had sent a change, nobody knows which rows were carried out.
fn is_broken(failure: &Failure) -> bool {
    failure.exit == Exit::Host || failure.case == "outcome-unknown"
}

/// The next rows in the file's order that nobody has to wait for. The first that waits is always one of them: all before it are done.
fn next_chunk(
    jobs: &[Job],
    order: &Order,
    waiting: &BTreeSet<usize>,
    alone: &BTreeSet<usize>,
    most: usize,
) -> Vec<usize> {
    let mut chunk = Vec::new();
    for row in waiting.iter().take(LOOK_AHEAD) {
        let is_alone = alone.contains(row);
        if is_alone && !chunk.is_empty() {
            break;
        }
        if jobs
            .get(*row)
            .is_some_and(|job| order.may_start(*row, &job.claims))
        {
            chunk.push(*row);
        }
        if chunk.len() == most || is_alone {
            break;
        }
    }
    chunk
}

/// Between half and all of a time that doubles with each failure, so that several hosts don't come back at once.
fn backoff(pace: &Pace, failures: u32) -> Duration {
    let full = pace
        .first_wait
        .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)))
        .min(pace.longest_wait);
    full.mul_f64(0.5 + 0.5 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::super::column::Kind;
    use super::super::mapping::{Choices, Mapping};
    use super::super::order::MatchKey;
    use super::*;
    use serde_json::json;
    use std::cell::RefCell;

    fn jobs(emails: &[&str]) -> Vec<Job> {
        let mapping =
            Mapping::new(&["Email".to_owned()], Kind::Person, &Choices::default()).unwrap();
        emails
            .iter()
            .map(|email| {
                let record = mapping.record(&[(*email).to_owned()]).unwrap();
                Job {
                    claims: Claims::of(&record, &[MatchKey::Email]),
                    input: record.value,
                }
            })
            .collect()
    }

    fn pace() -> Pace {
        Pace {
            chunk: 3,
            attempts: 3,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
            is_repeat_safe: true,
        }
    }

    fn failure(case: &'static str, exit: Exit, retry_after: Option<Duration>) -> Failure {
        Failure {
            json: json!(case),
            case,
            exit,
            message: case.to_owned(),
            places: Vec::new(),
            retry_after,
        }
    }

    type Answer = Box<dyn FnMut(&[usize]) -> Result<Vec<(usize, Told)>, Failure>>;

    /// Answers by a closure, and remembers the chunks.
    struct Script {
        answer: RefCell<Answer>,
        chunks: RefCell<Vec<Vec<usize>>>,
    }

    impl Script {
        fn new(
            answer: impl FnMut(&[usize]) -> Result<Vec<(usize, Told)>, Failure> + 'static,
        ) -> Self {
            Self {
                answer: RefCell::new(Box::new(answer)),
                chunks: RefCell::default(),
            }
        }
    }

    impl Runs for Script {
        async fn run(&self, chunk: &[(usize, &Value)]) -> Result<Vec<(usize, Told)>, Failure> {
            let rows: Vec<usize> = chunk.iter().map(|(row, _)| *row).collect();
            self.chunks.borrow_mut().push(rows.clone());
            (self.answer.borrow_mut())(&rows)
        }
    }

    fn fine(rows: &[usize]) -> Vec<(usize, Told)> {
        rows.iter()
            .map(|row| (*row, Told::Done(json!({"row": row}))))
            .collect()
    }

    struct Story {
        ended: Ended,
        settled: Vec<(usize, bool)>,
        waits: Vec<Duration>,
        chunks: Vec<Vec<usize>>,
    }

    async fn story(emails: &[&str], pace: &Pace, script: Script) -> Story {
        let jobs = jobs(emails);
        let (_keep, mut stop) = watch::channel(false);
        let (mut settled, mut waits) = (Vec::new(), Vec::new());
        let ended = run(&jobs, &script, pace, &mut stop, |event| {
            match event {
                Event::Started(_) | Event::Back(_) | Event::Broken(..) => {}
                Event::Settled(row, outcome) => settled.push((row, outcome.is_ok())),
                Event::Waiting(wait, _) => waits.push(wait),
            }
            Ok(())
        })
        .await
        .unwrap();
        Story {
            ended,
            settled,
            waits,
            chunks: script.chunks.into_inner(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rows_with_one_address_are_never_in_one_chunk() {
        let story = story(
            &["a@x", "b@x", "A@x", "c@x", "a@x"],
            &pace(),
            Script::new(|rows| Ok(fine(rows))),
        )
        .await;
        assert_eq!(story.chunks, [vec![0, 1, 3], vec![2], vec![4]]);
        assert_eq!(story.ended, Ended::All);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_limit_is_waited_for_exactly_and_costs_no_row_an_attempt() {
        let mut limits = 5;
        let script = Script::new(move |rows| {
            if limits > 0 {
                limits -= 1;
                let limited = failure(
                    "rate-limited",
                    Exit::Transient,
                    Some(Duration::from_secs(40)),
                );
                let rest = rows.iter().skip(1).map(|row| (*row, Told::NotStarted));
                return Ok([(rows[0], Told::Failed(limited))]
                    .into_iter()
                    .chain(rest)
                    .collect());
            }
            Ok(fine(rows))
        });
        let story = story(&["a@x", "b@x"], &pace(), script).await;
        assert_eq!(story.waits, [Duration::from_secs(40); 5]);
        assert_eq!(story.settled, [(0, true), (1, true)]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_tried_again_and_a_row_that_fails_to_the_end_stops_no_other() {
        let script = Script::new(|rows| {
            Ok(rows
                .iter()
                .map(|row| match row {
                    1 => (
                        1,
                        Told::Failed(failure("unavailable", Exit::Transient, None)),
                    ),
                    row => (*row, Told::Done(json!(null))),
                })
                .collect())
        });
        let story = story(
            &["a@x", "b@x", "c@x", "d@x", "e@x", "f@x", "g@x"],
            &pace(),
            script,
        )
        .await;
        assert_eq!(story.ended, Ended::All);
        assert_eq!(
            story
                .settled
                .iter()
                .filter(|(_, well)| !well)
                .collect::<Vec<_>>(),
            [&(1, false)]
        );
        assert_eq!(
            story
                .chunks
                .iter()
                .filter(|chunk| chunk.contains(&1))
                .count(),
            3
        );
        assert_eq!(story.settled.len(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_vendor_that_is_gone_ends_the_batch() {
        let script = Script::new(|rows| {
            Ok(rows
                .iter()
                .map(|row| {
                    (
                        *row,
                        Told::Failed(failure("unavailable", Exit::Transient, None)),
                    )
                })
                .collect())
        });
        let story = story(&["a@x", "b@x", "c@x", "d@x"], &pace(), script).await;
        assert_eq!(story.ended, Ended::NoAnswer);
        assert_eq!(story.chunks.len(), 3);
        assert!(
            story.settled.iter().all(|(row, well)| *row < 3 && !well),
            "{:?}",
            story.settled
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_ends_the_batch_at_once() {
        let script = Script::new(|rows| {
            Ok(rows
                .iter()
                .map(|row| {
                    (
                        *row,
                        Told::Failed(failure("unauthenticated", Exit::Permanent, None)),
                    )
                })
                .collect())
        });
        let story = story(&["a@x", "b@x", "c@x", "d@x"], &pace(), script).await;
        assert_eq!((story.ended, story.chunks.len()), (Ended::TokenRefused, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_that_breaks_the_sandbox_is_found_and_the_others_go_on() {
        let script = || {
            Script::new(|rows| {
                if rows.contains(&1) {
                    Err(failure("execution-failed", Exit::Host, None))
                } else {
                    Ok(fine(rows))
                }
            })
        };
        let safe = story(&["a@x", "b@x", "c@x", "d@x"], &pace(), script()).await;
        assert_eq!(safe.settled, [(0, true), (1, false), (2, true), (3, true)]);
        // Where nobody may send a row twice, the rows of the call are told as failed.
        let once = story(
            &["a@x", "b@x", "c@x", "d@x"],
            &Pace {
                is_repeat_safe: false,
                ..pace()
            },
            script(),
        )
        .await;
        assert_eq!(
            once.settled,
            [(0, false), (1, false), (2, false), (3, true)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_is_stopped_finishes_the_chunk_and_starts_no_other() {
        let jobs = jobs(&["a@x", "b@x", "c@x", "d@x"]);
        let (stopper, mut stop) = watch::channel(false);
        let script = Script::new(move |rows| {
            stopper.send(true).unwrap();
            Ok(fine(rows))
        });
        let mut settled = 0;
        let ended = run(&jobs, &script, &pace(), &mut stop, |event| {
            settled += u32::from(matches!(event, Event::Settled(..)));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!((ended, settled), (Ended::Stopped, 3));
    }
}
