//! Everything that the fake account holds, behind one lock.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::activity_types::{self, ActivityType};
use super::attachments::Upload;
use super::boards::Board;
use super::call::Call;
use super::categories::Category;
use super::clock::spell;
use super::entity::{Entity, PerEntity};
use super::entries::Entry;
use super::fields::FieldDefinition;
use super::goals::Goal;
use super::hooks::{self, Hook, Outbox};
use super::kases::Kase;
use super::lost_reasons::LostReason;
use super::milestones::Milestone;
use super::opportunities::Opportunity;
use super::parties::Parties;
use super::pipelines::Pipeline;
use super::saved_filters::SavedFilter;
use super::stages::Stage;
use super::table::Table;
use super::tags::TagDefinition;
use super::tasks::Task;
use super::teams::Team;
use super::titles::Title;
use super::tracks::{Track, TrackDefinition};
use super::users::User;

/// How a list with `since` treats a record that changed in exactly that instant (API reference 2.7, uncertain).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SinceRule {
    /// Such a record is in the list.
    #[default]
    Inclusive,
    /// Such a record is not in the list.
    Exclusive,
}

/// The order of lists; Capsule's own is not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListOrder {
    /// Oldest record first.
    #[default]
    IdUp,
    /// Newest record first.
    IdDown,
    /// Least recently changed record first.
    UpdatedUp,
    /// Most recently changed record first.
    UpdatedDown,
}

/// What the token endpoint does with the refresh token of a refresh (API reference 1.3: it *may* be rotated).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshRule {
    /// A new one is issued, the old one is dead.
    #[default]
    Rotated,
    /// The same one is returned.
    Same,
    /// None is returned; the old one stays good.
    Omitted,
}

/// The points where Capsule's behaviour is unknown or may vary, so that clients can be tried against each.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// Meaning of `since`.
    pub since: SinceRule,
    /// Order of lists without `orderBy`.
    pub order: ListOrder,
    /// What happens to refresh tokens.
    pub refresh: RefreshRule,
    /// How long the index behind `since` lists and deleted feeds lags: until then a list goes by the stamp that a record had before.
    pub visibility_lag: SignedDuration,
    /// How far the `Date` header is ahead of the stamps.
    pub date_skew: SignedDuration,
    /// DELETE of a main record, tag or field answers 202 with a job (API reference 2.2).
    pub delete_by_job: bool,
    /// `since` on `/tasks` has no effect; it is known from the vendor's own client only.
    pub since_ignored_on_tasks: bool,
    /// A change is one event, the most telling one: a close is `closed` alone, not `updated`, `moved` and `closed` (API
    /// reference 5.2).
    pub one_event_a_change: bool,
    /// Most records in one hook delivery; 0 and 1 mean one record each.
    pub hook_batch: usize,
    /// A retried delivery shows the record as it is then, not as it was at the change.
    pub hook_retry_renders: bool,
}

/// One change of the account, as a hook would name it (API reference 5.2).
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// `party/created` and the like.
    pub event: &'static str,
    /// The record.
    pub id: u64,
    /// When it happened.
    pub at: Timestamp,
}

/// A row of a deleted feed.
#[derive(Clone, Debug)]
pub(super) struct Deletion {
    pub(super) id: u64,
    pub(super) at: Timestamp,
}

/// The account.
pub(super) struct State {
    /// Stamps of records that changed, for an index that lags; kept only where it does.
    pub(super) stamps: BTreeMap<(&'static str, u64), Vec<Timestamp>>,
    pub(super) behaviour: Behaviour,
    /// Name in front of `.capsulecrm.com`.
    pub(super) subdomain: &'static str,
    /// Name of the company that owns the account.
    pub(super) company: &'static str,
    pub(super) users: Table<User>,
    pub(super) teams: Table<Team>,
    pub(super) titles: Table<Title>,
    pub(super) parties: Parties,
    pub(super) opportunities: Table<Opportunity>,
    pub(super) kases: Table<Kase>,
    pub(super) tasks: Table<Task>,
    pub(super) entries: Table<Entry>,
    /// Files by upload token.
    pub(super) uploads: BTreeMap<String, Upload>,
    pub(super) tracks: Table<Track>,
    pub(super) track_definitions: Table<TrackDefinition>,
    pub(super) pipelines: Table<Pipeline>,
    pub(super) milestones: Table<Milestone>,
    pub(super) lost_reasons: Table<LostReason>,
    pub(super) boards: Table<Board>,
    pub(super) stages: Table<Stage>,
    pub(super) categories: Table<Category>,
    pub(super) activity_types: Vec<ActivityType>,
    pub(super) goals: Table<Goal>,
    pub(super) hooks: Table<Hook>,
    pub(super) outbox: Outbox,
    pub(super) tags: PerEntity<Table<TagDefinition>>,
    pub(super) definitions: PerEntity<Table<FieldDefinition>>,
    pub(super) saved_filters: PerEntity<Table<SavedFilter>>,
    pub(super) deletions: PerEntity<Vec<Deletion>>,
    pub(super) changes: Vec<Change>,
    /// Finished jobs: id and what they did.
    pub(super) jobs: BTreeMap<String, &'static str>,
    /// The newest id of a row inside a record.
    pub(super) last_row: u64,
}

impl State {
    /// An account without users and records.
    pub(super) fn empty(behaviour: Behaviour) -> State {
        State {
            stamps: BTreeMap::new(),
            behaviour,
            subdomain: "northwind",
            company: "Northwind Ltd",
            users: Table::starting_at(31),
            teams: Table::starting_at(11),
            titles: Table::default(),
            parties: Parties::default(),
            opportunities: Table::starting_at(5001),
            kases: Table::starting_at(3001),
            tasks: Table::starting_at(7001),
            entries: Table::starting_at(8001),
            uploads: BTreeMap::new(),
            tracks: Table::default(),
            track_definitions: Table::default(),
            pipelines: Table::default(),
            milestones: Table::default(),
            lost_reasons: Table::default(),
            boards: Table::default(),
            stages: Table::default(),
            categories: Table::default(),
            activity_types: activity_types::built_in(),
            goals: Table::default(),
            hooks: Table::default(),
            outbox: Outbox::default(),
            tags: PerEntity::default(),
            definitions: PerEntity::default(),
            saved_filters: PerEntity::default(),
            deletions: PerEntity::default(),
            changes: Vec::new(),
            jobs: BTreeMap::new(),
            last_row: 0,
        }
    }

    /// An id for a row inside a record.
    pub(super) fn new_row_id(&mut self) -> u64 {
        self.last_row += 1;
        self.last_row
    }

    /// Writes a change down for those who watch the account, and for its hooks. Comes after the change is stored.
    pub(super) fn note(&mut self, event: &'static str, id: u64, at: Timestamp) {
        self.changes.push(Change { event, id, at });
        if !self.behaviour.visibility_lag.is_zero()
            && let Some((kind, _)) = event.split_once('/')
        {
            self.stamps.entry((kind, id)).or_default().push(at);
        }
        hooks::enqueue(self, event, id);
    }

    /// Writes down one change that is several events, the most telling one last.
    pub(super) fn note_all(&mut self, events: &[&'static str], id: u64, at: Timestamp) {
        let told = if self.behaviour.one_event_a_change {
            events.len().saturating_sub(1)
        } else {
            0
        };
        for event in events.iter().skip(told) {
            self.note(event, id, at);
        }
    }

    /// Writes a deletion into the feed of its entity.
    pub(super) fn note_deletion(&mut self, entity: Entity, id: u64, at: Timestamp) {
        self.deletions[entity].push(Deletion { id, at });
        let event = match entity {
            Entity::Party => "party/deleted",
            Entity::Opportunity => "opportunity/deleted",
            Entity::Kase => "kase/deleted",
        };
        self.note(event, id, at);
    }

    /// Ends a DELETE: 204, or 202 with a job that is already done where the account works that way.
    pub(super) fn deleted(&mut self, call: &Call, action: &'static str) -> super::reply::Reply {
        if !self.behaviour.delete_by_job {
            return super::reply::Reply::no_content();
        }
        let number = self.jobs.len() + 1;
        let id = format!("7f0c1b52-0000-4000-8000-{number:012x}");
        let address = call.address(&format!("/jobs/{id}"));
        self.jobs.insert(id, action);
        super::reply::Reply::accepted(address)
    }

    /// A user in short form (API reference 3.0), null for nobody.
    pub(super) fn user_reference(&self, id: Option<u64>) -> Value {
        id.and_then(|id| self.users.get(id))
            .map_or(Value::Null, User::reference)
    }

    /// A team in short form, null for none.
    pub(super) fn team_reference(&self, id: Option<u64>) -> Value {
        id.and_then(|id| self.teams.get(id)).map_or(
            Value::Null,
            |team| json!({ "id": team.id, "name": team.name }),
        )
    }
}

/// An instant in a body, null for none.
pub(super) fn instant(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::String(spell(at)))
}
