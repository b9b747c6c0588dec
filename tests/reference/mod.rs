//! The reference of operations as Markdown, out of the contract.

use capsule_crm::contract::{
    Bounds, Effect, Field, Hints, OPERATIONS, Operation, Record, Shape, required,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const HEAD: &str = "\
# Operations

What the component can do, by id. Made from the WIT: `cargo xtask docs` writes this page anew.

An engine calls an operation by `operations.invoke(id, input)` with a JSON object, or by its typed function. `catalog.schemas` gives the
same as JSON Schema 2020-12, with the account's own custom fields if asked for. In inputs what is not marked *required* may be left out;
where a change is meant, leaving out keeps and `null` clears. In outputs what has no value is left out.

## Errors

Every operation may fail with these:

| error | retry | when |
| --- | --- | --- |
| `permanent.invalid-input` | no | the input does not fit; every fault with its pointer, before anything is sent where that can be known |
| `permanent.unauthenticated` | after a refresh of the token | the token was refused; nothing was changed |
| `permanent.forbidden` | no | scope, role or visibility does not allow it; nothing was changed |
| `permanent.quota-exhausted` | no | the plan or a quota of the account is used up |
| `permanent.too-large` | no | over a limit that the help states |
| `permanent.malformed-response` | no | the answer is not what Capsule's API gives |
| `transient.rate-limited` | after `retry-after-ms` | too many requests; this one was not carried out |
| `transient.unavailable`, `transient.timed-out` | yes | no answer, and repeating doubles nothing |

What an operation adds to them stands beside it: `not-found`, `ambiguous` (a name matches several records), `conflict`, `stale-cursor`, `incomplete`
(it stopped half-way and says what was done), and `outcome-unknown` for changes that must not be repeated blindly.
";

/// The whole page.
pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut records = BTreeMap::new();
    let mut groups: Vec<&str> = Vec::new();
    for operation in OPERATIONS {
        if !groups.contains(&operation.group) {
            groups.push(operation.group);
        }
    }
    page.push_str("\n## Contents\n\n");
    for group in &groups {
        let links: Vec<String> = of(group)
            .map(|operation| format!("[`{0}`](#{1})", operation.id, anchor(operation.id)))
            .collect();
        let _ = writeln!(page, "- **{group}**: {}", links.join(", "));
    }
    page.push_str("- [Records](#records)\n");
    for group in groups {
        let _ = writeln!(page, "\n## {group}");
        for operation in of(group) {
            one(&mut page, operation);
            named(&operation.input, &mut records);
            if let Some(output) = &operation.output {
                named(output, &mut records);
            }
        }
    }
    page.push_str("\n## Records\n");
    for (name, shape) in records {
        record(&mut page, name, &shape);
    }
    page
}

fn of(group: &str) -> impl Iterator<Item = &'static Operation> {
    OPERATIONS
        .iter()
        .filter(move |operation| operation.group == group)
}

fn anchor(id: &str) -> String {
    id.replace('.', "")
}

fn one(page: &mut String, operation: &Operation) {
    let _ = writeln!(page, "\n### {}\n\n**{}.**", operation.id, operation.title);
    if !operation.help.is_empty() {
        let _ = writeln!(page, "\n{}", operation.help);
    }
    let effect = match operation.effect {
        Effect::Read => "reads",
        Effect::Write => "changes",
        Effect::Destructive => "deletes",
    };
    let mut facts = vec![effect.to_owned()];
    facts.push(
        match (operation.effect, operation.repeat_safe) {
            (Effect::Read, _) | (_, true) => "repeat-safe",
            _ => "not repeat-safe",
        }
        .to_owned(),
    );
    if operation.administrator {
        facts.push("needs an administrator".into());
    }
    if !operation.scopes.is_empty() {
        facts.push(format!("scope `{}`", operation.scopes.join("`, `")));
    }
    if operation.paged {
        facts.push("paged by `cursor` and `next`".into());
    }
    if !operation.aliases.is_empty() {
        facts.push(format!("also `{}`", operation.aliases.join("`, `")));
    }
    let _ = writeln!(
        page,
        "\n{} · typed: `{}`",
        facts.join(" · "),
        operation.typed
    );
    if let Shape::Record(input) = &operation.input {
        if input.fields.is_empty() {
            page.push_str("\nInput: `{}`.\n");
        } else {
            page.push_str("\nInput:\n");
            fields(page, input, true);
        }
    }
    let output = operation
        .output
        .as_ref()
        .map_or_else(|| "nothing (`null`)".to_owned(), kind);
    let _ = writeln!(page, "\nOutput: {output}.");
    let errors = errors(operation);
    if !errors.is_empty() {
        let _ = writeln!(
            page,
            "\nErrors beside the common ones: {}.",
            errors.join(", ")
        );
    }
    let _ = writeln!(page, "\n```json\n{}\n```", operation.example);
}

/// The errors that follow from what an operation takes and does.
fn errors(operation: &Operation) -> Vec<&'static str> {
    let mut errors = Vec::new();
    let mut takes_id = false;
    let mut takes_names = false;
    if let Shape::Record(input) = &operation.input {
        takes_id = input.fields.iter().any(|field| field.json == "id");
        let mut records = BTreeMap::new();
        named(&operation.input, &mut records);
        takes_names = records.contains_key("Ref") || records.contains_key("RefChange");
    }
    if takes_id && operation.effect != Effect::Destructive {
        errors.push("`not-found`");
    }
    if takes_names {
        errors.push("`ambiguous`");
    }
    if operation.paged {
        errors.push("`stale-cursor`");
    }
    if !operation.repeat_safe && operation.effect != Effect::Read {
        errors.push("`outcome-unknown`");
    }
    errors
}

fn record(page: &mut String, name: &str, shape: &Shape) {
    let _ = writeln!(page, "\n### {name}");
    match shape {
        Shape::Record(record) | Shape::Map(record) => {
            let _ = writeln!(page, "\n{}\n", record.doc);
            fields(page, record, false);
        }
        Shape::Enum(all) => {
            let _ = writeln!(page, "\n{}\n\n| value | |\n| --- | --- |", all.doc);
            for (case, doc) in all.cases {
                let _ = writeln!(page, "| `\"{case}\"` | {} |", cell(doc));
            }
        }
        Shape::Variant(variant) => {
            let how = if variant.bare {
                "One of these, told apart by their JSON types:"
            } else {
                "One of these:"
            };
            let _ = writeln!(
                page,
                "\n{}\n\n{how}\n\n| JSON | |\n| --- | --- |",
                variant.doc
            );
            for case in variant.cases {
                let json = match &case.shape {
                    None => format!("`\"{}\"`", case.json),
                    Some(shape) if variant.bare => kind(shape),
                    Some(shape) => format!("`{{\"{}\": …}}` with {}", case.json, kind(shape)),
                };
                let _ = writeln!(page, "| {json} | {}{} |", cell(case.doc), hints(case.hints));
            }
        }
        _ => {}
    }
}

fn fields(page: &mut String, record: &Record, input: bool) {
    page.push_str("\n| field | type | |\n| --- | --- | --- |\n");
    for field in record.fields {
        let required = if required(&field.shape) {
            if input { " *required*" } else { "" }
        } else {
            ""
        };
        let _ = writeln!(
            page,
            "| `{}` | {}{required} | {}{} |",
            field.json,
            kind(&field.shape),
            cell(&help(field)),
            hints(field.hints),
        );
    }
}

fn help(field: &Field) -> String {
    if field.doc.is_empty() {
        field.title()
    } else {
        field.doc.to_owned()
    }
}

fn hints(hints: &Hints) -> String {
    let mut all = String::new();
    if let Some(default) = hints.default {
        let _ = write!(all, " Default: `{default}`.");
    }
    if let Some(Bounds { least, most }) = hints.range {
        let _ = write!(all, " {least} to {most}.");
    }
    if let Some(format) = hints.format {
        let _ = write!(all, " Format: {format}.");
    }
    if !hints.values.is_empty() {
        let _ = write!(all, " Known values: `{}`.", hints.values.join("`, `"));
    }
    if let Some(choices) = &hints.choices {
        let after = choices
            .after
            .map_or_else(String::new, |after| format!(", which depend on `{after}`"));
        let _ = write!(all, " Has choices{after}.");
    }
    all
}

fn cell(text: &str) -> String {
    text.replace("\n\n", "<br>")
        .replace('\n', " ")
        .replace('|', "\\|")
}

fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Boolean => "boolean".into(),
        Shape::Integer(_) => "integer".into(),
        Shape::Number => "number".into(),
        Shape::Text => "text".into(),
        Shape::Json => "any JSON".into(),
        Shape::Bytes => "base64 text".into(),
        Shape::List(item) => format!("list of {}", kind(item)),
        Shape::Option(inner) => kind(inner),
        Shape::Change(inner) => format!("{} or null", kind(inner)),
        Shape::Map(record) => match record.fields {
            [key, value] => format!(
                "object: {} → {}",
                key.title().to_lowercase(),
                kind(&value.shape)
            ),
            _ => "object".into(),
        },
        Shape::Record(record) => link(record.name),
        Shape::Enum(all) => link(all.name),
        Shape::Variant(variant) => link(variant.name),
    }
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", name.to_lowercase())
}

/// Every named type that a shape uses but itself, if it is an input.
fn named(shape: &Shape, found: &mut BTreeMap<&'static str, Shape>) {
    match *shape {
        Shape::List(inner) | Shape::Option(inner) | Shape::Change(inner) => below(inner, found),
        Shape::Map(record) | Shape::Record(record) => record
            .fields
            .iter()
            .for_each(|field| below(&field.shape, found)),
        Shape::Variant(variant) => variant
            .cases
            .iter()
            .filter_map(|case| case.shape.as_ref())
            .for_each(|shape| below(shape, found)),
        _ => {}
    }
    // What an operation gives stands among the records; its input stands beside it.
    if let Shape::Record(record) = shape
        && OPERATIONS.iter().any(|operation| {
            matches!(&operation.output, Some(Shape::Record(output)) if output.name == record.name)
        })
    {
        found.insert(record.name, *shape);
    }
}

fn below(shape: &Shape, found: &mut BTreeMap<&'static str, Shape>) {
    let name = match shape {
        Shape::Record(record) => record.name,
        Shape::Enum(all) => all.name,
        Shape::Variant(variant) => variant.name,
        other => return named(other, found),
    };
    if found.insert(name, *shape).is_none() {
        named(shape, found);
    }
}
