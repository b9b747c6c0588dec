//! The filter-side names of parties (API reference 4.1).

use super::super::countries;
use super::super::entity::Entity;
use super::super::filters::{Filterable, Kind, Operand, Viewer};
use super::super::parent::Parent;
use super::super::records::Core;
use super::super::state::State;
use super::party::{Party, Who};

impl Filterable for Party {
    fn filter_field(name: &str, state: &State) -> Option<Kind> {
        Some(match name {
            "name" | "jobTitle" | "title" | "email" | "phone" | "website" | "city" | "zip"
            | "state" => Kind::Text,
            "org.name" => Kind::Text,
            "country" | "type" => Kind::Choice,
            "hasEmailAddress" | "hasPhoneNumber" | "hasAddress" | "hasPeople" => Kind::Boolean,
            "hasOpenTasks" | "hasOpportunities" | "hasCases" => Kind::Boolean,
            "lastContactedOn" => Kind::Date,
            "org.tag" => Kind::Reference,
            _ => {
                let name = name
                    .strip_prefix("org.")
                    .filter(|rest| rest.starts_with("custom:"))
                    .unwrap_or(name);
                return Core::filter_field(name, Entity::Party, state);
            }
        })
    }

    fn operands<'a>(&'a self, name: &str, state: &'a State, viewer: &Viewer) -> Vec<Operand<'a>> {
        if let Some(rest) = name.strip_prefix("org.") {
            let employer = self.employer().and_then(|id| state.parties.get(id));
            return employer
                .map(|employer| employer.operands(rest, state, viewer))
                .unwrap_or_default();
        }
        let one = |text: Option<&'a str>| text.map(Operand::text).into_iter().collect();
        let addresses = |read: fn(&'a super::contact::Address) -> Option<&'a str>| {
            self.addresses
                .iter()
                .filter_map(read)
                .map(Operand::text)
                .collect()
        };
        let person = match &self.who {
            Who::Person(person) => Some(person),
            Who::Organisation { .. } => None,
        };
        match name {
            "name" => vec![Operand::Text(self.name().into())],
            "jobTitle" => one(person.and_then(|person| person.job_title.as_deref())),
            "title" => one(person.and_then(|person| person.title.as_deref())),
            "email" => self
                .emails
                .iter()
                .map(|row| Operand::text(&row.address))
                .collect(),
            "phone" => self
                .phones
                .iter()
                .map(|row| Operand::text(&row.number))
                .collect(),
            "website" => self
                .websites
                .iter()
                .map(|row| Operand::text(&row.address))
                .collect(),
            "city" => addresses(|row| row.city.as_deref()),
            "zip" => addresses(|row| row.zip.as_deref()),
            "state" => addresses(|row| row.state.as_deref()),
            // The docs let it be a name, the vendor's client sends the alpha-2 code: both find the record.
            "country" => self
                .addresses
                .iter()
                .filter_map(|row| countries::by_name(row.country?))
                .flat_map(|country| [Operand::text(country.name), Operand::text(country.alpha2)])
                .collect(),
            "type" => vec![Operand::text(self.kind())],
            "hasEmailAddress" => vec![Operand::Boolean(!self.emails.is_empty())],
            "hasPhoneNumber" => vec![Operand::Boolean(!self.phones.is_empty())],
            "hasAddress" => vec![Operand::Boolean(!self.addresses.is_empty())],
            "hasPeople" => vec![Operand::Boolean(state.parties.has_people(self.core.id))],
            "hasOpenTasks" => vec![Operand::Boolean(
                viewer.has_open_tasks(Parent::Party(self.core.id), state),
            )],
            "hasOpportunities" => vec![Operand::Boolean(
                viewer.has_opportunities(self.core.id, state),
            )],
            "hasCases" => vec![Operand::Boolean(viewer.has_kases(self.core.id, state))],
            _ => self.core.operands(name, Entity::Party, state),
        }
    }
}
