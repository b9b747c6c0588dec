//! The command where the disk is full: what can't be stored is neither acknowledged nor asked for, and goes on by itself once there is room.

use std::path::{Path, PathBuf};

use super::store::{CALL, Kept, listens};
use super::*;

/// The command where no file may grow over 8 MiB (16 where a shell counts in kilobytes): what is beyond is refused as on a full disk. A
/// sandbox's memory is a file to the kernel, and is smaller.
fn on_a_full_disk(arguments: &[&str]) -> Command {
    let plain = command(arguments);
    let plain = plain.as_std();
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -S -f 16384; exec \"$0\" \"$@\""])
        .arg(plain.get_program())
        .args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.stdin(Stdio::null()).kill_on_drop(true);
    limited
}

/// Lets the log of a database be as long already as a file may be there, as another process can that has it open.
fn fill(database: &rusqlite::Connection) {
    let grow = "PRAGMA wal_autocheckpoint = 0; CREATE TABLE filler (text TEXT); INSERT INTO filler VALUES (hex(zeroblob(9000000)))";
    database.execute_batch(grow).unwrap();
    let log = PathBuf::from(format!("{}-wal", database.path().unwrap()));
    assert!(std::fs::metadata(log).unwrap().len() > 16 << 20);
}

fn make_room(database: &rusqlite::Connection) {
    let shrink = "DROP TABLE filler; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)";
    database.execute_batch(shrink).unwrap();
}

#[tokio::test]
async fn on_a_full_disk_a_token_that_can_not_be_stored_is_not_asked_for_and_the_old_one_goes_on() {
    let kept = Kept::new().await;
    kept.make_due("store");
    let other = kept.database("store");
    fill(&other);
    kept.refreshes();

    let store = kept.path("store");
    let call = [&CALL[..], &["--store", &store]].concat();
    let full = Ended::new(on_a_full_disk(&call).output().await.unwrap());
    assert_eq!(full.code, 0, "{}", full.err);
    assert_eq!(kept.refreshes(), 0);

    let room = kept.call("store").await;
    assert_eq!((room.code, room.err.as_str()), (0, ""));
    assert_eq!(kept.refreshes(), 1);
}

/// A listener by hook and one by poll for the same trigger.
const LISTENERS: &str = r#"[
    {"id": "hooked", "trigger": "person.created"},
    {"id": "polled", "trigger": "person.created", "mode": "poll"}
]"#;

/// Where nobody listens: deliveries are made by hand.
const PUBLIC: &str = "http://127.0.0.1:9";

/// Until something is so.
async fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 30 s: {what}");
}

/// Delivers as the vendor does, to the door at which `host` answers. The status of the answer.
async fn deliver(host: &str, target: &str, body: &str) -> u16 {
    let path = target.strip_prefix(PUBLIC).unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer[9..12].parse().unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn on_a_full_disk_a_listener_acknowledges_nothing_moves_nothing_and_goes_on_once_there_is_room()
 {
    let served = Served::small().await;
    let folder = Folder::with("");
    folder.write("listeners.json", LISTENERS);
    let (listeners, journal) = (folder.path("listeners.json"), folder.path("journal"));
    let out = PathBuf::from(folder.path("events.jsonl"));
    let mut listen = vec!["listen", "--listeners", &listeners, "--journal", &journal];
    listen.extend(["--out", out.to_str().unwrap(), "--poll-every", "5"]);
    listen.extend(["--bind", "127.0.0.1:0", "--public-url", PUBLIC]);
    listen.extend(["--token-env", "TOKEN", "--base-url", &served.url]);
    let mut listener = on_a_full_disk(&listen)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(listener.stderr.take().unwrap()).lines();
    let line = told.next_line().await.unwrap().unwrap();
    let host = line
        .strip_prefix("listening on ")
        .unwrap_or_else(|| panic!("{line}"));
    let journal = rusqlite::Connection::open(Path::new(&journal).join("journal.sqlite")).unwrap();
    let cursor = || -> String {
        let sql = "SELECT cursor FROM feed";
        journal.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let hooks = served.call("hooks.list-all", &json!({})).await.json();
    let target = hooks["items"][0]["targetUrl"].as_str().unwrap().to_owned();

    let make_due = || journal.execute("UPDATE feed SET due_at = 0", []).unwrap();
    fill(&journal);
    let before = cursor();
    make_due();
    let person = json!({"firstName": "Ines", "lastName": "Duarte"});
    let person = served.call("people.create", &person).await.json();
    let delivery = json!({"event": "party/created", "payload": [{
        "id": person["id"], "type": "person", "firstName": "Ines", "lastName": "Duarte",
        "createdAt": person["createdAt"], "updatedAt": person["updatedAt"],
    }]})
    .to_string();
    assert_eq!(deliver(host, &target, &delivery).await, 503);
    // Nor can the polls that meet the person.
    let waits = async {
        let mut waits = 0;
        while waits < 2 {
            let line = told.next_line().await.unwrap();
            let line = line.expect("it has ended");
            waits += usize::from(line.contains("nothing is lost"));
        }
    };
    let waits = tokio::time::timeout(Duration::from_secs(60), waits).await;
    waits.expect("nothing is told");
    assert_eq!(cursor(), before);
    assert_eq!(lines(&out), [] as [Value; 0]);
    assert_eq!(deliver(host, &target, &delivery).await, 503);
    assert!(listener.try_wait().unwrap().is_none(), "it has ended");

    make_room(&journal);
    assert_eq!(deliver(host, &target, &delivery).await, 202);
    wait_until("the events", || lines(&out).len() > 1 && cursor() != before).await;
    served.fake.clear_journal();
    make_due();
    wait_until("another poll", || !served.fake.journal().is_empty()).await;
    let mut given: Vec<_> = lines(&out)
        .iter()
        .map(|event| (event["listener"].clone(), event["recordId"].clone()))
        .collect();
    given.sort_by_key(|(listener, _)| listener.to_string());
    let id = json!(person["id"].to_string());
    assert_eq!(
        given,
        [(json!("hooked"), id.clone()), (json!("polled"), id)]
    );
    listener.kill().await.unwrap();
    drop(told);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_on_a_full_disk_gets_whole_lines_only_and_each_event_once_when_there_is_room() {
    let served = Served::small().await;
    let folder = Folder::with("");
    let (journal, out) = (folder.path("journal"), folder.path("events.jsonl"));
    let mut listen = vec!["listen", "--on", "person.created", "--journal", &journal];
    listen.extend(["--out", &out, "--bind", "127.0.0.1:0"]);
    listen.extend(["--token-env", "TOKEN", "--base-url", &served.url]);
    listens(&listen).await;
    let journal = rusqlite::Connection::open(Path::new(&journal).join("journal.sqlite")).unwrap();
    let name: String = journal
        .query_row("SELECT journal FROM owner", [], |row| row.get(0))
        .unwrap();
    let text = "a".repeat(16 << 20);
    let before = format!("{{\"journal\":\"{name}\",\"seq\":0,\"text\":\"{text}\"}}\n");
    std::fs::write(&out, &before).unwrap();
    let mut listener = on_a_full_disk(&listen)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = listener.id().unwrap().to_string();
    let limit = |bytes: &str| {
        let limit = format!("--fsize={bytes}:");
        let set = std::process::Command::new("prlimit")
            .args(["--pid", &pid, &limit])
            .status();
        assert!(set.unwrap().success());
    };
    let mut told = BufReader::new(listener.stderr.take().unwrap()).lines();
    let person = json!({"lastName": "Duarte"});
    let person = served.call("people.create", &person).await.json();
    let full = async {
        let mut again = tokio::time::interval(Duration::from_millis(500));
        let mut listens = false;
        loop {
            let line = tokio::select! {
                line = told.next_line() => line.unwrap().expect("it has ended"),
                _ = again.tick() => {
                    // A poll that was under way when the person was made says itself when the next one is due.
                    if listens {
                        journal.execute("UPDATE feed SET due_at = 0", []).unwrap();
                    }
                    continue;
                }
            };
            if line.starts_with("listening on") {
                // For a part of a line there is room.
                limit(&(before.len() + 50).to_string());
                listens = true;
            } else if line.contains("its disk is full") {
                break;
            }
        }
    };
    let full = tokio::time::timeout(Duration::from_secs(60), full).await;
    full.expect("nothing is told");
    assert_eq!(std::fs::metadata(&out).unwrap().len(), before.len() as u64);

    limit("unlimited");
    let events = || std::fs::read_to_string(&out).unwrap()[before.len()..].to_owned();
    wait_until("the event", || events().ends_with('\n')).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let event: Value = serde_json::from_str(&events()).unwrap();
    assert_eq!(event["recordId"], person["id"].to_string());
    listener.kill().await.unwrap();
}
