//! What Capsule can filter by, and how (API reference 4.1 and 4.2).

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

use FilterType::{Boolean, Date, Number, Reference, Text};

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
        Number => &[Op::Is, Op::IsNot, Op::IsGreaterThan, Op::IsLessThan],
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
