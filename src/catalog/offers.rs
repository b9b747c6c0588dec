//! What each kind of field offers: one line in [`KINDS`] and one function for each.
//!
//! Records are chosen by their id as a number, titles, countries and names of filters as texts. Custom fields are chosen by the id of
//! their definition: as a number where a reference stands, as a text of digits where it is the key of an object.

use super::schemas::Audience;
use super::{Described, way_out};
use crate::actions::by_id;
use crate::api::{Call, Client, Roster, Span, invalid};
use crate::bindings::capsule::crm::types::{FilterOperator, Ref};
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Json, Shape, brief, nearest};
use crate::model::field::{Definition, Entity, FieldType};
use crate::model::filter::{FilterField, FilterType, PARTY_FIELDS, operators};
use crate::model::joined;
use serde_json::{Value, json};
use std::pin::Pin;

/// What a form asks for, once its field is found.
pub(super) struct Ask<'a> {
    pub(super) operation: Described,
    /// What the person typed; never empty.
    pub(super) query: Option<&'a str>,
    /// The value of the field on which this one depends.
    pub(super) after_value: Option<&'a Value>,
    /// Its place in the request.
    pub(super) after_pointer: Option<String>,
    /// Not empty: the labels of these are wanted.
    pub(super) values: &'a [Value],
    /// The choices are keys of an object.
    pub(super) keys: bool,
    pub(super) limit: u32,
    pub(super) cursor: Option<&'a String>,
}

/// One option.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Offered {
    pub(super) value: Value,
    pub(super) label: String,
    pub(super) detail: Option<String>,
    pub(super) group: Option<String>,
}

impl Offered {
    fn new(value: impl Into<Value>, label: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
            detail: None,
            group: None,
        }
    }

    fn text(text: &str) -> Self {
        Self::new(text, text)
    }

    fn detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    fn group(self, group: impl Into<String>) -> Self {
        Self {
            group: Some(group.into()),
            ..self
        }
    }
}

/// What there is.
pub(super) enum Offer {
    /// All of it: query, values, limit and cursor are applied afterwards.
    Whole(Vec<Offered>),
    /// A page by query, values, limit and cursor, and where the next one begins.
    Page(Vec<Offered>, Option<String>),
}

type Serving<'a> = Pin<Box<dyn Future<Output = Result<Offer, Error>> + 'a>>;

/// A kind of choices, as the contract's `@choices` names it.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) serve: for<'a> fn(&'a Client, &'a Ask<'a>) -> Serving<'a>,
}

/// Every kind.
pub(super) static KINDS: &[Kind] = &[
    Kind {
        name: "title",
        serve: |client, _| Box::pin(titles(client)),
    },
    Kind {
        name: "country",
        serve: |client, _| Box::pin(countries(client)),
    },
    Kind {
        name: "organisation",
        serve: |client, ask| Box::pin(records(client, ask, Entity::Parties, true)),
    },
    Kind {
        name: "party",
        serve: |client, ask| Box::pin(records(client, ask, Entity::Parties, false)),
    },
    Kind {
        name: "opportunity",
        serve: |client, ask| Box::pin(records(client, ask, Entity::Opportunities, false)),
    },
    Kind {
        name: "project",
        serve: |client, ask| Box::pin(records(client, ask, Entity::Projects, false)),
    },
    Kind {
        name: "user",
        serve: |client, _| Box::pin(users(client)),
    },
    Kind {
        name: "team",
        serve: |client, _| Box::pin(teams(client)),
    },
    Kind {
        name: "pipeline",
        serve: |client, _| Box::pin(roster(client, Roster::Pipelines)),
    },
    Kind {
        name: "board",
        serve: |client, _| Box::pin(roster(client, Roster::Boards)),
    },
    Kind {
        name: "task-category",
        serve: |client, _| Box::pin(roster(client, Roster::Categories)),
    },
    Kind {
        name: "activity-type",
        serve: |client, _| Box::pin(activity_types(client)),
    },
    Kind {
        name: "saved-filter",
        serve: |client, ask| Box::pin(saved_filters(client, ask)),
    },
    Kind {
        name: "party-tag",
        serve: |client, _| Box::pin(tags(client, Entity::Parties)),
    },
    Kind {
        name: "tag",
        serve: |client, ask| Box::pin(tags_of_chosen(client, ask)),
    },
    Kind {
        name: "party-field",
        serve: |client, ask| Box::pin(fields(client, Entity::Parties, ask)),
    },
    Kind {
        name: "opportunity-tag",
        serve: |client, _| Box::pin(tags(client, Entity::Opportunities)),
    },
    Kind {
        name: "project-tag",
        serve: |client, _| Box::pin(tags(client, Entity::Projects)),
    },
    Kind {
        name: "opportunity-field",
        serve: |client, ask| Box::pin(fields(client, Entity::Opportunities, ask)),
    },
    Kind {
        name: "project-field",
        serve: |client, ask| Box::pin(fields(client, Entity::Projects, ask)),
    },
    Kind {
        name: "pipeline",
        serve: |client, ask| Box::pin(places(client, ask, &PIPELINES)),
    },
    Kind {
        name: "milestone",
        serve: |client, ask| Box::pin(places(client, ask, &MILESTONES)),
    },
    Kind {
        name: "board",
        serve: |client, ask| Box::pin(places(client, ask, &BOARDS)),
    },
    Kind {
        name: "stage",
        serve: |client, ask| Box::pin(places(client, ask, &STAGES)),
    },
    Kind {
        name: "hook-event",
        serve: |_, _| Box::pin(std::future::ready(Ok(hook_events()))),
    },
    Kind {
        name: "party-filter-field",
        serve: |client, _| Box::pin(filter_fields(client)),
    },
    Kind {
        name: "party-filter-operator",
        serve: |client, ask| Box::pin(filter_operators(client, ask)),
    },
    Kind {
        name: "party-filter-value",
        serve: |client, ask| Box::pin(filter_values(client, ask)),
    },
];

async fn titles(client: &Client) -> Result<Offer, Error> {
    Ok(Offer::Whole(
        client
            .titles()
            .await?
            .iter()
            .map(|title| Offered::text(title))
            .collect(),
    ))
}

async fn countries(client: &Client) -> Result<Offer, Error> {
    Ok(Offer::Whole(
        client
            .countries()
            .await?
            .iter()
            .map(|country| Offered::text(country))
            .collect(),
    ))
}

async fn users(client: &Client) -> Result<Offer, Error> {
    let users = client.users().await?;
    let offered = users.iter().map(|user| {
        let label = user
            .name
            .as_deref()
            .or(user.username.as_deref())
            .map_or_else(|| user.id.to_string(), ToOwned::to_owned);
        Offered {
            detail: user.username.clone(),
            ..Offered::new(user.id, label)
        }
    });
    Ok(Offer::Whole(offered.collect()))
}

async fn teams(client: &Client) -> Result<Offer, Error> {
    let teams = client.teams().await?;
    Ok(Offer::Whole(
        teams
            .iter()
            .map(|team| Offered::new(team.id, named(team.name.as_deref(), team.id)))
            .collect(),
    ))
}

async fn roster(client: &Client, roster: Roster) -> Result<Offer, Error> {
    let all = client.roster(roster).await?;
    let offered = all
        .iter()
        .map(|one| Offered::new(one.id, named(Some(&one.name), one.id)));
    Ok(Offer::Whole(offered.collect()))
}

async fn activity_types(client: &Client) -> Result<Offer, Error> {
    let all = client.activity_types().await?;
    let offered = all.iter().map(|one| {
        let name = one.name.as_deref().filter(|name| !name.is_empty());
        let label = name.map_or_else(|| one.id.to_string(), ToOwned::to_owned);
        Offered::new(one.id, label)
    });
    Ok(Offer::Whole(offered.collect()))
}

/// Saved filters are those of one kind of record, which is chosen beside.
async fn saved_filters(client: &Client, ask: &Ask<'_>) -> Result<Offer, Error> {
    roster(client, Roster::SavedFilters(chosen_entity(ask)?)).await
}

/// Tags are those of one kind of record, which is chosen beside.
async fn tags_of_chosen(client: &Client, ask: &Ask<'_>) -> Result<Offer, Error> {
    tags(client, chosen_entity(ask)?).await
}

/// The kind of record that is chosen beside: its name, or a record whose key tells.
fn chosen_entity(ask: &Ask<'_>) -> Result<Entity, Error> {
    let name = ask.after_value.and_then(|value| match value {
        Value::Object(record) => record.keys().next().map(String::as_str),
        other => other.as_str(),
    });
    match name {
        Some("parties" | "party") => Ok(Entity::Parties),
        Some("opportunities" | "opportunity") => Ok(Entity::Opportunities),
        Some("projects" | "kase") => Ok(Entity::Projects),
        _ => Err(invalid(
            ask.after_pointer.as_deref().unwrap_or_default(),
            "required",
            "Choose first what it is of: parties, opportunities or projects.",
        )),
    }
}

async fn tags(client: &Client, entity: Entity) -> Result<Offer, Error> {
    let tags = client.tags(entity).await?;
    let offered = tags.iter().map(|tag| {
        let offered = Offered::new(tag.id, named(tag.name.as_deref(), tag.id));
        if tag.data_tag {
            offered.detail("Data tag")
        } else {
            offered
        }
    });
    Ok(Offer::Whole(offered.collect()))
}

/// Where records stand: what is listed, and what holds it.
struct Places {
    path: &'static [&'static str],
    key: &'static str,
    holder: Option<&'static str>,
}

const PIPELINES: Places = Places {
    path: &["pipelines"],
    key: "pipelines",
    holder: None,
};
/// Of every pipeline: `/milestones` alone gives those of the oldest (API reference 3.9).
const MILESTONES: Places = Places {
    path: &["milestones", "all"],
    key: "milestones",
    holder: Some("pipeline"),
};
const BOARDS: Places = Places {
    path: &["boards"],
    key: "boards",
    holder: None,
};
const STAGES: Places = Places {
    path: &["stages"],
    key: "stages",
    holder: Some("board"),
};

/// More than any account has.
const MOST_PLACES: u32 = 10_000;

/// Pipelines, milestones, boards or stages; of the pipeline or the board that was chosen before, if one was.
async fn places(client: &Client, ask: &Ask<'_>, places: &Places) -> Result<Offer, Error> {
    let call = Call::get(places.path);
    let span = Span::new(MOST_PLACES, None);
    let rows = client.page(&call, places.key, span).await?.rows;
    let offered = rows.iter().filter_map(|row| {
        let holder = places.holder.and_then(|holder| row.get(holder));
        if let (Some(chosen), Some(_)) = (ask.after_value, places.holder)
            && !crate::triggers::is_nested(chosen, holder)
        {
            return None;
        }
        let id = row.get("id")?.as_u64()?;
        let group = holder
            .and_then(|holder| holder.get("name")?.as_str())
            .map(ToOwned::to_owned);
        Some(Offered {
            group,
            ..Offered::new(id, named(row.get("name").and_then(Value::as_str), id))
        })
    });
    Ok(Offer::Whole(offered.collect()))
}

fn hook_events() -> Offer {
    Offer::Whole(
        crate::triggers::hook_events()
            .into_iter()
            .map(Offered::text)
            .collect(),
    )
}

fn named(name: Option<&str>, id: u64) -> String {
    name.filter(|name| !name.is_empty())
        .map_or_else(|| id.to_string(), ToOwned::to_owned)
}

// ---- records ----

/// Records by name: an account may have any number of them, so Capsule filters and pages.
async fn records(
    client: &Client,
    ask: &Ask<'_>,
    entity: Entity,
    organisations: bool,
) -> Result<Offer, Error> {
    if !ask.values.is_empty() {
        return stored_records(client, ask.values, entity).await;
    }
    let mut conditions = Vec::new();
    if organisations {
        conditions.push(json!({"field": "type", "operator": "is", "value": "organisation"}));
    }
    if let Some(query) = ask.query {
        conditions.push(json!({"field": "name", "operator": "contains", "value": query}));
    }
    let filter =
        json!({"conditions": conditions, "orderBy": [{"field": "name", "direction": "ascending"}]});
    let call = Call::ask(
        &[entity.path(), "filters", "results"],
        json!({ "filter": filter }),
    );
    let page = client
        .page(&call, entity.path(), Span::new(ask.limit, ask.cursor))
        .await?;
    let offered = page.rows.iter().filter_map(|row| {
        let id = row.get("id")?.as_u64()?;
        // Tells two of one name apart: where one works, whom one is about, the town.
        let beside = ["organisation", "party"]
            .into_iter()
            .find_map(|key| row.get(key).and_then(label));
        let town = || {
            let rows = row.get("addresses")?;
            Some(rows.get(0)?.get("city")?.as_str()?.to_owned())
        };
        Some(Offered {
            detail: beside.or_else(town),
            ..Offered::new(id, named(label(row).as_deref(), id))
        })
    });
    Ok(Offer::Page(offered.collect(), page.next))
}

/// The name of a record, whatever its kind.
fn label(row: &Value) -> Option<String> {
    let part = |key: &str| row.get(key).and_then(Value::as_str);
    joined(part("name"), part("firstName"), part("lastName"))
}

/// Stored records: ids are read, a name is its own label.
async fn stored_records(client: &Client, values: &[Value], entity: Entity) -> Result<Offer, Error> {
    let ids: Vec<u64> = values.iter().filter_map(Value::as_u64).collect();
    let known = by_id(client, entity.path(), entity.key(), &ids, &[])
        .await?
        .rows;
    let offered = values.iter().filter_map(|value| match value {
        Value::String(name) => Some(Offered::text(name)),
        other => {
            let id = other.as_u64()?;
            let row = known
                .iter()
                .find(|row| row.get("id").and_then(Value::as_u64) == Some(id))?;
            Some(Offered::new(id, named(label(row).as_deref(), id)))
        }
    });
    Ok(Offer::Page(offered.collect(), None))
}

// ---- custom fields ----

async fn fields(client: &Client, entity: Entity, ask: &Ask<'_>) -> Result<Offer, Error> {
    let definitions = client.definitions(entity).await?;
    let audience = Audience::of(ask.operation);
    let offered = definitions
        .iter()
        .filter(|definition| audience.sees(definition))
        .map(|definition| {
            let value = if ask.keys {
                Value::from(definition.id.to_string())
            } else {
                Value::from(definition.id)
            };
            let group = definition.tag.as_ref().map(|(_, tag)| tag.clone());
            Offered {
                group,
                ..Offered::new(value, definition.name.as_str()).detail(type_title(definition.kind))
            }
        });
    Ok(Offer::Whole(offered.collect()))
}

fn type_title(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Text => "Text",
        FieldType::Link => "Link",
        FieldType::Date => "Date",
        FieldType::List => "List",
        FieldType::MultiSelect => "List, several",
        FieldType::Boolean => "Yes or no",
        FieldType::Number => "Number",
    }
}

// ---- filters ----

/// The group of fields of a person's employer.
const EMPLOYER: &str = "Employer";

async fn filter_fields(client: &Client) -> Result<Offer, Error> {
    let mut offered: Vec<Offered> = PARTY_FIELDS
        .iter()
        .map(|field| {
            let group = if field.name.starts_with("org.") {
                EMPLOYER
            } else {
                "Party"
            };
            Offered::new(field.name, field.title)
                .detail(holds_title(field.holds))
                .group(group)
        })
        .collect();
    let definitions = client.definitions(Entity::Parties).await?;
    for definition in definitions.iter() {
        let group = definition
            .tag
            .as_ref()
            .map_or("Custom fields", |(_, tag)| tag.as_str());
        let value = format!("custom:{}", definition.id);
        offered.push(
            Offered::new(value, definition.name.as_str())
                .detail(type_title(definition.kind))
                .group(group),
        );
    }
    for definition in definitions
        .iter()
        .filter(|definition| Audience::Organisations.sees(definition))
    {
        let label = format!("{} of the employer", definition.name);
        offered.push(
            Offered::new(format!("org.custom:{}", definition.id), label)
                .detail(type_title(definition.kind))
                .group(EMPLOYER),
        );
    }
    Ok(Offer::Whole(offered))
}

fn holds_title(holds: FilterType) -> &'static str {
    match holds {
        FilterType::Text => "Text",
        FilterType::Number => "Number",
        FilterType::Date => "Date",
        FilterType::Boolean => "Yes or no",
        FilterType::Reference => "Record",
    }
}

/// A field that was chosen in a condition.
enum Chosen {
    BuiltIn(&'static FilterField),
    Custom(Definition),
}

impl Chosen {
    /// What the field beside the asked one names; none if nothing is chosen yet.
    async fn read(client: &Client, ask: &Ask<'_>) -> Result<Option<Self>, Error> {
        let pointer = ask.after_pointer.as_deref().unwrap_or_default();
        let name = match ask.after_value {
            None => return Ok(None),
            Some(Value::String(name)) => name.as_str(),
            Some(_) => {
                return Err(invalid(
                    pointer,
                    "type",
                    "the name of a filter field is expected",
                ));
            }
        };
        if let Some(field) = PARTY_FIELDS.iter().find(|field| field.name == name) {
            return Ok(Some(Self::BuiltIn(field)));
        }
        let Some(custom) = name
            .strip_prefix("custom:")
            .or_else(|| name.strip_prefix("org.custom:"))
        else {
            let near = nearest(name, PARTY_FIELDS.iter().map(|field| field.name), 3);
            let way_out = way_out(&near, "Custom fields are `custom:ID` or `custom:NAME`.");
            return Err(invalid(
                pointer,
                "choice",
                format!("There is no filter field `{}`. {way_out}", brief(name)),
            ));
        };
        let wanted = custom
            .parse()
            .map_or_else(|_| Ref::Name(custom.to_owned()), Ref::Id);
        Ok(Some(Self::Custom(
            client.definition(Entity::Parties, &wanted, pointer).await?,
        )))
    }

    fn operators(&self) -> &'static [FilterOperator] {
        match self {
            Self::BuiltIn(field) => operators(field.holds, field.exact),
            Self::Custom(definition) => operators(holds(definition.kind), false),
        }
    }
}

/// What a custom field holds for a filter.
fn holds(kind: FieldType) -> FilterType {
    match kind {
        FieldType::Number => FilterType::Number,
        FieldType::Date => FilterType::Date,
        FieldType::Boolean => FilterType::Boolean,
        FieldType::Text | FieldType::Link | FieldType::List | FieldType::MultiSelect => {
            FilterType::Text
        }
    }
}

/// The operators that fit the chosen field; all of them while none is chosen.
async fn filter_operators(client: &Client, ask: &Ask<'_>) -> Result<Offer, Error> {
    let chosen = Chosen::read(client, ask).await?;
    let fitting: Option<Vec<Value>> = chosen.map(|chosen| {
        chosen
            .operators()
            .iter()
            .map(|operator| operator.to_json())
            .collect()
    });
    let Shape::Enum(all) = FilterOperator::SHAPE else {
        return Ok(Offer::Whole(Vec::new()));
    };
    let offered = all.cases.iter().filter(|(name, _)| {
        fitting
            .as_ref()
            .is_none_or(|fitting| fitting.iter().any(|one| one == name))
    });
    Ok(Offer::Whole(
        offered
            .map(|(name, doc)| Offered::text(name).detail(*doc))
            .collect(),
    ))
}

/// What the chosen field can be compared with; nothing for texts, numbers and dates, which are typed in.
async fn filter_values(client: &Client, ask: &Ask<'_>) -> Result<Offer, Error> {
    let Some(chosen) = Chosen::read(client, ask).await? else {
        return Err(invalid(
            ask.after_pointer.as_deref().unwrap_or_default(),
            "required",
            "Choose the field first: its values depend on it.",
        ));
    };
    match &chosen {
        Chosen::BuiltIn(field) => match field.name {
            "title" => titles(client).await,
            "country" => countries(client).await,
            "type" => Ok(Offer::Whole(vec![
                Offered::new("person", "Person"),
                Offered::new("organisation", "Organisation"),
            ])),
            "tag" | "org.tag" => tags(client, Entity::Parties).await,
            "owner" => users(client).await,
            "team" => teams(client).await,
            _ if field.holds == FilterType::Boolean => Ok(yes_or_no()),
            _ => Ok(Offer::Whole(Vec::new())),
        },
        Chosen::Custom(definition) => Ok(match definition.kind {
            FieldType::Boolean => yes_or_no(),
            FieldType::List | FieldType::MultiSelect => Offer::Whole(
                definition
                    .options
                    .iter()
                    .map(|option| Offered::text(option))
                    .collect(),
            ),
            FieldType::Text | FieldType::Link | FieldType::Date | FieldType::Number => {
                Offer::Whole(Vec::new())
            }
        }),
    }
}

fn yes_or_no() -> Offer {
    Offer::Whole(vec![Offered::new(true, "Yes"), Offered::new(false, "No")])
}
