//! What parties, opportunities and projects have alike: owner, team, tags, custom fields and stamps, and the routes that read
//! them: list with `since`, one, several, search, filter results, deleted feed (API reference 2.7, 2.8, 2.9, 3.1 to 3.3).
//!
//! A new kind of main record implements [`Record`] in its own file and gets all of this.

use axum::Router;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Fake;
use super::call::{Answer, Call, Embeds, get, query};
use super::clock::{date_of, spell};
use super::entity::Entity;
use super::fields::{FieldRow, FieldType, FieldValue, merge_values, render_values};
use super::filters::{Filter, Filterable, Kind, Operand, Viewer};
use super::input::Input;
use super::paging::list;
use super::reply::{Refusal, Reply, Violations};
use super::saved_filters;
use super::state::{ListOrder, SinceRule, State, instant};
use super::table::Table;
use super::tags::{merge_tags, render_tags};

/// The attributes that every main record has.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Core {
    pub(super) id: u64,
    pub(super) owner: Option<u64>,
    pub(super) team: Option<u64>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) last_contacted_at: Option<Timestamp>,
    pub(super) tags: Vec<u64>,
    pub(super) fields: Vec<FieldRow>,
    /// Since when callers may not see it (API reference 2.12).
    pub(super) restricted_at: Option<Timestamp>,
}

impl Core {
    pub(super) fn new(id: u64, owner: Option<u64>, now: Timestamp) -> Core {
        Core {
            id,
            owner,
            team: None,
            created_at: now,
            updated_at: now,
            last_contacted_at: None,
            tags: Vec::new(),
            fields: Vec::new(),
            restricted_at: None,
        }
    }

    /// Sets owner and team from a body.
    pub(super) fn merge_assignment(&mut self, input: &mut Input<'_>, state: &State) {
        input.reference_by_id("owner", "user", &mut self.owner, |id| state.users.has(id));
        input.reference_by_id("team", "team", &mut self.team, |id| state.teams.has(id));
    }

    /// Sets custom field values from a body.
    pub(super) fn merge_fields(
        &mut self,
        entity: Entity,
        body: &Map<String, Value>,
        state: &mut State,
        violations: &mut Violations,
    ) -> Result<(), Refusal> {
        let State {
            definitions,
            last_row,
            ..
        } = state;
        let new_id = || {
            *last_row += 1;
            *last_row
        };
        merge_values(
            &mut self.fields,
            body.get("fields"),
            &definitions[entity],
            new_id,
            violations,
        )
    }

    /// Attaches and detaches tags. Comes last in every merge, because it may create tag definitions.
    pub(super) fn merge_tags(
        &mut self,
        entity: Entity,
        body: &Map<String, Value>,
        state: &mut State,
    ) -> Result<(), Refusal> {
        merge_tags(&mut self.tags, body.get("tags"), &mut state.tags[entity])
    }

    /// Adds the keys of this core to a record's body. Tags and fields are absent unless asked for (API reference 2.6).
    pub(super) fn render_into(
        &self,
        body: &mut Value,
        entity: Entity,
        state: &State,
        embeds: &Embeds,
    ) {
        body["id"] = json!(self.id);
        body["owner"] = state.user_reference(self.owner);
        body["team"] = state.team_reference(self.team);
        body["createdAt"] = instant(Some(self.created_at));
        body["updatedAt"] = instant(Some(self.updated_at));
        body["lastContactedAt"] = instant(self.last_contacted_at);
        if embeds.has("tags") {
            body["tags"] = render_tags(&self.tags, &state.tags[entity]);
        }
        if embeds.has("fields") {
            body["fields"] = render_values(&self.fields, &state.definitions[entity]);
        }
        if embeds.has("missingImportantFields") {
            body["missingImportantFields"] =
                json!(self.misses_important(entity, state, body["type"].as_str()));
        }
    }

    /// Whether an important field that applies to this record has no value.
    fn misses_important(&self, entity: Entity, state: &State, kind: Option<&str>) -> bool {
        state.definitions[entity].iter().any(|definition| {
            definition.important
                && definition.tag.is_none_or(|tag| self.tags.contains(&tag))
                && definition
                    .capture_rule
                    .as_deref()
                    .is_none_or(|rule| Some(rule) == kind)
                && !self
                    .fields
                    .iter()
                    .any(|row| row.definition == definition.id)
        })
    }

    /// The types of the filter-side names that all main records know.
    pub(super) fn filter_field(name: &str, entity: Entity, state: &State) -> Option<Kind> {
        match name {
            "id" => Some(Kind::Id),
            "tag" | "owner" | "team" => Some(Kind::Reference),
            "hasTags" => Some(Kind::Boolean),
            "addedOn" | "updatedOn" => Some(Kind::Date),
            _ => {
                let id: u64 = name.strip_prefix("custom:")?.parse().ok()?;
                Some(match state.definitions[entity].get(id)?.kind {
                    FieldType::Boolean => Kind::Boolean,
                    FieldType::Date => Kind::Date,
                    FieldType::Number => Kind::Number,
                    FieldType::Text
                    | FieldType::List
                    | FieldType::Link
                    | FieldType::MultiSelect => Kind::Text,
                })
            }
        }
    }

    /// The values under the names of [`Core::filter_field`].
    pub(super) fn operands<'a>(
        &'a self,
        name: &str,
        entity: Entity,
        state: &'a State,
    ) -> Vec<Operand<'a>> {
        let date = |at: Timestamp| Operand::Date(date_of(at));
        match name {
            "id" => vec![Operand::Number(self.id as f64)],
            "tag" => self
                .tags
                .iter()
                .filter_map(|id| state.tags[entity].get(*id))
                .map(|tag| Operand::Reference(tag.id, vec![tag.name.as_str()]))
                .collect(),
            "owner" => {
                let owner = self.owner.and_then(|id| state.users.get(id));
                owner
                    .map(|user| {
                        Operand::Reference(
                            user.id,
                            vec![user.name.as_str(), user.username.as_str()],
                        )
                    })
                    .into_iter()
                    .collect()
            }
            "team" => {
                let team = self.team.and_then(|id| state.teams.get(id));
                team.map(|team| Operand::Reference(team.id, vec![team.name.as_str()]))
                    .into_iter()
                    .collect()
            }
            "hasTags" => vec![Operand::Boolean(!self.tags.is_empty())],
            "addedOn" => vec![date(self.created_at)],
            "updatedOn" => vec![date(self.updated_at)],
            "lastContactedOn" => self.last_contacted_at.map(date).into_iter().collect(),
            _ => {
                let Some(id) = name
                    .strip_prefix("custom:")
                    .and_then(|id| id.parse::<u64>().ok())
                else {
                    return Vec::new();
                };
                let Some(definition) = state.definitions[entity].get(id) else {
                    return Vec::new();
                };
                let Some(row) = self.fields.iter().find(|row| row.definition == id) else {
                    return Vec::new();
                };
                match &row.value {
                    FieldValue::Text(text) if definition.kind == FieldType::MultiSelect => {
                        text.split(';').map(Operand::text).collect()
                    }
                    FieldValue::Text(text) => vec![Operand::text(text)],
                    FieldValue::Number(text) => {
                        text.parse().map(Operand::Number).into_iter().collect()
                    }
                    FieldValue::Boolean(value) => vec![Operand::Boolean(*value)],
                    FieldValue::Date(value) => vec![Operand::Date(*value)],
                }
            }
        }
    }

    /// Whether a text, link or list value contains `wanted`, which is in lower case.
    pub(super) fn mentions(&self, wanted: &str) -> bool {
        self.fields.iter().any(|row| match &row.value {
            FieldValue::Text(text) | FieldValue::Number(text) => {
                text.to_lowercase().contains(wanted)
            }
            FieldValue::Boolean(_) | FieldValue::Date(_) => false,
        })
    }
}

/// A kind of main record.
pub(super) trait Record: Filterable + Sized + 'static {
    const ENTITY: Entity;

    fn table(state: &State) -> &Table<Self>;
    fn core(&self) -> &Core;
    fn render(&self, state: &State, embeds: &Embeds) -> Value;
    /// Whether a search for `wanted`, which is in lower case, finds the record.
    fn mentions(&self, wanted: &str, state: &State) -> bool;
    /// The short form (API reference 3.0).
    fn reference(&self) -> Value;
    /// The record as a caller sees it who may not see it (API reference 2.12).
    fn restricted(&self) -> Value;
}

/// A linked record: null for none, short, or whole if it was embedded and the caller may see it.
pub(super) fn nested<R: Record>(state: &State, id: Option<u64>, whole: bool) -> Value {
    let Some(record) = id.and_then(|id| R::table(state).get(id)) else {
        return Value::Null;
    };
    match (record.core().restricted_at, whole) {
        (Some(_), _) => record.restricted(),
        (None, true) => record.render(state, &Embeds::default()),
        (None, false) => record.reference(),
    }
}

/// Visits the core of every record of an entity, to take a tag or a field off all of them.
pub(super) fn for_each_core(state: &mut State, entity: Entity, visit: impl FnMut(&mut Core)) {
    match entity {
        Entity::Party => state.parties.cores_mut().for_each(visit),
        Entity::Opportunity => state
            .opportunities
            .iter_mut()
            .map(|record| &mut record.core)
            .for_each(visit),
        Entity::Kase => state
            .kases
            .iter_mut()
            .map(|record| &mut record.core)
            .for_each(visit),
    }
}

/// The reading routes of a record kind.
pub(super) fn routes<R: Record>() -> Router<Fake> {
    let path = R::ENTITY.plural();
    Router::new()
        .route(&format!("/{path}"), get(show_all::<R>))
        .route(&format!("/{path}/search"), get(search::<R>))
        .route(&format!("/{path}/deleted"), get(show_deleted::<R>))
        .route(&format!("/{path}/filters/results"), query(filter::<R>))
        .route(&format!("/{path}/{{id}}"), get(show::<R>))
        .merge(saved_filters::routes::<R>())
}

/// A record that exists and that the caller may see.
pub(super) fn find<R: Record>(state: &State, id: u64) -> Result<&R, Refusal> {
    R::table(state)
        .get(id)
        .filter(|record| record.core().restricted_at.is_none())
        .ok_or_else(|| Refusal::no_such(R::ENTITY.singular()))
}

/// A page of `records`, rendered with the call's embeds.
pub(super) fn page<'a, R: Record>(
    state: &State,
    call: &Call,
    records: impl IntoIterator<Item = &'a R>,
) -> Result<Reply, Refusal> {
    let embeds = call.embeds();
    let entity = R::ENTITY;
    list(
        call,
        entity.plural(),
        entity.singular(),
        records,
        |record| record.render(state, &embeds),
    )
}

/// The visible records for which `keep` is true, in the account's order.
pub(super) fn in_order<R: Record>(state: &State, mut keep: impl FnMut(&R) -> bool) -> Vec<&R> {
    let mut records: Vec<&R> = R::table(state)
        .iter()
        .filter(|record| record.core().restricted_at.is_none() && keep(record))
        .collect();
    let updated = |record: &&R| record.core().updated_at;
    match state.behaviour.order {
        ListOrder::IdUp => {}
        ListOrder::IdDown => records.reverse(),
        ListOrder::UpdatedUp => records.sort_by_key(updated),
        ListOrder::UpdatedDown => records.sort_by_key(|record| std::cmp::Reverse(updated(record))),
    }
    records
}

/// Whether something that changed at `at` belongs into a list since `since`.
pub(super) fn is_since(state: &State, at: Timestamp, since: Timestamp, now: Timestamp) -> bool {
    let late_enough = match state.behaviour.since {
        SinceRule::Inclusive => at >= since,
        SinceRule::Exclusive => at > since,
    };
    let visible_at = at
        .saturating_add(state.behaviour.visibility_lag)
        .unwrap_or(Timestamp::MAX);
    late_enough && visible_at <= now
}

/// The same for a record: by the last of its stamps that the index has seen.
pub(super) fn is_listed_since(
    state: &State,
    (kind, id): (&'static str, u64),
    updated_at: Timestamp,
    since: Timestamp,
    now: Timestamp,
) -> bool {
    // Its stamps end with this one. Of a large account nearly all records are told apart by it.
    if updated_at < since {
        return false;
    }
    let seen = state.stamps.get(&(kind, id)).and_then(|stamps| {
        let until = now.saturating_sub(state.behaviour.visibility_lag).ok()?;
        let unseen = stamps.partition_point(|at| *at <= until);
        stamps.get(unseen.checked_sub(1)?).copied()
    });
    is_since(state, seen.unwrap_or(updated_at), since, now)
}

fn show_all<R: Record>(state: &mut State, call: &Call) -> Answer {
    let since = call.since(R::ENTITY.singular())?;
    let records = in_order(state, |record: &R| {
        let core = record.core();
        let which = (R::ENTITY.singular(), core.id);
        since.is_none_or(|since| is_listed_since(state, which, core.updated_at, since, call.now))
    });
    page(state, call, records)
}

fn show<R: Record>(state: &mut State, call: &Call) -> Answer {
    let entity = R::ENTITY;
    let embeds = call.embeds();
    if let Some(ids) = call.many_ids(0, entity.singular()) {
        let records: Result<Vec<Value>, Refusal> = ids?
            .into_iter()
            .map(|id| Ok(find::<R>(state, id)?.render(state, &embeds)))
            .collect();
        return Ok(Reply::ok(entity.plural(), Value::Array(records?)).paged(false, None));
    }
    let record = find::<R>(state, call.id(0, entity.singular())?)?;
    Ok(Reply::ok(entity.singular(), record.render(state, &embeds)))
}

/// Every word of `q` must be found somewhere in the record. An empty search finds nothing.
fn search<R: Record>(state: &mut State, call: &Call) -> Answer {
    let words: Vec<String> = call
        .query("q")
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_lowercase)
        .collect();
    let records = in_order(state, |record: &R| {
        !words.is_empty() && words.iter().all(|word| record.mentions(word, state))
    });
    page(state, call, records)
}

fn filter<R: Record>(state: &mut State, call: &Call) -> Answer {
    let viewer = &Viewer::new(call);
    let filter = Filter::read::<R>(&call.root("filter")?, state, viewer)?;
    let mut records = in_order(state, |record: &R| filter.fits(record, state, viewer));
    filter.sort(&mut records, state, viewer);
    page(state, call, records)
}

fn show_deleted<R: Record>(state: &mut State, call: &Call) -> Answer {
    let entity = R::ENTITY;
    let Some(since) = call.since(entity.singular())? else {
        return Err(Refusal::invalid(
            entity.singular(),
            "since",
            "since is required",
        ));
    };
    let deleted: Vec<Value> = state.deletions[entity]
        .iter()
        .filter(|row| is_since(state, row.at, since, call.now))
        .map(|row| json!({ "id": row.id, "deletedAt": spell(row.at) }))
        .collect();
    let mut body = Map::from_iter([(entity.plural().to_owned(), Value::Array(deleted))]);
    let restricted: Vec<Value> = R::table(state)
        .iter()
        .filter(|record| {
            record
                .core()
                .restricted_at
                .is_some_and(|at| is_since(state, at, since, call.now))
        })
        .map(R::restricted)
        .collect();
    if !restricted.is_empty() {
        body.insert(
            entity.restricted_plural().to_owned(),
            Value::Array(restricted),
        );
    }
    Ok(Reply::body(Value::Object(body)).paged(false, None))
}
