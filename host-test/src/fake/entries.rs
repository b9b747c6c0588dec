//! Entries: notes, emails, completed tasks (API reference 3.5).

use axum::Router;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Fake;
use super::activity_types::{self, NOTE, TASK_COMPLETED};
use super::attachments::Attachment;
use super::call::{Answer, Call, Embeds, delete, get, post, put};
use super::entity::Entity;
use super::input::{Input, Reference};
use super::nested::{Item, items};
use super::paging::{Page, list_page};
use super::parent::{Parent, merge_parents};
use super::parties::Party;
use super::records::{Core, nested};
use super::reply::{Refusal, Reply, Violations};
use super::state::{State, instant};

const RESOURCE: &str = "entry";

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Note,
    Email,
    Task,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Note => "note",
            Kind::Email => "email",
            Kind::Task => "task",
        }
    }
}

/// A line of a record's history.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) kind: Kind,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// Where it stands in the history; it may be back-dated.
    pub(super) entry_at: Timestamp,
    pub(super) subject: Option<String>,
    pub(super) content: Option<String>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) creator: Option<u64>,
    pub(super) activity_type: i64,
    pub(super) parent: Parent,
    pub(super) participants: Vec<Participant>,
}

/// Somebody in an email.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Participant {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) address: String,
    pub(super) role: &'static str,
}

impl Entry {
    pub(super) fn blank(id: u64, kind: Kind, parent: Parent, now: Timestamp) -> Entry {
        Entry {
            id,
            kind,
            created_at: now,
            updated_at: now,
            entry_at: now,
            subject: None,
            content: None,
            attachments: Vec::new(),
            creator: None,
            activity_type: NOTE,
            parent,
            participants: Vec::new(),
        }
    }

    /// The record that it is filed on is the only one of the three keys that is there, as in the newer samples.
    fn render(&self, state: &State, embeds: &Embeds) -> Value {
        let parties = match (self.kind, self.parent) {
            (Kind::Email, Parent::Party(id)) => vec![nested::<Party>(state, Some(id), false)],
            _ => Vec::new(),
        };
        let participants = self.participants.iter().map(|row| {
            json!({ "id": row.id, "name": row.name, "address": row.address, "role": row.role })
        });
        let mut body = json!({
            "id": self.id,
            "type": self.kind.name(),
            "createdAt": instant(Some(self.created_at)),
            "updatedAt": instant(Some(self.updated_at)),
            "entryAt": instant(Some(self.entry_at)),
            "subject": self.subject,
            "content": self.content,
            "attachments": self.attachments.iter().map(Attachment::render).collect::<Value>(),
            "creator": state.user_reference(self.creator),
            "activityType": activity_types::find(state, self.activity_type).map(|row| row.reference()),
            "parties": parties,
            "participants": participants.collect::<Value>(),
        });
        body[self.parent.key()] = self.parent.render(state, embeds);
        body
    }

    /// What a PUT may change and a POST may bring.
    fn merge(&mut self, body: &Map<String, Value>, state: &mut State) -> Result<(), Refusal> {
        let mut violations = Violations::default();
        let mut input = Input::new(body, RESOURCE, &mut violations);
        input.text("content", &mut self.content);
        if self.kind == Kind::Email {
            input.text("subject", &mut self.subject);
        }
        match input.value("activityType") {
            None => {}
            Some(Value::Null) => self.activity_type = NOTE,
            Some(value) => {
                let id = value
                    .as_i64()
                    .or_else(|| value.get("id").and_then(Value::as_i64));
                match id.filter(|id| activity_types::find(state, *id).is_some()) {
                    Some(id) => self.activity_type = id,
                    None => input.fault("activityType", "activityType not found"),
                }
            }
        }
        for item in items(
            body.get("attachments"),
            "attachment",
            "attachments",
            &mut violations,
        ) {
            match item {
                Item::Add(map) => {
                    let token = map.get("token").and_then(Value::as_str);
                    match token.and_then(|token| state.uploads.get(token)).cloned() {
                        Some(file) => self.attachments.push(Attachment {
                            id: state.new_row_id(),
                            file,
                        }),
                        None => violations.add("attachment", "token", "token is required"),
                    }
                }
                Item::Change(id, _) if self.attachments.iter().any(|row| row.id == id) => {}
                Item::Remove(id) if self.attachments.iter().any(|row| row.id == id) => {
                    self.attachments.retain(|row| row.id != id);
                }
                Item::Change(..) | Item::Remove(_) => return Err(Refusal::no_such("attachment")),
            }
        }
        let is_empty = self
            .content
            .as_deref()
            .is_none_or(|content| content.trim().is_empty());
        if is_empty && self.attachments.is_empty() {
            violations.add(RESOURCE, "content", "content is required");
        }
        violations.check()
    }
}

pub(super) fn routes() -> Router<Fake> {
    let mut router = Router::new()
        .route("/entries", get(show_all).merge(post(create)))
        .route(
            "/entries/{id}",
            get(show).merge(put(update)).merge(delete(remove)),
        );
    for entity in Entity::ALL {
        let path = format!("/{}/{{id}}/entries", entity.plural());
        router = router.route(&path, get(move |state, call| show_of(state, call, entity)));
    }
    router
}

fn find(state: &State, id: u64) -> Result<&Entry, Refusal> {
    state
        .entries
        .get(id)
        .ok_or_else(|| Refusal::no_such(RESOURCE))
}

/// A page of entries, most recent first.
fn newest<'a>(
    state: &'a State,
    call: &Call,
    page: Page,
    entries: impl Iterator<Item = &'a Entry>,
) -> Reply {
    let mut entries: Vec<&Entry> = entries.filter(|entry| entry.parent.exists(state)).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.entry_at, entry.id)));
    let embeds = call.embeds();
    list_page(call, "entries", page, entries, |entry| {
        entry.render(state, &embeds)
    })
}

fn show_all(state: &mut State, call: &Call) -> Answer {
    Ok(newest(
        state,
        call,
        Page::of(call, RESOURCE, 100)?,
        state.entries.iter(),
    ))
}

/// The current docs allow fifty rows a page here (API reference section 6, row 7).
fn show_of(state: &mut State, call: &Call, entity: Entity) -> Answer {
    let parent = parent_of(state, call, entity)?;
    let page = Page::of(call, RESOURCE, 50)?;
    Ok(newest(
        state,
        call,
        page,
        state.entries.iter().filter(|entry| entry.parent == parent),
    ))
}

/// The record that the path names.
pub(super) fn parent_of(state: &State, call: &Call, entity: Entity) -> Result<Parent, Refusal> {
    let id = call.id(0, entity.singular())?;
    let parent = match entity {
        Entity::Party => Parent::Party(id),
        Entity::Opportunity => Parent::Opportunity(id),
        Entity::Kase => Parent::Kase(id),
    };
    if parent.exists(state) {
        Ok(parent)
    } else {
        Err(Refusal::no_such(entity.singular()))
    }
}

fn show(state: &mut State, call: &Call) -> Answer {
    Ok(Reply::ok(
        RESOURCE,
        find(state, call.id(0, RESOURCE)?)?.render(state, &call.embeds()),
    ))
}

fn create(state: &mut State, call: &Call) -> Answer {
    let body = call.root(RESOURCE)?;
    let mut violations = Violations::default();
    let mut input = Input::new(&body, RESOURCE, &mut violations);
    if input.value("type").and_then(Value::as_str) != Some("note") {
        input.fault("type", "type must be note");
    }
    let mut entry_at = Some(call.now);
    input.instant("entryAt", &mut entry_at);
    let given = ["party", "opportunity", "kase"]
        .into_iter()
        .filter(|key| input.value(key).and_then(Reference::read).is_some())
        .count();
    let parents = merge_parents(&mut input, None, state);
    if given != 1 {
        input.fault(
            "party",
            "entry must be linked to either a party, opportunity or kase",
        );
    }
    violations.check()?;
    let Some(parent) = parents.first().copied() else {
        return Err(Refusal::invalid(
            RESOURCE,
            "party",
            "entry must be linked to either a party, opportunity or kase",
        ));
    };
    let mut entry = Entry::blank(state.entries.reserve(), Kind::Note, parent, call.now);
    entry.creator = Some(call.caller.user);
    entry.entry_at = entry_at.unwrap_or(call.now);
    entry.merge(&body, state)?;
    let id = entry.id;
    file(state, entry);
    let rendered = find(state, id)?.render(state, &call.embeds());
    Ok(Reply::created(
        RESOURCE,
        rendered,
        Some(call.address(&format!("/entries/{id}"))),
    ))
}

/// Stores an entry; a contact moves the record's `lastContactedAt`, not its `updatedAt`.
pub(super) fn file(state: &mut State, entry: Entry) {
    let is_contact = activity_types::find(state, entry.activity_type)
        .is_some_and(|row| row.update_last_contacted);
    if is_contact && let Some(core) = core_mut(state, entry.parent) {
        core.last_contacted_at = core.last_contacted_at.max(Some(entry.entry_at));
    }
    state.entries.put(entry.id, entry);
}

fn core_mut(state: &mut State, parent: Parent) -> Option<&mut Core> {
    match parent {
        Parent::Party(id) => state.parties.core_mut(id),
        Parent::Opportunity(id) => state
            .opportunities
            .get_mut(id)
            .map(|record| &mut record.core),
        Parent::Kase(id) => state.kases.get_mut(id).map(|record| &mut record.core),
    }
}

fn update(state: &mut State, call: &Call) -> Answer {
    let before = find(state, call.id(0, RESOURCE)?)?.clone();
    if before.kind == Kind::Task {
        return Err(Refusal::invalid(
            RESOURCE,
            "type",
            "only notes and emails can be updated",
        ));
    }
    let mut entry = before.clone();
    entry.merge(&call.root(RESOURCE)?, state)?;
    if entry != before {
        entry.updated_at = call.now;
    }
    let id = entry.id;
    file(state, entry);
    Ok(Reply::ok(
        RESOURCE,
        find(state, id)?.render(state, &call.embeds()),
    ))
}

fn remove(state: &mut State, call: &Call) -> Answer {
    let id = find(state, call.id(0, RESOURCE)?)?.id;
    state.entries.remove(id);
    Ok(Reply::no_content())
}

/// The entry that a completed task leaves on its record.
pub(super) fn file_completed_task(
    state: &mut State,
    parent: Parent,
    description: &str,
    at: Timestamp,
    call: &Call,
) {
    let mut entry = Entry::blank(state.entries.reserve(), Kind::Task, parent, call.now);
    entry.entry_at = at;
    entry.content = Some(description.to_owned());
    entry.creator = Some(call.caller.user);
    entry.activity_type = TASK_COMPLETED;
    file(state, entry);
}

/// Removes the entries of a record that is going.
pub(super) fn delete_of(state: &mut State, parent: Parent) {
    state.entries.retain(|entry| entry.parent != parent);
}
