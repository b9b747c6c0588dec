//! Milestones of pipelines (API reference 3.9). The built-in Won and Lost end every pipeline and stay.

use axum::Router;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Fake;
use super::call::{Answer, Call, delete, get, post, put};
use super::input::Input;
use super::paging::list;
use super::pipelines;
use super::reply::{Refusal, Reply, Violations};
use super::state::{State, instant};

const RESOURCE: &str = "milestone";

/// A milestone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Milestone {
    pub(super) id: u64,
    pub(super) pipeline: u64,
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// It closes the opportunity: won at 100 percent, lost at 0.
    pub(super) complete: bool,
    pub(super) probability: i64,
    pub(super) days_until_stale: Option<i64>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl Milestone {
    /// An open milestone without attributes.
    pub(super) fn blank(id: u64, pipeline: u64, now: Timestamp) -> Milestone {
        Milestone {
            id,
            pipeline,
            name: String::new(),
            description: None,
            complete: false,
            probability: 0,
            days_until_stale: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// One of the two that close.
    pub(super) fn closing(
        id: u64,
        pipeline: u64,
        name: &str,
        probability: i64,
        now: Timestamp,
    ) -> Milestone {
        Milestone {
            name: name.to_owned(),
            complete: true,
            probability,
            ..Milestone::blank(id, pipeline, now)
        }
    }

    pub(super) fn is_won(&self) -> bool {
        self.complete && self.probability == 100
    }

    pub(super) fn is_lost(&self) -> bool {
        self.complete && self.probability == 0
    }

    /// The short form.
    pub(super) fn reference(&self) -> Value {
        json!({ "id": self.id, "name": self.name })
    }

    pub(super) fn render(&self, state: &State) -> Value {
        let pipeline = state.pipelines.get(self.pipeline);
        json!({
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "complete": self.complete,
            "probability": self.probability,
            "daysUntilStale": self.days_until_stale,
            "pipeline": pipeline.map(|row| json!({ "id": row.id, "name": row.name })),
            "createdAt": instant(Some(self.created_at)),
            "updatedAt": instant(Some(self.updated_at)),
        })
    }

    /// A closing milestone keeps its probability: it says whether it is won or lost.
    fn merge(&mut self, body: &Map<String, Value>) -> Result<(), Refusal> {
        let mut violations = Violations::default();
        let mut input = Input::new(body, RESOURCE, &mut violations);
        input.required_text("name", &mut self.name);
        input.text("description", &mut self.description);
        input.integer("daysUntilStale", &mut self.days_until_stale);
        let mut probability = Some(self.probability);
        input.integer("probability", &mut probability);
        match probability {
            Some(value) if !(0..=100).contains(&value) => {
                input.fault("probability", "probability must be between 0 and 100");
            }
            Some(value) if self.complete && value != self.probability => {
                input.fault(
                    "probability",
                    "probability of a complete milestone cannot be changed",
                );
            }
            Some(value) => self.probability = value,
            None => input.fault("probability", "probability is required"),
        }
        violations.check()
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/milestones", get(show_oldest).merge(post(create)))
        .route("/milestones/all", get(show_all))
        .route(
            "/milestones/{id}",
            get(show).merge(put(update)).merge(delete(remove)),
        )
}

fn one(state: &State, id: u64) -> Result<&Milestone, Refusal> {
    state
        .milestones
        .get(id)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

/// Only those of the oldest active pipeline: clients from the time of one pipeline expect that.
fn show_oldest(state: &mut State, call: &Call) -> Answer {
    let pipeline = pipelines::oldest_active(state);
    let rows = state
        .milestones
        .iter()
        .filter(|row| Some(row.pipeline) == pipeline && call.names(&row.name));
    list(call, "milestones", RESOURCE, rows, |row| row.render(state))
}

fn show_all(state: &mut State, call: &Call) -> Answer {
    let rows = state.milestones.iter().filter(|row| call.names(&row.name));
    list(call, "milestones", RESOURCE, rows, |row| row.render(state))
}

fn show(state: &mut State, call: &Call) -> Answer {
    Ok(Reply::ok(
        RESOURCE,
        one(state, call.id(0, RESOURCE)?)?.render(state),
    ))
}

fn create(state: &mut State, call: &Call) -> Answer {
    let body = call.root(RESOURCE)?;
    let mut violations = Violations::default();
    let mut pipeline = pipelines::oldest_active(state);
    Input::new(&body, RESOURCE, &mut violations).reference_by_id(
        "pipeline",
        "pipeline",
        &mut pipeline,
        |id| state.pipelines.has(id),
    );
    violations.check()?;
    let pipeline =
        pipeline.ok_or_else(|| Refusal::invalid(RESOURCE, "pipeline", "pipeline is required"))?;
    let mut row = Milestone::blank(state.milestones.reserve(), pipeline, call.now);
    row.merge(&body)?;
    let (id, rendered) = (row.id, row.render(state));
    state.milestones.put(id, row);
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/milestones/{id}"))),
    ))
}

fn update(state: &mut State, call: &Call) -> Answer {
    let before = one(state, call.id(0, RESOURCE)?)?.clone();
    let mut row = before.clone();
    row.merge(&call.root(RESOURCE)?)?;
    if row != before {
        row.updated_at = call.now;
    }
    let rendered = row.render(state);
    state.milestones.put(row.id, row);
    Ok(Reply::ok(RESOURCE, rendered))
}

fn remove(state: &mut State, call: &Call) -> Answer {
    let row = one(state, call.id(0, RESOURCE)?)?;
    if row.complete {
        return Err(Refusal::invalid(
            RESOURCE,
            "id",
            "built-in milestones cannot be deleted",
        ));
    }
    let id = row.id;
    if state
        .opportunities
        .iter()
        .any(|opportunity| opportunity.milestone == id)
    {
        return Err(Refusal::invalid(RESOURCE, "id", "milestone is in use"));
    }
    for opportunity in state
        .opportunities
        .iter_mut()
        .filter(|row| row.last_open_milestone == Some(id))
    {
        opportunity.last_open_milestone = None;
    }
    state.milestones.remove(id);
    Ok(Reply::no_content())
}

/// Copies the milestones of one pipeline into another.
pub(super) fn copy(state: &mut State, from: u64, to: u64, now: Timestamp) {
    let rows: Vec<Milestone> = state
        .milestones
        .iter()
        .filter(|row| row.pipeline == from)
        .cloned()
        .collect();
    for row in rows {
        state.milestones.add(|id| Milestone {
            id,
            pipeline: to,
            created_at: now,
            updated_at: now,
            ..row
        });
    }
}
