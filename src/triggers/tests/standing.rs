//! Feeds of what is the case: due tasks, resting opportunities, saved filters.

use super::*;
use crate::bindings::integration::connector::types::{Error, PermanentError};

const START: &str = "2026-02-03T09:00:00Z";
const TASKS: &str = "/api/v2/tasks?status=open&perPage=100&page=1";
const TASKS_2: &str = "/api/v2/tasks?status=open&perPage=100&page=2";
const OPEN: &str = "/api/v2/opportunities/filters/results?perPage=100&page=1";
const MATCHES: &str = "/api/v2/parties/filters/5/results?perPage=100&page=1";
const MATCHES_2: &str = "/api/v2/parties/filters/5/results?perPage=100&page=2";

fn run(
    script: Script,
    listeners: &[Listener],
    start: Position,
    limit: u32,
) -> Result<Batch, Error> {
    let (client, _) = script.client();
    block_on(poll(&client, listeners, &start, limit))
}

/// A page at a time of the third of February.
fn get(script: Script, target: &str, clock: &str, body: Value) -> Script {
    let date = format!("Tue, 03 Feb 2026 {clock} GMT");
    script.on("GET", target, 200, body).with("date", &date)
}

fn since(at: &str) -> Position {
    Position::Since(at.into())
}

fn tasks(clock: &str, rows: &[Value]) -> Script {
    get(Script::new(), TASKS, clock, json!({ "tasks": rows }))
}

fn task(id: u64, day: &str, time: Option<&str>) -> Value {
    json!({"id": id, "description": "Call Lagoa Foods", "dueOn": day, "dueTime": time, "status": "OPEN", "createdAt": "2026-01-01T08:00:00Z",
        "updatedAt": "2026-01-01T08:00:00Z", "owner": {"id": 31, "username": "rkaya", "name": "Rana Kaya"}})
}

fn open(clock: &str, rows: &[Value]) -> Script {
    let date = format!("Tue, 03 Feb 2026 {clock} GMT");
    Script::new()
        .on("POST", OPEN, 200, json!({ "opportunities": rows }))
        .with("date", &date)
}

/// An open opportunity.
fn resting(id: u64, moved: &str, expected: Option<&str>) -> Value {
    let mut row = opportunity(id, moved, moved, 20, None);
    row["expectedCloseOn"] = expected.into();
    row
}

fn matching(clock: &str, ids: &[u64]) -> Script {
    get(Script::new(), MATCHES, clock, parties(ids.iter().copied()))
}

fn parties(ids: impl Iterator<Item = u64>) -> Value {
    let rows: Vec<Value> = ids
        .map(|id| person(id, "2026-01-01T08:00:00Z", "2026-01-01T08:00:00Z"))
        .collect();
    json!({ "parties": rows })
}

fn filter(id: u64) -> Vec<Listener> {
    vec![listener(
        "record.matches-saved-filter",
        json!({"entity": "parties", "filter": id}),
    )]
}

#[test]
fn a_task_is_due_at_its_time_and_overdue_after_it() {
    let both = on(&["task.due", "task.overdue"]);
    let rows = [
        task(1, "2026-02-03", Some("09:10")),
        task(2, "2026-02-03", Some("09:20:30")),
    ];
    let first = run(tasks("09:15:00", &rows), &both, since(START), 100).unwrap();
    assert_eq!(
        ids(&first.events),
        [
            "task.due:1:2026-02-03T09:10:00Z",
            "task.overdue:1:2026-02-03T09:10:00Z"
        ]
    );
    assert_eq!(
        first.events[0].occurred_at.as_deref(),
        Some("2026-02-03T09:10:00Z")
    );
    let second = run(
        tasks("09:25:00", &rows),
        &both,
        Position::At(first.next),
        100,
    )
    .unwrap();
    assert_eq!(
        ids(&second.events),
        [
            "task.due:2:2026-02-03T09:20:30Z",
            "task.overdue:2:2026-02-03T09:20:30Z"
        ]
    );
}

#[test]
fn a_task_without_a_time_is_due_when_its_day_begins_and_overdue_when_it_ends() {
    let rows = [task(1, "2026-02-03", None), task(2, "2026-02-02", None)];
    let batch = run(
        tasks("00:30:00", &rows),
        &on(&["task.due", "task.overdue"]),
        since("2026-02-02T23:30:00Z"),
        100,
    )
    .unwrap();
    assert_eq!(
        ids(&batch.events),
        [
            "task.due:1:2026-02-03T00:00:00Z",
            "task.overdue:2:2026-02-03T00:00:00Z"
        ]
    );
}

#[test]
fn due_times_are_of_the_offset_that_the_listener_names() {
    let at = |minutes: i32| listener("task.due", json!({ "utcOffsetMinutes": minutes }));
    let rows = [task(1, "2026-02-03", Some("10:10"))];
    let all = [at(60), at(0), at(-300)];
    let batch = run(tasks("09:15:00", &rows), &all, since(START), 100).unwrap();
    assert_eq!(ids(&batch.events), ["task.due:1:2026-02-03T09:10:00Z"]);
    assert!(
        Listening::new(&at(841), "").is_err(),
        "no zone is so far ahead"
    );
}

#[test]
fn a_task_is_due_once_until_it_has_another_due_time() {
    let due = on(&["task.due"]);
    let first = run(
        tasks("09:15:00", &[task(1, "2026-02-03", Some("09:10"))]),
        &due,
        since(START),
        100,
    )
    .unwrap();
    let mut edited = task(1, "2026-02-03", Some("09:10"));
    edited["updatedAt"] = "2026-02-03T09:15:30Z".into();
    let second = run(
        tasks("09:16:00", &[edited]),
        &due,
        Position::At(first.next),
        100,
    )
    .unwrap();
    assert!(second.events.is_empty());
    // Put off, and back-dated: both are new due times.
    let third = run(
        tasks("09:20:00", &[task(1, "2026-02-03", Some("09:18"))]),
        &due,
        Position::At(second.next),
        100,
    )
    .unwrap();
    let fourth = run(
        tasks("09:21:00", &[task(1, "2026-02-01", Some("08:00"))]),
        &due,
        Position::At(third.next),
        100,
    )
    .unwrap();
    assert_eq!(ids(&third.events), ["task.due:1:2026-02-03T09:18:00Z"]);
    assert_eq!(ids(&fourth.events), ["task.due:1:2026-02-01T08:00:00Z"]);
}

#[test]
fn what_was_due_before_the_start_is_not_given() {
    let due = on(&["task.due"]);
    let now = Script::new()
        .on(
            "GET",
            "/api/v2/users/current",
            200,
            json!({"user": {"id": 31}}),
        )
        .with("date", NOW);
    let rows = [task(1, "2026-01-03", Some("09:10"))];
    let script = get(now, TASKS, "09:15:00", json!({ "tasks": rows }));
    let first = run(script, &due, Position::Now, 100).unwrap();
    let second = run(
        tasks(
            "09:18:00",
            &[rows[0].clone(), task(2, "2026-02-03", Some("09:16"))],
        ),
        &due,
        Position::At(first.next),
        100,
    )
    .unwrap();
    assert!(first.events.is_empty());
    assert_eq!(ids(&second.events), ["task.due:2:2026-02-03T09:16:00Z"]);
}

#[test]
fn a_task_of_a_track_that_does_not_run_yet_is_not_due() {
    let mut pending = task(1, "2026-02-03", Some("09:10"));
    pending["status"] = "PENDING".into();
    let mut undated = task(2, "2026-02-03", None);
    undated["dueOn"] = Value::Null;
    let batch = run(
        tasks("09:15:00", &[pending, undated]),
        &on(&["task.due"]),
        since(START),
        100,
    );
    assert!(batch.unwrap().events.is_empty());
}

#[test]
fn a_filter_is_judged_for_each_listener() {
    let for_owner = |owner: u64| listener("task.due", json!({"filter": {"owner": owner}}));
    let all = [for_owner(31), for_owner(32)];
    let batch = run(
        tasks("09:15:00", &[task(1, "2026-02-03", Some("09:10"))]),
        &all,
        since(START),
        100,
    )
    .unwrap();
    assert_eq!((batch.events.len(), batch.requests), (1, 1));
}

#[test]
fn an_opportunity_is_stale_after_the_days_of_each_listener() {
    let after = |days: u32| listener("opportunity.stale", json!({ "days": days }));
    let all = [after(7), after(14)];
    let rows = [
        resting(1, "2026-01-27T09:10:00Z", None),
        resting(2, "2026-01-20T09:12:00Z", None),
    ];
    let (client, log) = open("09:15:00", &rows).client();
    let batch = block_on(poll(&client, &all, &since(START), 100)).unwrap();
    assert_eq!(
        ids(&batch.events),
        [
            "opportunity.stale:1:2026-02-03T09:10:00Z",
            "opportunity.stale:2:2026-02-03T09:12:00Z"
        ]
    );
    assert_eq!(
        log.sent(0).json(),
        json!({"filter": {"conditions": [{"field": "isOpen", "operator": "is", "value": true}],
            "orderBy": [{"field": "addedOn", "direction": "ascending"}]}})
    );
    assert!(batch.next.len() < 64 * 1024);
}

#[test]
fn an_opportunity_that_never_moved_rests_since_it_was_created() {
    let mut row = resting(1, "2026-01-27T09:10:00Z", None);
    row["lastStageChangedAt"] = Value::Null;
    row["createdAt"] = "2026-01-04T09:10:00Z".into();
    let batch = run(
        open("09:15:00", &[row]),
        &on(&["opportunity.stale"]),
        since(START),
        100,
    )
    .unwrap();
    assert_eq!(
        ids(&batch.events),
        ["opportunity.stale:1:2026-02-03T09:10:00Z"]
    );
}

#[test]
fn a_close_date_is_near_from_the_beginning_of_its_day_on() {
    let near = |options: Value| listener("opportunity.close-date-near", options);
    let all = [
        near(json!({})),
        near(json!({"days": 6, "utcOffsetMinutes": 720})),
    ];
    let rows = [resting(1, "2026-01-27T09:10:00Z", Some("2026-02-10"))];
    let batch = run(
        open("13:00:00", &rows),
        &all,
        since("2026-02-02T23:00:00Z"),
        100,
    )
    .unwrap();
    assert_eq!(
        ids(&batch.events),
        [
            "opportunity.close-date-near:1:2026-02-03T00:00:00Z",
            "opportunity.close-date-near:1:2026-02-03T12:00:00Z"
        ]
    );
}

#[test]
fn a_close_date_that_is_set_to_tomorrow_is_near_at_once() {
    let near = on(&["opportunity.close-date-near"]);
    let first = run(
        open("09:15:00", &[resting(1, "2026-01-27T09:10:00Z", None)]),
        &near,
        since(START),
        100,
    )
    .unwrap();
    let second = run(
        open(
            "09:20:00",
            &[resting(1, "2026-01-27T09:10:00Z", Some("2026-02-04"))],
        ),
        &near,
        Position::At(first.next),
        100,
    )
    .unwrap();
    assert_eq!(
        ids(&second.events),
        ["opportunity.close-date-near:1:2026-01-28T00:00:00Z"]
    );
}

#[test]
fn a_closed_opportunity_neither_rests_nor_nears_its_close() {
    let mut row = resting(1, "2026-01-04T09:10:00Z", Some("2026-02-10"));
    row["closedOn"] = "2026-02-01".into();
    let both = on(&["opportunity.stale", "opportunity.close-date-near"]);
    let batch = run(
        open("09:15:00", &[row]),
        &both,
        since("2026-02-02T23:00:00Z"),
        100,
    );
    assert!(batch.unwrap().events.is_empty());
}

#[test]
fn a_listener_that_comes_later_gets_what_becomes_the_case_from_then_on() {
    let rows = [
        task(1, "2026-02-03", Some("09:10")),
        task(2, "2026-02-03", Some("09:16")),
    ];
    let first = run(
        tasks("09:15:00", &rows),
        &on(&["task.due"]),
        since(START),
        100,
    )
    .unwrap();
    let second = run(
        tasks("09:17:00", &rows),
        &on(&["task.due", "task.overdue"]),
        Position::At(first.next),
        100,
    )
    .unwrap();
    assert_eq!(
        ids(&second.events),
        [
            "task.due:2:2026-02-03T09:16:00Z",
            "task.overdue:2:2026-02-03T09:16:00Z"
        ]
    );
}

#[test]
fn a_limit_is_exact_within_a_record_and_within_a_page_of_what_is_due() {
    let all = [
        listener("task.due", json!({})),
        Listener {
            id: "another".into(),
            ..listener("task.due", json!({}))
        },
        listener("task.overdue", json!({})),
    ];
    let rows = [
        task(1, "2026-02-03", Some("09:10")),
        task(2, "2026-02-03", Some("09:11")),
    ];
    let mut given = Vec::new();
    let mut start = since(START);
    for poll in 1..=6 {
        let batch = run(tasks("09:15:00", &rows), &all, start, 1).unwrap();
        assert_eq!(batch.events.len(), 1, "poll {poll}");
        given.push((batch.events[0].listener.clone(), batch.events[0].id.clone()));
        assert_eq!(batch.more, poll < 6);
        start = Position::At(batch.next);
    }
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 6);
}

#[test]
fn more_open_tasks_than_a_poll_can_read_are_refused() {
    let script = |pages: std::ops::RangeInclusive<u32>| {
        pages.fold(Script::new(), |script, page| {
            let target = format!("/api/v2/tasks?status=open&perPage=100&page={page}");
            get(script, &target, "09:15:00", json!({"tasks": []}))
                .with("x-pagination-has-more", "true")
        })
    };
    let due = on(&["task.due"]);
    let mut start = since(START);
    // Twenty pages a call.
    for first in [1, 21, 41, 61] {
        let batch = run(script(first..=first + 19), &due, start, 100).unwrap();
        assert!(batch.more && batch.events.is_empty());
        start = Position::At(batch.next);
    }
    let error = run(script(81..=82), &due, start, 100).unwrap_err();
    assert!(
        matches!(&error, Error::Permanent(PermanentError::Unsupported(why)) if format!("{why:?}").contains("8192")),
        "{error:?}"
    );
}

#[test]
fn a_long_list_is_polled_less_often() {
    let page = |script: Script, target: &str| get(script, target, "09:15:00", json!({"tasks": []}));
    let due = on(&["task.due"]);
    let pages = (1..=6).fold(Script::new(), |script, number| {
        let script = page(
            script,
            &format!("/api/v2/tasks?status=open&perPage=100&page={number}"),
        );
        if number < 6 {
            script.with("x-pagination-has-more", "true")
        } else {
            script
        }
    });
    let long = run(pages, &due, since(START), 100).unwrap();
    let short = run(page(Script::new(), TASKS), &due, since(START), 100).unwrap();
    assert_eq!(
        (short.poll_again_after_ms, long.poll_again_after_ms),
        (60_000, 90_000)
    );
}

#[test]
fn a_record_that_a_page_shift_hides_does_not_become_due_again() {
    let due = on(&["task.due"]);
    let one = json!({"tasks": [task(1, "2026-02-03", Some("09:10"))]});
    let two = json!({"tasks": [task(2, "2026-02-03", Some("09:11"))]});
    let more = |script: Script| script.with("x-pagination-has-more", "true");
    let first = more(get(Script::new(), TASKS, "09:15:00", one.clone()));
    let first = get(first, TASKS_2, "09:15:00", two.clone());
    let first = run(first, &due, since(START), 100).unwrap();
    assert_eq!(first.events.len(), 2);
    // A deletion before them shifts the second from page 2 to page 1 while page 1 was read already: a second pass finds it.
    let second = more(get(Script::new(), TASKS, "09:16:00", one));
    let second = get(second, TASKS_2, "09:16:00", json!({"tasks": []}));
    let second = get(second, TASKS, "09:16:00", two.clone());
    let second = run(second, &due, Position::At(first.next), 100).unwrap();
    let third = run(
        get(Script::new(), TASKS, "09:17:00", two),
        &due,
        Position::At(second.next),
        100,
    )
    .unwrap();
    assert!(second.events.is_empty() && third.events.is_empty());
}

#[test]
fn a_record_that_enters_the_matches_of_a_saved_filter_gives_one_event() {
    let first = run(matching("09:15:00", &[1, 2]), &filter(5), since(START), 100).unwrap();
    assert!(
        first.events.is_empty(),
        "what matches at the start is known"
    );
    let second = run(
        matching("09:20:00", &[1, 2, 3]),
        &filter(5),
        Position::At(first.next),
        100,
    )
    .unwrap();
    // Its version is the time of the poll before.
    assert_eq!(
        ids(&second.events),
        ["record.matches-saved-filter:3:2026-02-03T09:14:58Z"]
    );
    assert_eq!(second.events[0].occurred_at, None);
    let data: Value = serde_json::from_str(&second.events[0].data).unwrap();
    assert_eq!(data["party"]["id"], 3);
    let third = run(
        matching("09:25:00", &[3, 2, 1]),
        &filter(5),
        Position::At(second.next),
        100,
    )
    .unwrap();
    assert!(third.events.is_empty());
}

#[test]
fn one_that_leaves_the_matches_and_returns_gives_another_event() {
    let mut start = since(START);
    let mut given = Vec::new();
    for (clock, matching_ids) in [
        ("09:15:00", &[1, 2][..]),
        ("09:20:00", &[1][..]),
        ("09:25:00", &[1, 2][..]),
        ("09:30:00", &[][..]),
        ("09:35:00", &[2][..]),
    ] {
        let batch = run(matching(clock, matching_ids), &filter(5), start, 100).unwrap();
        given.extend(batch.events.into_iter().map(|event| event.id));
        start = Position::At(batch.next);
    }
    assert_eq!(
        given,
        [
            "record.matches-saved-filter:2:2026-02-03T09:19:58Z",
            "record.matches-saved-filter:2:2026-02-03T09:29:58Z"
        ]
    );
}

#[test]
fn a_repeated_poll_of_a_saved_filter_gives_the_same_ids() {
    let first = run(matching("09:15:00", &[]), &filter(5), since(START), 100).unwrap();
    let again = |clock: &str| {
        let start = Position::At(first.next.clone());
        let batch = run(matching(clock, &[3]), &filter(5), start, 100).unwrap();
        batch.events[0].id.clone()
    };
    assert_eq!(again("09:20:00"), again("09:21:07"));
}

#[test]
fn one_poll_serves_several_saved_filters_and_names_are_looked_up() {
    let all = [
        listener(
            "record.matches-saved-filter",
            json!({"entity": "parties", "filter": "VIPs"}),
        ),
        listener(
            "record.matches-saved-filter",
            json!({"entity": "opportunities", "filter": 5}),
        ),
        listener(
            "record.matches-saved-filter",
            json!({"entity": "parties", "filter": 5, "enrich": {"tags": true}}),
        ),
    ];
    let opportunities = "/api/v2/opportunities/filters/5/results?perPage=100&page=1";
    let tagged = "/api/v2/parties/filters/5/results?embed=tags&perPage=100&page=1";
    let names = "/api/v2/parties/filters?page=1&perPage=100";
    let script = |clock: &str, people: &[u64], deals: &[Value]| {
        let script = Script::new().on(
            "GET",
            names,
            200,
            json!({"filters": [{"id": 5, "name": "VIPs"}]}),
        );
        let deals = json!({ "opportunities": deals });
        let lists = [
            (tagged, parties(people.iter().copied())),
            (opportunities, deals),
        ];
        // In the order of their prints.
        let mut lists = lists.to_vec();
        if crate::contract::fingerprint(b"parties 5") as u32
            > crate::contract::fingerprint(b"opportunities 5") as u32
        {
            lists.reverse();
        }
        lists.into_iter().fold(script, |script, (target, body)| {
            get(script, target, clock, body)
        })
    };
    let first = run(script("09:15:00", &[], &[]), &all, since(START), 100).unwrap();
    let deal = resting(9, "2026-01-27T09:10:00Z", None);
    let second = run(
        script("09:20:00", &[3], &[deal]),
        &all,
        Position::At(first.next),
        100,
    )
    .unwrap();
    let mut found: Vec<&str> = second
        .events
        .iter()
        .map(|event| event.record_id.as_str())
        .collect();
    found.sort_unstable();
    assert_eq!(found, ["3", "3", "9"]);
}

#[test]
fn a_saved_filter_that_is_gone_leaves_the_others_alone() {
    let all = [filter(5), filter(6)].concat();
    let six = "/api/v2/parties/filters/6/results?perPage=100&page=1";
    let mut script = Script::new();
    let mut targets = vec![(5, MATCHES), (6, six)];
    targets.sort_by_key(|(id, _)| {
        crate::contract::fingerprint(format!("parties {id}").as_bytes()) as u32
    });
    for (id, target) in targets {
        script = if id == 5 {
            get(script, target, "09:15:00", parties(std::iter::once(1)))
        } else {
            script.on("GET", target, 404, json!({"message": "not found"}))
        };
    }
    let batch = run(script, &all, since(START), 100).unwrap();
    assert_eq!(batch.notes.len(), 1);
    assert!(!batch.more);
}

#[test]
fn more_matches_than_a_cursor_holds_are_refused() {
    let mut script = Script::new();
    for page in 1..=20u64 {
        let target = format!("/api/v2/parties/filters/5/results?perPage=100&page={page}");
        let rows = parties((1..=500).map(|n| n + page * 1000));
        script = get(script, &target, "09:15:00", rows).with("x-pagination-has-more", "true");
        // More than 100 in a page, as no Capsule answers: the sum is what counts.
        if page * 500 > 8192 {
            break;
        }
    }
    let error = run(script, &filter(5), since(START), 100).unwrap_err();
    assert!(matches!(
        error,
        Error::Permanent(PermanentError::Unsupported(_))
    ));
}

#[test]
fn one_that_a_page_shift_hides_has_not_left_the_matches() {
    let more = |script: Script| script.with("x-pagination-has-more", "true");
    let first = more(matching("09:15:00", &[1]));
    let first = get(first, MATCHES_2, "09:15:00", parties(std::iter::once(2)));
    let first = run(first, &filter(5), since(START), 100).unwrap();
    let second = more(matching("09:20:00", &[1]));
    let second = get(second, MATCHES_2, "09:20:00", parties(std::iter::empty()));
    let second = get(second, MATCHES, "09:20:01", parties([1, 2].into_iter()));
    let second = run(second, &filter(5), Position::At(first.next), 100).unwrap();
    let third = run(
        matching("09:25:00", &[1, 2]),
        &filter(5),
        Position::At(second.next),
        100,
    )
    .unwrap();
    assert!(second.events.is_empty() && third.events.is_empty());
}

#[test]
fn these_triggers_need_no_hook() {
    for id in [
        "task.due",
        "task.overdue",
        "opportunity.stale",
        "opportunity.close-date-near",
    ] {
        assert!(
            Listening::new(&listener(id, json!({})), "")
                .unwrap()
                .hooks()
                .is_empty()
        );
    }
}

#[test]
fn a_saved_filter_that_no_one_names_is_refused_before_anything_is_sent() {
    let listeners = on(&["record.matches-saved-filter"]);
    assert!(matches!(
        run(Script::new(), &listeners, since(START), 100),
        Err(Error::Permanent(PermanentError::InvalidInput(_)))
    ));
}

#[test]
fn a_listener_that_comes_amid_a_scan_begins_it_anew() {
    let more = |script: Script| script.with("x-pagination-has-more", "true");
    let page = |script: Script, target: &str, row: Value| {
        get(script, target, "09:15:00", json!({"tasks": [row]}))
    };
    let (early, late) = (
        task(1, "2026-02-03", Some("09:10")),
        task(2, "2026-01-05", None),
    );
    let first = more(page(Script::new(), TASKS, early.clone()));
    let first = page(first, TASKS_2, task(3, "2026-02-03", Some("09:11")));
    let first = run(first, &on(&["task.due"]), since(START), 1).unwrap();
    assert!(first.more);
    let second = more(page(Script::new(), TASKS, early));
    let second = page(second, TASKS_2, late);
    let second = run(
        second,
        &on(&["task.due", "task.overdue"]),
        Position::At(first.next),
        10,
    )
    .unwrap();
    // The first is not given to the one that had it, and what was overdue before the start to neither.
    assert_eq!(ids(&second.events), ["task.overdue:1:2026-02-03T09:10:00Z"]);
}

#[test]
fn a_match_is_typed_by_its_kind() {
    let options = typed::SavedFilterOptions {
        entity: crate::bindings::capsule::crm::types::Entity::Opportunities,
        filter: crate::bindings::capsule::crm::types::Ref::Id(5),
        enrich: None,
    };
    let deal = resting(9, "2026-01-27T09:10:00Z", None);
    let (client, _) = get(
        Script::new(),
        "/api/v2/opportunities/filters/5/results?page=1&perPage=100",
        "09:15:00",
        json!({"opportunities": [deal]}),
    )
    .client();
    let input = typed::SampleRequest {
        trigger: typed::Trigger::RecordMatchesSavedFilter(options),
        limit: None,
    };
    let outcome = block_on(sample_typed(&client, input)).unwrap();
    assert!(matches!(
        &outcome.events[0].data,
        typed::EventData::Matched(crate::bindings::capsule::crm::types::AnyRecord::Opportunity(deal)) if deal.id == 9
    ));
}
