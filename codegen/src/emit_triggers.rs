//! Writes the table of triggers.

use crate::emit::Emitter;
use crate::triggers::Trigger;
use std::fmt::Write;

/// The static table, sorted by id.
pub(crate) fn table(emitter: &Emitter<'_>, out: &mut String, triggers: &[Trigger]) {
    let mut rows = String::new();
    for trigger in triggers {
        let tags = &trigger.doc.tags;
        let _ = writeln!(
            rows,
            "    Trigger {{ id: {:?}, title: {:?}, help: {:?}, group: {:?}, aliases: &{:?}, hooks: &{:?}, feed: {:?}, scopes: &{:?}, \
             administrator: {}, case: {:?}, input: {}, data: {:?}, output: {} }},",
            trigger.id,
            trigger.doc.title,
            trigger.doc.help,
            trigger.group,
            trigger.aliases,
            tags.hooks,
            tags.feed,
            tags.scopes,
            tags.administrator,
            trigger.case,
            emitter.expression(&trigger.input),
            trigger.data,
            emitter.expression(&trigger.output),
        );
    }
    let _ = writeln!(
        out,
        "/// Every trigger, sorted by id.\npub static TRIGGERS: &[Trigger] = &[\n{rows}];"
    );
}
