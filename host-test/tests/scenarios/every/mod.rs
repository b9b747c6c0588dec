//! What holds of every operation, whichever the component has: it is asked for its catalogue, and nothing is listed here. `sample` makes
//! inputs of schemas, `account` is what they are tried on.

mod account;
mod sample;

use std::collections::BTreeMap;

use capsule_host::runtime::catalog::{Effect, SchemaPair};
use serde_json::{Value, json};

use crate::support::{self, connector};
use account::Account;

/// How a call may end that no fault of the account or the way to it disturbs, beside a result.
const ENDS: [&str; 8] = [
    "ambiguous",
    "conflict",
    "invalidInput",
    "notFound",
    "quotaExhausted",
    "staleCursor",
    "tooLarge",
    "unsupported",
];

/// An operation with what it says of its input and output.
struct Subject {
    id: String,
    effect: Effect,
    example: Value,
    input: Value,
    output: Value,
}

/// All operations with the schemas that every account has.
async fn subjects() -> Vec<Subject> {
    let operations = connector().operations().await.unwrap();
    let ids: Vec<_> = operations.iter().map(|one| one.id.clone()).collect();
    let schemas = connector().schemas(&ids).await.unwrap();
    operations
        .into_iter()
        .zip(schemas)
        .map(|(operation, pair)| Subject {
            id: operation.id,
            effect: operation.effect,
            input: parsed(&pair.input),
            output: parsed(&pair.output),
            example: parsed(&operation.extra.unwrap())["example"].take(),
        })
        .collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Judges inputs. Formats are held as the component holds them: `email` and `uri` are hints for forms.
fn judge(schema: &Value, formats: bool) -> jsonschema::Validator {
    jsonschema::draft202012::options()
        .should_validate_formats(formats)
        .with_format("email", |_: &str| true)
        .with_format("uri", |_: &str| true)
        .build(schema)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What is wrong with a value.
fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let judge = judge(schema, false);
    let errors = judge.iter_errors(value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

// ---- the catalogue ----

#[tokio::test]
async fn the_command_tells_the_ids_of_the_catalogue() {
    let told = tokio::process::Command::new(env!("CARGO_BIN_EXE_capsule-host"))
        .args(["describe", "--json"])
        .env("CAPSULE_COMPONENT", support::full())
        .env("CAPSULE_HOST_CACHE", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .await
        .unwrap();
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let ids = |key: &str| -> Vec<String> {
        let all = told[key].as_array().unwrap().iter();
        all.map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let operations = ids("operations");
    let known: Vec<_> = subjects().await.into_iter().map(|one| one.id).collect();
    assert_eq!(operations, known);
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for id in &operations {
        let (interface, function) = id.split_once('.').unwrap();
        groups.entry(interface).or_default().push(function);
    }
    insta::assert_json_snapshot!(json!({"operations": groups, "triggers": ids("triggers")}));
}

#[tokio::test]
async fn schemas_are_of_the_draft_that_they_name() {
    let connector = connector();
    let mut ids: Vec<_> = connector
        .operations()
        .await
        .unwrap()
        .into_iter()
        .map(|one| one.id)
        .collect();
    let triggers = connector.triggers().await.unwrap();
    ids.extend(triggers.into_iter().map(|one| one.id));
    let account = Account::new().await;
    let general = connector.schemas(&ids).await.unwrap();
    let own = account.schemas(&ids).await;
    for SchemaPair {
        id, input, output, ..
    } in general.iter().chain(&own)
    {
        for schema in [input, output] {
            let schema = parsed(schema);
            assert_eq!(
                schema["$schema"], "https://json-schema.org/draft/2020-12/schema",
                "{id}"
            );
            jsonschema::draft202012::meta::validate(&schema)
                .unwrap_or_else(|error| panic!("{id}: {error}"));
            // References are followed, patterns are compiled.
            judge(&schema, true);
        }
    }
}

#[tokio::test]
async fn what_a_schema_refuses_the_component_refuses_before_anything_is_sent() {
    let account = Account::new().await;
    account.scene.fake.clear_journal();
    let mut accepted = Vec::new();
    for Subject {
        id, input, example, ..
    } in subjects().await
    {
        let judge = judge(&input, true);
        assert!(
            judge.is_valid(&example),
            "{id}: its schema refuses {example}"
        );
        for wrong in sample::mutants(&input, &example) {
            assert!(!judge.is_valid(&wrong), "{id}: its schema accepts {wrong}");
            let ended = account.run(&id, &wrong).await;
            let (case, told) = match ended {
                Ok(result) => (String::new(), result),
                Err(error) => error,
            };
            if case != "permanent.invalidInput" || told.as_array().is_none_or(Vec::is_empty) {
                accepted.push(format!("{id} {wrong}: {case} {told}"));
            }
        }
    }
    assert!(accepted.is_empty(), "{accepted:#?}");
    assert_eq!(account.scene.fake.journal().len(), 0);
}

// ---- running ----

/// How a call ended, and what had to be left out of its input before it did.
struct Ended {
    how: String,
    without: Vec<String>,
}

impl Ended {
    fn told(&self) -> String {
        if self.without.is_empty() {
            self.how.clone()
        } else {
            format!("{} (without {})", self.how, self.without.join(" "))
        }
    }
}

/// Runs operations, and gathers all that should not be.
#[derive(Default)]
struct Runner {
    /// Of the calls that only read: what they leave as it was serves the next one.
    read: Option<Account>,
    wrong: Vec<String>,
}

impl Runner {
    /// Runs an operation with its example.
    async fn example(&mut self, subject: &Subject) -> Ended {
        let account = self.account(subject).await;
        let Subject {
            id,
            input,
            example,
            output,
            ..
        } = subject;
        let input = account
            .with_its_ids(id, input, example.clone(), false)
            .await;
        let ended = self.run(&account, subject, input, output).await;
        self.keep(subject, account);
        if ended.how != "done" {
            let told = ended.told();
            self.wrong.push(format!(
                "{id}: let `Account` have what its example names: {told}"
            ));
        }
        ended
    }

    /// Runs an operation with everything that the account's schema allows. None: that was done at an earlier turn.
    async fn whole(&mut self, subject: &Subject, turn: usize) -> Option<Ended> {
        let id = &subject.id;
        let account = self.account(subject).await;
        let own = account.schemas(std::slice::from_ref(id)).await.remove(0);
        let (schema, output) = (parsed(&own.input), parsed(&own.output));
        let input = sample::whole(&schema, turn);
        let mut earlier = (0..turn).map(|turn| sample::whole(&schema, turn));
        let ended = if earlier.any(|other| other == input) {
            None
        } else {
            let input = account.with_its_ids(id, &schema, input, true).await;
            for fault in faults(&schema, &input) {
                self.wrong
                    .push(format!("{id}: the sample {input} does not fit: {fault}"));
            }
            Some(self.run(&account, subject, input, &output).await)
        };
        self.keep(subject, account);
        ended
    }

    async fn account(&mut self, subject: &Subject) -> Account {
        match self.read.take() {
            Some(account) if subject.effect == Effect::Read => account,
            other => {
                self.read = other;
                Account::new().await
            }
        }
    }

    fn keep(&mut self, subject: &Subject, account: Account) {
        if subject.effect == Effect::Read {
            self.read = Some(account);
        }
    }

    /// Runs an operation as somebody would who fills in a form: what is told to be wrong is left out, and it is tried again.
    async fn run(
        &mut self,
        account: &Account,
        Subject { id, effect, .. }: &Subject,
        mut input: Value,
        output: &Value,
    ) -> Ended {
        let mut without = Vec::new();
        loop {
            let changes = account.scene.fake.changes().len();
            let ended = account.run(id, &input).await;
            if *effect == Effect::Read && account.scene.fake.changes().len() != changes {
                self.wrong.push(format!("{id} {input}: it only reads"));
            }
            let (case, told) = match ended {
                Ok(result) => {
                    for fault in faults(output, &result) {
                        self.wrong
                            .push(format!("{id} {input} gave {result}: {fault}"));
                    }
                    if *effect == Effect::Destructive && result["state"] == "alreadyGone" {
                        self.wrong
                            .push(format!("{id} {input}: let `Account` have what is deleted"));
                    }
                    let how = "done".to_owned();
                    return Ended { how, without };
                }
                Err(error) => error,
            };
            let how = case.strip_prefix("permanent.").unwrap_or_default();
            if !ENDS.contains(&how) {
                self.wrong.push(format!("{id} {input}: {case} {told}"));
            }
            if !leave_out(how, &told, &mut input, &mut without) {
                let how = format!("{how} {told}");
                return Ended { how, without };
            }
        }
    }
}

/// Takes out of an input what an error says is wrong with it. False if that is nothing.
fn leave_out(how: &str, told: &Value, input: &mut Value, without: &mut Vec<String>) -> bool {
    let mut pointers: Vec<String> = match how {
        "invalidInput" => told
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["pointer"].as_str().unwrap().to_owned())
            .collect(),
        "staleCursor" => vec!["/cursor".to_owned()],
        _ => Vec::new(),
    };
    // From the end, so that positions in lists stay what they were.
    pointers.sort();
    pointers.dedup();
    pointers.reverse();
    let before = without.len();
    for pointer in pointers {
        if sample::leave_out(input, &pointer) {
            without.push(pointer);
        }
    }
    without.len() > before
}

#[tokio::test]
async fn every_operation_does_its_example_and_all_that_its_schema_allows() {
    let mut runner = Runner::default();
    let (mut lines, mut examples, mut whole) = (Vec::new(), 0, 0);
    let all = subjects().await;
    for subject in &all {
        let example = runner.example(subject).await;
        let full = runner.whole(subject, 0).await.unwrap();
        examples += u32::from(example.how == "done");
        whole += u32::from(full.how == "done");
        lines.push(format!(
            "{}\n  its example: {}\n  all of it:   {}",
            subject.id,
            example.told(),
            full.told()
        ));
    }
    assert!(runner.wrong.is_empty(), "{:#?}", runner.wrong);
    lines.insert(
        0,
        format!(
            "{} operations: {examples} examples and {whole} whole inputs end in a result\n",
            all.len()
        ),
    );
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn each_way_to_say_a_thing_ends_in_a_result_or_in_an_error_that_says_why() {
    let mut runner = Runner::default();
    for subject in subjects().await {
        // No variant has more than four ways.
        for turn in 1..4 {
            runner.whole(&subject, turn).await;
        }
    }
    assert!(runner.wrong.is_empty(), "{:#?}", runner.wrong);
}
