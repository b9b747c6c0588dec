//! `capsule-host batch`: an operation for each row of a CSV file.
//!
//! `table.rs` reads the file, `column.rs` knows what headings mean, `mapping.rs` makes a row a record (and `pointer.rs` what it has no
//! name for), `order.rs` says which rows may run side by side, `run.rs` runs them, waits and tries again, `report.rs` writes down what
//! became of each. This file puts them together.

mod column;
mod dry;
mod mapping;
mod order;
mod pointer;
mod report;
mod run;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use capsule_host::runtime::catalog::{Effect, Operation};
use capsule_host::runtime::operations::{Call, ManyOptions, OnFailure, OutcomeStatus};
use capsule_host::runtime::{Connector, Limits, Tenant};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::account::AccountArgs;
use super::component::ComponentArgs;
use super::exit::{Exit, of_input};
use super::failure::Failure;
use super::progress::Progress;
use super::terminal::{brief, is_read_by_a_person, plain, print_json};

use column::Kind;
use mapping::{CellFault, Choices, Mapping, Record};
use order::{Claims, MatchKey};
pub(super) use report::{Action, Line};
use report::{Before, Report};
use run::{Ended, Event, Job, Pace, Runs, Told};

/// Rows of one call: they share one sandbox and what it looks up by name (owners, teams, custom fields).
const CHUNK: usize = 25;
/// Requests that one row may need, look-ups of every match key and of the employer included.
const REQUESTS_A_ROW: u32 = 16;
/// Failed rows that are shown where there is no report.
const SHOWN: usize = 20;

const EXAMPLES: &str = "\
Examples:
  capsule-host batch people.upsert --csv contacts.csv --token-env CAPSULE_TOKEN --report report.csv
  capsule-host batch people.upsert --csv contacts.csv --dry-run
  capsule-host batch people.upsert --csv contacts.csv --match field:Reference,email --map 'Ref=field:Reference' --ignore 'Shoe size' ...
  capsule-host batch organisations.upsert --csv companies.csv --match name ...
  capsule-host batch people.create --csv new.csv --report report.csv --resume ...
  capsule-host batch tasks.create --csv tasks.csv --map 'What=/description' --map 'Due=/dueOn' --map 'Contact=/party:number' ...

Columns are known by their headings, however they are spelled: First Name, Last Name, Name, Title, Job Title, Organisation, Email,
Work Email, Email 2, Phone, Mobile, Work Phone, Fax, Website, LinkedIn, Street, City, State, Postcode, Country, Home City,
Billing Street, Tags, Notes, Owner, Team and the like. A column `field:NAME` or `custom:ID` is a custom field. A cell may hold several
e-mail addresses or phone numbers with `;` between them, and several tags with `,` or `;`. An empty cell changes nothing.

--map COLUMN=MEANING takes a heading, field:NAME, or a JSON pointer into the record such as /websites/0/address. What is no text says so
at its end: field:Score:number, /party:number, and also :boolean, :options (with `;` between them), :json.

Rows that could mean the same record (an e-mail address or a name in common, by --match) run one after another, the others side by side.
An upsert can be run again as often as you like: it makes no duplicates. Other operations can't: give them a report, and --resume.

The report has one row for each row of the file: row,key,action,id,web_url,error,pointer. Actions: created, updated, unchanged, done,
fits (dry run), failed, unknown (sent, and no answer: look before you repeat it), empty, not-started. Rows count as in a spreadsheet: the
header is row 1.

Exit codes:
  0  every row is done
  1  the command could not work: no component, no token, a report that can't be written
  2  some rows, the columns or the arguments must be mended; the other rows are done
  3  some rows failed for another reason that will not go away, or the token was refused
  4  some rows only need another run, later";

/// Options of `batch`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES, after_help = "Examples, columns, report and exit codes: capsule-host batch --help")]
pub(crate) struct BatchArgs {
    /// The operation, such as people.upsert
    id: String,
    /// The file, in UTF-8, with a header
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// What a column means: a heading, field:NAME or a JSON pointer into the record
    #[arg(long, value_name = "COLUMN=MEANING", value_parser = pair)]
    map: Vec<(String, String)>,
    /// A column to leave out
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,
    /// What to recognise a record by, in this order: email, phone, name, field:NAME [default: email,name; organisations: name]
    #[arg(long = "match", value_name = "KEYS", value_delimiter = ',', value_parser = MatchKey::parse)]
    match_by: Vec<MatchKey>,
    /// What to do where several records match
    #[arg(long, value_enum, default_value_t = Several::Fail)]
    several: Several,
    /// The character between cells [default: the one that the header has most of: comma, semicolon or tab]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Rows at a time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=16))]
    concurrency: u8,
    /// Where to write what became of each row
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Go on where the report ends: rows that are done are left alone
    #[arg(long, requires = "report")]
    resume: bool,
    /// Check every row with the component, and send nothing
    #[arg(long, conflicts_with = "resume")]
    dry_run: bool,
    #[command(flatten)]
    account: AccountArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Several {
    /// The row fails, and its error names them
    Fail,
    /// The one that was created last
    Newest,
    /// The one that was created first
    Oldest,
}

/// Splits `COLUMN=MEANING` at the last sign: a heading may hold one.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((column, meaning)) if !column.trim().is_empty() && !meaning.trim().is_empty() => {
            Ok((column.trim().to_owned(), meaning.trim().to_owned()))
        }
        _ => Err("write COLUMN=MEANING, such as 'Vorname=First Name'".to_owned()),
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("\\t" | "tab", _) => Ok(b'\t'),
        (_, [byte]) if byte.is_ascii_punctuation() && *byte != b'"' || text == "\t" => {
            Ok(text.as_bytes().first().copied().unwrap_or(b','))
        }
        _ => Err("one character such as ; or tab".to_owned()),
    }
}

/// What an operation takes from a row.
#[derive(Debug)]
struct Shape {
    kind: Kind,
    /// Where the record stands in the input; none: it is the input.
    record: Option<&'static str>,
    /// It finds the record, or creates one.
    matches: bool,
}

impl Shape {
    fn of(id: &str) -> Self {
        let (kind, name) = match id.split_once('.') {
            Some(("people", "create" | "upsert" | "find-or-create")) => (Kind::Person, "person"),
            Some(("organisations", "create" | "upsert" | "find-or-create")) => {
                (Kind::Organisation, "organisation")
            }
            _ => {
                return Self {
                    kind: Kind::Other,
                    record: None,
                    matches: false,
                };
            }
        };
        let matches = !id.ends_with(".create");
        Self {
            kind,
            record: matches.then_some(name),
            matches,
        }
    }

    /// What records are recognised by where nobody says it.
    fn usual_keys(&self) -> Vec<MatchKey> {
        match (self.matches, self.kind) {
            (false, _) => Vec::new(),
            (true, Kind::Organisation) => vec![MatchKey::Name],
            (true, Kind::Person | Kind::Other) => vec![MatchKey::Email, MatchKey::Name],
        }
    }
}

/// A row that is to be run.
#[derive(Debug)]
struct Planned {
    row: u64,
    key: String,
    record: Record,
}

/// What to do with each row.
#[derive(Debug)]
struct Task {
    operation: Operation,
    shape: Shape,
    keys: Vec<MatchKey>,
    several: Several,
    /// Ask for each record's link.
    links: bool,
}

/// Runs the file.
pub(crate) async fn run(args: &BatchArgs, component: &ComponentArgs) -> Result<Exit> {
    let connector = component.load()?;
    let operation = operation(&connector, &args.id).await?;
    let shape = Shape::of(&operation.id);
    let keys = match_keys(args, &shape).map_err(of_input)?;
    let task = Task {
        operation,
        shape,
        keys,
        several: args.several,
        links: args.report.is_some(),
    };
    let table = table::open(&args.csv, args.delimiter).map_err(of_input)?;
    let choices = Choices {
        map: &args.map,
        ignore: &args.ignore,
        record: task.shape.record,
    };
    let mapping = Mapping::new(&table.headings, task.shape.kind, &choices).map_err(of_input)?;
    let before = before(args, task.operation.repeat_safe)?;
    let (planned, settled) = plan(&table, &mapping, &task, before.as_ref()).map_err(of_input)?;
    let jobs = task.jobs(&planned);
    let tenant = if args.dry_run {
        dry::tenant(limits())?
    } else {
        args.account.tenant(&connector, limits()).await?
    };

    let began = Instant::now();
    let resumed = before.is_some();
    let mut report = Report::begin(args.report.as_deref(), before)?;
    report.add(settled)?;
    let calls = Calls {
        connector: &connector,
        tenant: &tenant,
        id: &task.operation.id,
        concurrency: args.concurrency,
    };
    let mut book = Book::new(&planned, &task, report);
    let ended = if args.dry_run {
        book.report
            .add(dry::check(&calls, &planned, &jobs, &task.shape).await)?;
        Ended::All
    } else {
        book.run(&jobs, &calls).await?
    };
    let Book { report, exits, .. } = book;
    let lines = report.finish()?;
    let exit = exit(&lines, &exits, &ended);
    summary(args, &lines, &ended, began.elapsed(), resumed)?;
    Ok(exit)
}

/// Runs a file that lies in memory, as `batch ID --csv FILE` would, and tells what became of each row.
pub(super) async fn import(
    connector: &Connector,
    tenant: &Tenant,
    id: &str,
    csv: &[u8],
) -> Result<Vec<Line>> {
    let operation = operation(connector, id).await?;
    let shape = Shape::of(&operation.id);
    let keys = shape.usual_keys();
    let task = Task {
        operation,
        shape,
        keys,
        several: Several::Fail,
        links: false,
    };
    let table = table::read(csv, None)?;
    let mapping = Mapping::new(
        &table.headings,
        task.shape.kind,
        &Choices {
            record: task.shape.record,
            ..Choices::default()
        },
    )?;
    let (planned, settled) = plan(&table, &mapping, &task, None)?;
    let jobs = task.jobs(&planned);
    let mut report = Report::begin(None, None)?;
    report.add(settled)?;
    let calls = Calls {
        connector,
        tenant,
        id: &task.operation.id,
        concurrency: 8,
    };
    let mut book = Book::new(&planned, &task, report);
    book.run(&jobs, &calls).await?;
    Ok(book.report.finish()?.into_values().collect())
}

/// The operation, if rows are a sensible input for it.
async fn operation(connector: &Connector, id: &str) -> Result<Operation> {
    let operations = match connector.operations().await {
        Ok(operations) => operations,
        Err(error) => bail!(
            "the component can't tell its operations: {}",
            Failure::from(&error).told()
        ),
    };
    let found = operations
        .into_iter()
        .find(|operation| operation.id == id || operation.aliases.iter().any(|alias| alias == id));
    match found {
        None => Err(of_input(anyhow::anyhow!(
            "there is no operation `{}`; `capsule-host describe` lists what there is",
            brief(id)
        ))),
        Some(operation) if operation.effect == Effect::Read => Err(of_input(anyhow::anyhow!(
            "`{}` only reads, and its results would be lost; use `capsule-host call`",
            operation.id
        ))),
        Some(operation) => Ok(operation),
    }
}

fn match_keys(args: &BatchArgs, shape: &Shape) -> Result<Vec<MatchKey>> {
    match (shape.matches, args.match_by.is_empty()) {
        (false, false) => bail!(
            "--match is for upsert and find-or-create: `{}` looks for nothing",
            args.id
        ),
        (true, false) => Ok(args.match_by.clone()),
        (_, true) => Ok(shape.usual_keys()),
    }
}

/// What an earlier run has reported.
fn before(args: &BatchArgs, is_repeat_safe: bool) -> Result<Option<Before>> {
    match &args.report {
        Some(path) if args.resume && path.exists() => {
            Before::read(path).map(Some).map_err(of_input)
        }
        // The report is all that tells which rows must not be sent again.
        Some(path) if !is_repeat_safe && !args.dry_run && path.exists() => {
            Err(of_input(anyhow::anyhow!(
                "the report {} is there already, and `{}` would do its rows twice: go on with --resume, or write another report",
                path.display(),
                args.id
            )))
        }
        _ => Ok(None),
    }
}

/// Rows to run, and rows whose outcome is known already.
fn plan(
    table: &table::Table,
    mapping: &Mapping,
    task: &Task,
    before: Option<&Before>,
) -> Result<(Vec<Planned>, Vec<Line>)> {
    let mut planned = Vec::new();
    let mut settled = Vec::new();
    for row in &table.rows {
        let (record, fault) = match row.cells.as_ref().map(|cells| mapping.record(cells)) {
            Ok(Ok(record)) => (Some(record), None),
            Ok(Err(misfit)) => (Some(misfit.record), Some(task.misfit(&misfit.faults))),
            Err(error) => (None, Some((error.clone(), String::new()))),
        };
        let key = record.as_ref().map(key).unwrap_or_default();
        let line = |action| Line::new(row.number, &key, action);
        match before
            .map(|before| before.action(row.number, &key))
            .transpose()?
            .flatten()
        {
            // The line stays as it is.
            Some(action) if action.is_done() => continue,
            Some(Action::Started | Action::Unknown) if !task.operation.repeat_safe => {
                let error = "an earlier run sent it and has not seen the answer: look before you repeat it; without its line in the \
                             report it is sent again";
                settled.push(Line {
                    error: error.into(),
                    ..line(Action::Unknown)
                });
                continue;
            }
            _ => {}
        }
        match (record, fault) {
            (_, Some((error, pointer))) => settled.push(Line {
                error,
                pointer,
                ..line(Action::Failed)
            }),
            (Some(record), None) if !record.is_empty() => planned.push(Planned {
                row: row.number,
                key,
                record,
            }),
            (_, None) => settled.push(line(Action::Empty)),
        }
    }
    Ok((planned, settled))
}

impl Shape {
    /// A place in the record as a place in the input.
    fn pointer(&self, in_record: &str) -> String {
        match self.record {
            Some(record) => format!("/{record}{in_record}"),
            None => in_record.to_owned(),
        }
    }

    /// A place in the input as a place in the record.
    fn in_record<'p>(&self, in_input: &'p str) -> &'p str {
        let inner = self
            .record
            .and_then(|record| in_input.strip_prefix('/')?.strip_prefix(record));
        inner
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .unwrap_or(in_input)
    }
}

/// By what a person recognises a row.
fn key(record: &Record) -> String {
    let email = record
        .texts("emailAddresses", "address")
        .next()
        .map(str::to_owned);
    email
        .or_else(|| record.name())
        .or_else(|| {
            record
                .texts("phoneNumbers", "number")
                .next()
                .map(str::to_owned)
        })
        .unwrap_or_default()
}

impl Task {
    /// The error of a row with wrong cells, and the places in the input that they would have had.
    fn misfit(&self, faults: &[CellFault]) -> (String, String) {
        let messages: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
        let pointers: Vec<String> = faults
            .iter()
            .filter(|fault| !fault.pointer.is_empty())
            .map(|fault| self.shape.pointer(&fault.pointer))
            .collect();
        (messages.join("; "), pointers.join(" "))
    }

    fn jobs(&self, planned: &[Planned]) -> Vec<Job> {
        let job = |planned: &Planned| Job {
            input: self.input(&planned.record),
            claims: Claims::of(&planned.record, &self.keys),
        };
        planned.iter().map(job).collect()
    }

    /// The operation's input for a record.
    fn input(&self, record: &Record) -> Value {
        let mut value = record.value.clone();
        if self.links
            && self.shape.kind != Kind::Other
            && let Some(record) = value.as_object_mut()
        {
            // One request for each call of the component, whatever its number of rows.
            record
                .entry("embed")
                .or_insert_with(|| json!({"webUrl": true}));
        }
        let Some(name) = self.shape.record else {
            return value;
        };
        let mut input = Map::new();
        input.insert(
            "matchBy".into(),
            self.keys.iter().map(MatchKey::json).collect(),
        );
        match self.several {
            Several::Fail => None,
            Several::Newest => input.insert("several".into(), "newest".into()),
            Several::Oldest => input.insert("several".into(), "oldest".into()),
        };
        input.insert(name.into(), value);
        Value::Object(input)
    }
}

/// Limits for calls that run a chunk of rows.
pub(super) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.egress.requests = limits.egress.requests.max(CHUNK as u32 * REQUESTS_A_ROW);
    limits
}

/// Calls of the component.
struct Calls<'a> {
    connector: &'a Connector,
    tenant: &'a Tenant,
    id: &'a str,
    concurrency: u8,
}

impl Runs for Calls<'_> {
    async fn run(&self, chunk: &[(usize, &Value)]) -> Result<Vec<(usize, Told)>, Failure> {
        let calls = chunk.iter().map(|(row, input)| Call {
            key: row.to_string(),
            id: self.id.to_owned(),
            input: input.to_string(),
        });
        let options = ManyOptions {
            concurrency: self.concurrency,
            on_failure: OnFailure::KeepGoing,
            // The host sets it by the sandbox's own time.
            start_within_ms: None,
        };
        let outcomes = self
            .connector
            .call(self.tenant)
            .invoke_many(calls.collect(), options)
            .await
            .map_err(|error| Failure::from(&error))?
            .value;
        let told = outcomes.into_iter().filter_map(|outcome| {
            let row = outcome.key.parse().ok()?;
            let told = match outcome.status {
                // What is no JSON tells nothing; that it was done counts.
                OutcomeStatus::Done(output) => {
                    Told::Done(serde_json::from_str(&output).unwrap_or(Value::Null))
                }
                OutcomeStatus::Failed(error) => Told::Failed(Failure::from(&error)),
                OutcomeStatus::NotStarted => Told::NotStarted,
            };
            Some((row, told))
        });
        Ok(told.collect())
    }
}

/// Writes down what becomes of the rows.
struct Book<'a> {
    planned: &'a [Planned],
    task: &'a Task,
    report: Report,
    /// What the failed rows would have ended the command with.
    exits: Vec<Exit>,
}

impl<'a> Book<'a> {
    fn new(planned: &'a [Planned], task: &'a Task, report: Report) -> Self {
        Self {
            planned,
            task,
            report,
            exits: Vec::new(),
        }
    }

    async fn run(&mut self, jobs: &[Job], calls: &Calls<'_>) -> Result<Ended> {
        let pace = Pace {
            chunk: CHUNK,
            attempts: 6,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            is_repeat_safe: self.task.operation.repeat_safe,
        };
        let (stopper, mut stop) = watch::channel(false);
        let listening = tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                eprintln!(
                    "Stopping: the rows that were sent are waited for. Ctrl-C again ends at once."
                );
                let _ = stopper.send(true);
                if tokio::signal::ctrl_c().await.is_ok() {
                    std::process::exit(130);
                }
            }
        });
        let mut open: BTreeSet<usize> = (0..jobs.len()).collect();
        let mut progress = Progress::new(jobs.len() as u64, "rows");
        let ended = run::run(jobs, calls, &pace, &mut stop, |event| {
            if let Event::Settled(row, _) = &event {
                open.remove(row);
            }
            self.tell(event, &mut progress)
        })
        .await;
        progress.finish();
        listening.abort();
        self.put(open.iter(), Action::NotStarted)?;
        ended
    }

    fn tell(&mut self, event: Event<'_>, progress: &mut Progress) -> Result<()> {
        match event {
            // Where rows may be sent twice, nobody needs to know which were under way.
            Event::Started(_) | Event::Back(_) if self.task.operation.repeat_safe => Ok(()),
            Event::Started(rows) => self.put(rows, Action::Started),
            Event::Back(rows) => self.put(rows, Action::NotStarted),
            Event::Settled(row, outcome) => {
                let Some(planned) = self.planned.get(row) else {
                    return Ok(());
                };
                let line = match outcome {
                    Ok(output) => done(planned, &self.task.operation, output),
                    Err(failure) => {
                        self.exits.push(failure.exit);
                        failed(planned, &self.task.shape, failure)
                    }
                };
                progress.step(self.exits.len() as u64);
                self.report.add([line])
            }
            Event::Broken(rows, failure) => {
                progress.say(&format!(
                    "a call with {rows} rows broke down, each is tried by itself: {}",
                    failure.told()
                ));
                Ok(())
            }
            Event::Waiting(wait, why) => {
                progress.say(&format!("{why}: waiting {}", spoken(wait)));
                Ok(())
            }
        }
    }

    /// Writes the same of several rows.
    fn put<'r>(&mut self, rows: impl IntoIterator<Item = &'r usize>, action: Action) -> Result<()> {
        let planned = rows.into_iter().filter_map(|row| self.planned.get(*row));
        self.report
            .add(planned.map(|planned| Line::new(planned.row, &planned.key, action)))
    }
}

fn done(planned: &Planned, operation: &Operation, output: &Value) -> Line {
    let record = output.get("party").unwrap_or(output);
    let action = match output.get("action").and_then(Value::as_str) {
        Some("created") => Action::Created,
        Some("updated") => Action::Updated,
        Some("unchanged") => Action::Unchanged,
        _ if operation.id.ends_with(".create") => Action::Created,
        _ => Action::Done,
    };
    Line {
        id: record.get("id").and_then(Value::as_u64),
        web_url: record
            .get("webUrl")
            .and_then(Value::as_str)
            .map(str::to_owned),
        ..Line::new(planned.row, &planned.key, action)
    }
}

fn failed(planned: &Planned, shape: &Shape, failure: &Failure) -> Line {
    let mut error = format!("{}: ", failure.case);
    if failure.places.is_empty() {
        error.push_str(&failure.message);
    }
    let places: Vec<String> = failure
        .places
        .iter()
        .map(|place| {
            let columns = planned.record.columns(shape.in_record(&place.pointer));
            if columns.is_empty() {
                return place.message.clone();
            }
            let columns: Vec<String> = columns
                .iter()
                .map(|column| format!("`{}`", brief(column)))
                .collect();
            format!("column {}: {}", columns.join(", "), place.message)
        })
        .collect();
    error.push_str(&places.join("; "));
    let pointers: Vec<&str> = failure
        .places
        .iter()
        .map(|place| place.pointer.as_str())
        .filter(|pointer| !pointer.is_empty())
        .collect();
    let action = if failure.case == "outcome-unknown" {
        Action::Unknown
    } else {
        Action::Failed
    };
    Line {
        error,
        pointer: pointers.join(" "),
        ..Line::new(planned.row, &planned.key, action)
    }
}

/// What somebody has to do: change something else, mend rows, or only run it again.
fn exit(lines: &BTreeMap<u64, Line>, exits: &[Exit], ended: &Ended) -> Exit {
    let has = |action: Action| lines.values().any(|line| line.action == action);
    if *ended == Ended::TokenRefused
        || has(Action::Unknown)
        || exits
            .iter()
            .any(|exit| matches!(exit, Exit::Permanent | Exit::Host))
    {
        return Exit::Permanent;
    }
    let told = exits.len();
    let failed = lines
        .values()
        .filter(|line| line.action == Action::Failed)
        .count();
    // Rows that failed before they were sent have no exit code of their own: their cells are wrong.
    if exits.contains(&Exit::Input) || failed > told {
        return Exit::Input;
    }
    if exits.contains(&Exit::Transient) || has(Action::NotStarted) {
        Exit::Transient
    } else {
        Exit::Done
    }
}

fn summary(
    args: &BatchArgs,
    lines: &BTreeMap<u64, Line>,
    ended: &Ended,
    took: Duration,
    resumed: bool,
) -> Result<()> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for line in lines.values() {
        *counts.entry(line.action.word()).or_default() += 1;
    }
    if args.report.is_none() {
        let failures: Vec<&Line> = lines
            .values()
            .filter(|line| matches!(line.action, Action::Failed | Action::Unknown))
            .collect();
        for line in failures.iter().take(SHOWN) {
            eprintln!(
                "row {} ({}): {}",
                line.row,
                plain(&line.key),
                plain(&line.error)
            );
        }
        if failures.len() > SHOWN {
            eprintln!(
                "... and {} more; --report FILE tells them all",
                failures.len() - SHOWN
            );
        }
    }
    let why = match ended {
        Ended::All => None,
        Ended::Stopped => Some("stopped before the end"),
        Ended::TokenRefused => Some("the token was refused: connect anew or give another one"),
        Ended::NoAnswer => Some("nothing answered any more: run it again later"),
    };
    if is_read_by_a_person() {
        let counts: Vec<String> = counts
            .iter()
            .map(|(action, count)| format!("{count} {action}"))
            .collect();
        println!(
            "{} rows in {}: {}",
            lines.len(),
            spoken(took),
            if counts.is_empty() {
                "none".into()
            } else {
                counts.join(", ")
            }
        );
        if resumed {
            println!("Rows of the earlier run are counted.");
        }
        if let Some(why) = why {
            println!("{why}");
        }
        if let Some(path) = &args.report {
            println!("Report: {}", path.display());
        }
        return Ok(());
    }
    if let Some(why) = why {
        eprintln!("{why}");
    }
    let mut told = json!({"rows": lines.len(), "actions": counts, "seconds": (took.as_secs_f64() * 1000.0).round() / 1000.0});
    told["complete"] = (*ended == Ended::All).into();
    if let Some(path) = &args.report {
        told["report"] = path.display().to_string().into();
    }
    print_json(&told)?;
    Ok(())
}

/// A time as people say it.
fn spoken(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_split_at_the_last_sign() {
        assert_eq!(
            pair("a=b=First Name").unwrap(),
            ("a=b".into(), "First Name".into())
        );
        assert!(pair("=x").is_err() && pair("x=").is_err() && pair("x").is_err());
    }

    #[test]
    fn a_delimiter_is_one_character() {
        assert_eq!(delimiter(";"), Ok(b';'));
        assert_eq!(delimiter("tab"), Ok(b'\t'));
        assert_eq!(delimiter("\\t"), Ok(b'\t'));
        for text in ["", ";;", "a", "\"", "é"] {
            assert!(delimiter(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_place_of_the_input_is_found_in_the_record() {
        let upsert = Shape::of("people.upsert");
        assert_eq!(
            upsert.in_record("/person/emailAddresses/0"),
            "/emailAddresses/0"
        );
        assert_eq!(upsert.in_record("/person"), "");
        assert_eq!(upsert.in_record("/personal"), "/personal");
        assert_eq!(upsert.in_record("/matchBy"), "/matchBy");
        assert_eq!(
            Shape::of("people.create").in_record("/lastName"),
            "/lastName"
        );
    }

    #[test]
    fn the_exit_code_tells_what_has_to_be_done() {
        let line = |row, action| (row, Line::new(row, "", action));
        let all = |actions: &[Action]| {
            actions
                .iter()
                .enumerate()
                .map(|(row, action)| line(row as u64, *action))
                .collect::<BTreeMap<_, _>>()
        };
        let table = [
            (
                &[Action::Created, Action::Empty][..],
                &[][..],
                Ended::All,
                0,
            ),
            (&[Action::Created, Action::Failed], &[], Ended::All, 2),
            (&[Action::Failed], &[Exit::Input], Ended::All, 2),
            (
                &[Action::Failed, Action::Failed],
                &[Exit::Input, Exit::Permanent],
                Ended::All,
                3,
            ),
            (&[Action::Unknown], &[Exit::Permanent], Ended::All, 3),
            (&[Action::Failed], &[Exit::Transient], Ended::All, 4),
            (
                &[Action::Failed, Action::Failed],
                &[Exit::Transient],
                Ended::All,
                2,
            ),
            (&[Action::NotStarted], &[], Ended::Stopped, 4),
            (&[Action::NotStarted], &[], Ended::TokenRefused, 3),
        ];
        for (actions, exits, ended, code) in table {
            assert_eq!(
                exit(&all(actions), exits, &ended).code(),
                code,
                "{actions:?} {exits:?} {ended:?}"
            );
        }
    }
}
