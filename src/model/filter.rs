//! What Capsule can filter by, and how (API reference 4.1 and 4.2).

use super::field::{Entity, FieldType};
use crate::bindings::capsule::crm::types::FilterOperator as Op;

/// What a filter field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterType {
    /// A text.
    Text,
    /// A number.
    Number,
    /// A date.
    Date,
    /// Yes or no.
    Boolean,
    /// The id or the name of a record.
    Reference,
    /// An amount of money with its currency.
    Money,
}

impl From<FieldType> for FilterType {
    fn from(kind: FieldType) -> Self {
        match kind {
            FieldType::Number => Self::Number,
            FieldType::Date => Self::Date,
            FieldType::Boolean => Self::Boolean,
            FieldType::Text | FieldType::Link | FieldType::List | FieldType::MultiSelect => {
                Self::Text
            }
        }
    }
}

/// A field that Capsule can filter by.
#[derive(Clone, Copy, Debug)]
pub struct FilterField {
    /// Its name in filters.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it holds.
    pub holds: FilterType,
    /// It takes `is` and `is not` alone.
    pub exact: bool,
}

const fn field(name: &'static str, title: &'static str, holds: FilterType) -> FilterField {
    FilterField {
        name,
        title,
        holds,
        exact: matches!(holds, FilterType::Boolean | FilterType::Reference),
    }
}

const fn exact(name: &'static str, title: &'static str, holds: FilterType) -> FilterField {
    FilterField {
        name,
        title,
        holds,
        exact: true,
    }
}

use FilterType::{Boolean, Date, Money, Number, Reference, Text};

/// Fields of parties, without the custom ones (`custom:ID`, `org.custom:ID`).
pub const PARTY_FIELDS: &[FilterField] = &[
    exact("id", "Id", Number),
    field("name", "Name", Text),
    field("jobTitle", "Job title", Text),
    field("title", "Title", Text),
    field("email", "E-mail address", Text),
    field("phone", "Phone number", Text),
    field("website", "Website", Text),
    field("city", "Town", Text),
    field("zip", "Postcode", Text),
    field("state", "State", Text),
    exact("country", "Country", Text),
    exact("type", "Person or organisation", Text),
    field("tag", "Tag", Reference),
    field("owner", "Owner", Reference),
    field("team", "Team", Reference),
    field("hasEmailAddress", "Has an e-mail address", Boolean),
    field("hasPhoneNumber", "Has a phone number", Boolean),
    field("hasAddress", "Has an address", Boolean),
    field("hasPeople", "Has people", Boolean),
    field("hasTags", "Has tags", Boolean),
    field("hasOpenTasks", "Has open tasks", Boolean),
    field("hasOpportunities", "Has opportunities", Boolean),
    field("hasCases", "Has projects", Boolean),
    field("addedOn", "Created on", Date),
    field("updatedOn", "Changed on", Date),
    field("lastContactedOn", "Last contacted on", Date),
    field("org.name", "Name of the employer", Text),
    field("org.tag", "Tag of the employer", Reference),
];

/// Fields of opportunities, without the custom ones (`custom:ID`).
pub const OPPORTUNITY_FIELDS: &[FilterField] = &[
    exact("id", "Id", Number),
    field("name", "Name", Text),
    exact("status", "Open, won or lost", Text),
    field("pipeline", "Pipeline", Reference),
    field("milestone", "Milestone", Reference),
    field("probability", "Probability", Number),
    field("lostReason", "Lost reason", Reference),
    field("expectedValue", "Value", Money),
    field("currency", "Currency", Text),
    exact("party", "Any of its parties", Number),
    exact("primaryContact", "Main contact", Number),
    field("primaryContactName", "Name of the main contact", Text),
    field("tag", "Tag", Reference),
    field("owner", "Owner", Reference),
    field("team", "Team", Reference),
    field("isOpen", "Is open", Boolean),
    field("isStale", "Is stale", Boolean),
    field("isOwnedByMe", "Belongs to the connected user", Boolean),
    field(
        "includedForConversion",
        "Counts in the conversion rate",
        Boolean,
    ),
    field("hasTags", "Has tags", Boolean),
    field("hasOpenTasks", "Has open tasks", Boolean),
    field("addedOn", "Created on", Date),
    field("updatedOn", "Changed on", Date),
    field("closedOn", "Closed on", Date),
    field("expectedCloseOn", "Expected to close on", Date),
    field("lastContactedOn", "Last contacted on", Date),
];

/// Fields of projects, without the custom ones (`custom:ID`).
pub const PROJECT_FIELDS: &[FilterField] = &[
    exact("id", "Id", Number),
    field("name", "Name", Text),
    exact("status", "Open or closed", Text),
    field("board", "Board", Reference),
    field("stage", "Stage", Reference),
    exact("primaryContact", "Main contact", Number),
    field("primaryContactName", "Name of the main contact", Text),
    field("tag", "Tag", Reference),
    field("owner", "Owner", Reference),
    field("team", "Team", Reference),
    field("isOpen", "Is open", Boolean),
    field("isOwnedByMe", "Belongs to the connected user", Boolean),
    field("hasTags", "Has tags", Boolean),
    field("hasOpenTasks", "Has open tasks", Boolean),
    field("addedOn", "Created on", Date),
    field("updatedOn", "Changed on", Date),
    field("closedOn", "Closed on", Date),
    field("expectedCloseOn", "Expected to close on", Date),
    field("startOn", "Begins on", Date),
];

/// The fields of an entity, without the custom ones.
#[must_use]
pub fn fields(entity: Entity) -> &'static [FilterField] {
    match entity {
        Entity::Parties => PARTY_FIELDS,
        Entity::Opportunities => OPPORTUNITY_FIELDS,
        Entity::Projects => PROJECT_FIELDS,
    }
}

/// The operators that fit a field.
#[must_use]
pub fn operators(holds: FilterType, exact: bool) -> &'static [Op] {
    match holds {
        _ if exact => &[Op::Is, Op::IsNot],
        Boolean | Reference => &[Op::Is, Op::IsNot],
        Text => &[
            Op::Is,
            Op::IsNot,
            Op::StartsWith,
            Op::EndsWith,
            Op::Contains,
        ],
        Number | Money => &[Op::Is, Op::IsNot, Op::IsGreaterThan, Op::IsLessThan],
        Date => &[
            Op::Is,
            Op::IsNot,
            Op::IsAfter,
            Op::IsBefore,
            Op::IsOlderThan,
            Op::IsWithinLast,
            Op::IsWithinNext,
        ],
    }
}
