//! Tags on a record. Capsule attaches by id or by name, makes a name that is missing, and takes `_delete` (API reference 2.3).

use crate::actions::faults::Faults;
use crate::api::violation;
use crate::bindings::capsule::crm::types::{Ref, Tag, TagChanges};
use crate::model::same;
use serde_json::{Value, json};

/// Takes note of names that are empty.
pub(crate) fn check(tags: &[Ref], at: &str, faults: &mut Faults) {
    for (index, tag) in tags.iter().enumerate() {
        if matches!(tag, Ref::Name(name) if name.trim().is_empty()) {
            faults.add(violation(
                format!("{at}/{index}"),
                "required",
                "the tag's name is empty",
            ));
        }
    }
}

/// Takes note of what is wrong in a change by itself.
pub(crate) fn check_change(change: &TagChanges, faults: &mut Faults) {
    if change.replace.is_some() && !(change.add.is_empty() && change.remove.is_empty()) {
        let message = "`replace` says all there is: it can't stand beside `add` or `remove`";
        faults.add(violation("/tags/replace", "range", message));
    }
    for (name, all) in [
        ("add", Some(&change.add)),
        ("remove", Some(&change.remove)),
        ("replace", change.replace.as_ref()),
    ] {
        let all = all.map_or(&[][..], Vec::as_slice);
        check(all, &format!("/tags/{name}"), faults);
    }
}

/// What to send so that the record has these tags; those that it has already, and those that stand twice, are left out.
pub(crate) fn added(wanted: &[Ref], current: &[Tag]) -> Vec<Value> {
    let mut out = Vec::new();
    for (index, tag) in wanted.iter().enumerate() {
        let twice = wanted
            .iter()
            .take(index)
            .any(|earlier| same_ref(earlier, tag));
        if !twice && !current.iter().any(|one| is(one, tag)) {
            out.push(match tag {
                Ref::Id(id) => json!({"id": id}),
                Ref::Name(name) => json!({"name": name}),
            });
        }
    }
    out
}

/// What to send so that the change comes about. The data tags of fields that are set stay or are added, whatever the change says.
pub(crate) fn changed(change: &TagChanges, data_tags: &[Ref], current: &[Tag]) -> Vec<Value> {
    let mut wanted = change.replace.as_deref().unwrap_or(&change.add).to_vec();
    wanted.extend_from_slice(data_tags);
    let mut out = added(&wanted, current);
    for tag in current {
        let goes = change.replace.is_some() || change.remove.iter().any(|gone| is(tag, gone));
        // Only tags that are there: taking away another one is refused by Capsule (API reference 2.3).
        if goes && !wanted.iter().any(|wanted| is(tag, wanted)) {
            out.push(json!({"id": tag.id, "_delete": true}));
        }
    }
    out
}

fn is(tag: &Tag, wanted: &Ref) -> bool {
    match wanted {
        Ref::Id(id) => tag.id == *id,
        Ref::Name(name) => tag.name.as_deref().is_some_and(|known| same(known, name)),
    }
}

fn same_ref(one: &Ref, other: &Ref) -> bool {
    match (one, other) {
        (Ref::Id(one), Ref::Id(other)) => one == other,
        (Ref::Name(one), Ref::Name(other)) => same(one, other),
        _ => false,
    }
}
