//! The filter-side names of opportunities (API reference 4.1).

use super::super::clock::date_of;
use super::super::entity::Entity;
use super::super::filters::{Filterable, Kind, Operand, Viewer};
use super::super::parent::Parent;
use super::super::records::Core;
use super::super::state::State;
use super::Opportunity;

impl Filterable for Opportunity {
    fn filter_field(name: &str, state: &State) -> Option<Kind> {
        Some(match name {
            "name" | "primaryContactName" | "currency" => Kind::Text,
            "status" => Kind::Choice,
            "pipeline" | "milestone" | "lostReason" => Kind::Reference,
            "probability" => Kind::Number,
            "expectedValue" => Kind::Money,
            "party" | "primaryContact" => Kind::Id,
            "isOpen" | "isStale" | "isOwnedByMe" | "includedForConversion" | "hasOpenTasks" => {
                Kind::Boolean
            }
            "closedOn" | "expectedCloseOn" | "lastContactedOn" => Kind::Date,
            _ => return Core::filter_field(name, Entity::Opportunity, state),
        })
    }

    fn operands<'a>(&'a self, name: &str, state: &'a State, viewer: &Viewer) -> Vec<Operand<'a>> {
        let milestone = self.milestone(state);
        match name {
            "name" => vec![Operand::text(&self.name)],
            "status" => vec![Operand::text(self.status(state))],
            "milestone" => milestone
                .map(|row| Operand::Reference(row.id, vec![row.name.as_str()]))
                .into_iter()
                .collect(),
            "pipeline" => {
                let pipeline =
                    milestone.and_then(|milestone| state.pipelines.get(milestone.pipeline));
                pipeline
                    .map(|row| Operand::Reference(row.id, vec![row.name.as_str()]))
                    .into_iter()
                    .collect()
            }
            "lostReason" => {
                let reason = self.lost_reason.and_then(|id| state.lost_reasons.get(id));
                reason
                    .map(|row| Operand::Reference(row.id, vec![row.name.as_str()]))
                    .into_iter()
                    .collect()
            }
            "probability" => vec![Operand::Number(self.probability as f64)],
            "currency" => self
                .value
                .iter()
                .map(|value| Operand::text(&value.currency))
                .collect(),
            "expectedValue" => self
                .value
                .iter()
                .map(|value| Operand::Money(value.amount, &value.currency))
                .collect(),
            "party" => {
                let all = std::iter::once(&self.party).chain(&self.parties);
                all.map(|id| Operand::Number(*id as f64)).collect()
            }
            "primaryContact" => vec![Operand::Number(self.party as f64)],
            "primaryContactName" => {
                let party = state.parties.get(self.party);
                party
                    .map(|party| Operand::Text(party.name().into()))
                    .into_iter()
                    .collect()
            }
            "isOpen" => vec![Operand::Boolean(self.is_open(state))],
            "isStale" => vec![Operand::Boolean(self.is_stale(state, viewer.now))],
            "isOwnedByMe" => vec![Operand::Boolean(self.core.owner == Some(viewer.user))],
            "includedForConversion" => {
                let reason = self.lost_reason.and_then(|id| state.lost_reasons.get(id));
                vec![Operand::Boolean(
                    reason.is_none_or(|reason| reason.included_for_conversion),
                )]
            }
            "hasOpenTasks" => vec![Operand::Boolean(
                viewer.has_open_tasks(Parent::Opportunity(self.core.id), state),
            )],
            "closedOn" => self.closed_on.map(Operand::Date).into_iter().collect(),
            "expectedCloseOn" => self
                .expected_close_on
                .map(Operand::Date)
                .into_iter()
                .collect(),
            "lastContactedOn" => self
                .core
                .last_contacted_at
                .map(|at| Operand::Date(date_of(at)))
                .into_iter()
                .collect(),
            _ => self.core.operands(name, Entity::Opportunity, state),
        }
    }
}
