//! Tasks.

use super::body::put;
use super::deletion::gone;
use super::faults::Faults;
use super::read::{by_id, counted, of_ids, of_page};
use crate::api::{Call, Client, Roster, Span, record, violation};
use crate::bindings::capsule::crm::types::{
    CompleteTask, Deletion, GetTasks, LinkedEmbed, ListTasks, NewTask, RecordChange, RecordRef,
    Ref, RefChange, RepeatChange, Task, TaskPage, TaskRepeat, TaskStatus, TaskUpdate, TasksById,
    TextChange, WhichTask,
};
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Checked, Listed, Spelling};
use crate::model::{Embeds, SPELT_TASK, is_time, linked, put_related, spell_task};
use serde_json::{Map, Value, json};

/// Create a task.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `outcome-unknown`, and what sending gives.
pub async fn create(client: &Client, input: NewTask) -> Result<Checked<Task>, Error> {
    check(
        Some(&input.description),
        input.due_time.as_deref(),
        input.repeat.as_ref(),
    )?;
    let mut body = Map::new();
    body.insert("description".into(), input.description.into());
    put(&mut body, "detail", input.detail);
    body.insert("dueOn".into(), input.due_on.into());
    put(&mut body, "dueTime", input.due_time);
    put(&mut body, "repeat", input.repeat);
    put_related(&mut body, input.related_to.as_ref(), false);
    let set = |wanted: Option<Ref>| wanted.map(RefChange::Set);
    put_names(client, &mut body, &set(input.category), &set(input.owner)).await?;
    let call = Call::create(&["tasks"], json!({ "task": body }));
    send(client, call, input.embed.as_ref()).await
}

/// Change a task.
///
/// # Errors
/// `not-found`, `invalid-input`, `ambiguous`, and what sending gives.
pub async fn update(client: &Client, input: TaskUpdate) -> Result<Checked<Task>, Error> {
    let time = match &input.due_time {
        Some(TextChange::Set(time)) => Some(time.as_str()),
        _ => None,
    };
    let repeat = match &input.repeat {
        Some(RepeatChange::Set(repeat)) => Some(repeat),
        _ => None,
    };
    check(input.description.as_deref(), time, repeat)?;
    let mut body = Map::new();
    for (key, text) in [("description", input.description), ("dueOn", input.due_on)] {
        put(&mut body, key, text);
    }
    for (key, change) in [("detail", input.detail), ("dueTime", input.due_time)] {
        put(&mut body, key, change);
    }
    put(&mut body, "repeat", input.repeat);
    match &input.related_to {
        None => {}
        Some(RecordChange::Set(wanted)) => put_related(&mut body, Some(wanted), true),
        Some(RecordChange::Clear) => put_related(&mut body, None, true),
    }
    put_names(client, &mut body, &input.category, &input.owner).await?;
    let call = if body.is_empty() {
        Call::get(&["tasks", &input.id.to_string()])
    } else {
        change(input.id, body)
    };
    send(client, call, input.embed.as_ref()).await
}

/// Read a task.
///
/// # Errors
/// `not-found`, and what sending gives.
pub async fn get(client: &Client, input: WhichTask) -> Result<Checked<Task>, Error> {
    let call = Call::get(&["tasks", &input.id.to_string()]);
    send(client, call, input.embed.as_ref()).await
}

/// Read several tasks.
///
/// # Errors
/// What sending gives. An id that does not exist is no error.
pub async fn get_many(client: &Client, input: GetTasks) -> Result<Checked<TasksById>, Error> {
    let tokens = linked(input.embed.as_ref());
    let mut found = by_id(client, "tasks", "task", &input.ids, tokens).await?;
    found.rows.iter_mut().for_each(spell_task);
    record(&found.call, 200, of_ids(found.rows, found.missing))
}

/// List tasks.
///
/// # Errors
/// `invalid-input` or `ambiguous` for a name, `stale-cursor`, and what sending gives.
pub async fn list_all(client: &Client, input: ListTasks) -> Result<Listed<TaskPage>, Error> {
    let mut faults = Faults::default();
    let owner = match &input.owner {
        Some(wanted) => faults.note(client.user(wanted, "/owner").await)?,
        None => None,
    };
    let category = match &input.category {
        Some(wanted) => faults.note(category(client, wanted).await)?,
        None => None,
    };
    faults.settle()?;
    // Always said: without it Capsule lists the open ones alone (API reference 3.4).
    let status = match input.status_or_default() {
        TaskStatus::Open => "open",
        TaskStatus::Completed => "completed",
        TaskStatus::Pending => "pending",
        TaskStatus::All => "open,completed,pending",
    };
    let mut call = Call::get(&["tasks"]).with("status", status);
    for (key, id) in [("owner", owner), ("category", category)] {
        if let Some(id) = id {
            call = call.with(key, id.to_string());
        }
    }
    for (key, day) in [("dueFrom", &input.due_from), ("dueTo", &input.due_to)] {
        if let Some(day) = day {
            call = call.with(key, day.as_str());
        }
    }
    if let Some(wanted) = &input.related_to {
        call = call.with("relatedTo", wanted.entity().key());
    }
    let embeds = linked(input.embed.as_ref());
    let call = counted(
        call,
        &Embeds {
            tokens: embeds.to_vec(),
            ..Embeds::default()
        },
    );
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let conditions = Conditions {
        owner,
        category,
        due_from: input.due_from.as_deref(),
        due_to: input.due_to.as_deref(),
        related_to: input.related_to.as_ref(),
    };
    if conditions.none() {
        let spelling = Spelling {
            keys: SPELT_TASK,
            spell: &spell_task,
        };
        return client.listed(&call, "tasks", span, spelling).await;
    }
    // All but the status is known from Capsule's own client alone (API reference 6, row 9), and it tells no record from another of its
    // kind: what comes is looked at, and not counted.
    let keep = |row: &Value| conditions.hold(row);
    let mut page = client.page_where(&call, "tasks", span, &keep).await?;
    page.total = None;
    page.rows.iter_mut().for_each(spell_task);
    record::<Checked<_>>(&call, 200, of_page(page)).map(Listed::from)
}

/// Complete a task. One that is completed already is not changed by it (API reference 2.3).
///
/// # Errors
/// `not-found`, `invalid-input` by Capsule, and what sending gives.
pub async fn complete(client: &Client, input: CompleteTask) -> Result<Checked<Task>, Error> {
    let mut body = Map::new();
    body.insert("status".into(), "COMPLETED".into());
    put(&mut body, "completedAt", input.completed_at);
    send(client, change(input.id, body), input.embed.as_ref()).await
}

/// Reopen a task.
///
/// # Errors
/// `not-found`, `invalid-input` by Capsule, and what sending gives.
pub async fn reopen(client: &Client, input: WhichTask) -> Result<Checked<Task>, Error> {
    let mut body = Map::new();
    body.insert("status".into(), "OPEN".into());
    send(client, change(input.id, body), input.embed.as_ref()).await
}

/// Delete a task.
///
/// # Errors
/// What sending gives. One that is gone already is a success.
pub async fn delete(client: &Client, id: u64) -> Result<Deletion, Error> {
    gone(client, &["tasks"], id).await
}

/// What is wrong in a task by itself.
fn check(
    description: Option<&str>,
    time: Option<&str>,
    repeat: Option<&TaskRepeat>,
) -> Result<(), Error> {
    let mut faults = Faults::default();
    if description.is_some_and(|text| text.trim().is_empty()) {
        let message = "a task needs a description";
        faults.add(violation("/description", "required", message));
    }
    if time.is_some_and(|time| !is_time(time)) {
        let message = "a time of the day is `HH:MM` or `HH:MM:SS`, such as `09:30`";
        faults.add(violation("/dueTime", "format", message));
    }
    if repeat.is_some_and(|repeat| {
        repeat
            .frequency
            .as_deref()
            .is_none_or(|text| text.trim().is_empty())
    }) {
        let message = "a task repeats by its frequency, which is not given";
        faults.add(violation("/repeat/frequency", "required", message));
    }
    faults.settle()
}

/// Puts category and owner into a body, by id. All that don't mean anything are told at once.
async fn put_names(
    client: &Client,
    body: &mut Map<String, Value>,
    of_category: &Option<RefChange>,
    owner: &Option<RefChange>,
) -> Result<(), Error> {
    let mut faults = Faults::default();
    for (key, change) in [("category", of_category), ("owner", owner)] {
        let id = match change {
            None => continue,
            Some(RefChange::Clear) => {
                body.insert(key.into(), Value::Null);
                continue;
            }
            Some(RefChange::Set(wanted)) if key == "owner" => client.user(wanted, "/owner").await,
            Some(RefChange::Set(wanted)) => category(client, wanted).await,
        };
        if let Some(id) = faults.note(id)? {
            body.insert(key.into(), json!({ "id": id }));
        }
    }
    faults.settle()
}

async fn category(client: &Client, wanted: &Ref) -> Result<u64, Error> {
    client.chosen(Roster::Categories, wanted, "/category").await
}

fn change(id: u64, body: Map<String, Value>) -> Call {
    Call::change(&["tasks", &id.to_string()], json!({ "task": body }))
}

/// Sends a call, and reads the task of its answer.
async fn send(
    client: &Client,
    call: Call,
    embed: Option<&LinkedEmbed>,
) -> Result<Checked<Task>, Error> {
    let call = call.embed(linked(embed));
    let mut answer = client.send(&call).await?;
    let mut row = answer.take(&call, "task")?;
    spell_task(&mut row);
    record(&call, answer.status, row)
}

/// What must hold of a task that is listed, beside its status.
struct Conditions<'a> {
    owner: Option<u64>,
    category: Option<u64>,
    due_from: Option<&'a str>,
    due_to: Option<&'a str>,
    related_to: Option<&'a RecordRef>,
}

impl Conditions<'_> {
    fn none(&self) -> bool {
        self.owner.is_none()
            && self.category.is_none()
            && self.due_from.is_none()
            && self.due_to.is_none()
            && self.related_to.is_none()
    }

    fn hold(&self, row: &Value) -> bool {
        let is = |key: &str, id: u64| {
            row.get(key)
                .and_then(|nested| nested.get("id"))
                .and_then(Value::as_u64)
                == Some(id)
        };
        // Days are spelt so that they sort as texts.
        let due = row.get("dueOn").and_then(Value::as_str);
        self.owner.is_none_or(|id| is("owner", id))
            && self.category.is_none_or(|id| is("category", id))
            && self
                .due_from
                .is_none_or(|from| due.is_some_and(|due| due >= from))
            && self
                .due_to
                .is_none_or(|to| due.is_some_and(|due| due <= to))
            && self
                .related_to
                .is_none_or(|wanted| is(wanted.entity().key(), wanted.id()))
    }
}
