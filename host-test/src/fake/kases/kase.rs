//! The project model, `kase` on the wire (API reference 3.3).

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::super::call::Embeds;
use super::super::clock::date_of;
use super::super::entity::Entity;
use super::super::input::Input;
use super::super::opportunities::Opportunity;
use super::super::parties::Party;
use super::super::records::{Core, Record, nested};
use super::super::reply::{Refusal, Violations};
use super::super::stages;
use super::super::state::State;
use super::super::table::Table;

const RESOURCE: &str = "kase";

/// A project.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Kase {
    pub(in super::super) core: Core,
    /// The main contact.
    pub(in super::super) party: u64,
    pub(in super::super) name: String,
    pub(in super::super) description: Option<String>,
    pub(in super::super) is_closed: bool,
    pub(in super::super) opportunity: Option<u64>,
    pub(in super::super) stage: Option<u64>,
    pub(in super::super) expected_close_on: Option<Date>,
    pub(in super::super) start_on: Option<Date>,
    pub(in super::super) closed_on: Option<Date>,
    /// Additional contacts.
    pub(in super::super) parties: Vec<u64>,
}

impl Kase {
    /// A project without attributes; the party that it names does not exist.
    pub(in super::super) fn blank(core: Core) -> Kase {
        Kase {
            core,
            party: 0,
            name: String::new(),
            description: None,
            is_closed: false,
            opportunity: None,
            stage: None,
            expected_close_on: None,
            start_on: None,
            closed_on: None,
            parties: Vec::new(),
        }
    }

    /// `OPEN` or `CLOSED`.
    pub(super) fn status(&self) -> &'static str {
        if self.is_closed { "CLOSED" } else { "OPEN" }
    }

    /// Applies a body. On an error the project is half changed and must be thrown away.
    pub(super) fn merge(
        &mut self,
        body: &Map<String, Value>,
        state: &mut State,
        now: Timestamp,
        creating: bool,
    ) -> Result<(), Refusal> {
        let mut violations = Violations::default();
        let mut input = Input::new(body, RESOURCE, &mut violations);
        let known = |id: u64| {
            state
                .parties
                .get(id)
                .is_some_and(|party| party.core.restricted_at.is_none())
        };
        input.required_reference("party", "party", &mut self.party, known);
        input.required_text("name", &mut self.name);
        input.text("description", &mut self.description);
        let mut status = Some(self.status().to_owned());
        input.choice("status", &["OPEN", "CLOSED"], &mut status);
        let is_closed = status.as_deref() == Some("CLOSED");
        if is_closed != self.is_closed {
            self.is_closed = is_closed;
            self.closed_on = is_closed.then(|| date_of(now));
        }
        input.reference_by_id("opportunity", "opportunity", &mut self.opportunity, |id| {
            state.opportunities.has(id)
        });
        input.reference_by_id("stage", "stage", &mut self.stage, |id| state.stages.has(id));
        input.date("expectedCloseOn", &mut self.expected_close_on);
        input.date("startOn", &mut self.start_on);
        self.merge_assignment(&mut input, state, creating);
        if creating && self.stage.is_none() {
            self.stage = stages::first(state);
        }
        self.core
            .merge_fields(Entity::Kase, body, state, &mut violations)?;
        violations.check()?;
        self.core.merge_tags(Entity::Kase, body, state)
    }

    /// Owner and team are a pair: a body that has one of them clears the other (API reference 2.3). At creation a stage
    /// brings its board's team, which takes the owner's place if no team was sent (API reference 3.3).
    fn merge_assignment(&mut self, input: &mut Input<'_>, state: &State, creating: bool) {
        let (has_owner, has_team) = (
            input.value("owner").is_some(),
            input.value("team").is_some(),
        );
        if has_owner && !has_team {
            self.core.team = None;
        }
        if has_team && !has_owner {
            self.core.owner = None;
        }
        self.core.merge_assignment(input, state);
        if creating && !has_team {
            let board = self
                .stage
                .and_then(|id| state.stages.get(id))
                .and_then(|stage| state.boards.get(stage.board));
            if let Some(team) = board.and_then(|board| board.default_team) {
                self.core.team = Some(team);
                self.core.owner = None;
            }
        }
    }
}

impl Record for Kase {
    const ENTITY: Entity = Entity::Kase;

    fn table(state: &State) -> &Table<Kase> {
        &state.kases
    }

    fn core(&self) -> &Core {
        &self.core
    }

    fn render(&self, state: &State, embeds: &Embeds) -> Value {
        let stage = self.stage.and_then(|id| state.stages.get(id));
        let mut body = json!({
            "party": nested::<Party>(state, Some(self.party), embeds.has("party")),
            "name": self.name,
            "description": self.description,
            "status": self.status(),
            "opportunity": nested::<Opportunity>(state, self.opportunity, embeds.has("opportunity")),
            "stage": stage.map(|stage| json!({ "id": stage.id, "name": stage.name })),
            "expectedCloseOn": self.expected_close_on.map(|date| date.to_string()),
            "startOn": self.start_on.map(|date| date.to_string()),
            "closedOn": self.closed_on.map(|date| date.to_string()),
        });
        self.core
            .render_into(&mut body, Entity::Kase, state, embeds);
        body
    }

    fn mentions(&self, wanted: &str, state: &State) -> bool {
        self.name.to_lowercase().contains(wanted)
            || state
                .parties
                .get(self.party)
                .is_some_and(|party| party.name().to_lowercase().contains(wanted))
            || self.core.mentions(wanted)
    }

    fn reference(&self) -> Value {
        json!({ "id": self.core.id, "name": self.name })
    }

    fn restricted(&self) -> Value {
        json!({ "id": self.core.id, "name": "Private", "isRestricted": true })
    }
}
