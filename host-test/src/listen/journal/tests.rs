//! A journal on a full disk.

use super::*;

fn open(folder: &Path) -> Journal {
    Journal::open(folder, "northwind", &BTreeSet::new()).unwrap()
}

/// As on a full disk: the database may not grow.
async fn fill(journal: &Journal) {
    allow(journal, |pages| pages).await;
}

async fn make_room(journal: &Journal) {
    allow(journal, |pages| pages + 10_000).await;
}

async fn allow(journal: &Journal, most: fn(i64) -> i64) {
    let allow = move |t: &Transaction<'_>| {
        let pages = t.pragma_query_value(None, "page_count", |row| row.get(0))?;
        t.pragma_update(None, "max_page_count", most(pages))
    };
    journal.run(allow).await.unwrap();
}

/// A delivery that takes pages of its own.
fn large() -> Arrival {
    Arrival {
        address: [7; 32],
        query: String::new(),
        content_type: None,
        body: vec![b'a'; 100_000],
        event: None,
        due_at: 0,
        aside: None,
    }
}

fn polled(data: &str) -> (Moved, Vec<Event>) {
    let moved = Moved {
        cursor: "after".into(),
        due_at: 1,
        read_to: None,
        listeners: [1; 16],
    };
    let event = Event {
        id: "person.created:1:2026-11-24T22:50:02Z".into(),
        listener: "person.created".into(),
        trigger: "person.created".into(),
        record_id: "1".into(),
        occurred_at: None,
        data: Value::from(data).to_string(),
    };
    (moved, vec![event])
}

#[tokio::test]
async fn a_full_disk_takes_neither_deliveries_nor_events_and_moves_no_position() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let (mut moved, _) = polled("");
    moved.cursor = "before".into();
    journal
        .move_feed("parties", moved, Vec::new(), 1)
        .await
        .unwrap();
    let cursor = async || journal.feeds().await.unwrap()[0].cursor.clone();
    let held = async || {
        let held = journal.held().await.unwrap();
        (held.waiting, journal.lines(1, 10).await.unwrap().len())
    };

    fill(&journal).await;
    let refused = journal.take_in(large(), 1).await.unwrap_err();
    assert!(refused.may_pass(), "{refused}");
    let (moved, events) = polled(&"a".repeat(100_000));
    let refused = journal.move_feed("parties", moved, events, 1).await;
    let refused = refused.unwrap_err();
    assert!(refused.may_pass(), "{refused}");
    assert_eq!(cursor().await, "before");
    assert_eq!(held().await, (0, 0));

    make_room(&journal).await;
    journal.take_in(large(), 1).await.unwrap();
    let (moved, events) = polled(&"a".repeat(100_000));
    let taken = journal.move_feed("parties", moved, events, 1).await;
    assert_eq!(taken.unwrap().new, 1);
    assert_eq!(cursor().await, "after");
    assert_eq!(held().await, (1, 1));
}

#[tokio::test]
async fn of_what_is_committed_together_a_full_disk_undoes_all_and_everybody_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    fill(&journal).await;
    // The thread works on this until the others wait, too.
    let (go, wait) = mpsc::channel::<()>();
    let first = journal.run(move |t| {
        wait.recv().unwrap();
        t.execute("INSERT INTO own (hash, at) VALUES (x'01', 1)", [])
    });
    let all = futures::future::join3(first, journal.take_in(large(), 1), async {
        let held = journal.held();
        go.send(()).unwrap();
        held.await
    });
    let (first, second, _) = all.await;
    assert!(second.unwrap_err().may_pass());
    let stored =
        journal.run(|t| t.query_row("SELECT count(*) FROM own", [], |row| row.get::<_, i64>(0)));
    // Whether SQLite undid the whole or the one alone is its own affair: what was answered is so.
    assert_eq!(stored.await.unwrap(), i64::from(first.is_ok()));
    if let Err(error) = first {
        assert!(error.may_pass(), "{error}");
    }
}
