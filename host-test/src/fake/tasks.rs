//! Tasks (API reference 3.4). Completing a repeating task does not make the next one: the rule is not documented.

use axum::Router;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::Fake;
use super::call::{Answer, Call, Embeds, delete, get, post, put};
use super::categories;
use super::clock::{date_of, days_from};
use super::entries;
use super::input::Input;
use super::paging::list;
use super::parent::{Parent, merge_parents};
use super::records::is_listed_since;
use super::reply::{Refusal, Reply, Violations};
use super::state::{ListOrder, State, instant};

const RESOURCE: &str = "task";

/// Whether a task is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Open,
    Completed,
    /// Of a closed record, or of a track whose turn has not come. Only Capsule sets it.
    Pending,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Status::Open => "OPEN",
            Status::Completed => "COMPLETED",
            Status::Pending => "PENDING",
        }
    }
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    pub(super) id: u64,
    pub(super) description: String,
    pub(super) detail: Option<String>,
    pub(super) category: Option<u64>,
    /// `None` only for a task of a track whose date depends on the one before.
    pub(super) due_on: Option<Date>,
    /// Local time of the owner, `HH:MM` or `HH:MM:SS`.
    pub(super) due_time: Option<String>,
    pub(super) status: Status,
    pub(super) parent: Option<Parent>,
    pub(super) owner: Option<u64>,
    pub(super) completed_by: Option<String>,
    pub(super) completed_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) track: Option<TrackPlace>,
    /// Passed through untouched (API reference section 6, row 25).
    pub(super) repeat: Value,
}

/// Where a task stands in its track.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TrackPlace {
    pub(super) track: u64,
    pub(super) next: Option<u64>,
    pub(super) rule: &'static str,
    pub(super) days_after: i64,
    pub(super) unit: String,
}

impl Task {
    pub(super) fn blank(id: u64, now: Timestamp) -> Task {
        Task {
            id,
            description: String::new(),
            detail: None,
            category: None,
            due_on: None,
            due_time: None,
            status: Status::Open,
            parent: None,
            owner: None,
            completed_by: None,
            completed_at: None,
            created_at: now,
            updated_at: now,
            track: None,
            repeat: Value::Null,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.status == Status::Open
    }

    /// The short form.
    pub(super) fn reference(&self) -> Value {
        json!({ "id": self.id, "description": self.description })
    }

    pub(super) fn render(&self, state: &State, embeds: &Embeds) -> Value {
        let category = self.category.and_then(|id| state.categories.get(id));
        let track = self.track.as_ref();
        let next = track
            .and_then(|place| place.next)
            .and_then(|id| state.tasks.get(id));
        let mut body = json!({
            "id": self.id,
            "description": self.description,
            "detail": self.detail,
            "category": category.map(categories::Category::render),
            "dueOn": self.due_on.map(|date| date.to_string()),
            "dueTime": self.due_time,
            "status": self.status.name(),
            "party": null,
            "opportunity": null,
            "kase": null,
            "owner": state.user_reference(self.owner),
            "completedBy": self.completed_by,
            "completedAt": instant(self.completed_at),
            "createdAt": instant(Some(self.created_at)),
            "updatedAt": instant(Some(self.updated_at)),
            "hasTrack": track.is_some(),
            "nextTask": next.map(|next| if embeds.has("nextTask") {
                next.render(state, &Embeds::default())
            } else {
                next.reference()
            }),
            "taskDelayRule": track.map(|place| place.rule),
            "daysAfter": track.map(|place| place.days_after),
            // Live answers have this one even without a track.
            "taskDayDelayRule": track.map_or("TRACK_DAYS", |place| place.unit.as_str()),
            "repeat": self.repeat,
            "active": self.status != Status::Pending,
            "overrideToCurrentUser": null,
        });
        if let Some(parent) = self.parent {
            body[parent.key()] = parent.render(state, embeds);
        }
        body
    }

    fn merge(
        &mut self,
        body: &Map<String, Value>,
        state: &State,
        call: &Call,
    ) -> Result<(), Refusal> {
        let mut violations = Violations::default();
        let mut input = Input::new(body, RESOURCE, &mut violations);
        input.required_text("description", &mut self.description);
        input.text("detail", &mut self.detail);
        match input.reference("category") {
            None => {}
            Some(None) => self.category = None,
            Some(Some(reference)) => match categories::find(state, &reference) {
                Some(id) => self.category = Some(id),
                None => input.fault("category", "category not found"),
            },
        }
        let is_dated_by_track =
            self.due_on.is_none() && self.track.is_some() && input.value("dueOn").is_none();
        input.date("dueOn", &mut self.due_on);
        if self.due_on.is_none() && !is_dated_by_track {
            input.fault("dueOn", "dueOn is required");
        }
        let mut due_time = self.due_time.clone();
        input.text("dueTime", &mut due_time);
        if due_time
            .as_deref()
            .is_some_and(|text| text.parse::<jiff::civil::Time>().is_err())
        {
            input.fault("dueTime", "invalid type for field");
        } else {
            self.due_time = due_time;
        }
        match merge_parents(&mut input, self.parent, state).as_slice() {
            [] => self.parent = None,
            [parent] => self.parent = Some(*parent),
            _ => input.fault(
                "party",
                "task can be linked to only one of party, opportunity or kase",
            ),
        }
        input.reference_by_id("owner", "user", &mut self.owner, |id| state.users.has(id));
        match input.value("repeat") {
            None => {}
            Some(value @ (Value::Null | Value::Object(_))) => self.repeat = value.clone(),
            Some(_) => input.fault("repeat", "invalid type for field"),
        }
        self.merge_status(&mut input, state, call);
        violations.check()
    }

    fn merge_status(&mut self, input: &mut Input<'_>, state: &State, call: &Call) {
        let mut status = Some(self.status.name().to_owned());
        input.choice("status", &["OPEN", "COMPLETED", "PENDING"], &mut status);
        let was_completed = self.status == Status::Completed;
        match status.as_deref() {
            _ if input.value("status").is_none() => {}
            Some("PENDING") => input.fault("status", "cannot set task status to PENDING"),
            Some("COMPLETED") => self.status = Status::Completed,
            _ => self.status = Status::Open,
        }
        match (was_completed, self.status == Status::Completed) {
            (_, true) => {
                // Offline clients may say when it was done.
                input.instant("completedAt", &mut self.completed_at);
                self.completed_at.get_or_insert(call.now);
                if !was_completed {
                    self.completed_by = state
                        .users
                        .get(call.caller.user)
                        .map(|user| user.username.clone());
                }
            }
            (true, false) => {
                self.completed_at = None;
                self.completed_by = None;
            }
            (false, false) => {}
        }
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/tasks", get(show_all).merge(post(create)))
        .route(
            "/tasks/{id}",
            get(show).merge(put(update)).merge(delete(remove)),
        )
}

fn find(state: &State, id: u64) -> Result<&Task, Refusal> {
    state
        .tasks
        .get(id)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

/// Open tasks unless `status` says otherwise. The other parameters are known from the vendor's own client only.
fn show_all(state: &mut State, call: &Call) -> Answer {
    let words = |name: &str| {
        call.query(name)
            .filter(|text| !text.is_empty())
            .map(|text| {
                text.split(',')
                    .map(|word| word.trim().to_ascii_uppercase())
                    .collect::<Vec<_>>()
            })
    };
    let ids = |name: &str| {
        words(name).map(|ids| {
            ids.iter()
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<u64>>()
        })
    };
    let date = |name: &'static str| match call.query(name) {
        None | Some("") => Ok(None),
        Some(text) => text
            .parse::<Date>()
            .map(Some)
            .map_err(|_| Refusal::invalid(RESOURCE, name, "invalid type for field")),
    };
    let statuses = words("status").unwrap_or_else(|| vec!["OPEN".to_owned()]);
    let (owners, categories, related) = (ids("owner"), ids("category"), words("relatedTo"));
    let (from, to) = (date("dueFrom")?, date("dueTo")?);
    let repeating = call.flag("repeating");
    let since = if state.behaviour.since_ignored_on_tasks {
        None
    } else {
        call.since(RESOURCE)?
    };
    let among = |wanted: &Option<Vec<u64>>, id: Option<u64>| {
        wanted
            .as_ref()
            .is_none_or(|wanted| id.is_some_and(|id| wanted.contains(&id)))
    };
    let mut tasks: Vec<&Task> = state
        .tasks
        .iter()
        .filter(|task| statuses.iter().any(|status| status == task.status.name()))
        .filter(|task| among(&owners, task.owner) && among(&categories, task.category))
        .filter(|task| from.is_none_or(|from| task.due_on.is_some_and(|due| due >= from)))
        .filter(|task| to.is_none_or(|to| task.due_on.is_some_and(|due| due <= to)))
        .filter(|task| repeating.is_none_or(|repeating| repeating != task.repeat.is_null()))
        .filter(|task| {
            let kind = task.parent.map(|parent| parent.key().to_ascii_uppercase());
            related
                .as_ref()
                .is_none_or(|related| kind.is_some_and(|kind| related.contains(&kind)))
        })
        .filter(|task| {
            since.is_none_or(|since| {
                is_listed_since(state, ("task", task.id), task.updated_at, since, call.now)
            })
        })
        .collect();
    match state.behaviour.order {
        ListOrder::IdUp => {}
        ListOrder::IdDown => tasks.reverse(),
        ListOrder::UpdatedUp => tasks.sort_by_key(|task| task.updated_at),
        ListOrder::UpdatedDown => tasks.sort_by_key(|task| std::cmp::Reverse(task.updated_at)),
    }
    let embeds = call.embeds();
    list(call, "tasks", RESOURCE, tasks, |task| {
        task.render(state, &embeds)
    })
}

fn show(state: &mut State, call: &Call) -> Answer {
    let embeds = call.embeds();
    if let Some(ids) = call.many_ids(0, RESOURCE) {
        let tasks: Result<Vec<Value>, Refusal> = ids?
            .into_iter()
            .map(|id| Ok(find(state, id)?.render(state, &embeds)))
            .collect();
        return Ok(Reply::ok("tasks", Value::Array(tasks?)).paged(false, None));
    }
    Ok(Reply::ok(
        RESOURCE,
        find(state, call.id(0, RESOURCE)?)?.render(state, &embeds),
    ))
}

fn create(state: &mut State, call: &Call) -> Answer {
    let body = call.root(RESOURCE)?;
    let mut task = Task::blank(state.tasks.reserve(), call.now);
    task.owner = Some(call.caller.user);
    task.merge(&body, state, call)?;
    let (id, is_completed) = (task.id, task.status == Status::Completed);
    state.tasks.put(id, task);
    state.note("task/created", id, call.now);
    if is_completed {
        completed(state, id, call);
    }
    let rendered = find(state, id)?.render(state, &call.embeds());
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/tasks/{id}"))),
    ))
}

fn update(state: &mut State, call: &Call) -> Answer {
    let id = call.id(0, RESOURCE)?;
    let before = find(state, id)?.clone();
    let mut task = before.clone();
    task.merge(&call.root(RESOURCE)?, state, call)?;
    if task != before {
        task.updated_at = call.now;
        let is_done_now = task.status == Status::Completed && before.status != Status::Completed;
        state.tasks.put(id, task);
        let events: &[&str] = if is_done_now {
            &["task/updated", "task/completed"]
        } else {
            &["task/updated"]
        };
        state.note_all(events, id, call.now);
        if is_done_now {
            completed(state, id, call);
        }
    }
    Ok(Reply::ok(
        RESOURCE,
        find(state, id)?.render(state, &call.embeds()),
    ))
}

/// What follows a completion: an entry on the task's record, and the turn of the next task of the track.
fn completed(state: &mut State, id: u64, call: &Call) {
    let Some(task) = state.tasks.get(id).cloned() else {
        return;
    };
    if let (Some(parent), Some(at)) = (task.parent, task.completed_at) {
        entries::file_completed_task(state, parent, &task.description, at, call);
    }
    let next = task.track.and_then(|place| place.next);
    if let Some(next) = next.and_then(|id| state.tasks.get_mut(id))
        && next.status == Status::Pending
        && let Some(place) = &next.track
    {
        next.due_on = Some(shifted(date_of(call.now), place.days_after, &place.unit));
        next.status = Status::Open;
        next.updated_at = call.now;
        let next = next.id;
        state.note("task/updated", next, call.now);
    }
}

/// A date moved by days, working days or weeks.
pub(super) fn shifted(date: Date, by: i64, unit: &str) -> Date {
    match unit {
        "TRACK_WEEKS" => days_from(date, by.saturating_mul(7)),
        "TRACK_WORKDAYS" => {
            let step = by.signum();
            let mut date = date;
            // Ten years of working days are enough for any track.
            let mut left = by.abs().min(2_600);
            while left > 0 {
                date = days_from(date, step);
                if date.weekday().to_monday_zero_offset() < 5 {
                    left -= 1;
                }
            }
            date
        }
        _ => days_from(date, by),
    }
}

/// Tasks are removed without a trace: no deleted feed, no hook.
fn remove(state: &mut State, call: &Call) -> Answer {
    let id = find(state, call.id(0, RESOURCE)?)?.id;
    state.tasks.remove(id);
    Ok(Reply::no_content())
}

/// The record was closed: its open tasks wait.
pub(super) fn suspend(state: &mut State, parent: Parent, now: Timestamp) {
    set_status(state, parent, Status::Open, Status::Pending, now);
}

/// The record was opened again: its waiting tasks are open again, except those whose turn in a track has not come.
pub(super) fn resume(state: &mut State, parent: Parent, now: Timestamp) {
    set_status(state, parent, Status::Pending, Status::Open, now);
}

fn set_status(state: &mut State, parent: Parent, from: Status, to: Status, now: Timestamp) {
    let mut touched = Vec::new();
    for task in state
        .tasks
        .iter_mut()
        .filter(|task| task.parent == Some(parent))
    {
        if task.status == from && task.due_on.is_some() {
            task.status = to;
            task.updated_at = now;
            touched.push(task.id);
        }
    }
    for id in touched {
        state.note("task/updated", id, now);
    }
}

/// Removes the tasks of a record that is going.
pub(super) fn delete_of(state: &mut State, parent: Parent) {
    state.tasks.retain(|task| task.parent != Some(parent));
}

/// Removes the tasks of a track.
pub(super) fn delete_of_track(state: &mut State, track: u64) {
    state
        .tasks
        .retain(|task| task.track.as_ref().is_none_or(|place| place.track != track));
}
