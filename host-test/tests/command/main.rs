//! The command as a shell sees it: what it prints, where, and with which exit code. The account is a fake that this test serves.

#![allow(missing_docs)]

mod cache;
#[cfg(unix)]
mod full_disk;
#[cfg(feature = "otel")]
mod otel;
mod store;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use capsule_host::fake::{Clock, Fake, FakeOptions, Fault, FaultRule};
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

/// A token that must not be seen anywhere.
const TOKEN: &str = "tok-5f0c2e7b9a1d4e83";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_capsule-host"));
    command
        .args(arguments)
        .env("CAPSULE_COMPONENT", support::full())
        .env("CAPSULE_HOST_CACHE", env!("CARGO_TARGET_TMPDIR"))
        .env("TOKEN", TOKEN)
        .env_remove("RUST_LOG")
        .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
        .env_remove("CAPSULE_HOST_STORE")
        .env_remove("CAPSULE_HOST_KEY")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    fn new(output: Output) -> Self {
        let ended = Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(
            !ended.out.contains(TOKEN) && !ended.err.contains(TOKEN),
            "the token is told"
        );
        ended
    }

    /// Standard output, which is one line of JSON where no person reads it.
    fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{}\n{}", self.out, self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// The error on standard error.
    fn error(&self) -> Value {
        serde_json::from_str(self.err.trim()).unwrap_or_else(|_| panic!("no JSON: {}", self.err))
    }
}

async fn run(arguments: &[&str]) -> Ended {
    Ended::new(command(arguments).output().await.unwrap())
}

/// A fake on a socket.
struct Served {
    fake: Fake,
    url: String,
}

impl Served {
    async fn new(options: FakeOptions) -> Self {
        let fake = Fake::new(options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(fake.clone().serve(listener));
        Self { fake, url }
    }

    async fn small() -> Self {
        Self::new(FakeOptions {
            parties: 20,
            ..FakeOptions::default()
        })
        .await
    }

    /// One that knows its own tokens only.
    async fn strict() -> Self {
        Self::new(FakeOptions {
            parties: 5,
            strict_auth: true,
            ..FakeOptions::default()
        })
        .await
    }

    /// Runs a subcommand for this account.
    async fn run(&self, arguments: &[&str]) -> Ended {
        let account = ["--token-env", "TOKEN", "--base-url", self.url.as_str()];
        run(&[arguments, &account].concat()).await
    }

    async fn call(&self, id: &str, input: &Value) -> Ended {
        self.run(&["call", id, "--input", &input.to_string()]).await
    }
}

/// A folder with a CSV in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(csv: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("rows.csv", csv);
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The report's rows, without its header.
    fn report(&self) -> Vec<Vec<String>> {
        rows(&self.0.path().join("report.csv"))
    }

    async fn batch(&self, served: &Served, id: &str, more: &[&str]) -> Ended {
        let (csv, report) = (self.path("rows.csv"), self.path("report.csv"));
        let arguments = ["batch", id, "--csv", &csv, "--report", &report];
        served.run(&[&arguments, more].concat()).await
    }
}

fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        header,
        ["row", "key", "action", "id", "web_url", "error", "pointer"]
    );
    let cells = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
    reader
        .records()
        .map(|record| cells(record.unwrap()))
        .collect()
}

fn actions(rows: &[Vec<String>]) -> Vec<&str> {
    rows.iter().map(|row| row[2].as_str()).collect()
}

const CONTACTS: &str = "\
First Name,Last Name,Company,Email,Tags
Zoë,Ångström,Lagoa Foods,zoe@lagoa.example,VIP
Ümit,Öz,LAGOA FOODS,umit@lagoa.example,
Zoë,Ångström,,,Newsletter
=cmd|' /C calc'!A0,Hacker,,no address,
";

// describe

#[tokio::test]
async fn describe_tells_what_the_component_asks_for_and_can_do() {
    let told = run(&["describe"]).await;
    assert_eq!(told.code, 0, "{}", told.err);
    let told = told.json();
    assert_eq!(
        told["descriptor"]["destinations"][0]["host"],
        "api.capsulecrm.com"
    );
    let digest = told["component"]["digest"].as_str().unwrap();
    assert!(digest.starts_with("sha256:"), "{digest}");
    let operations = told["operations"].as_array().unwrap();
    let upsert = operations
        .iter()
        .find(|one| one["id"] == "people.upsert")
        .unwrap();
    assert_eq!(upsert["effect"], "write");
    assert_eq!(upsert["repeatSafe"], true);
}

#[tokio::test]
async fn describe_gives_the_schemas_of_one_operation() {
    let told = run(&["describe", "people.create"]).await.json();
    assert_eq!(told[0]["id"], "people.create");
    assert!(
        told[0]["input"]["properties"]["firstName"].is_object(),
        "{told}"
    );
}

#[tokio::test]
async fn describe_ends_with_2_for_an_operation_that_does_not_exist() {
    let ended = run(&["describe", "people.creat"]).await;
    assert_eq!(ended.code, 2, "{}", ended.err);
}

#[tokio::test]
async fn a_component_that_is_not_there_is_told_with_the_way_to_build_it() {
    let ended = run(&["describe", "--component", "/nowhere/capsule.wasm"]).await;
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("cargo xtask build"), "{}", ended.err);
}

// connect

/// Opens a page of this machine as a browser does, and gives the answer's text.
async fn open(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let mut stream = tokio::net::TcpStream::connect(&host).await.unwrap();
    let target = &url[url::Position::BeforePath..];
    let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Signs in as the fake's administrator, and gives how the command ended, and what the browser showed at the end.
async fn connect(served: &Served, store: &str) -> (Ended, String) {
    let arguments = [
        "connect",
        "trial",
        "--client-id",
        "app",
        "--port",
        "0",
        "--store",
        store,
    ];
    let mut child = command(&[&arguments[..], &["--base-url", &served.url]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).await.unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let address = told["open"].as_str().unwrap();
    let asked = url::Url::parse(address).unwrap();
    let redirect = asked.query_pairs().find(|(name, _)| name == "redirect_uri");
    // The port is known only now.
    served
        .fake
        .register_client("app", None, &redirect.unwrap().1);
    let back = open(address).await;
    let location = back
        .lines()
        .find_map(|line| line.strip_prefix("location: "))
        .unwrap_or_else(|| panic!("{back}"));
    let page = open(location).await;
    let mut rest = String::new();
    out.read_to_string(&mut rest).await.unwrap();
    let mut output = child.wait_with_output().await.unwrap();
    output.stdout = rest.into_bytes();
    (Ended::new(output), page)
}

#[tokio::test]
async fn a_connection_is_made_used_listed_and_removed() {
    let served = Served::strict().await;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store").display().to_string();
    let (connected, page) = connect(&served, &store).await;
    assert_eq!(connected.code, 0, "{}", connected.err);
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains("trial"),
        "{page}"
    );
    assert_eq!(connected.json()["connection"], "trial");

    let kept = ["--connection", "trial", "--store", &store];
    let called = run(&[&["call", "parties.list-all"], &kept[..]].concat()).await;
    assert_eq!(called.code, 0, "{}", called.err);

    let list = ["connections", "list", "--store", &store];
    let listed = run(&list).await.json();
    assert_eq!(listed[0]["name"], "trial");
    assert_eq!(listed[0]["origin"], served.url.as_str());
    assert!(listed[0]["webUrl"].is_string(), "{listed}");

    let removed = run(&["connections", "remove", "trial", "--store", &store]).await;
    assert_eq!(removed.code, 0, "{}", removed.err);
    assert_eq!(run(&list).await.json(), json!([]));
    let revoked = served.fake.journal();
    let revoked = revoked.iter().filter(|row| row.path.contains("revoke"));
    assert!(revoked.count() >= 1);
}

#[tokio::test]
async fn a_kept_token_does_not_go_to_another_address() {
    let served = Served::small().await;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store").display().to_string();
    let (connected, _) = connect(&served, &store).await;
    assert_eq!(connected.code, 0, "{}", connected.err);
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", stranger.local_addr().unwrap());
    let heard = tokio::spawn(async move {
        let (mut stream, _) = stranger.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let answer = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        String::from_utf8(head).unwrap()
    });
    let call = [
        "call",
        "parties.list-all",
        "--connection",
        "trial",
        "--store",
        &store,
    ];
    let ended = run(&[&call[..], &["--base-url", &url]].concat()).await;
    assert_eq!(ended.code, 3, "{}", ended.err);
    // What the sandbox has instead of the token, which is worth nothing.
    let heard = heard.await.unwrap();
    assert!(heard.contains("Bearer cph_"), "{heard}");
}

#[tokio::test]
async fn a_connection_that_is_not_there_is_told_with_the_way_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store").display().to_string();
    let call = [
        "call",
        "parties.list-all",
        "--connection",
        "trial",
        "--store",
        &store,
    ];
    let ended = run(&call).await;
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("capsule-host connect"), "{}", ended.err);
    assert!(!Path::new(&store).exists());
}

// call

#[tokio::test]
async fn a_call_prints_the_record_on_one_line() {
    let served = Served::small().await;
    let before = served.fake.party_count();
    let person = json!({"firstName": "Ines", "lastName": "Duarte"});
    let made = served.call("people.create", &person).await;
    assert_eq!(made.code, 0, "{}", made.err);
    assert_eq!(made.json()["lastName"], "Duarte");
    assert_eq!(made.err, "");
    assert_eq!(served.fake.party_count(), before + 1);
}

#[tokio::test]
async fn a_recorded_call_replays_without_token_and_account() {
    let served = Served::small().await;
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("create.json").display().to_string();
    let input = json!({"firstName": "Ines", "lastName": "Duarte"}).to_string();
    let call = ["call", "people.create", "--input", &input];
    let made = served
        .run(&[&call[..], &["--record", &tape]].concat())
        .await;
    assert_eq!(made.code, 0, "{}", made.err);
    let text = std::fs::read_to_string(&tape).unwrap();
    assert!(!text.contains(TOKEN) && text.contains("Duarte"), "{text}");
    let people = served.fake.party_count();

    let again = run(&[&call[..], &["--replay", &tape]].concat()).await;
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(again.json(), made.json());
    assert_eq!(served.fake.party_count(), people);

    let twice = served
        .run(&[&call[..], &["--record", &tape]].concat())
        .await;
    assert_eq!(twice.code, 2, "{}", twice.err);
    assert_eq!(served.fake.party_count(), people);
}

#[tokio::test]
async fn a_call_that_leaves_its_recording_says_where() {
    let served = Served::small().await;
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("create.json").display().to_string();
    let input = |name: &str| json!({"firstName": "Ines", "lastName": name}).to_string();
    let (duarte, costa) = (input("Duarte"), input("Costa"));
    let call = [
        "call",
        "people.create",
        "--input",
        &duarte,
        "--record",
        &tape,
    ];
    assert_eq!(served.run(&call).await.code, 0);
    let call = [
        "call",
        "people.create",
        "--input",
        &costa,
        "--replay",
        &tape,
    ];
    let other = run(&call).await;
    assert_eq!(other.code, 1, "{}", other.err);
    for part in ["/party/lastName", "never came: POST"] {
        assert!(other.err.contains(part), "{part}: {}", other.err);
    }
}

#[tokio::test]
async fn an_account_whose_address_is_told_is_not_asked_for_it() {
    let served = Served::small().await;
    let person = json!({"firstName": "Ines", "lastName": "Duarte"});
    let id = served.call("people.create", &person).await.json()["id"].clone();
    let input = json!({"id": id, "embed": {"webUrl": true}}).to_string();
    let mut read = vec!["call", "parties.get", "--token-env", "TOKEN"];
    read.extend(["--base-url", &served.url, "--input", &input]);
    let asked = || {
        let rows = served.fake.journal();
        rows.iter().filter(|row| row.path == "/api/v2/site").count()
    };
    served.fake.clear_journal();
    let record = run(&read).await.json();
    assert_eq!(asked(), 1, "{record}");
    served.fake.clear_journal();
    read.extend(["--account-web-url", "https://people.example/"]);
    let record = run(&read).await.json();
    assert_eq!(asked(), 0);
    assert_eq!(
        record["webUrl"],
        format!("https://people.example/party/{id}")
    );
}

#[tokio::test]
async fn an_address_for_people_that_is_none_is_refused() {
    for url in [
        "northwind",
        "https://northwind.example/path",
        "javascript:alert(1)",
    ] {
        let ended = run(&[
            "call",
            "people.create",
            "--token-env",
            "TOKEN",
            "--account-web-url",
            url,
        ])
        .await;
        assert_eq!(ended.code, 2, "{url}");
        assert!(ended.err.contains("--account-web-url"), "{}", ended.err);
    }
}

#[tokio::test]
async fn an_input_comes_from_a_file() {
    let served = Served::small().await;
    let folder = Folder::with("");
    folder.write("input.json", r#"{"limit": 1}"#);
    let input = format!("@{}", folder.path("input.json"));
    let list = served
        .run(&["call", "parties.list-all", "--input", &input])
        .await;
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_input_comes_from_standard_input() {
    let served = Served::small().await;
    let mut command = command(&["call", "parties.list-all", "--input", "-"]);
    command.args(["--token-env", "TOKEN", "--base-url", &served.url]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(br#"{"limit": 2}"#).await.unwrap();
    drop(input);
    let list = Ended::new(child.wait_with_output().await.unwrap());
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_input_that_does_not_fit_ends_with_2_and_nothing_is_sent() {
    let served = Served::small().await;
    let person = json!({"firstNam": "Ines", "lastName": 7});
    let ended = served.call("people.create", &person).await;
    assert_eq!((ended.code, ended.out.as_str()), (2, ""));
    let error = ended.error();
    let faults = error["permanent"]["invalidInput"].as_array().unwrap();
    let pointers: Vec<&Value> = faults.iter().map(|fault| &fault["pointer"]).collect();
    assert_eq!(pointers, ["/firstNam", "/lastName"]);
    assert!(served.fake.journal().is_empty());
}

#[tokio::test]
async fn an_operation_that_does_not_exist_ends_with_2_and_the_nearest_ids() {
    let served = Served::small().await;
    let ended = served.call("people.creat", &json!({})).await;
    assert_eq!(ended.code, 2);
    let error = ended.error();
    let message = error["permanent"]["unsupported"]["message"]
        .as_str()
        .unwrap();
    assert!(message.contains("people.create"), "{message}");
}

#[tokio::test]
async fn a_record_that_is_not_there_ends_with_3() {
    let served = Served::small().await;
    let ended = served
        .call("parties.get", &json!({"id": 987_654_321}))
        .await;
    assert_eq!(ended.code, 3);
    assert_eq!(ended.error()["permanent"]["notFound"]["status"], 404);
}

#[tokio::test]
async fn a_vendor_that_is_not_there_ends_with_4() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ended = run(&[
        "call",
        "parties.list-all",
        "--token-env",
        "TOKEN",
        "--base-url",
        &url,
    ])
    .await;
    assert_eq!(ended.code, 4, "{}", ended.err);
    assert!(ended.error()["transient"]["unavailable"].is_object());
}

#[tokio::test]
async fn a_token_that_is_refused_ends_with_3_and_is_not_told() {
    let served = Served::strict().await;
    let ended = served.call("parties.list-all", &json!({})).await;
    assert_eq!(ended.code, 3);
    assert!(ended.error()["permanent"]["unauthenticated"].is_object());
}

#[tokio::test]
async fn without_a_token_both_ways_to_give_one_are_told() {
    let ended = run(&["call", "parties.list-all"]).await;
    assert_eq!(ended.code, 1);
    for way in ["--token-env", "--token-file"] {
        assert!(ended.err.contains(way), "{}", ended.err);
    }
}

#[tokio::test]
async fn a_token_comes_from_a_file_and_its_line_end_is_no_part_of_it() {
    let served = Served::strict().await;
    let folder = Folder::with("");
    let token = served.fake.issue_token("", "").access;
    folder.write("token", &format!("{token}\n"));
    let path = folder.path("token");
    let ended = run(&[
        "call",
        "parties.list-all",
        "--token-file",
        &path,
        "--base-url",
        &served.url,
    ])
    .await;
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[tokio::test]
async fn no_argument_takes_the_token_itself() {
    let ended = run(&["call", "parties.list-all", "--token", "abc"]).await;
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("--token-env"), "{}", ended.err);
}

#[tokio::test]
async fn a_token_is_not_sent_to_a_stranger() {
    let stranger = "https://crm.stranger.example";
    let ended = run(&[
        "call",
        "parties.list-all",
        "--token-env",
        "TOKEN",
        "--base-url",
        stranger,
    ])
    .await;
    assert_eq!(ended.code, 1);
    let way_out = format!("--allow-origin {stranger}");
    assert!(ended.err.contains(&way_out), "{}", ended.err);
}

// batch

#[tokio::test]
async fn a_file_is_imported_and_a_wrong_row_stops_no_other() {
    let served = Served::small().await;
    let folder = Folder::with(CONTACTS);
    let before = served.fake.party_count();
    let ended = folder.batch(&served, "people.upsert", &[]).await;
    assert_eq!(ended.code, 2, "{}", ended.err);
    assert_eq!(
        ended.json()["actions"],
        json!({"created": 2, "updated": 1, "failed": 1})
    );
    // Two people and one company.
    assert_eq!(served.fake.party_count(), before + 3);
    let report = folder.report();
    assert_eq!(
        actions(&report),
        ["created", "created", "updated", "failed"]
    );
    assert_eq!(
        report[0][3], report[2][3],
        "the third row is the first one's person"
    );
    assert!(report[0][4].starts_with("https://"), "{:?}", report[0]);
    assert!(report[3][5].contains("column `Email`"), "{:?}", report[3]);
    assert_eq!(report[3][6], "/person/emailAddresses");
}

#[tokio::test]
async fn an_import_that_is_run_again_changes_nothing() {
    let served = Served::small().await;
    let folder = Folder::with(CONTACTS);
    folder.batch(&served, "people.upsert", &[]).await;
    let before = (served.fake.party_count(), served.fake.changes().len());
    let again = folder.batch(&served, "people.upsert", &[]).await;
    assert_eq!(
        again.json()["actions"],
        json!({"unchanged": 3, "failed": 1})
    );
    assert_eq!(
        (served.fake.party_count(), served.fake.changes().len()),
        before
    );
}

#[tokio::test]
async fn a_resumed_import_leaves_alone_what_is_done() {
    let served = Served::small().await;
    let folder = Folder::with(
        "Name,Email\nAnn Lee,ann@lee.example\nBob Lee,bob@lee.example\nCy Lee,cy at lee\n",
    );
    folder.batch(&served, "people.upsert", &[]).await;
    served.fake.clear_journal();
    let resumed = folder.batch(&served, "people.upsert", &["--resume"]).await;
    assert_eq!(resumed.code, 2);
    assert!(served.fake.journal().is_empty());
    assert_eq!(actions(&folder.report()), ["created", "created", "failed"]);
}

#[tokio::test]
async fn a_resumed_import_sends_the_rows_that_were_mended() {
    let served = Served::small().await;
    let folder = Folder::with("Name,Email\nAnn Lee,ann@lee.example\nBob Lee,bob at lee\n");
    folder.batch(&served, "people.upsert", &[]).await;
    let before = served.fake.party_count();
    folder.write(
        "rows.csv",
        "Name,Email\nAnn Lee,ann@lee.example\nBob Lee,bob@lee.example\n",
    );
    let resumed = folder.batch(&served, "people.upsert", &["--resume"]).await;
    assert_eq!(resumed.code, 0, "{}", resumed.err);
    assert_eq!(actions(&folder.report()), ["created", "created"]);
    assert_eq!(served.fake.party_count(), before + 1);
}

#[tokio::test]
async fn a_report_of_another_file_is_not_resumed() {
    let served = Served::small().await;
    let folder = Folder::with("Name\nAnn Lee\nBob Lee\n");
    folder.batch(&served, "people.upsert", &[]).await;
    folder.write("rows.csv", "Name\nBob Lee\nAnn Lee\n");
    let resumed = folder.batch(&served, "people.upsert", &["--resume"]).await;
    assert_eq!(resumed.code, 2);
    assert!(resumed.err.contains("another file"), "{}", resumed.err);
}

#[tokio::test]
async fn a_row_that_was_sent_and_not_answered_is_not_created_twice() {
    let served = Served::small().await;
    let folder = Folder::with("Name\nAnn Lee\nBob Lee\n");
    let killed = "row,key,action,id,web_url,error,pointer\n2,Ann Lee,started,,,,\n";
    folder.write("report.csv", killed);
    let before = served.fake.party_count();
    let resumed = folder.batch(&served, "people.create", &["--resume"]).await;
    assert_eq!(resumed.code, 3, "{}", resumed.err);
    assert_eq!(actions(&folder.report()), ["unknown", "created"]);
    assert_eq!(served.fake.party_count(), before + 1);
}

#[tokio::test]
async fn a_file_of_creates_is_not_run_over_its_report() {
    let served = Served::small().await;
    let folder = Folder::with("Name\nAnn Lee\n");
    folder.batch(&served, "people.create", &[]).await;
    let before = served.fake.party_count();
    let again = folder.batch(&served, "people.create", &[]).await;
    assert_eq!(again.code, 2);
    assert!(again.err.contains("--resume"), "{}", again.err);
    assert_eq!(served.fake.party_count(), before);
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_told_as_unknown_and_never_repeated() {
    let served = Served::small().await;
    let folder = Folder::with("Name\nAnn Lee\n");
    let lost = FaultRule::new(Fault::status(502).after_the_work());
    served
        .fake
        .faults()
        .add(lost.on(Method::POST, "/api/v2/parties").times(1));
    let before = served.fake.party_count();
    let ended = folder.batch(&served, "people.create", &[]).await;
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert_eq!(actions(&folder.report()), ["unknown"]);
    folder.batch(&served, "people.create", &["--resume"]).await;
    assert_eq!(served.fake.party_count(), before + 1);
}

#[tokio::test]
async fn a_report_runs_nothing_in_a_spreadsheet_or_a_terminal() {
    let served = Served::small().await;
    let folder = Folder::with("Last Name,Country\n=1+1,Atlantis\n\u{1b}[31mred,\n");
    folder.batch(&served, "people.upsert", &[]).await;
    let report = folder.report();
    assert_eq!(report[0][1], "'=1+1");
    assert_eq!(report[1][1], "\\u{1b}[31mred");
    assert_eq!(actions(&report), ["failed", "created"]);
    assert!(report[0][5].contains("column `Country`"), "{:?}", report[0]);
}

#[tokio::test]
async fn columns_that_are_not_known_end_it_before_anything_is_sent() {
    let served = Served::small().await;
    let folder = Folder::with("Name,Shoe size\nAnn Lee,38\n");
    let ended = folder.batch(&served, "people.upsert", &[]).await;
    assert_eq!(ended.code, 2);
    for way in ["--ignore 'Shoe size'", "--map 'Shoe size="] {
        assert!(ended.err.contains(way), "{}", ended.err);
    }
    assert!(served.fake.journal().is_empty());
}

#[tokio::test]
async fn a_column_goes_where_the_caller_maps_it() {
    let served = Served::small().await;
    let folder = Folder::with("Name,Shoe size,Zodiac\nAnn Lee,38,Leo\n");
    let choices = ["--map", "Shoe size=/about", "--ignore", "Zodiac"];
    let ended = folder.batch(&served, "people.upsert", &choices).await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    let found = served
        .call("people.find", &json!({"by": {"name": "Ann Lee"}}))
        .await;
    assert_eq!(found.json()["items"][0]["about"], "38");
}

#[tokio::test]
async fn a_dry_run_needs_no_token_and_judges_every_row() {
    let folder = Folder::with(
        "First Name,Email\nAnn,ann@lee.example\n,bob@lee.example\nCy,not an address\n",
    );
    let (csv, report) = (folder.path("rows.csv"), folder.path("report.csv"));
    let ended = run(&[
        "batch",
        "people.upsert",
        "--csv",
        &csv,
        "--dry-run",
        "--report",
        &report,
    ])
    .await;
    assert_eq!(ended.code, 2, "{}", ended.err);
    let report = folder.report();
    assert_eq!(actions(&report), ["fits", "failed", "failed"]);
    assert!(report[1][5].contains("firstName"), "{:?}", report[1]);
}

#[tokio::test]
async fn a_dry_run_sends_nothing() {
    let served = Served::small().await;
    let folder = Folder::with("Name\nAnn Lee\n");
    let ended = folder.batch(&served, "people.upsert", &["--dry-run"]).await;
    assert_eq!(ended.json()["actions"], json!({"fits": 1}));
    assert!(served.fake.journal().is_empty());
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_as_long_as_told() {
    // Three seconds before the end of an hour, at which the limit is forgotten. Up to two the egress would wait by itself.
    let clock = Clock::manual_at(1_770_112_800 - 3);
    let served = Served::new(FakeOptions {
        parties: 5,
        clock,
        ..FakeOptions::default()
    })
    .await;
    let limited = FaultRule::new(Fault::rate_limited());
    served
        .fake
        .faults()
        .add(limited.on_path("/api/v2/parties").times(1));
    let folder = Folder::with("Name\nAnn Lee\nBob Lee\n");
    let ended = folder
        .batch(&served, "people.upsert", &["--concurrency", "1"])
        .await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    let told = "the rate limit is reached: waiting 3.0 s";
    assert!(ended.err.contains(told), "{}", ended.err);
    assert_eq!(actions(&folder.report()), ["created", "created"]);
}

#[tokio::test]
async fn an_outage_is_outlived() {
    let served = Served::small().await;
    let away = FaultRule::new(Fault::status(503)).on_path("/api/v2/parties");
    served.fake.faults().add(away.times(2));
    let folder = Folder::with("Name\nAnn Lee\n");
    let ended = folder.batch(&served, "people.upsert", &[]).await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(actions(&folder.report()), ["created"]);
}

#[tokio::test]
async fn a_refused_token_ends_an_import_after_the_first_call() {
    let served = Served::strict().await;
    let people: String = (0..60).map(|row| format!("Person {row}\n")).collect();
    let folder = Folder::with(&format!("Name\n{people}"));
    let ended = folder.batch(&served, "people.upsert", &[]).await;
    assert_eq!(ended.code, 3);
    let report = folder.report();
    let waiting = actions(&report)
        .iter()
        .filter(|action| **action == "not-started")
        .count();
    assert_eq!((report.len(), waiting), (60, 35));
}

#[tokio::test]
async fn many_rows_side_by_side_break_no_sandbox_and_make_no_duplicates() {
    let served = Served::new(FakeOptions {
        parties: 300,
        seed: 7,
        ..FakeOptions::default()
    })
    .await;
    let before = served.fake.party_count();
    let csv = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/contacts.csv");
    let ended = served
        .run(&[
            "batch",
            "people.upsert",
            "--csv",
            csv,
            "--concurrency",
            "16",
        ])
        .await;
    assert_eq!(ended.code, 2, "{}", ended.err);
    assert!(!ended.err.contains("broke down"), "{}", ended.err);
    assert_eq!(ended.json()["actions"]["created"], 180);
    assert_eq!(served.fake.party_count(), before + 180 + 40);
}

#[tokio::test]
async fn another_operation_takes_rows_by_pointers() {
    let served = Served::small().await;
    let id = served
        .call("people.create", &json!({"lastName": "Lee"}))
        .await
        .json()["id"]
        .clone();
    let folder = Folder::with(&format!("Who,What\n{id},Head of sales\n"));
    let map = ["--map", "Who=/id:number", "--map", "What=/jobTitle"];
    let ended = folder.batch(&served, "people.update", &map).await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    let read = served.call("parties.get", &json!({ "id": id })).await;
    assert_eq!(read.json()["jobTitle"], "Head of sales");
}

#[tokio::test]
async fn an_operation_that_only_reads_takes_no_rows() {
    let folder = Folder::with("q\nAnn\n");
    let csv = folder.path("rows.csv");
    let ended = run(&[
        "batch",
        "parties.search",
        "--csv",
        &csv,
        "--map",
        "q=/q",
        "--token-env",
        "TOKEN",
    ])
    .await;
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("capsule-host call"), "{}", ended.err);
}

// fake and demo

#[tokio::test]
async fn the_fake_tells_its_address_on_one_line_and_answers_there() {
    let (mut child, url, _lines) = fake(&["--parties", "7"]).await;
    let list = run(&[
        "call",
        "parties.list-all",
        "--token-env",
        "TOKEN",
        "--base-url",
        &url,
    ])
    .await;
    assert_eq!(list.json()["total"], 7);
    child.kill().await.unwrap();
}

/// A fake of a process of its own, its address, and what it goes on to say.
async fn fake(
    arguments: &[&str],
) -> (
    tokio::process::Child,
    String,
    tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
) {
    let mut command = command(&[&["fake", "--port", "0"], arguments].concat());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await;
    let told: Value = serde_json::from_str(&first.unwrap().unwrap().unwrap()).unwrap();
    (child, told["url"].as_str().unwrap().to_owned(), lines)
}

#[tokio::test]
async fn the_fake_lets_go_wrong_what_it_is_told_to() {
    let lost = "POST /api/v2/parties; times=1; drop";
    let limited = "GET /api/v2/parties; skip=1; rate-limit";
    let (mut child, url, _lines) = fake(&["--fault", lost, "--fault", limited]).await;
    let account = ["--token-env", "TOKEN", "--base-url", &url];
    let create = ["call", "people.create", "--input", r#"{"lastName": "Lee"}"#];
    let created = run(&[&create[..], &account].concat()).await;
    assert!(created.err.contains("outcomeUnknown"), "{}", created.err);
    let list = ["call", "parties.list-all", "--input", r#"{"limit": 1}"#];
    let list = [&list[..], &account].concat();
    // It was made before the answer was lost.
    assert_eq!(run(&list).await.json()["total"], 101);
    let refused = run(&list).await;
    assert_eq!(refused.code, 4);
    assert!(refused.err.contains("rateLimited"), "{}", refused.err);
    child.kill().await.unwrap();

    let refused = run(&["fake", "--port", "0", "--fault", "GET /parties; cut"]).await;
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("/api/v2/parties"), "{}", refused.err);
}

#[tokio::test]
async fn the_fake_delivers_to_the_hooks_that_are_made_on_it() {
    let (mut child, url, _lines) = fake(&["--parties", "1"]).await;
    let account = ["--token-env", "TOKEN", "--base-url", &url];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}/h", listener.local_addr().unwrap());
    let hook = json!({"event": "party/created", "targetUrl": target}).to_string();
    let subscribed = ["call", "hooks.subscribe", "--input", &hook];
    let ended = run(&[&subscribed[..], &account].concat()).await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    let created = [
        "call",
        "people.create",
        "--input",
        r#"{"lastName": "Duarte"}"#,
    ];
    let ended = run(&[&created[..], &account].concat()).await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    let delivered = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        while !String::from_utf8_lossy(&bytes).contains("Duarte") {
            assert_ne!(socket.read_buf(&mut bytes).await.unwrap(), 0);
        }
        socket
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let request = tokio::time::timeout(Duration::from_secs(30), delivered)
        .await
        .expect("nothing is delivered");
    assert!(request.starts_with("POST /h"), "{request}");
    assert!(request.contains("party/created"), "{request}");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn every_claim_of_the_demo_holds() {
    let ended = run(&["demo", "--json"]).await;
    let told = ended.json();
    assert_eq!(told["wrong"], json!([]));
    assert!(told["claims"].as_u64().unwrap() > 25, "{told}");
    assert_eq!(ended.code, 0);
}
