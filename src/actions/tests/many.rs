//! Calls side by side.

use super::*;
use crate::actions::{invoke_many, plan};
use crate::api::{Client, Lost, Sending, Settings, Transport};
use crate::bindings::exports::integration::connector::operations::{
    Call, ManyOptions, OnFailure, Outcome, OutcomeStatus,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

const OPTIONS: ManyOptions = ManyOptions {
    concurrency: 0,
    on_failure: OnFailure::KeepGoing,
    start_within_ms: None,
};

/// The end of a path, and the status and body that it is answered with.
type Answer = (&'static str, u16, Value);

/// A server whose answers come only when they were polled for a number of times.
#[derive(Clone, Default)]
struct Slow {
    /// Polls that the answer to a path takes; none by default.
    polls: Rc<Vec<(&'static str, u32)>>,
    /// What is answered to a path; a person by default.
    answers: Rc<Vec<Answer>>,
    now: Rc<Cell<u32>>,
    most: Rc<Cell<u32>>,
    started: Rc<RefCell<Vec<String>>>,
    clock: Rc<Cell<Duration>>,
    /// How far the clock goes on with each request.
    takes: Duration,
}

impl Transport for Slow {
    fn send(&self, request: http::Request<Vec<u8>>) -> Sending<'_> {
        let path = request.uri().path().to_owned();
        self.started.borrow_mut().push(path.clone());
        self.now.set(self.now.get() + 1);
        self.most.set(self.most.get().max(self.now.get()));
        self.clock.set(self.clock.get() + self.takes);
        let mut left = self
            .polls
            .iter()
            .find(|(known, _)| path.ends_with(known))
            .map_or(1, |(_, polls)| *polls);
        let known = self
            .answers
            .iter()
            .find(|(known, ..)| path.ends_with(known))
            .map(|(_, status, body)| (*status, body.clone()));
        let (status, body) = known.unwrap_or_else(|| {
            (
                200,
                one(&person(
                    path.rsplit('/').next().unwrap().parse().unwrap(),
                    json!({}),
                )),
            )
        });
        let server = self.clone();
        Box::pin(async move {
            std::future::poll_fn(|_| {
                if left == 0 {
                    return Poll::Ready(());
                }
                left -= 1;
                Poll::Pending
            })
            .await;
            server.now.set(server.now.get() - 1);
            Ok::<_, Lost>(
                http::Response::builder()
                    .status(status)
                    .body(body.to_string().into_bytes())
                    .unwrap(),
            )
        })
    }

    fn elapsed(&self) -> Duration {
        self.clock.get()
    }
}

fn call(key: &str, id: &str, input: &Value) -> Call {
    Call {
        key: key.into(),
        id: id.into(),
        input: input.to_string(),
    }
}

fn get(id: u64) -> Call {
    call(&id.to_string(), "parties.get", &json!({ "id": id }))
}

fn run(server: &Slow, calls: Vec<Call>, options: &ManyOptions) -> Vec<Outcome> {
    let client = Client::new(
        server.clone(),
        Settings {
            access_token: Some("t".into()),
            ..Settings::default()
        },
    );
    block_on(invoke_many(&client, calls, options)).unwrap()
}

/// Key and what became of it, in the order of the outcomes.
fn told(outcomes: &[Outcome]) -> Vec<(&str, &'static str)> {
    let state = |status: &OutcomeStatus| match status {
        OutcomeStatus::Done(_) => "done",
        OutcomeStatus::Failed(_) => "failed",
        OutcomeStatus::NotStarted => "not-started",
    };
    outcomes
        .iter()
        .map(|outcome| (outcome.key.as_str(), state(&outcome.status)))
        .collect()
}

#[test]
fn outcomes_stand_in_the_order_of_the_calls_whatever_comes_first() {
    let server = Slow {
        polls: Rc::new(vec![("/1", 50), ("/2", 3), ("/3", 20)]),
        ..Slow::default()
    };
    let outcomes = run(&server, vec![get(1), get(2), get(3), get(4)], &OPTIONS);
    for (outcome, id) in outcomes.iter().zip(1_u64..) {
        let OutcomeStatus::Done(output) = &outcome.status else {
            panic!("{outcome:?}")
        };
        let output: Value = serde_json::from_str(output).unwrap();
        assert_eq!(
            (outcome.key.clone(), &output["id"]),
            (id.to_string(), &json!(id))
        );
    }
}

#[test]
fn as_many_requests_are_under_way_as_were_asked_for() {
    for (asked, most) in [(0, 8), (1, 1), (3, 3), (32, 32)] {
        let server = Slow {
            polls: Rc::new(vec![("", 5)]),
            ..Slow::default()
        };
        let outcomes = run(
            &server,
            (1..=40).map(get).collect(),
            &ManyOptions {
                concurrency: asked,
                ..OPTIONS
            },
        );
        assert_eq!(server.most.get(), most);
        assert!(
            outcomes
                .iter()
                .all(|outcome| matches!(outcome.status, OutcomeStatus::Done(_)))
        );
    }
}

#[test]
fn no_calls_give_no_outcomes() {
    assert!(run(&Slow::default(), Vec::new(), &OPTIONS).is_empty());
}

#[test]
fn a_failure_concerns_its_call_alone_unless_the_rest_is_to_stop() {
    let calls = || {
        vec![
            get(1),
            call("bad", "people.create", &json!({"lastNam": "D"})),
            call("none", "people.crate", &json!({})),
            get(2),
        ]
    };
    assert_eq!(
        told(&run(&Slow::default(), calls(), &OPTIONS)),
        [
            ("1", "done"),
            ("bad", "failed"),
            ("none", "failed"),
            ("2", "done")
        ]
    );
    let stop = ManyOptions {
        on_failure: OnFailure::Stop,
        ..OPTIONS
    };
    assert_eq!(
        told(&run(&Slow::default(), calls(), &stop)),
        [
            ("1", "done"),
            ("bad", "failed"),
            ("none", "not-started"),
            ("2", "not-started")
        ]
    );
}

#[test]
fn after_a_failure_what_is_under_way_is_finished_and_nothing_more_starts() {
    let server = Slow {
        polls: Rc::new(vec![("/1", 1), ("/2", 30)]),
        answers: Rc::new(vec![("/1", 404, json!({"message": "party not found"}))]),
        ..Slow::default()
    };
    let outcomes = run(
        &server,
        vec![get(1), get(2), get(3)],
        &ManyOptions {
            concurrency: 2,
            on_failure: OnFailure::Stop,
            ..OPTIONS
        },
    );
    assert_eq!(
        told(&outcomes),
        [("1", "failed"), ("2", "done"), ("3", "not-started")]
    );
    assert_eq!(server.started.borrow().len(), 2);
}

#[test]
fn after_a_rate_limit_nothing_more_starts() {
    let server = Slow {
        answers: Rc::new(vec![("/2", 429, json!({"error": "rate limit reached"}))]),
        ..Slow::default()
    };
    let outcomes = run(
        &server,
        (1..=5).map(get).collect(),
        &ManyOptions {
            concurrency: 1,
            ..OPTIONS
        },
    );
    assert_eq!(
        told(&outcomes),
        [
            ("1", "done"),
            ("2", "failed"),
            ("3", "not-started"),
            ("4", "not-started"),
            ("5", "not-started")
        ]
    );
}

#[test]
fn a_call_that_takes_the_place_of_one_that_ended_does_not_start_after_a_rate_limit() {
    let server = Slow {
        polls: Rc::new(vec![("/1", 3), ("/2", 3)]),
        answers: Rc::new(vec![("/2", 429, json!({"error": "rate limit reached"}))]),
        ..Slow::default()
    };
    let outcomes = run(
        &server,
        vec![get(1), get(2), get(3)],
        &ManyOptions {
            concurrency: 2,
            ..OPTIONS
        },
    );
    assert_eq!(
        told(&outcomes),
        [("1", "done"), ("2", "failed"), ("3", "not-started")]
    );
    assert_eq!(server.started.borrow().len(), 2);
}

#[test]
fn no_call_starts_after_the_deadline() {
    let server = Slow {
        takes: Duration::from_millis(40),
        ..Slow::default()
    };
    let options = ManyOptions {
        concurrency: 1,
        start_within_ms: Some(100),
        ..OPTIONS
    };
    assert_eq!(
        told(&run(&server, (1..=5).map(get).collect(), &options)),
        [
            ("1", "done"),
            ("2", "done"),
            ("3", "done"),
            ("4", "not-started"),
            ("5", "not-started")
        ]
    );
    let none = ManyOptions {
        start_within_ms: Some(0),
        ..OPTIONS
    };
    assert_eq!(
        told(&run(&Slow::default(), vec![get(1)], &none)),
        [("1", "not-started")]
    );
}

#[test]
fn definitions_are_read_once_for_all_calls() {
    let server = Slow {
        polls: Rc::new(vec![("/definitions", 4)]),
        answers: Rc::new(vec![("/definitions", 200, definitions(&[]))]),
        ..Slow::default()
    };
    let with_fields = |id: u64| {
        call(
            &id.to_string(),
            "parties.get",
            &json!({"id": id, "embed": {"fields": true}}),
        )
    };
    let outcomes = run(&server, (1..=20).map(with_fields).collect(), &OPTIONS);
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome.status, OutcomeStatus::Done(_)))
    );
    assert_eq!(
        server
            .started
            .borrow()
            .iter()
            .filter(|path| path.ends_with("/definitions"))
            .count(),
        1
    );
}

#[test]
fn definitions_that_can_not_be_read_fail_every_call_that_needs_them() {
    let server = Slow {
        polls: Rc::new(vec![("/definitions", 4)]),
        answers: Rc::new(vec![("/definitions", 403, json!({"message": "no"}))]),
        ..Slow::default()
    };
    let with_fields = |id: u64| {
        call(
            &id.to_string(),
            "parties.get",
            &json!({"id": id, "embed": {"fields": true}}),
        )
    };
    let mut calls: Vec<_> = (1..=3).map(with_fields).collect();
    calls.push(get(9));
    assert_eq!(
        told(&run(&server, calls, &OPTIONS)),
        [
            ("1", "failed"),
            ("2", "failed"),
            ("3", "failed"),
            ("9", "done")
        ]
    );
}

#[test]
fn a_batch_that_is_dropped_half_way_leaves_the_client_usable() {
    let server = Slow {
        polls: Rc::new(vec![("/definitions", 4)]),
        answers: Rc::new(vec![("/definitions", 200, definitions(&[]))]),
        ..Slow::default()
    };
    let client = Client::new(
        server.clone(),
        Settings {
            access_token: Some("t".into()),
            ..Settings::default()
        },
    );
    let with_fields = || {
        call(
            "1",
            "parties.get",
            &json!({"id": 1, "embed": {"fields": true}}),
        )
    };
    {
        let mut batch = Box::pin(invoke_many(&client, vec![with_fields()], &OPTIONS));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(batch.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(
        told(&block_on(invoke_many(&client, vec![with_fields()], &OPTIONS)).unwrap()),
        [("1", "done")]
    );
    assert_eq!(
        server.started.borrow().len(),
        3,
        "the definitions are read anew"
    );
}

#[test]
fn a_batch_that_does_not_fit_is_refused_as_a_whole() {
    let (client, _) = Script::new().client();
    let refused = |calls: Vec<Call>, options: ManyOptions| match block_on(invoke_many(
        &client, calls, &options,
    )) {
        Err(Error::Permanent(PermanentError::InvalidInput(found))) => {
            found.into_iter().map(|one| one.pointer).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(vec![get(1), get(2), get(1), get(1)], OPTIONS),
        ["/calls/2/key", "/calls/3/key"]
    );
    assert_eq!(refused((1..=1_001).map(get).collect(), OPTIONS), ["/calls"]);
    assert_eq!(
        refused(
            vec![get(1)],
            ManyOptions {
                concurrency: 33,
                ..OPTIONS
            }
        ),
        ["/options/concurrency"]
    );
    assert!(plan(&(1..=1_000).map(get).collect::<Vec<_>>(), &OPTIONS).is_ok());
}
