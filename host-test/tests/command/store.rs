//! The store of connections: copies of it, another key, what components may reach.

use std::path::Path;

use capsule_host::egress::{ComponentDigest, ConnectionId, Credentials as _};
use capsule_host::store::{NewConnection, Store, VaultKey};

use super::*;

/// A strict fake, and a store with the connection `trial` to it.
pub(super) struct Kept {
    pub(super) served: Served,
    pub(super) folder: tempfile::TempDir,
}

impl Kept {
    pub(super) async fn new() -> Self {
        Self::of(Served::strict().await).await
    }

    pub(super) async fn of(served: Served) -> Self {
        let kept = Self {
            served,
            folder: tempfile::tempdir().unwrap(),
        };
        let (connected, _) = connect(&kept.served, &kept.path("store")).await;
        assert_eq!(connected.code, 0, "{}", connected.err);
        kept
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The database of a store.
    pub(super) fn database(&self, store: &str) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join(store).join("store.sqlite")).unwrap()
    }

    /// Lets the token be good for another hour, but due to be renewed.
    pub(super) fn make_due(&self, store: &str) {
        let sql = "UPDATE connection SET obtained_at = unixepoch() - 36000, expires_at = unixepoch() + 3600";
        self.database(store).execute_batch(sql).unwrap();
    }

    /// Runs a subcommand on a store.
    async fn run(&self, store: &str, arguments: &[&str]) -> Ended {
        run(&[arguments, &["--store", &self.path(store)]].concat()).await
    }

    fn copy(&self) {
        let copied = std::process::Command::new("cp")
            .args(["-r", &self.path("store"), &self.path("copy")])
            .status();
        assert!(copied.unwrap().success());
    }

    pub(super) async fn call(&self, store: &str) -> Ended {
        self.run(store, &CALL).await
    }

    /// Refreshes that the account saw since it was asked last.
    pub(super) fn refreshes(&self) -> usize {
        let rows = self.served.fake.journal();
        self.served.fake.clear_journal();
        rows.iter().filter(|row| row.path == "/oauth/token").count()
    }
}

pub(super) const CALL: [&str; 4] = ["call", "parties.list-all", "--connection", "trial"];

// copies

#[tokio::test]
async fn a_copied_store_calls_with_the_token_that_it_has_and_renews_it_once_it_is_adopted() {
    let kept = Kept::new().await;
    kept.copy();
    kept.make_due("copy");
    kept.refreshes();

    let called = kept.call("copy").await;
    assert_eq!(called.code, 0, "{}", called.err);
    assert!(
        called.err.contains("capsule-host vault adopt"),
        "{}",
        called.err
    );
    assert_eq!(kept.refreshes(), 0);

    let adopted = kept.run("copy", &["vault", "adopt"]).await;
    assert_eq!(adopted.json(), json!({"adopted": true}));
    let called = kept.call("copy").await;
    assert_eq!((called.code, called.err.as_str()), (0, ""));
    assert_eq!(kept.refreshes(), 1);

    let original = kept.call("store").await;
    assert_eq!((original.code, original.err.as_str()), (0, ""));
    let adopted = kept.run("store", &["vault", "adopt"]).await;
    assert_eq!(adopted.json(), json!({"adopted": false}));
}

#[tokio::test]
async fn a_copied_store_changes_no_hooks_until_it_is_adopted_and_polls_meanwhile() {
    let kept = Kept::new().await;
    kept.copy();
    let hook_writes = || {
        let rows = kept.served.fake.journal();
        rows.iter()
            .filter(|row| row.path.starts_with("/api/v2/resthooks") && row.method != "GET")
            .count()
    };
    let (store, journal) = (kept.path("copy"), kept.path("journal"));
    let mut listen = vec!["listen", "--on", "person.created", "--connection", "trial"];
    listen.extend([
        "--store",
        &store,
        "--journal",
        &journal,
        "--bind",
        "127.0.0.1:0",
    ]);
    let hooked = [&listen[..], &["--public-url", "http://127.0.0.1:9"]].concat();

    let refused = tokio::time::timeout(Duration::from_secs(30), run(&hooked)).await;
    let refused = refused.expect("it listens");
    assert_eq!((refused.code, refused.out.as_str()), (3, ""));
    assert!(
        refused.err.contains("capsule-host vault adopt"),
        "{}",
        refused.err
    );
    assert_eq!(hook_writes(), 0);

    listens(&listen).await;
    assert_eq!(hook_writes(), 0);

    let adopted = kept.run("copy", &["vault", "adopt"]).await;
    assert_eq!(adopted.json(), json!({"adopted": true}));
    listens(&hooked).await;
    assert!(hook_writes() > 0);
}

/// Starts a listener, and ends it when it listens.
pub(super) async fn listens(arguments: &[&str]) {
    let mut child = command(arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap();
        let line = line.unwrap_or_else(|| panic!("{arguments:?} has ended"));
        if line.starts_with("listening on") {
            break;
        }
    }
    child.kill().await.unwrap();
}

// another key

#[tokio::test]
async fn a_store_gets_a_new_key_and_the_old_one_opens_nothing() {
    let kept = Kept::new().await;
    let new = kept.path("new-key");
    let rekey = ["vault", "rekey", "--new-key-file", &new];
    let sealed = kept.run("store", &rekey).await;
    assert_eq!(sealed.code, 0, "{}", sealed.err);
    assert_eq!(sealed.json(), json!({"sealed": 2, "keyFile": new}));

    let old = kept.call("store").await;
    assert_eq!(old.code, 1);
    assert!(old.err.contains("another key"), "{}", old.err);
    let call = [&CALL[..], &["--key-file", &new]].concat();
    assert_eq!(kept.run("store", &call).await.code, 0);
    // Said twice, it is done.
    assert_eq!(kept.run("store", &rekey).await.code, 0);
}

/// Many connections more, so that sealing them anew takes a while.
async fn fill(folder: &Path, key: VaultKey) {
    let store = Store::open(folder, key).unwrap();
    let stored = store.load(&ConnectionId::new("trial")).await;
    let credentials = stored.unwrap().unwrap();
    let profile = store.connection("trial").await.unwrap().profile;
    for nth in 0..150 {
        let new = NewConnection {
            name: format!("trial-{nth}"),
            api_base: None,
            credentials: credentials.clone(),
            profile: profile.clone(),
        };
        store.connect(new).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_of_key_that_was_killed_says_so_and_is_gone_on_with() {
    let kept = Kept::new().await;
    let store = kept.folder.path().join("store");
    let old = store.join("key");
    fill(&store, VaultKey::from_file(&old).unwrap()).await;
    let (new, folder) = (kept.path("new-key"), kept.path("store"));
    let rekey = ["vault", "rekey", "--new-key-file", &new];
    let mut child = command(&[&rekey[..], &["--store", &folder]].concat());
    let mut child = child.spawn().unwrap();
    let database = kept.database("store");
    let sealed_anew = || -> i64 {
        let sql = "SELECT count(*) FROM secret, store WHERE secret.key_id != store.key_id";
        database.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    while sealed_anew() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it is done already");
    }
    child.kill().await.unwrap();
    let done = sealed_anew();
    assert!((1..302).contains(&done), "{done}");

    for key_file in [old.display().to_string(), new.clone()] {
        let call = [&CALL[..], &["--key-file", &key_file]].concat();
        let half = kept.run("store", &call).await;
        assert_eq!(half.code, 1);
        let way = "capsule-host vault rekey";
        assert!(half.err.contains(way), "{}", half.err);
    }
    let sealed = kept.run("store", &rekey).await;
    assert_eq!(sealed.json()["sealed"], 302 - done, "{}", sealed.err);
    let call = [&CALL[..], &["--key-file", &new]].concat();
    assert_eq!(kept.run("store", &call).await.code, 0);
}

// what components may reach

/// A component like the one that ships, but another: with a section that nobody reads.
fn another_build(component: &[u8]) -> Vec<u8> {
    // A custom section: id 0, size, the length of its name, its name.
    [component, b"\x00\x06\x05again"].concat()
}

/// The same that takes another host for the vendor's, in what it asks for and in what it does.
fn with_another_host(component: &[u8]) -> Vec<u8> {
    let (host, other) = (b"api.capsulecrm.com", b"api.capsulecrm.org");
    let mut bytes = component.to_vec();
    let places: Vec<usize> = memchr::memmem::find_iter(component, host).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + other.len()].copy_from_slice(other);
    }
    bytes
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn an_update_that_asks_for_no_more_goes_on_and_one_that_asks_for_more_waits_for_the_operator()
{
    let kept = Kept::new().await;
    let shipped = support::bytes();
    let same = written(kept.folder.path(), "same.wasm", &another_build(&shipped));
    let other = with_another_host(&shipped);
    let digest = ComponentDigest::of(&other).to_string();
    let other = written(kept.folder.path(), "other.wasm", &other);
    let call = |component| [&CALL[..], &["--component", component]].concat();

    let went_on = kept.run("store", &call(&same)).await;
    assert_eq!((went_on.code, went_on.err.as_str()), (0, ""));

    kept.served.fake.clear_journal();
    let refused = kept.run("store", &call(&other)).await;
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(kept.served.fake.journal().is_empty());
    let way = format!(
        "capsule-host grants add --to {digest} https://api.capsulecrm.org --store {}",
        kept.path("store")
    );
    let said = refused.err.lines().last().unwrap().trim();
    assert_eq!(said, way, "{}", refused.err);
    // With a token of its own the caller is the operator.
    let served = &kept.served;
    let token = served.fake.issue_token("", "").access;
    let token = written(kept.folder.path(), "token", token.as_bytes());
    let mut one_off = vec!["call", "parties.list-all", "--component", &other];
    one_off.extend(["--token-file", &token, "--base-url", &served.url]);
    assert_eq!(run(&one_off).await.code, 0);

    // As it was said.
    let add: Vec<_> = said.split(' ').skip(1).collect();
    assert_eq!(run(&add).await.code, 0);
    let granted = kept.run("store", &call(&other)).await;
    assert_eq!((granted.code, granted.err.as_str()), (0, ""));

    let listed = kept.run("store", &["grants", "list"]).await.json();
    let origins: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["origins"])
        .collect();
    let capsule = json!(["https://api.capsulecrm.com"]);
    assert_eq!(
        origins,
        [&capsule, &capsule, &json!(["https://api.capsulecrm.org"])]
    );

    let remove = [
        "grants",
        "remove",
        "https://api.capsulecrm.org",
        "--component",
        &other,
    ];
    assert_eq!(kept.run("store", &remove).await.code, 0);
    assert_eq!(kept.run("store", &call(&other)).await.code, 1);
    // The one before it is as it was.
    assert_eq!(kept.call("store").await.code, 0);
}

#[tokio::test]
async fn nobody_signs_in_with_a_component_that_asks_for_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::small().await;
    let other = with_another_host(&support::bytes());
    let other = written(folder.path(), "other.wasm", &other);
    let store = folder.path().join("store").display().to_string();
    let mut connect = vec!["connect", "trial", "--client-id", "app", "--port", "0"];
    connect.extend(["--store", &store, "--base-url", &served.url]);
    connect.extend(["--component", &other]);
    let refused = run(&connect).await;
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(
        refused.err.contains("capsule-host grants add"),
        "{}",
        refused.err
    );
    assert!(served.fake.journal().is_empty());
}
