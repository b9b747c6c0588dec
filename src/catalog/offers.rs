//! What each kind of field offers: one line in [`KINDS`] and one function for each.
//!
//! Records are chosen by their id as a number, titles, countries and names of filters as texts. Custom fields are chosen by the id of
//! their definition: as a number where a reference stands, as a text of digits where it is the key of an object.

use super::Described;
use super::schemas::Audience;
use crate::actions::by_id;
use crate::api::{Call, Client, Course, Roster, Span, invalid};
use crate::bindings::capsule::crm::types::{FilterOperator, Ref};
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Json, Shape, brief, nearest, way_out};
use crate::model::field::{Definition, Entity, FieldType};
use crate::model::filter::{FilterField, FilterType, fields as filter_fields_of, operators};
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

impl Ask<'_> {
    /// What the operation is about: types that operations of several interfaces share name no entity.
    fn entity(&self) -> Entity {
        match self.operation.id.split_once('.') {
            Some(("opportunities", _)) => Entity::Opportunities,
            Some(("projects", _)) => Entity::Projects,
            _ => Entity::Parties,
        }
    }
}

/// One option.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Offered {
    pub(super) value: Value,
    pub(super) label: String,
    pub(super) detail: Option<String>,
    pub(super) group: Option<String>,
    pub(super) archived: bool,
}

impl Offered {
    fn new(value: impl Into<Value>, label: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
            detail: None,
            group: None,
            archived: false,
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
        name: "any-track-definition",
        serve: |client, _| Box::pin(all_tracks(client)),
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
        name: "hook-event",
        serve: |_, _| Box::pin(std::future::ready(Ok(hook_events()))),
    },
    Kind {
        name: "field",
        serve: |client, ask| Box::pin(fields_of_chosen(client, ask)),
    },
    Kind {
        name: "data-tag",
        serve: |client, ask| Box::pin(data_tags(client, ask)),
    },
    Kind {
        name: "track-definition",
        serve: |client, ask| Box::pin(tracks_of_chosen(client, ask)),
    },
    Kind {
        name: "filter-field",
        serve: |client, ask| Box::pin(filter_fields(client, ask.entity())),
    },
    Kind {
        name: "filter-operator",
        serve: |client, ask| Box::pin(filter_operators(client, ask, ask.entity())),
    },
    Kind {
        name: "filter-value",
        serve: |client, ask| Box::pin(filter_values(client, ask, ask.entity())),
    },
    Kind {
        name: "record",
        serve: |client, ask| Box::pin(records(client, ask, ask.entity(), false)),
    },
    Kind {
        name: "record-tag",
        serve: |client, ask| Box::pin(tags(client, ask.entity())),
    },
    Kind {
        name: "record-field",
        serve: |client, ask| Box::pin(fields(client, ask.entity(), ask)),
    },
    Kind {
        name: "milestone",
        serve: |client, ask| Box::pin(steps(client, ask, Course::Milestones)),
    },
    Kind {
        name: "stage",
        serve: |client, ask| Box::pin(steps(client, ask, Course::Stages)),
    },
    Kind {
        name: "lost-reason",
        serve: |client, _| Box::pin(roster(client, Roster::LostReasons)),
    },
    Kind {
        name: "currency",
        serve: |client, _| Box::pin(currencies(client)),
    },
    Kind {
        name: "opportunity-track",
        serve: |client, _| Box::pin(roster(client, Roster::Tracks(Entity::Opportunities))),
    },
    Kind {
        name: "opportunity-tag",
        serve: |client, _| Box::pin(tags(client, Entity::Opportunities)),
    },
    Kind {
        name: "opportunity-field",
        serve: |client, ask| Box::pin(fields(client, Entity::Opportunities, ask)),
    },
    Kind {
        name: "project-track",
        serve: |client, _| Box::pin(roster(client, Roster::Tracks(Entity::Projects))),
    },
    Kind {
        name: "project-tag",
        serve: |client, _| Box::pin(tags(client, Entity::Projects)),
    },
    Kind {
        name: "project-field",
        serve: |client, ask| Box::pin(fields(client, Entity::Projects, ask)),
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
    let offered = all.iter().map(|one| Offered {
        archived: one.archived,
        ..Offered::new(one.id, named(Some(&one.name), one.id))
    });
    Ok(Offer::Whole(offered.collect()))
}

/// Milestones or stages: those of the pipeline or the board that is chosen beside, or all of them.
async fn steps(client: &Client, ask: &Ask<'_>, course: Course) -> Result<Offer, Error> {
    let wanted = match ask.after_value {
        None => None,
        Some(Value::String(name)) => Some(Ref::Name(name.clone())),
        Some(other) => Some(Ref::Id(other.as_u64().ok_or_else(|| {
            let pointer = ask.after_pointer.as_deref().unwrap_or_default();
            let message = format!("the id or the name of a {} is expected", course.way());
            invalid(pointer, "type", message)
        })?)),
    };
    let within = match &wanted {
        Some(wanted) => {
            let pointer = ask.after_pointer.as_deref().unwrap_or_default();
            let at = pointer.strip_suffix(course.way()).unwrap_or_default();
            Some(client.way(course, wanted, at.trim_end_matches('/')).await?)
        }
        None => None,
    };
    let all = client.steps(course).await?;
    let offered = all
        .iter()
        .filter(|step| within.is_none_or(|way| step.is_of(way)))
        .map(|step| {
            let way = step.way.as_ref().map(|(_, way)| way.clone());
            let likely = step.probability.map(|percent| format!("{percent} %"));
            let parts: Vec<String> = way.iter().cloned().chain(likely).collect();
            Offered {
                group: way,
                detail: (!parts.is_empty()).then(|| parts.join(", ")),
                ..Offered::new(step.id, named(Some(&step.name), step.id))
            }
        });
    Ok(Offer::Whole(offered.collect()))
}

async fn currencies(client: &Client) -> Result<Offer, Error> {
    let all = client.currencies().await?;
    let offered = all.iter().map(|(code, name)| {
        let label = name
            .as_ref()
            .map_or_else(|| code.clone(), |name| format!("{code} {name}"));
        Offered::new(code.as_str(), label)
    });
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

/// Definitions of tracks for every kind of record.
async fn all_tracks(client: &Client) -> Result<Offer, Error> {
    let rows = client
        .rows(&["trackdefinitions"], "trackDefinitions")
        .await?;
    let offered = rows.iter().filter_map(|row| {
        let id = row.get("id")?.as_u64()?;
        let name = row.get("description").and_then(Value::as_str);
        Some(Offered::new(id, named(name, id)))
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

/// Custom fields are those of one kind of record, which is chosen beside.
async fn fields_of_chosen(client: &Client, ask: &Ask<'_>) -> Result<Offer, Error> {
    fields(client, chosen_entity(ask)?, ask).await
}

/// Tags that own custom fields, of the kind of record that is chosen beside.
async fn data_tags(client: &Client, ask: &Ask<'_>) -> Result<Offer, Error> {
    let tags = client.tags(chosen_entity(ask)?).await?;
    let offered = tags
        .iter()
        .filter(|tag| tag.data_tag)
        .map(|tag| Offered::new(tag.id, named(tag.name.as_deref(), tag.id)));
    Ok(Offer::Whole(offered.collect()))
}

/// Definitions of tracks for the kind of record that is chosen beside.
async fn tracks_of_chosen(client: &Client, ask: &Ask<'_>) -> Result<Offer, Error> {
    roster(client, Roster::Tracks(chosen_entity(ask)?)).await
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

async fn filter_fields(client: &Client, entity: Entity) -> Result<Offer, Error> {
    let own = match entity {
        Entity::Parties => "Party",
        Entity::Opportunities => "Opportunity",
        Entity::Projects => "Project",
    };
    let mut offered: Vec<Offered> = filter_fields_of(entity)
        .iter()
        .map(|field| {
            let group = if field.name.starts_with("org.") {
                EMPLOYER
            } else {
                own
            };
            Offered::new(field.name, field.title)
                .detail(holds_title(field.holds))
                .group(group)
        })
        .collect();
    let definitions = client.definitions(entity).await?;
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
    if entity == Entity::Parties {
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
        FilterType::Money => "Money",
    }
}

/// A field that was chosen in a condition.
enum Chosen {
    BuiltIn(&'static FilterField),
    Custom(Definition),
}

impl Chosen {
    /// What the field beside the asked one names; none if nothing is chosen yet.
    async fn read(client: &Client, ask: &Ask<'_>, entity: Entity) -> Result<Option<Self>, Error> {
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
        if let Some(field) = filter_fields_of(entity)
            .iter()
            .find(|field| field.name == name)
        {
            return Ok(Some(Self::BuiltIn(field)));
        }
        let Some(custom) = name.strip_prefix("custom:").or_else(|| {
            let employer = name.strip_prefix("org.custom:");
            employer.filter(|_| entity == Entity::Parties)
        }) else {
            let near = nearest(
                name,
                filter_fields_of(entity).iter().map(|field| field.name),
                3,
            );
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
            client.definition(entity, &wanted, pointer).await?,
        )))
    }

    fn operators(&self) -> &'static [FilterOperator] {
        match self {
            Self::BuiltIn(field) => operators(field.holds, field.exact),
            Self::Custom(definition) => operators(definition.kind.into(), false),
        }
    }
}

/// The operators that fit the chosen field; all of them while none is chosen.
async fn filter_operators(client: &Client, ask: &Ask<'_>, entity: Entity) -> Result<Offer, Error> {
    let chosen = Chosen::read(client, ask, entity).await?;
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
async fn filter_values(client: &Client, ask: &Ask<'_>, entity: Entity) -> Result<Offer, Error> {
    let Some(chosen) = Chosen::read(client, ask, entity).await? else {
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
            "tag" | "org.tag" => tags(client, entity).await,
            "status" => {
                let all: &[(&str, &str)] = match entity {
                    Entity::Projects => &[("open", "Open"), ("closed", "Closed")],
                    Entity::Parties | Entity::Opportunities => {
                        &[("open", "Open"), ("won", "Won"), ("lost", "Lost")]
                    }
                };
                let offered = all
                    .iter()
                    .map(|(value, label)| Offered::new(*value, *label));
                Ok(Offer::Whole(offered.collect()))
            }
            "pipeline" => roster(client, Roster::Pipelines).await,
            "board" => roster(client, Roster::Boards).await,
            "milestone" | "stage" => {
                let course = if field.name == "stage" {
                    Course::Stages
                } else {
                    Course::Milestones
                };
                let everywhere = Ask {
                    after_value: None,
                    after_pointer: None,
                    values: ask.values,
                    cursor: ask.cursor,
                    ..*ask
                };
                steps(client, &everywhere, course).await
            }
            "lostReason" => roster(client, Roster::LostReasons).await,
            "currency" => currencies(client).await,
            "party" | "primaryContact" => records(client, ask, Entity::Parties, false).await,
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
