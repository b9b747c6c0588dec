//! Filters, judged before they are sent (API reference 4).

use super::body::put_list;
use super::read::{Speller, counted};
use crate::actions::faults::Faults;
use crate::api::{Call, Client, Span, violation};
use crate::bindings::capsule::crm::types::{
    FilterClause, FilterCondition, FilterOperator as Op, FilterOrder, Ref,
};
use crate::bindings::integration::connector::types::{Error, Violation};
use crate::contract::{Json, Listed, brief, is_date, nearest};
use crate::model::field::Entity;
use crate::model::filter::{FilterField, FilterType, fields, operators};
use crate::model::{Embeds, Kind};
use serde_json::{Map, Value, json};

/// A filter that was judged.
pub(super) struct Filter {
    /// As Capsule wants it.
    pub(super) body: Value,
    /// Names that it is left to Capsule to understand.
    mentions: Vec<Mention>,
}

/// A name in a condition.
struct Mention {
    field: String,
    name: Ref,
    pointer: String,
}

impl Filter {
    /// Tells of names that mean nothing in the account. To be asked where a filter found nothing: Capsule answers a misspelt tag with an
    /// empty page and no word.
    ///
    /// # Errors
    /// `invalid-input` with the nearest names, and what sending gives.
    pub(super) async fn explain(&self, client: &Client, entity: Entity) -> Result<(), Error> {
        let mut faults = Faults::default();
        for one in &self.mentions {
            let fault = client
                .unknown(entity, &one.field, &one.name, None, &one.pointer)
                .await?;
            fault.into_iter().for_each(|fault| faults.add(fault));
        }
        faults.settle()
    }
}

/// A page of what a filter finds.
///
/// # Errors
/// What [`filter`] and [`Filter::explain`] give, `stale-cursor`, and what sending gives.
pub(super) async fn filtered<P: Json>(
    client: &Client,
    kind: Kind,
    (conditions, order_by): (&[FilterClause], &[FilterOrder]),
    embeds: &Embeds,
    span: Span<'_>,
) -> Result<Listed<P>, Error> {
    let entity = kind.entity();
    let first = span.cursor.is_none();
    let filter = filter(client, entity, conditions, order_by).await?;
    let speller = Speller::new(client, kind, embeds).await?;
    let call = Call::ask(
        &[entity.path(), "filters", "results"],
        json!({ "filter": filter.body }),
    );
    let call = counted(call, embeds);
    let found: Listed<P> = speller.listed(client, &call, entity.path(), span).await?;
    if first && found.is_empty() {
        filter.explain(client, entity).await?;
    }
    Ok(found)
}

/// Judges a filter. Nothing but what it names is asked for: definitions of custom fields, and users and teams, which Capsule compares by id
/// (API reference 4.1).
///
/// # Errors
/// `invalid-input` for a field that is not known, an operator that does not fit it, or a custom field, a user or a team that is not there;
/// `ambiguous`; and what sending gives.
pub(super) async fn filter(
    client: &Client,
    entity: Entity,
    conditions: &[FilterClause],
    order_by: &[FilterOrder],
) -> Result<Filter, Error> {
    let mut judging = Judging {
        client,
        entity,
        faults: Faults::default(),
        mentions: Vec::new(),
    };
    let mut clauses = Vec::new();
    for (index, clause) in conditions.iter().enumerate() {
        let pointer = format!("/conditions/{index}");
        match clause {
            FilterClause::Condition(one) => clauses.extend(judging.condition(one, &pointer).await?),
            FilterClause::AnyOf(all) => {
                if all.is_empty() {
                    judging.faults.add(violation(
                        &*pointer,
                        "required",
                        "none of no conditions can hold; name one, or leave the group out",
                    ));
                }
                let mut group = Vec::new();
                for (position, one) in all.iter().enumerate() {
                    let pointer = format!("{pointer}/{position}");
                    group.extend(judging.condition(one, &pointer).await?);
                }
                // API reference 6, point 13: the likely form.
                clauses.push(json!({ "conditions": group }));
            }
        }
    }
    let mut orders = Vec::new();
    for (index, order) in order_by.iter().enumerate() {
        let pointer = format!("/orderBy/{index}/field");
        let field = filter_field(client, entity, &order.field, &pointer).await;
        if let Some(field) = judging.faults.note(field)? {
            orders.push(
                json!({"field": field.name, "direction": order.direction_or_default().to_json()}),
            );
        }
    }
    judging.faults.settle()?;
    let mut body = Map::new();
    body.insert("conditions".into(), Value::Array(clauses));
    put_list(&mut body, "orderBy", orders);
    Ok(Filter {
        body: Value::Object(body),
        mentions: judging.mentions,
    })
}

/// A filter while it is judged.
struct Judging<'a> {
    client: &'a Client,
    entity: Entity,
    faults: Faults,
    mentions: Vec<Mention>,
}

impl Judging<'_> {
    /// A condition as Capsule wants it; none if something is wrong with it.
    async fn condition(
        &mut self,
        condition: &FilterCondition,
        pointer: &str,
    ) -> Result<Option<Value>, Error> {
        let at = format!("{pointer}/field");
        let field = filter_field(self.client, self.entity, &condition.field, &at).await;
        let Some(field) = self.faults.note(field)? else {
            return Ok(None);
        };
        let operator = condition.operator;
        let mut value = condition.value.clone().map(Json::to_json);
        if let Some(fault) = misfit(&field, operator, value.as_ref(), pointer) {
            self.faults.add(fault);
            return Ok(None);
        }
        if field.holds == FilterType::Reference
            && let Some(Value::String(name)) = &value
        {
            let name = Ref::Name(name.clone());
            let pointer = format!("{pointer}/value");
            let id = match field.name.as_str() {
                "owner" => Some(self.client.user(&name, &pointer).await),
                "team" => Some(self.client.team(&name, &pointer).await),
                _ => None,
            };
            match id {
                Some(id) => value = self.faults.note(id)?.map(Value::from),
                None => self.mentions.push(Mention {
                    field: field.name.clone(),
                    name,
                    pointer,
                }),
            }
        }
        Ok(Some(
            json!({"field": field.name, "operator": operator.to_json(), "value": value}),
        ))
    }
}

/// A field of a filter, with its name as Capsule wants it.
struct Field {
    name: String,
    /// For people.
    title: String,
    holds: FilterType,
    exact: bool,
}

/// The field of a filter that a name means.
async fn filter_field(
    client: &Client,
    entity: Entity,
    name: &str,
    pointer: &str,
) -> Result<Field, Error> {
    if let Some(FilterField {
        name,
        title,
        holds,
        exact,
    }) = fields(entity).iter().find(|field| field.name == name)
    {
        return Ok(Field {
            name: (*name).into(),
            title: (*title).into(),
            holds: *holds,
            exact: *exact,
        });
    }
    let (prefix, custom) = match (
        name.strip_prefix("custom:"),
        name.strip_prefix("org.custom:"),
    ) {
        (Some(custom), _) => ("custom:", custom),
        (_, Some(custom)) if entity == Entity::Parties => ("org.custom:", custom),
        _ => {
            let message = unknown_field(entity, name);
            return Err(crate::api::invalid(pointer, "choice", message));
        }
    };
    let wanted = match custom.parse::<u64>() {
        Ok(id) => Ref::Id(id),
        Err(_) => Ref::Name(custom.to_owned()),
    };
    let definition = client.definition(entity, &wanted, pointer).await?;
    Ok(Field {
        name: format!("{prefix}{}", definition.id),
        title: definition.name,
        holds: definition.kind.into(),
        exact: false,
    })
}

fn unknown_field(entity: Entity, name: &str) -> String {
    // Names of answers that filters spell differently (API reference 4.1).
    let known: Vec<&str> = fields(entity).iter().map(|field| field.name).collect();
    let other = match name {
        "createdAt" => "addedOn",
        "updatedAt" => "updatedOn",
        "lastContactedAt" => "lastContactedOn",
        "emailAddresses" => "email",
        "phoneNumbers" => "phone",
        "tags" => "tag",
        "value" => "expectedValue",
        "party" => "primaryContact",
        _ => "",
    };
    let near = if known.contains(&other) {
        vec![other]
    } else {
        nearest(name, known.iter().copied(), 3)
    };
    let hint = if near.is_empty() {
        format!(
            "there are {}, and custom fields as `custom:ID` or `custom:NAME`",
            known.join(", ")
        )
    } else {
        format!(
            "did you mean {}? Custom fields are `custom:ID` or `custom:NAME`",
            quoted(&near)
        )
    };
    format!("there is no filter field `{}`; {hint}", brief(name))
}

fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What does not fit the field, if anything.
fn misfit(field: &Field, operator: Op, value: Option<&Value>, pointer: &str) -> Option<Violation> {
    let spelt = |operator: Op| operator.to_json().as_str().unwrap_or_default().to_owned();
    let fitting = operators(field.holds, field.exact);
    if !fitting.contains(&operator) {
        let all: Vec<_> = fitting
            .iter()
            .map(|operator| format!("`{}`", spelt(*operator)))
            .collect();
        let message = format!(
            "`{}` does not fit `{}`; there are {}",
            spelt(operator),
            brief(&field.title),
            all.join(", ")
        );
        return Some(violation(format!("{pointer}/operator"), "choice", message));
    }
    let expected = expected(field.holds, operator, value)?;
    Some(violation(
        format!("{pointer}/value"),
        "type",
        format!("`{}` takes {expected} here", brief(&field.title)),
    ))
}

/// What would fit, if the value does not.
fn expected(holds: FilterType, operator: Op, value: Option<&Value>) -> Option<&'static str> {
    let Some(value) = value else {
        let emptiness = matches!(operator, Op::Is | Op::IsNot);
        return (!emptiness).then_some("a value");
    };
    // An id, or a number of days.
    let counts = |value: &Value| {
        value
            .as_f64()
            .is_some_and(|number| number.fract() == 0.0 && number >= 0.0)
    };
    let (fits, expected) = match (holds, operator) {
        (FilterType::Date, Op::IsOlderThan | Op::IsWithinLast | Op::IsWithinNext) => {
            (counts(value), "a whole number of days")
        }
        (FilterType::Date, _) => (value.as_str().is_some_and(is_date), "a date `YYYY-MM-DD`"),
        (FilterType::Text, _) => (value.is_string(), "a text"),
        (FilterType::Number, _) => (value.is_number(), "a number"),
        (FilterType::Boolean, _) => (value.is_boolean(), "true or false"),
        (FilterType::Reference, _) => (value.is_string() || counts(value), "an id or a name"),
        (FilterType::Money, _) => (
            value.is_object(),
            "a sum such as `{\"amount\": 1000, \"currency\": \"EUR\"}`",
        ),
    };
    (!fits).then_some(expected)
}
