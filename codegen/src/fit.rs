//! What fits where: tags on types, forms on variants, names beside each other.

use crate::docs::Tags;
use crate::refusal::{Refusal, no_json};
use crate::wit::{BYTE, Case, Field, Form, ID, Kind, Reader, Shape};
use std::collections::BTreeSet;

impl Reader<'_> {
    /// Refuses what has JSON only in a field of a record: a change, which is left out to leave as it is, and bytes, which need a tag.
    pub(crate) fn settled(&self, shape: &Shape, item: &str) -> Result<(), Refusal> {
        let change = || Refusal::Misplaced {
            item: item.to_owned(),
            why: "a change stands in an option of a record, where absent leaves".into(),
        };
        match shape {
            Shape::List(inner) if **inner == BYTE => Err(no_json(
                item,
                "list<u8> that is no field tagged `@json base64`",
            )),
            Shape::List(inner) | Shape::Option(inner) => self.settled(inner, item),
            Shape::Change(_) => Err(change()),
            Shape::Named(name) if self.form(name) == Some(Form::Change) => Err(change()),
            _ => Ok(()),
        }
    }

    /// Whether the tags fit the type; none for a case without payload.
    pub(crate) fn hints_fit(
        &self,
        tags: &Tags,
        shape: Option<&Shape>,
        item: &str,
    ) -> Result<(), Refusal> {
        let misplaced = |why: &str| Refusal::Misplaced {
            item: item.to_owned(),
            why: why.to_owned(),
        };
        let core = shape.map(|shape| self.core(shape));
        if let Some((low, high)) = tags.range {
            match core {
                Some(Shape::Integer { least, most }) if low >= *least && high <= *most => {}
                Some(Shape::Integer { .. }) => {
                    return Err(misplaced("`@range` goes beyond the type"));
                }
                _ => return Err(misplaced("`@range` stands on a whole number")),
            }
        }
        if (tags.format.is_some() || !tags.values.is_empty()) && core != Some(&Shape::Text) {
            return Err(misplaced("`@format` and `@values` stand on texts"));
        }
        if tags.choices.is_some() && core.is_none() {
            return Err(misplaced("`@choices` stands on a case with a payload"));
        }
        Ok(())
    }

    pub(crate) fn default_fits(
        &self,
        default: &str,
        range: Option<(i64, i64)>,
        shape: &Shape,
        item: &str,
    ) -> Result<(), Refusal> {
        let bad = |why: &str| Refusal::Tag {
            item: item.to_owned(),
            tag: format!("default {default}"),
            why: why.to_owned(),
        };
        let misplaced = || Refusal::Misplaced {
            item: item.to_owned(),
            why: "`@default` stands on an option of a text, a whole number, a boolean or an enum"
                .into(),
        };
        let Shape::Option(inner) = shape else {
            return Err(misplaced());
        };
        match inner.as_ref() {
            Shape::Text => Ok(()),
            Shape::Boolean if matches!(default, "true" | "false") => Ok(()),
            Shape::Boolean => Err(bad("true or false is expected")),
            Shape::Integer { least, most } => {
                let (least, most) = range.unwrap_or((*least, *most));
                match default.parse::<i64>() {
                    Ok(number) if (least..=most).contains(&number) => Ok(()),
                    _ => Err(bad(&format!(
                        "a whole number from {least} to {most} is expected"
                    ))),
                }
            }
            Shape::Named(name) if self.form(name).is_none() => match self.cases(name) {
                Some(cases) if cases.iter().any(|case| case.json == default) => Ok(()),
                Some(_) => Err(bad("it is no case of the enum")),
                None => Err(misplaced()),
            },
            _ => Err(misplaced()),
        }
    }

    /// The object form of a list of two-field records.
    pub(crate) fn map(
        &self,
        item: &Shape,
        misplaced: &dyn Fn(&str) -> Refusal,
    ) -> Result<Shape, Refusal> {
        let name = match item {
            Shape::Named(name) => name.as_str(),
            _ => "",
        };
        let named = self.types.iter().find(|named| named.name == name);
        let Some(Kind::Record(fields)) = named.map(|named| &named.kind) else {
            return Err(misplaced(
                "`@json object` stands on a list of records with two fields",
            ));
        };
        let [key, value] = fields.as_slice() else {
            return Err(misplaced(
                "`@json object` stands on a list of records with two fields",
            ));
        };
        let spells = match &key.shape {
            Shape::Text => true,
            Shape::Named(name) if self.form(name).is_none() => self.cases(name).is_some(),
            other => *other == ID || self.is_id_or_name(other),
        };
        if !spells {
            return Err(misplaced(
                "a key of an object is a string, a u64, an enum, or a bare variant of a u64 and a string",
            ));
        }
        if matches!(value.shape, Shape::Change(_)) {
            return Err(misplaced(
                "a change can't be the value of a key, which is never absent; take an option",
            ));
        }
        Ok(Shape::Map(name.to_owned()))
    }

    /// A number is an id, a text is a name.
    pub(crate) fn is_id_or_name(&self, shape: &Shape) -> bool {
        let Shape::Named(name) = shape else {
            return false;
        };
        let shapes = |cases: &[Case]| {
            cases
                .iter()
                .filter_map(|case| case.shape.clone())
                .collect::<Vec<_>>()
        };
        self.form(name) == Some(Form::Bare)
            && self
                .cases(name)
                .map(shapes)
                .is_some_and(|shapes| shapes == [ID, Shape::Text] || shapes == [Shape::Text, ID])
    }

    /// Whether the form of a variant fits its cases.
    pub(crate) fn fits(&self, name: &str, form: Form, cases: &[Case]) -> Result<(), Refusal> {
        match form {
            Form::Tagged => Ok(()),
            Form::Change => match cases {
                [set, clear]
                    if set.name == "set"
                        && clear.name == "clear"
                        && set.shape.is_some()
                        && clear.shape.is_none() =>
                {
                    match cases.iter().find(|case| case.doc.tags != Tags::default()) {
                        None => Ok(()),
                        Some(case) => Err(Refusal::Misplaced {
                            item: format!("{name}.{}", case.name),
                            why: "a change has tags where it is used, not in its cases".into(),
                        }),
                    }
                }
                _ => Err(Refusal::Misplaced {
                    item: name.into(),
                    why: "`@json change` stands on a variant `set(T), clear`".into(),
                }),
            },
            Form::Bare => {
                let mut kinds = BTreeSet::new();
                for case in cases {
                    let Some(shape) = &case.shape else {
                        return Err(Refusal::Misplaced {
                            item: format!("{name}.{}", case.name),
                            why: "a bare case has a payload".into(),
                        });
                    };
                    for kind in self.json_kinds(shape) {
                        if !kinds.insert(kind) {
                            return Err(Refusal::AmbiguousBare {
                                item: name.into(),
                                kind: kind.into(),
                            });
                        }
                    }
                }
                Ok(())
            }
        }
    }
}

/// Turns the name in `@choices KIND after FIELD` into the field's JSON name.
pub(crate) fn beside(name: &str, fields: &mut [Field]) -> Result<(), Refusal> {
    let spellings: Vec<_> = fields
        .iter()
        .map(|field| (field.name.clone(), field.json.clone()))
        .collect();
    for field in fields {
        if let Some((_, Some(after))) = &mut field.doc.tags.choices {
            match spellings
                .iter()
                .find(|(wit, _)| wit == after && *wit != field.name)
            {
                Some((_, json)) => json.clone_into(after),
                None => {
                    return Err(Refusal::Misplaced {
                        item: format!("{name}.{}", field.name),
                        why: format!("no field `{after}` stands beside it"),
                    });
                }
            }
        }
    }
    Ok(())
}

/// JSON tells things apart by their names.
pub(crate) fn once<'a>(item: &str, names: impl Iterator<Item = &'a String>) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Refusal::Twice {
                item: item.to_owned(),
                name: name.clone(),
            });
        }
    }
    Ok(())
}
