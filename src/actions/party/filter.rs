//! Filters over parties, judged before they are sent (API reference 4).

use super::put_list;
use crate::actions::faults::Faults;
use crate::api::{Client, violation};
use crate::bindings::capsule::crm::types::{
    FilterClause, FilterCondition, FilterOperator as Op, FilterOrder, FilterValue, Ref,
};
use crate::bindings::integration::connector::types::{Error, Violation};
use crate::contract::{Json, brief, is_date, nearest};
use crate::model::field::{Entity, FieldType};
use crate::model::filter::{FilterField, FilterType, PARTY_FIELDS, operators};
use serde_json::{Map, Value, json};

/// A filter as Capsule wants it. Nothing but definitions is asked for, and those only where a custom field is named.
pub(crate) async fn filter(
    client: &Client,
    conditions: &[FilterClause],
    order_by: &[FilterOrder],
) -> Result<Value, Error> {
    let mut faults = Faults::default();
    let mut clauses = Vec::new();
    for (index, clause) in conditions.iter().enumerate() {
        let pointer = format!("/conditions/{index}");
        match clause {
            FilterClause::Condition(one) => {
                clauses.extend(condition(client, one, &pointer, &mut faults).await?)
            }
            FilterClause::AnyOf(all) => {
                if all.is_empty() {
                    faults.add(violation(
                        &*pointer,
                        "required",
                        "none of no conditions can hold; name one, or leave the group out",
                    ));
                }
                let mut group = Vec::new();
                for (position, one) in all.iter().enumerate() {
                    group.extend(
                        condition(client, one, &format!("{pointer}/{position}"), &mut faults)
                            .await?,
                    );
                }
                // API reference 6, point 13: the likely form.
                clauses.push(json!({ "conditions": group }));
            }
        }
    }
    let mut orders = Vec::new();
    for (index, order) in order_by.iter().enumerate() {
        let field = filter_field(client, &order.field, &format!("/orderBy/{index}/field")).await;
        if let Some(field) = faults.note(field)? {
            orders.push(
                json!({"field": field.name, "direction": order.direction_or_default().to_json()}),
            );
        }
    }
    faults.settle()?;
    let mut filter = Map::new();
    filter.insert("conditions".into(), Value::Array(clauses));
    put_list(&mut filter, "orderBy", orders);
    Ok(Value::Object(filter))
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
async fn filter_field(client: &Client, name: &str, pointer: &str) -> Result<Field, Error> {
    if let Some(FilterField {
        name,
        title,
        holds,
        exact,
    }) = PARTY_FIELDS.iter().find(|field| field.name == name)
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
        (_, Some(custom)) => ("org.custom:", custom),
        _ => return Err(crate::api::invalid(pointer, "choice", unknown_field(name))),
    };
    let wanted = match custom.parse::<u64>() {
        Ok(id) => Ref::Id(id),
        Err(_) => Ref::Name(custom.to_owned()),
    };
    let definition = client.definition(Entity::Parties, &wanted, pointer).await?;
    Ok(Field {
        name: format!("{prefix}{}", definition.id),
        title: definition.name,
        holds: match definition.kind {
            FieldType::Number => FilterType::Number,
            FieldType::Date => FilterType::Date,
            FieldType::Boolean => FilterType::Boolean,
            FieldType::Text | FieldType::Link | FieldType::List | FieldType::MultiSelect => {
                FilterType::Text
            }
        },
        exact: false,
    })
}

fn unknown_field(name: &str) -> String {
    // Names of answers that filters spell differently (API reference 4.1).
    let known: Vec<&str> = PARTY_FIELDS.iter().map(|field| field.name).collect();
    let near = match name {
        "createdAt" => vec!["addedOn"],
        "updatedAt" => vec!["updatedOn"],
        "lastContactedAt" => vec!["lastContactedOn"],
        "emailAddresses" => vec!["email"],
        "phoneNumbers" => vec!["phone"],
        "tags" => vec!["tag"],
        _ => nearest(name, known.iter().copied(), 3),
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

/// A condition as Capsule wants it; none if something is wrong with it.
async fn condition(
    client: &Client,
    condition: &FilterCondition,
    pointer: &str,
    faults: &mut Faults,
) -> Result<Option<Value>, Error> {
    let field = filter_field(client, &condition.field, &format!("{pointer}/field")).await;
    let Some(field) = faults.note(field)? else {
        return Ok(None);
    };
    if let Some(fault) = misfit(&field, condition, pointer) {
        faults.add(fault);
        return Ok(None);
    }
    let value = condition.value.clone().map_or(Value::Null, Json::to_json);
    Ok(Some(
        json!({"field": field.name, "operator": condition.operator.to_json(), "value": value}),
    ))
}

/// What does not fit the field, if anything.
fn misfit(field: &Field, condition: &FilterCondition, pointer: &str) -> Option<Violation> {
    let spelt = |operator: Op| operator.to_json().as_str().unwrap_or_default().to_owned();
    let fitting = operators(field.holds, field.exact);
    if !fitting.contains(&condition.operator) {
        let all: Vec<_> = fitting
            .iter()
            .map(|operator| format!("`{}`", spelt(*operator)))
            .collect();
        let message = format!(
            "`{}` does not fit `{}`; there are {}",
            spelt(condition.operator),
            brief(&field.title),
            all.join(", ")
        );
        return Some(violation(format!("{pointer}/operator"), "choice", message));
    }
    let expected = expected(field.holds, condition)?;
    Some(violation(
        format!("{pointer}/value"),
        "type",
        format!("`{}` takes {expected} here", brief(&field.title)),
    ))
}

/// What would fit, if the value does not.
fn expected(holds: FilterType, condition: &FilterCondition) -> Option<&'static str> {
    let value = match (&condition.value, condition.operator) {
        (None, Op::Is | Op::IsNot) => return None,
        (None, _) => return Some("a value"),
        (Some(value), _) => value,
    };
    // An id, or a number of days.
    let counts = |number: f64| number.fract() == 0.0 && number >= 0.0;
    let (fits, expected) = match (holds, condition.operator) {
        (FilterType::Date, Op::IsOlderThan | Op::IsWithinLast | Op::IsWithinNext) => (
            matches!(value, FilterValue::Number(days) if counts(*days)),
            "a whole number of days",
        ),
        (FilterType::Date, _) => (
            matches!(value, FilterValue::Text(date) if is_date(date)),
            "a date `YYYY-MM-DD`",
        ),
        (FilterType::Text, _) => (matches!(value, FilterValue::Text(_)), "a text"),
        (FilterType::Number, _) => (
            matches!(value, FilterValue::Number(number) if number.is_finite()),
            "a number",
        ),
        (FilterType::Boolean, _) => (matches!(value, FilterValue::Boolean(_)), "true or false"),
        (FilterType::Reference, _) => {
            let fits = match value {
                FilterValue::Number(id) => counts(*id),
                FilterValue::Text(_) => true,
                FilterValue::Boolean(_) => false,
            };
            (fits, "an id or a name")
        }
    };
    (!fits).then_some(expected)
}
