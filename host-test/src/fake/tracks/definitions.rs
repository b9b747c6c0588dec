//! Track definitions: the recipes of tracks (API reference 3.8).

use axum::Router;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::Fake;
use super::super::call::{Answer, Call, delete, get, post, put};
use super::super::categories;
use super::super::entity::Entity;
use super::super::input::{Input, Reference};
use super::super::nested::{Row, merge_rows};
use super::super::paging::list;
use super::super::reply::{Refusal, Reply, Violations};
use super::super::state::{State, instant};

const RESOURCE: &str = "trackDefinition";

/// A recipe.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct TrackDefinition {
    pub(in super::super) id: u64,
    pub(in super::super) description: String,
    /// Comma separated tags that the record gets.
    pub(in super::super) tag: Option<String>,
    pub(in super::super) capture_rule: String,
    pub(in super::super) direction: String,
    pub(in super::super) tasks: Vec<TaskDefinition>,
    pub(in super::super) created_at: Timestamp,
    pub(in super::super) updated_at: Timestamp,
}

/// A step of a recipe.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct TaskDefinition {
    pub(in super::super) id: u64,
    pub(in super::super) description: String,
    /// `TRACK_START` or `LAST_TASK`.
    pub(in super::super) rule: String,
    pub(in super::super) days_after: i64,
    pub(in super::super) display_order: i64,
    pub(in super::super) unit: String,
    /// By id once the recipe is stored.
    pub(in super::super) category: Option<Reference>,
    pub(in super::super) assignee_type: String,
    pub(in super::super) assignee: Option<u64>,
}

impl Row for TaskDefinition {
    const KEY: &'static str = "taskDefinitions";
    const RESOURCE: &'static str = "taskDefinition";

    fn blank(id: u64) -> TaskDefinition {
        TaskDefinition {
            id,
            description: String::new(),
            rule: String::new(),
            days_after: -1,
            display_order: 0,
            unit: String::new(),
            category: None,
            assignee_type: String::new(),
            assignee: None,
        }
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn merge(&mut self, input: &mut Input<'_>) {
        input.required_text("description", &mut self.description);
        input.required_choice(
            "daysAfterRule",
            &["TRACK_START", "LAST_TASK"],
            &mut self.rule,
        );
        let units = ["TRACK_DAYS", "TRACK_WORKDAYS", "TRACK_WEEKS"];
        input.required_choice("dayDelayRule", &units, &mut self.unit);
        let mut days_after = Some(self.days_after).filter(|days| *days >= 0);
        input.integer("daysAfter", &mut days_after);
        match days_after {
            Some(days) if days >= 0 => self.days_after = days,
            _ => input.fault("daysAfter", "daysAfter is required"),
        }
        let mut display_order = Some(self.display_order);
        input.integer("displayOrder", &mut display_order);
        self.display_order = display_order.unwrap_or(0);
        if let Some(category) = input.reference("category") {
            self.category = category;
        }
        if let Some(assignee) = input.value("trackTaskAssignee") {
            let owner = assignee.get("owner").and_then(Reference::read);
            self.assignee_type = assignee
                .get("assigneeType")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            self.assignee = match owner {
                Some(Reference::Id(id)) => Some(id),
                _ => None,
            };
        }
        if self.assignee_type.is_empty() {
            input.fault("trackTaskAssignee", "trackTaskAssignee is required");
        }
    }

    /// Without the names of category and assignee, which the definition adds.
    fn render(&self) -> Value {
        json!({
            "id": self.id,
            "description": self.description,
            "daysAfterRule": self.rule,
            "daysAfter": self.days_after,
            "displayOrder": self.display_order,
            "dayDelayRule": self.unit,
        })
    }
}

impl TrackDefinition {
    fn render(&self, state: &State) -> Value {
        let tasks = self.tasks.iter().map(|task| {
            let mut body = task.render();
            let category = match &task.category {
                Some(Reference::Id(id)) => state.categories.get(*id),
                _ => None,
            };
            body["category"] = category.map_or(Value::Null, categories::Category::render);
            body["trackTaskAssignee"] = json!({
                "assigneeType": task.assignee_type,
                "owner": state.user_reference(task.assignee),
            });
            body["createdAt"] = instant(Some(self.created_at));
            body["updatedAt"] = instant(Some(self.updated_at));
            body
        });
        json!({
            "id": self.id,
            "description": self.description,
            "tag": self.tag,
            "captureRule": self.capture_rule,
            "direction": self.direction,
            "createdAt": instant(Some(self.created_at)),
            "updatedAt": instant(Some(self.updated_at)),
            "taskDefinitions": tasks.collect::<Value>(),
        })
    }

    /// The kind of record it applies to.
    pub(super) fn entity(&self) -> Entity {
        match self.capture_rule.as_str() {
            "PARTY" => Entity::Party,
            "OPPORTUNITY" => Entity::Opportunity,
            _ => Entity::Kase,
        }
    }

    fn merge(&mut self, body: &Map<String, Value>, state: &mut State) -> Result<(), Refusal> {
        let mut violations = Violations::default();
        let mut input = Input::new(body, RESOURCE, &mut violations);
        input.required_text("description", &mut self.description);
        input.text("tag", &mut self.tag);
        input.required_choice(
            "captureRule",
            &["PARTY", "OPPORTUNITY", "CASEFILE"],
            &mut self.capture_rule,
        );
        input.required_choice(
            "direction",
            &["START_DATE", "END_DATE"],
            &mut self.direction,
        );
        merge_rows(
            &mut self.tasks,
            body,
            || state.new_row_id(),
            &mut violations,
        )?;
        for task in &mut self.tasks {
            if let Some(category) = &task.category {
                match categories::find(state, category) {
                    Some(id) => task.category = Some(Reference::Id(id)),
                    None => violations.add("taskDefinition", "category", "category not found"),
                }
            }
            if task.assignee.is_some_and(|id| !state.users.has(id)) {
                violations.add("taskDefinition", "trackTaskAssignee", "user not found");
            }
        }
        self.tasks.sort_by_key(|task| task.display_order);
        violations.check()
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/trackdefinitions", get(show_all).merge(post(create)))
        .route(
            "/trackdefinitions/{id}",
            get(show).merge(put(update)).merge(delete(remove)),
        )
}

fn one<'a>(state: &'a State, call: &Call) -> Result<&'a TrackDefinition, Refusal> {
    state
        .track_definitions
        .get(call.id(0, RESOURCE)?)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

fn show_all(state: &mut State, call: &Call) -> Answer {
    let wanted = Entity::ALL
        .into_iter()
        .find(|entity| Some(entity.plural()) == call.query("type"));
    let rows = state
        .track_definitions
        .iter()
        .filter(|row| wanted.is_none_or(|entity| row.entity() == entity));
    list(call, "trackDefinitions", RESOURCE, rows, |row| {
        row.render(state)
    })
}

fn show(state: &mut State, call: &Call) -> Answer {
    Ok(Reply::ok(RESOURCE, one(state, call)?.render(state)))
}

fn create(state: &mut State, call: &Call) -> Answer {
    let mut row = TrackDefinition {
        id: state.track_definitions.reserve(),
        description: String::new(),
        tag: None,
        capture_rule: String::new(),
        direction: String::new(),
        tasks: Vec::new(),
        created_at: call.now,
        updated_at: call.now,
    };
    row.merge(&call.root(RESOURCE)?, state)?;
    let (id, rendered) = (row.id, row.render(state));
    state.track_definitions.put(id, row);
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/trackdefinitions/{id}"))),
    ))
}

fn update(state: &mut State, call: &Call) -> Answer {
    let before = one(state, call)?.clone();
    let mut row = before.clone();
    row.merge(&call.root(RESOURCE)?, state)?;
    if row != before {
        row.updated_at = call.now;
    }
    let rendered = row.render(state);
    state.track_definitions.put(row.id, row);
    Ok(Reply::ok(RESOURCE, rendered))
}

fn remove(state: &mut State, call: &Call) -> Answer {
    let id = one(state, call)?.id;
    state.track_definitions.remove(id);
    Ok(Reply::no_content())
}
