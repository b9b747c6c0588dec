//! Reads triggers: the cases of the variant tagged `@triggers`, whose payloads are their options. What their events carry is a case of the
//! variant tagged `@data`.

use crate::docs::Doc;
use crate::refusal::Refusal;
use crate::wit::{Case, Form, Kind, Named, Shape};

/// A case of the variant of triggers.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    /// `VARIANT.CASE`, for refusals.
    pub(crate) item: String,
    pub(crate) id: String,
    pub(crate) doc: Doc,
    pub(crate) group: String,
    pub(crate) aliases: Vec<String>,
    /// JSON name of its case.
    pub(crate) case: String,
    /// Its options.
    pub(crate) input: Shape,
    /// JSON name of the case of the data.
    pub(crate) data: String,
    /// What its events carry.
    pub(crate) output: Shape,
}

/// All triggers, sorted by id.
pub(crate) fn read(types: &[Named]) -> Result<Vec<Trigger>, Refusal> {
    let mut triggers = Vec::new();
    let data = one(types, "data", |named| named.doc.tags.data)?;
    let wanted = one(types, "triggers", |named| named.doc.tags.triggers)?;
    for named in types {
        let of_triggers = wanted.is_some_and(|(name, _)| name == named.name);
        let Kind::Variant(_, cases) = &named.kind else {
            continue;
        };
        for case in cases {
            let item = format!("{}.{}", named.name, case.name);
            if of_triggers {
                triggers.push(trigger(&item, case, data.map(|(_, cases)| cases))?);
            } else if says_trigger(&case.doc) {
                return Err(Refusal::Misplaced {
                    item,
                    why: "tags of a trigger stand on a case of the variant tagged `@triggers`"
                        .into(),
                });
            }
        }
    }
    triggers.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(triggers)
}

/// The one variant with a tag, and its cases.
fn one<'a>(
    types: &'a [Named],
    tag: &str,
    tagged: impl Fn(&Named) -> bool,
) -> Result<Option<(&'a str, &'a [Case])>, Refusal> {
    let mut found = None;
    for named in types.iter().filter(|named| tagged(named)) {
        match &named.kind {
            Kind::Variant(Form::Tagged, cases) if found.is_none() => {
                found = Some((named.name.as_str(), cases.as_slice()));
            }
            _ => {
                return Err(Refusal::Misplaced {
                    item: named.name.clone(),
                    why: format!("`@{tag}` stands on one variant, and that is not bare"),
                });
            }
        }
    }
    Ok(found)
}

fn says_trigger(doc: &Doc) -> bool {
    let tags = &doc.tags;
    tags.trigger.is_some()
        || tags.feed.is_some()
        || tags.gives.is_some()
        || tags.group.is_some()
        || tags.administrator
        || !(tags.hooks.is_empty() && tags.aliases.is_empty() && tags.scopes.is_empty())
}

fn trigger(item: &str, case: &Case, data: Option<&[Case]>) -> Result<Trigger, Refusal> {
    let refuse = |why: &str| Refusal::Trigger {
        item: item.to_owned(),
        why: why.to_owned(),
    };
    let tags = &case.doc.tags;
    let missing = |tag: &str| refuse(&format!("a trigger needs `@{tag}`"));
    let id = tags.trigger.clone().ok_or_else(|| missing("trigger"))?;
    let group = tags.group.clone().ok_or_else(|| missing("group"))?;
    let gives = tags.gives.as_deref().ok_or_else(|| missing("gives"))?;
    let Some(input @ Shape::Named(_)) = &case.shape else {
        return Err(refuse("a trigger has a record with its options as payload"));
    };
    if tags.hooks.is_empty() && tags.feed.is_none() {
        return Err(refuse(
            "a trigger needs `@hook` or `@feed`, or both: nothing would fire it",
        ));
    }
    if tags.hooks.is_empty() && tags.administrator {
        return Err(refuse("`@administrator` is said of hooks, and it has none"));
    }
    let given = data
        .unwrap_or_default()
        .iter()
        .find(|case| case.name == gives)
        .and_then(|case| Some((case.json.clone(), case.shape.clone()?)));
    let (data, output) = given.ok_or_else(|| {
        refuse(&format!(
            "`@gives {gives}` names no case with a payload of the variant tagged `@data`"
        ))
    })?;
    Ok(Trigger {
        item: item.to_owned(),
        id,
        group,
        aliases: tags.aliases.clone(),
        case: case.json.clone(),
        input: input.clone(),
        data,
        output,
        doc: case.doc.clone(),
    })
}
