//! The opportunity model (API reference 3.2): what it holds, how a body and a milestone change it, how it looks.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::super::call::Embeds;
use super::super::clock::date_of;
use super::super::currencies;
use super::super::entity::Entity;
use super::super::input::Input;
use super::super::milestones::Milestone;
use super::super::parties::Party;
use super::super::records::{Core, Record, nested};
use super::super::reply::{Refusal, Violations};
use super::super::state::{State, instant};
use super::super::table::Table;

const RESOURCE: &str = "opportunity";

const BASES: [&str; 7] = ["FIXED", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"];

/// A deal.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Opportunity {
    pub(in super::super) core: Core,
    /// The main contact.
    pub(in super::super) party: u64,
    pub(in super::super) name: String,
    pub(in super::super) description: Option<String>,
    pub(in super::super) milestone: u64,
    pub(in super::super) value: Option<Money>,
    pub(in super::super) expected_close_on: Option<Date>,
    pub(in super::super) probability: i64,
    pub(in super::super) duration_basis: String,
    pub(in super::super) duration: Option<i64>,
    pub(in super::super) closed_on: Option<Date>,
    pub(in super::super) lost_reason: Option<u64>,
    pub(in super::super) last_stage_changed_at: Timestamp,
    pub(in super::super) last_open_milestone: Option<u64>,
    /// Additional contacts.
    pub(in super::super) parties: Vec<u64>,
}

/// An amount in a currency.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Money {
    pub(in super::super) amount: f64,
    pub(in super::super) currency: String,
}

impl Opportunity {
    /// An opportunity without attributes; the party and the milestone that it names do not exist.
    pub(in super::super) fn blank(core: Core) -> Opportunity {
        let created_at = core.created_at;
        Opportunity {
            core,
            party: 0,
            name: String::new(),
            description: None,
            milestone: 0,
            value: None,
            expected_close_on: None,
            probability: 0,
            duration_basis: "FIXED".to_owned(),
            duration: None,
            closed_on: None,
            lost_reason: None,
            last_stage_changed_at: created_at,
            last_open_milestone: None,
            parties: Vec::new(),
        }
    }

    /// The milestone's row.
    pub(in super::super) fn milestone<'a>(&self, state: &'a State) -> Option<&'a Milestone> {
        state.milestones.get(self.milestone)
    }

    /// Whether the milestone leaves it open.
    pub(in super::super) fn is_open(&self, state: &State) -> bool {
        self.milestone(state)
            .is_none_or(|milestone| !milestone.complete)
    }

    /// `open`, `won` or `lost`.
    pub(super) fn status(&self, state: &State) -> &'static str {
        match self.milestone(state) {
            Some(milestone) if milestone.is_won() => "won",
            Some(milestone) if milestone.is_lost() => "lost",
            _ => "open",
        }
    }

    /// Whether it has stood in an open milestone for longer than that allows.
    pub(super) fn is_stale(&self, state: &State, now: Timestamp) -> bool {
        let limit = self
            .milestone(state)
            .filter(|milestone| !milestone.complete)
            .and_then(|row| row.days_until_stale);
        let days = (now.as_second() - self.last_stage_changed_at.as_second()) / 86_400;
        limit.is_some_and(|limit| days > limit)
    }

    /// Puts it into a milestone with all that follows: probability, close date, reason (state machine of API reference 3.2).
    pub(in super::super) fn move_to(
        &mut self,
        milestone: &Milestone,
        state: &State,
        now: Timestamp,
    ) {
        let was_open = self.is_open(state);
        if state.milestones.has(self.milestone) {
            self.last_stage_changed_at = now;
            if milestone.complete && was_open {
                self.last_open_milestone = Some(self.milestone);
            }
        }
        self.milestone = milestone.id;
        self.probability = milestone.probability;
        self.closed_on = milestone.complete.then(|| date_of(now));
    }

    /// Applies a body. On an error the opportunity is half changed and must be thrown away.
    pub(super) fn merge(
        &mut self,
        body: &Map<String, Value>,
        state: &mut State,
        now: Timestamp,
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
        let before = self.milestone;
        let mut milestone = before;
        input.required_reference("milestone", "milestone", &mut milestone, |id| {
            state.milestones.has(id)
        });
        if milestone != before
            && let Some(row) = state.milestones.get(milestone)
        {
            self.move_to(row, state, now);
        }
        let mut probability = Some(self.probability);
        input.integer("probability", &mut probability);
        match probability {
            Some(value) if !(0..=100).contains(&value) => {
                input.fault("probability", "probability must be between 0 and 100")
            }
            _ if input.value("probability").is_some() && !self.is_open(state) => {
                input.fault(
                    "probability",
                    "probability can be updated only for open opportunity",
                );
            }
            Some(value) => self.probability = value,
            None => {
                self.probability = self
                    .milestone(state)
                    .map_or(0, |milestone| milestone.probability)
            }
        }
        self.merge_value(&mut input);
        input.date("expectedCloseOn", &mut self.expected_close_on);
        let mut basis = Some(self.duration_basis.clone());
        input.choice("durationBasis", &BASES, &mut basis);
        self.duration_basis = basis.unwrap_or_else(|| "FIXED".to_owned());
        input.integer("duration", &mut self.duration);
        if self.duration_basis == "FIXED" && self.duration.is_some() {
            input.fault(
                "duration",
                "duration must be null when durationBasis is FIXED",
            );
        }
        input.reference_by_id("lostReason", "lostReason", &mut self.lost_reason, |id| {
            state.lost_reasons.has(id)
        });
        if !self.milestone(state).is_some_and(Milestone::is_lost) {
            self.lost_reason = None;
        }
        self.core.merge_assignment(&mut input, state);
        if self.core.owner.is_none() && self.core.team.is_none() {
            input.fault("owner", "owner or team is required");
        }
        self.core
            .merge_fields(Entity::Opportunity, body, state, &mut violations)?;
        violations.check()?;
        self.core.merge_tags(Entity::Opportunity, body, state)
    }

    /// An amount without currency is refused live, against the docs (API reference section 6, row 22).
    fn merge_value(&mut self, input: &mut Input<'_>) {
        match input.value("value") {
            None => {}
            Some(Value::Null) => self.value = None,
            Some(Value::Object(value)) => {
                let currency = value.get("currency").and_then(Value::as_str);
                match (value.get("amount").and_then(Value::as_f64), currency) {
                    (None, _) => input.fault("value", "amount is required"),
                    (_, None) => input.fault("value", "currency is required"),
                    (_, Some(currency)) if !currencies::is_known(currency) => {
                        input.fault("value", "unknown currency")
                    }
                    (Some(amount), Some(currency)) => {
                        self.value = Some(Money {
                            amount,
                            currency: currency.to_owned(),
                        });
                    }
                }
            }
            Some(_) => input.fault("value", "invalid type for field"),
        }
    }
}

impl Record for Opportunity {
    const ENTITY: Entity = Entity::Opportunity;

    fn table(state: &State) -> &Table<Opportunity> {
        &state.opportunities
    }

    fn core(&self) -> &Core {
        &self.core
    }

    fn render(&self, state: &State, embeds: &Embeds) -> Value {
        let milestone = |id: Option<u64>| {
            id.and_then(|id| state.milestones.get(id))
                .map(Milestone::reference)
        };
        let lost_reason = self.lost_reason.and_then(|id| state.lost_reasons.get(id));
        let mut body = json!({
            "party": nested::<Party>(state, Some(self.party), embeds.has("party")),
            "name": self.name,
            "description": self.description,
            "milestone": match self.milestone(state) {
                Some(row) if embeds.has("milestone") => row.render(state),
                Some(row) => row.reference(),
                None => Value::Null,
            },
            "value": self.value.as_ref().map(|value| json!({ "amount": value.amount, "currency": value.currency })),
            "expectedCloseOn": self.expected_close_on.map(|date| date.to_string()),
            "probability": self.probability,
            "durationBasis": self.duration_basis,
            "duration": self.duration,
            "closedOn": self.closed_on.map(|date| date.to_string()),
            "lostReason": lost_reason.map(|reason| json!({ "id": reason.id, "name": reason.name })),
            "lastStageChangedAt": instant(Some(self.last_stage_changed_at)),
            "lastOpenMilestone": milestone(self.last_open_milestone),
        });
        self.core
            .render_into(&mut body, Entity::Opportunity, state, embeds);
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
