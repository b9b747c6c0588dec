//! Feeds.

use super::*;
use crate::bindings::integration::connector::types::{Error, PermanentError};

fn since(at: &str) -> Position {
    Position::Since(at.into())
}

fn run(
    script: Script,
    listeners: &[Listener],
    start: Position,
    limit: u32,
) -> Result<Batch, Error> {
    let (client, _) = script.client();
    block_on(poll(&client, listeners, &start, limit))
}

fn page(script: Script, target: &str, body: Value, more: bool) -> Script {
    let script = script.on("GET", target, 200, body).with("date", NOW);
    if more {
        script.with("x-pagination-has-more", "true")
    } else {
        script
    }
}

const START: &str = "2026-02-03T09:00:00Z";
const FIRST: &str = "/api/v2/parties?since=2026-02-03T08%3A55%3A00Z&page=1&perPage=100";
/// Where the poll after an empty one reads from: the clock, less two seconds, less the overlap.
const SECOND: &str = "/api/v2/parties?since=2026-02-03T09%3A09%3A58Z&page=1&perPage=100";

#[test]
fn one_request_serves_all_listeners_of_a_feed() {
    let rows = json!({"parties": [person(1, "2026-02-03T09:05:00Z", "2026-02-03T09:06:00Z")]});
    let batch = run(
        page(Script::new(), FIRST, rows, false),
        &on(&[
            "person.created",
            "party.created",
            "person.updated",
            "organisation.created",
        ]),
        since(START),
        100,
    )
    .unwrap();
    assert_eq!(
        ids(&batch.events),
        [
            "person.created:1:2026-02-03T09:05:00Z",
            "party.created:1:2026-02-03T09:05:00Z",
            "person.updated:1:2026-02-03T09:06:00Z"
        ]
    );
    assert_eq!(
        (
            batch.requests,
            batch.more,
            batch.complete,
            batch.now.as_str()
        ),
        (1, false, true, "2026-02-03T09:15:00Z")
    );
}

#[test]
fn the_next_poll_reads_from_the_clock_less_settling_and_overlap_and_gives_nothing_twice() {
    let rows = json!({"parties": [person(1, "2026-02-03T09:12:00Z", "2026-02-03T09:12:00Z")]});
    let first = run(
        page(Script::new(), FIRST, rows.clone(), false),
        &on(&["person.created"]),
        since(START),
        100,
    )
    .unwrap();
    assert_eq!(first.events.len(), 1);
    let second = run(
        page(Script::new(), SECOND, rows, false),
        &on(&["person.created"]),
        Position::At(first.next),
        100,
    )
    .unwrap();
    assert!(second.events.is_empty());
}

#[test]
fn a_record_that_changes_again_is_changed_and_not_created_again() {
    let all = on(&["person.created", "person.updated"]);
    let rows = |updated: &str| json!({"parties": [person(1, "2026-02-03T09:12:00Z", updated)]});
    let first = run(
        page(Script::new(), FIRST, rows("2026-02-03T09:12:00Z"), false),
        &all,
        since(START),
        100,
    )
    .unwrap();
    let second = run(
        page(Script::new(), SECOND, rows("2026-02-03T09:13:00Z"), false),
        &all,
        Position::At(first.next),
        100,
    )
    .unwrap();
    assert_eq!(
        ids(&second.events),
        ["person.updated:1:2026-02-03T09:13:00Z"]
    );
}

#[test]
fn a_young_record_waits_for_the_next_poll() {
    let rows = json!({"parties": [person(1, "2026-02-03T09:14:59Z", "2026-02-03T09:14:59Z")]});
    let first = run(
        page(Script::new(), FIRST, rows.clone(), false),
        &on(&["person.created"]),
        since(START),
        100,
    )
    .unwrap();
    assert!(first.events.is_empty() && first.poll_again_after_ms < 10_000);
    let script = Script::new()
        .on("GET", SECOND, 200, rows)
        .with("date", "Tue, 03 Feb 2026 09:15:30 GMT");
    assert_eq!(
        run(
            script,
            &on(&["person.created"]),
            Position::At(first.next),
            100
        )
        .unwrap()
        .events
        .len(),
        1
    );
}

#[test]
fn what_happened_before_the_start_is_not_given() {
    let rows = json!({"parties": [person(1, "2026-02-03T08:57:00Z", "2026-02-03T08:57:00Z"), person(2, "2026-02-03T08:57:00Z", "2026-02-03T09:00:00Z")]});
    let batch = run(
        page(Script::new(), FIRST, rows, false),
        &on(&["person.created", "person.updated"]),
        since(START),
        100,
    )
    .unwrap();
    assert_eq!(
        ids(&batch.events),
        ["person.updated:2:2026-02-03T09:00:00Z"]
    );
}

#[test]
fn from_now_on_gives_nothing_and_remembers_what_is_there() {
    let rows = json!({"parties": [person(1, "2026-02-03T09:14:00Z", "2026-02-03T09:15:00Z")]});
    let now = "/api/v2/parties?since=2026-02-03T09%3A10%3A00Z&page=1&perPage=100";
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/users/current",
            200,
            json!({"user": {"id": 1}}),
        )
        .with("date", NOW);
    let first = run(
        page(script, now, rows.clone(), false),
        &on(&["person.created"]),
        Position::Now,
        100,
    )
    .unwrap();
    assert!(first.events.is_empty());
    let mut later = rows;
    later["parties"].as_array_mut().unwrap().push(person(
        2,
        "2026-02-03T09:14:30Z",
        "2026-02-03T09:14:30Z",
    ));
    let script = Script::new()
        .on("GET", now, 200, later)
        .with("date", "Tue, 03 Feb 2026 09:16:00 GMT");
    // One that was stamped before and committed after is given.
    assert_eq!(
        ids(&run(
            script,
            &on(&["person.created"]),
            Position::At(first.next),
            100
        )
        .unwrap()
        .events),
        ["person.created:2:2026-02-03T09:14:30Z"]
    );
}

#[test]
fn a_limit_is_exact_within_a_page_and_within_a_record() {
    let rows = json!({"parties": [
        person(1, "2026-02-03T09:05:00Z", "2026-02-03T09:05:00Z"),
        person(2, "2026-02-03T09:06:00Z", "2026-02-03T09:06:00Z"),
        person(3, "2026-02-03T09:07:00Z", "2026-02-03T09:07:00Z"),
    ]});
    let all = on(&["person.created", "party.created"]);
    let mut given = Vec::new();
    let mut start = since(START);
    for _ in 0..6 {
        let batch = run(
            page(Script::new(), FIRST, rows.clone(), false),
            &all,
            start,
            1,
        )
        .unwrap();
        assert_eq!(batch.events.len(), 1);
        given.push(batch.events[0].id.clone());
        start = Position::At(batch.next);
        if !batch.more {
            break;
        }
    }
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 6);
}

/// A page of 100 whose ids are shuffled and whose times ascend.
fn ascending(from: u64) -> Value {
    let row = |n: u64| {
        let at = format!("2026-02-03T09:{:02}:{:02}Z", n / 60, n % 60);
        person((n * 37) % 101 + 1000 * from + 1, &at, &at)
    };
    json!({"parties": (from..from + 100).map(row).collect::<Vec<_>>()})
}

#[test]
fn pages_that_ascend_are_read_on_from_the_last_change_without_an_offset() {
    let script = page(Script::new(), FIRST, ascending(10), true);
    let script = page(
        script,
        "/api/v2/parties?since=2026-02-03T09%3A01%3A48Z&page=1&perPage=100",
        json!({"parties": []}),
        false,
    );
    let batch = run(script, &on(&["person.created"]), since(START), 1000).unwrap();
    assert_eq!(
        (batch.events.len(), batch.requests, batch.complete),
        (100, 2, true)
    );
}

/// Records of one second, all created and changed in it.
fn of_a_second(ids: std::ops::Range<u64>, second: &str) -> Value {
    let rows: Vec<Value> = ids.map(|id| person(id, second, second)).collect();
    json!({ "parties": rows })
}

const FULL: &str = "2026-02-03T09:01:49Z";

/// A page of the second that fills pages.
fn full_second(script: Script, page_number: u32, ids: std::ops::Range<u64>, more: bool) -> Script {
    let target =
        format!("/api/v2/parties?since=2026-02-03T09%3A01%3A48Z&page={page_number}&perPage=100");
    page(script, &target, of_a_second(ids, FULL), more)
}

#[test]
fn a_second_that_fills_pages_is_read_twice_and_what_slipped_by_is_found() {
    let script = page(Script::new(), FIRST, ascending(10), true);
    // Page 2 begins one row late: a record of page 1 was changed while it was read.
    let script = full_second(script, 1, 50_000..50_100, true);
    let script = full_second(script, 2, 50_101..50_150, false);
    let script = full_second(script, 1, 50_001..50_101, true);
    let script = full_second(script, 2, 50_101..50_150, false);
    let batch = run(script, &on(&["person.created"]), since(START), 1000).unwrap();
    assert_eq!(
        (batch.events.len(), batch.requests, batch.complete),
        (250, 5, true)
    );
    assert!(ids(&batch.events).contains(&format!("person.created:50100:{FULL}").as_str()));
}

#[test]
fn after_the_second_reading_of_a_full_second_the_feed_goes_on_without_an_offset() {
    let script = page(Script::new(), FIRST, ascending(10), true);
    let mut tail = of_a_second(50_100..50_199, FULL);
    tail["parties"].as_array_mut().unwrap().push(person(
        60_000,
        "2026-02-03T09:02:30Z",
        "2026-02-03T09:02:30Z",
    ));
    let second = "/api/v2/parties?since=2026-02-03T09%3A01%3A48Z&page=2&perPage=100";
    let script = full_second(script, 1, 50_000..50_100, true);
    let script = page(script, second, tail.clone(), true);
    let script = full_second(script, 1, 50_000..50_100, true);
    let script = page(script, second, tail, true);
    let script = page(
        script,
        "/api/v2/parties?since=2026-02-03T09%3A02%3A29Z&page=1&perPage=100",
        json!({"parties": []}),
        false,
    );
    let batch = run(script, &on(&["person.created"]), since(START), 1000).unwrap();
    assert_eq!(
        (batch.events.len(), batch.requests, batch.complete),
        (300, 6, true)
    );
}

/// Pages by id, newest first: an order that is no order of changes.
fn by_id(from: u64, count: u64) -> Value {
    let row = |id: u64| {
        person(
            id,
            "2026-02-03T09:05:00Z",
            if id.is_multiple_of(2) {
                "2026-02-03T09:06:00Z"
            } else {
                "2026-02-03T09:05:00Z"
            },
        )
    };
    json!({"parties": (from - count + 1..=from).rev().map(row).collect::<Vec<_>>()})
}

const PAGE_2: &str = "/api/v2/parties?since=2026-02-03T08%3A55%3A00Z&page=2&perPage=100";
const TOTAL: &str = "/api/v2/parties?since=2026-02-03T08%3A55%3A00Z&embed=meta&page=1&perPage=1";
const GONE: &str = "/api/v2/parties/deleted?since=2026-02-03T09%3A10%3A00Z";

/// A pass over two pages.
fn pass(script: Script, second: Value) -> Script {
    page(
        page(script, FIRST, by_id(400, 100), true),
        PAGE_2,
        second,
        false,
    )
}

fn two_pages(script: Script, second: Value, total: u64, gone: Value) -> Script {
    let script = page(
        page(script, FIRST, by_id(400, 100), true),
        PAGE_2,
        second,
        false,
    );
    let script = page(
        script,
        TOTAL,
        json!({"parties": [], "meta": {"totalCount": total}}),
        false,
    );
    page(script, GONE, gone, false)
}

#[test]
fn offset_pages_close_when_they_were_read_twice_and_are_as_many_as_there_are() {
    let script = pass(Script::new(), by_id(300, 50));
    let script = two_pages(script, by_id(300, 50), 150, json!({"parties": []}));
    let batch = run(script, &on(&["person.created"]), since(START), 1000).unwrap();
    assert_eq!(
        (
            batch.events.len(),
            batch.requests,
            batch.complete,
            batch.more
        ),
        (150, 6, true, false)
    );
}

#[test]
fn a_record_that_a_deletion_hid_from_a_pass_is_found_by_the_next() {
    // The count of the first pass comes right: one that went, and one that was skipped. The feed of deletions may not show it yet.
    let script = pass(Script::new(), by_id(299, 49));
    let script = pass(script, by_id(300, 50));
    let script = two_pages(
        script,
        by_id(300, 50),
        149,
        json!({"parties": [{"id": 400, "deletedAt": "2026-02-03T09:15:00Z"}]}),
    );
    let batch = run(script, &on(&["person.created"]), since(START), 1000).unwrap();
    assert_eq!((batch.events.len(), batch.complete), (150, true));
}

#[test]
fn what_was_deleted_meanwhile_does_not_count_as_read() {
    let gone = || json!({"parties": [{"id": 400, "deletedAt": "2026-02-03T09:15:00Z"}]});
    // 150 read of which one is gone, and 150 there: one was skipped twice.
    let script = pass(Script::new(), by_id(300, 50));
    let script = two_pages(script, by_id(300, 50), 150, gone());
    let script = two_pages(script, by_id(300, 50), 150, gone());
    let batch = run(script, &on(&["person.created"]), since(START), 1000).unwrap();
    assert_eq!((batch.complete, batch.more), (false, true));
}

#[test]
fn after_three_passes_the_low_mark_stays_and_there_is_more() {
    let script = (0..2).fold(pass(Script::new(), by_id(300, 50)), |script, _| {
        two_pages(script, by_id(300, 50), 999, json!({"parties": []}))
    });
    let batch = run(script, &on(&["person.created"]), since(START), 1000).unwrap();
    assert_eq!((batch.complete, batch.more), (false, true));
    // The same start again.
    let again = run(
        page(Script::new(), FIRST, json!({"parties": []}), false),
        &on(&["person.created"]),
        Position::At(batch.next),
        1000,
    )
    .unwrap();
    assert!(again.events.is_empty() && again.complete);
}

#[test]
fn without_a_total_two_passes_are_made_and_it_is_said() {
    let script = pass(pass(Script::new(), by_id(300, 50)), by_id(300, 50));
    let script = page(script, TOTAL, json!({"parties": []}), false);
    let batch = run(script, &on(&["person.created"]), since(START), 1000).unwrap();
    assert_eq!(
        (
            batch.events.len(),
            batch.complete,
            batch.more,
            batch.notes.len()
        ),
        (150, false, false, 1)
    );
}

#[test]
fn ids_and_times_that_ascend_together_prove_no_order() {
    let row = |n: u64| {
        person(
            n,
            "2026-02-03T09:01:00Z",
            &format!("2026-02-03T09:{:02}:{:02}Z", n / 60, n % 60),
        )
    };
    let first = json!({"parties": (100..200).map(row).collect::<Vec<_>>()});
    // Changed before the last one of the first page: a jump to that time would skip it.
    let second = json!({"parties": [person(300, "2026-02-03T09:01:00Z", "2026-02-03T09:01:30Z")]});
    let script = (0..2).fold(Script::new(), |script, _| {
        page(
            page(script, FIRST, first.clone(), true),
            PAGE_2,
            second.clone(),
            false,
        )
    });
    let script = page(
        script,
        TOTAL,
        json!({"parties": [], "meta": {"totalCount": 101}}),
        false,
    );
    let batch = run(
        page(script, GONE, json!({"parties": []}), false),
        &on(&["person.updated"]),
        since(START),
        1000,
    )
    .unwrap();
    assert_eq!((batch.events.len(), batch.complete), (101, true));
}

#[test]
fn a_clock_that_is_missing_is_told_by_the_newest_change() {
    let rows = json!({"parties": [person(1, "2026-02-03T09:05:00Z", "2026-02-03T09:05:00Z")]});
    let batch = run(
        Script::new().on("GET", FIRST, 200, rows),
        &on(&["person.created"]),
        since(START),
        10,
    )
    .unwrap();
    assert_eq!(
        (batch.events.len(), batch.notes.len(), batch.now.as_str()),
        (1, 1, "2026-02-03T09:05:00Z")
    );
}

const TASKS: &str =
    "/api/v2/tasks?since=2026-02-03T08%3A55%3A00Z&status=open,completed,pending&page=1&perPage=100";

#[test]
fn tasks_of_every_status_are_read_and_a_back_dated_completion_is_found() {
    let task = |id: u64, completed: &str| json!({"id": id, "status": "COMPLETED", "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-02-03T09:05:00Z", "completedAt": completed});
    let rows = json!({"tasks": [task(1, "2026-01-28T09:00:00Z"), task(2, "2026-01-20T09:00:00Z")]});
    let batch = run(
        page(Script::new(), TASKS, rows, false),
        &on(&["task.completed", "task.created"]),
        since(START),
        10,
    )
    .unwrap();
    assert_eq!(
        ids(&batch.events),
        ["task.completed:1:2026-01-28T09:00:00Z"]
    );
}

#[test]
fn where_since_is_not_heeded_more_than_twenty_pages_of_tasks_are_refused() {
    let old = json!({"tasks": [{"id": 1, "createdAt": "2020-01-01T00:00:00Z", "updatedAt": "2020-01-01T00:00:00Z"}]});
    let script = (1..=20).fold(Script::new(), |script, at| {
        page(
            script,
            &TASKS.replace("page=1&", &format!("page={at}&")),
            old.clone(),
            true,
        )
    });
    let error = run(script, &on(&["task.created"]), since(START), 10).unwrap_err();
    assert!(
        matches!(error, Error::Permanent(PermanentError::Unsupported(fault)) if fault.message.contains("hooks"))
    );
}

#[test]
fn deletions_and_what_can_no_longer_be_seen_are_given_once_and_told_apart() {
    let body = json!({"parties": [{"id": 1, "deletedAt": "2026-02-03T09:05:00Z"}], "restrictedParties": [{"id": 2, "isRestricted": true}]});
    let first = "/api/v2/parties/deleted?since=2026-02-03T08%3A55%3A00Z";
    let batch = run(
        page(Script::new(), first, body.clone(), false),
        &on(&["party.deleted"]),
        since(START),
        10,
    )
    .unwrap();
    assert_eq!(
        ids(&batch.events),
        ["party.deleted:1:", "party.deleted:2:restricted"]
    );
    let data: Value = serde_json::from_str(&batch.events[1].data).unwrap();
    assert_eq!(data, json!({"id": 2, "isRestricted": true}));
    let second = "/api/v2/parties/deleted?since=2026-02-03T09%3A09%3A58Z";
    let again = run(
        page(
            Script::new(),
            second,
            json!({"parties": [], "restrictedParties": body["restrictedParties"]}),
            false,
        ),
        &on(&["party.deleted"]),
        Position::At(batch.next),
        10,
    )
    .unwrap();
    assert!(again.events.is_empty());
}

fn entry(id: u64, created: &str, at: &str) -> Value {
    json!({"id": id, "type": "note", "createdAt": created, "updatedAt": created, "entryAt": at})
}

const ENTRIES: &str = "/api/v2/entries?page=1&perPage=100";

#[test]
fn entries_are_read_one_page_at_a_poll_and_once_an_hour_down_to_the_look_back() {
    let rows = json!({"entries": [entry(2, "2026-02-03T09:05:00Z", "2026-02-03T09:05:00Z"), entry(1, "2026-01-01T00:00:00Z", "2026-02-03T01:00:00Z")]});
    let first = run(
        page(Script::new(), ENTRIES, rows.clone(), true),
        &on(&["entry.created"]),
        since(START),
        10,
    )
    .unwrap();
    assert_eq!(
        (ids(&first.events), first.requests),
        (vec!["entry.created:2:2026-02-03T09:05:00Z"], 1)
    );
    // An hour later: one that was filed with an earlier date is on the second page; the third is not read.
    let later = "Tue, 03 Feb 2026 10:16:00 GMT";
    let deep = json!({"entries": [entry(3, "2026-02-03T09:30:00Z", "2026-02-02T00:00:00Z"), entry(0, "2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z")]});
    let script = Script::new()
        .on("GET", ENTRIES, 200, rows)
        .with("date", later)
        .with("x-pagination-has-more", "true")
        .on("GET", "/api/v2/entries?page=2&perPage=100", 200, deep)
        .with("date", later)
        .with("x-pagination-has-more", "true");
    let second = run(
        script,
        &on(&["entry.created"]),
        Position::At(first.next),
        10,
    )
    .unwrap();
    assert_eq!(
        ids(&second.events),
        ["entry.created:3:2026-02-03T09:30:00Z"]
    );
}

#[test]
fn an_opportunity_that_is_won_and_one_that_moved_are_found_by_the_time_of_the_move() {
    let rows = json!({"opportunities": [opportunity(7, "2026-02-03T09:05:00Z", "2026-02-03T09:06:00Z", 100, Some("2026-02-03")), opportunity(8, "2026-01-03T09:05:00Z", "2026-02-03T09:06:00Z", 0, Some("2026-01-03"))]});
    let script = page(
        Script::new(),
        "/api/v2/opportunities?since=2026-02-03T08%3A55%3A00Z&page=1&perPage=100",
        rows,
        false,
    );
    let batch = run(
        script,
        &on(&["opportunity.won", "opportunity.lost", "opportunity.moved"]),
        since(START),
        10,
    )
    .unwrap();
    assert_eq!(
        ids(&batch.events),
        [
            "opportunity.won:7:2026-02-03T09:05:00Z",
            "opportunity.moved:7:2026-02-03T09:05:00Z"
        ]
    );
}

/// More changed records than a cursor remembers, newest id first, a hundred a page.
struct Crowd {
    /// Ids far apart take more of the cursor.
    step: u64,
}

impl crate::api::Transport for Crowd {
    fn send(&self, request: http::Request<Vec<u8>>) -> crate::api::Sending<'_> {
        const COUNT: u64 = 9000;
        let query = request.uri().query().unwrap_or_default();
        let page = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("page=")?.parse::<u64>().ok());
        let last = COUNT - 100 * (page.unwrap_or(1) - 1);
        let rows = by_id(last, 100);
        let mut rows = if query.contains("embed=meta") || request.uri().path().ends_with("deleted")
        {
            json!({"parties": [], "meta": {"totalCount": COUNT}})
        } else {
            rows
        };
        for row in rows["parties"].as_array_mut().unwrap() {
            row["id"] = json!(row["id"].as_u64().unwrap() * self.step);
        }
        let mut reply = http::Response::builder().header("date", NOW);
        if last > 100 {
            reply = reply.header("x-pagination-has-more", "true");
        }
        let reply = reply.body(rows.to_string().into_bytes()).unwrap();
        Box::pin(async move { Ok(reply) })
    }

    fn elapsed(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

#[test]
fn more_records_than_a_cursor_remembers_are_all_given_and_the_scan_ends() {
    for step in [1, 900_001] {
        let settings = crate::api::Settings {
            access_token: Some("t".into()),
            ..crate::api::Settings::default()
        };
        let client = Client::new(Crowd { step }, settings);
        let listeners = on(&["person.created"]);
        let mut given = std::collections::BTreeSet::new();
        let mut start = since(START);
        for polls in 1.. {
            assert!(polls <= 30, "no end");
            let batch = block_on(poll(&client, &listeners, &start, 1000)).unwrap();
            given.extend(batch.events.into_iter().map(|event| event.record_id));
            assert!(batch.next.len() < 64 * 1024);
            start = Position::At(batch.next);
            if !batch.more {
                assert!(!batch.complete, "nobody can tell whether all was read");
                break;
            }
        }
        assert_eq!(given.len(), 9000);
    }
}

#[test]
fn what_can_not_be_polled_or_not_together_is_refused() {
    for (all, word) in [
        (on(&["project.moved"]), "hook"),
        (on(&["user.created"]), "hook"),
    ] {
        let error = run(Script::new(), &all, Position::Now, 10).unwrap_err();
        assert!(
            matches!(error, Error::Permanent(PermanentError::Unsupported(fault)) if fault.message.contains(word))
        );
    }
    let error = run(
        Script::new(),
        &on(&["person.created", "task.created"]),
        Position::Now,
        10,
    )
    .unwrap_err();
    assert!(
        matches!(error, Error::Permanent(PermanentError::InvalidInput(faults)) if faults[0].message.contains("parties, tasks"))
    );
    for (limit, start) in [
        (0, Position::Now),
        (1001, Position::Now),
        (10, since("yesterday")),
    ] {
        assert!(run(Script::new(), &on(&["person.created"]), start, limit).is_err());
    }
    assert!(run(Script::new(), &[], Position::Now, 1).is_err());
}

#[test]
fn a_cursor_that_is_damaged_or_of_another_feed_is_stale_before_anything_is_sent() {
    let body = json!({"parties": []});
    let next = run(
        page(Script::new(), FIRST, body, false),
        &on(&["person.created"]),
        since(START),
        10,
    )
    .unwrap()
    .next;
    for (text, trigger) in [
        ("", "person.created"),
        ("p1.AAAA", "person.created"),
        (next.as_str(), "task.created"),
        (&next[..next.len() - 4], "person.created"),
    ] {
        let error = run(
            Script::new(),
            &on(&[trigger]),
            Position::At(text.into()),
            10,
        )
        .unwrap_err();
        assert!(
            matches!(error, Error::Permanent(PermanentError::StaleCursor(_))),
            "{text}"
        );
    }
}
