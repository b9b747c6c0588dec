//! Goals (API reference 3.17). Progress is not computed: a goal is upcoming, active or missed by its dates alone, and its
//! periods are an empty list, for their shape is not known.

use axum::Router;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::Fake;
use super::call::{Answer, Call, delete, get, post, put};
use super::clock::date_of;
use super::currencies;
use super::input::Input;
use super::paging::list;
use super::reply::{Refusal, Reply, Violations};
use super::state::{State, instant};

const RESOURCE: &str = "goal";

/// The types; the first of each pair is a sum of money, the others count.
const SUM_TYPES: [&str; 2] = [
    "7b05186c-c342-343f-8236-121dfbb2ae45",
    "bbc7a4b4-78eb-3bbd-85bb-9f20ec2e3f5d",
];
const COUNT_TYPES: [&str; 3] = [
    "18305eb9-2c50-35ba-88e5-876be543e055",
    "264be3b0-490b-3d73-ae0d-d02b488ba1eb",
    "1659cb58-2401-30eb-aa82-c42771aea74e",
];

/// A goal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Goal {
    id: u64,
    name: String,
    frequency: String,
    start_on: Option<Date>,
    end_on: Option<Date>,
    kind: String,
    value: f64,
    currency: Option<String>,
    user: u64,
    pipeline: Option<u64>,
    milestone: Option<u64>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Goal {
    fn render(&self, state: &State, now: Timestamp) -> Value {
        let today = date_of(now);
        let status = match (self.start_on, self.end_on) {
            (Some(start), _) if today < start => "UPCOMING",
            (_, Some(end)) if today > end => "MISSED",
            _ => "ACTIVE",
        };
        let pipeline = self.pipeline.and_then(|id| state.pipelines.get(id));
        let milestone = self.milestone.and_then(|id| state.milestones.get(id));
        json!({
            "id": self.id,
            "name": self.name,
            "frequency": self.frequency,
            "startOn": self.start_on.map(|date| date.to_string()),
            "endOn": self.end_on.map(|date| date.to_string()),
            "type": self.kind,
            "value": self.value,
            "currency": self.currency,
            "user": state.user_reference(Some(self.user)),
            "status": status,
            "pipeline": pipeline.map(|row| json!({ "id": row.id, "name": row.name })),
            "milestone": milestone.map(|row| row.reference()),
            "createdAt": instant(Some(self.created_at)),
            "updatedAt": instant(Some(self.updated_at)),
        })
    }

    fn merge(&mut self, body: &Map<String, Value>, state: &State) -> Result<(), Refusal> {
        let mut violations = Violations::default();
        let mut input = Input::new(body, RESOURCE, &mut violations);
        input.required_text("name", &mut self.name);
        input.required_choice(
            "frequency",
            &["DAILY", "WEEKLY", "MONTHLY", "YEARLY", "FIXED"],
            &mut self.frequency,
        );
        input.date("startOn", &mut self.start_on);
        input.date("endOn", &mut self.end_on);
        if self.start_on.is_none() {
            input.fault("startOn", "startOn is required");
        }
        if self.end_on.is_none() {
            input.fault("endOn", "endOn is required");
        }
        let types: Vec<&str> = SUM_TYPES.into_iter().chain(COUNT_TYPES).collect();
        input.required_choice("type", &types, &mut self.kind);
        let is_sum = SUM_TYPES.contains(&self.kind.as_str());
        match input.value("value") {
            None if self.value > 0.0 => {}
            None | Some(Value::Null) => input.fault("value", "value is required"),
            Some(value) => match value.as_f64() {
                Some(value) if is_sum || value.fract() == 0.0 => self.value = value,
                _ => input.fault("value", "invalid type for field"),
            },
        }
        input.text("currency", &mut self.currency);
        match self.currency.as_deref() {
            None if is_sum => input.fault("currency", "currency is required"),
            Some(code) if is_sum && !currencies::is_known(code) => {
                input.fault("currency", "unknown currency")
            }
            Some(_) if !is_sum => self.currency = None,
            _ => {}
        }
        input.required_reference("user", "user", &mut self.user, |id| state.users.has(id));
        input.reference_by_id("pipeline", "pipeline", &mut self.pipeline, |id| {
            state.pipelines.has(id)
        });
        input.reference_by_id("milestone", "milestone", &mut self.milestone, |id| {
            state.milestones.has(id)
        });
        if self.pipeline.is_some() && self.milestone.is_some() {
            input.fault(
                "milestone",
                "goal can have only one of pipeline or milestone",
            );
        }
        violations.check()
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/goals", get(show_all).merge(post(create)))
        .route(
            "/goals/{id}",
            get(show).merge(put(update)).merge(delete(remove)),
        )
        .route("/goals/{id}/periods", get(show_periods))
}

fn one<'a>(state: &'a State, call: &Call) -> Result<&'a Goal, Refusal> {
    state
        .goals
        .get(call.id(0, RESOURCE)?)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

fn show_all(state: &mut State, call: &Call) -> Answer {
    list(call, "goals", RESOURCE, state.goals.iter(), |goal| {
        goal.render(state, call.now)
    })
}

fn show(state: &mut State, call: &Call) -> Answer {
    Ok(Reply::ok(
        RESOURCE,
        one(state, call)?.render(state, call.now),
    ))
}

fn show_periods(state: &mut State, call: &Call) -> Answer {
    one(state, call)?;
    list(call, "periods", RESOURCE, [], |period: Value| period)
}

fn create(state: &mut State, call: &Call) -> Answer {
    let mut goal = Goal {
        id: state.goals.reserve(),
        name: String::new(),
        frequency: String::new(),
        start_on: None,
        end_on: None,
        kind: String::new(),
        value: 0.0,
        currency: None,
        user: 0,
        pipeline: None,
        milestone: None,
        created_at: call.now,
        updated_at: call.now,
    };
    goal.merge(&call.root(RESOURCE)?, state)?;
    let (id, rendered) = (goal.id, goal.render(state, call.now));
    state.goals.put(id, goal);
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/goals/{id}"))),
    ))
}

fn update(state: &mut State, call: &Call) -> Answer {
    let before = one(state, call)?.clone();
    let mut goal = before.clone();
    goal.merge(&call.root(RESOURCE)?, state)?;
    if goal != before {
        goal.updated_at = call.now;
    }
    let rendered = goal.render(state, call.now);
    state.goals.put(goal.id, goal);
    Ok(Reply::ok(RESOURCE, rendered))
}

fn remove(state: &mut State, call: &Call) -> Answer {
    let id = one(state, call)?.id;
    state.goals.remove(id);
    Ok(Reply::no_content())
}
