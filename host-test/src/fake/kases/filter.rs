//! The filter-side names of projects (API reference 4.1).

use super::super::entity::Entity;
use super::super::filters::{Filterable, Kind, Operand, Viewer};
use super::super::parent::Parent;
use super::super::records::Core;
use super::super::state::State;
use super::Kase;

impl Filterable for Kase {
    fn filter_field(name: &str, state: &State) -> Option<Kind> {
        Some(match name {
            "name" | "primaryContactName" => Kind::Text,
            "status" => Kind::Choice,
            "board" | "stage" => Kind::Reference,
            "primaryContact" => Kind::Id,
            "isOpen" | "isOwnedByMe" | "hasOpenTasks" => Kind::Boolean,
            "closedOn" | "expectedCloseOn" | "startOn" => Kind::Date,
            _ => return Core::filter_field(name, Entity::Kase, state),
        })
    }

    fn operands<'a>(&'a self, name: &str, state: &'a State, viewer: &Viewer) -> Vec<Operand<'a>> {
        let stage = self.stage.and_then(|id| state.stages.get(id));
        match name {
            "name" => vec![Operand::text(&self.name)],
            "status" => vec![Operand::text(self.status())],
            "stage" => stage
                .map(|row| Operand::Reference(row.id, vec![row.name.as_str()]))
                .into_iter()
                .collect(),
            "board" => {
                let board = stage.and_then(|stage| state.boards.get(stage.board));
                board
                    .map(|row| Operand::Reference(row.id, vec![row.name.as_str()]))
                    .into_iter()
                    .collect()
            }
            "primaryContact" => vec![Operand::Number(self.party as f64)],
            "primaryContactName" => {
                let party = state.parties.get(self.party);
                party
                    .map(|party| Operand::Text(party.name().into()))
                    .into_iter()
                    .collect()
            }
            "isOpen" => vec![Operand::Boolean(!self.is_closed)],
            "isOwnedByMe" => vec![Operand::Boolean(self.core.owner == Some(viewer.user))],
            "hasOpenTasks" => vec![Operand::Boolean(
                viewer.has_open_tasks(Parent::Kase(self.core.id), state),
            )],
            "closedOn" => self.closed_on.map(Operand::Date).into_iter().collect(),
            "expectedCloseOn" => self
                .expected_close_on
                .map(Operand::Date)
                .into_iter()
                .collect(),
            "startOn" => self.start_on.map(Operand::Date).into_iter().collect(),
            _ => self.core.operands(name, Entity::Kase, state),
        }
    }
}
