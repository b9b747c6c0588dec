//! The operations and the triggers, out of the generated table.

use crate::bindings::exports::integration::connector::catalog::{
    Effect, Operation, Paging, Trigger,
};
use crate::contract::{Effect as Known, OPERATIONS, TRIGGERS};

/// All operations, sorted by id. Reads no environment and sends nothing.
#[must_use]
pub fn operations() -> Vec<Operation> {
    OPERATIONS
        .iter()
        .map(|operation| Operation {
            id: operation.id.into(),
            title: operation.title.into(),
            help: operation.help.into(),
            group: operation.group.into(),
            aliases: operation
                .aliases
                .iter()
                .map(|&alias| alias.into())
                .collect(),
            effect: match operation.effect {
                Known::Read => Effect::Read,
                Known::Write => Effect::Write,
                Known::Destructive => Effect::Destructive,
            },
            repeat_safe: operation.repeat_safe,
            scopes: operation.scopes.iter().map(|&scope| scope.into()).collect(),
            administrator: operation.administrator,
            paging: operation.paged.then(|| Paging {
                cursor_in: "/cursor".into(),
                items_out: "/items".into(),
                cursor_out: "/next".into(),
            }),
            // The slim component has the neutral face alone.
            typed: cfg!(feature = "typed").then(|| operation.typed.into()),
            deprecated: None,
            extra: Some(format!(r#"{{"example":{}}}"#, operation.example)),
        })
        .collect()
}

/// All triggers, sorted by id. Reads no environment and sends nothing.
#[must_use]
pub fn triggers() -> Vec<Trigger> {
    let texts = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect();
    TRIGGERS
        .iter()
        .map(|trigger| Trigger {
            id: trigger.id.into(),
            title: trigger.title.into(),
            help: trigger.help.into(),
            group: trigger.group.into(),
            aliases: texts(trigger.aliases),
            hook_events: texts(trigger.hooks),
            pollable: trigger.feed.is_some(),
            scopes: texts(trigger.scopes),
            hook_administrator: trigger.administrator,
            feed: trigger.feed.map(ToOwned::to_owned),
            extra: None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Record, Shape};

    #[test]
    fn the_catalogue_lists_every_operation() {
        let lines: Vec<String> = operations()
            .iter()
            .map(|one| {
                let Operation {
                    id,
                    title,
                    group,
                    effect,
                    repeat_safe,
                    scopes,
                    administrator,
                    ..
                } = one;
                let repeat = if *repeat_safe { "repeat-safe" } else { "once" };
                let administrator = if *administrator {
                    ", administrator"
                } else {
                    ""
                };
                let paged = if one.paging.is_some() { ", paged" } else { "" };
                format!(
                    "{id}: {title} [{group}] {effect:?}, {repeat}, {}{administrator}{paged}",
                    scopes.join(" ")
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn the_catalogue_lists_every_trigger() {
        let lines: Vec<String> = triggers()
            .iter()
            .map(|one| {
                format!(
                    "{}: {} [{}] hooks: {}; feed: {}; also: {}",
                    one.id,
                    one.title,
                    one.group,
                    one.hook_events.join(" "),
                    one.feed.as_deref().unwrap_or("none"),
                    one.aliases.join(" ")
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn ids_are_sorted_and_stand_for_one_operation() {
        let all = operations();
        assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id));
        let mut names: Vec<&String> = all
            .iter()
            .flat_map(|one| one.aliases.iter().chain([&one.id]))
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "an id or an alias is used twice");
    }

    #[test]
    fn typed_names_are_told_where_they_are_exported() {
        let create = operations()
            .into_iter()
            .find(|one| one.id == "people.create")
            .unwrap();
        assert_eq!(
            create.typed.as_deref(),
            cfg!(feature = "typed").then_some("capsule:crm/people@0.1.0.create")
        );
    }

    #[test]
    fn paging_points_at_fields_that_are_there() {
        let has = |shape: Option<&Shape>, pointer: &str| matches!(shape, Some(Shape::Record(Record { fields, .. })) if fields.iter().any(|field| format!("/{}", field.json) == pointer));
        for (known, told) in OPERATIONS.iter().zip(operations()) {
            let Some(paging) = told.paging else { continue };
            assert!(has(Some(&known.input), &paging.cursor_in), "{}", known.id);
            assert!(
                has(known.output.as_ref(), &paging.items_out)
                    && has(known.output.as_ref(), &paging.cursor_out),
                "{}",
                known.id
            );
        }
    }
}
