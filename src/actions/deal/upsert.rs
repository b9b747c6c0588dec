//! Finding an opportunity or a project, and then changing or creating it.

use super::create::{self, Meant, add_parties};
use super::update::{keep_pair, tags_of};
use super::{asked, change, id_of, placed};
use crate::actions::body::put_list;
use crate::actions::names::field_pointer;
use crate::actions::read::Speller;
use crate::actions::tagging;
use crate::api::{Call, Client, Span, ambiguous, invalid, record, too_large};
use crate::bindings::capsule::crm::types::{RecordKey, Ref, Several, UpsertAction};
use crate::bindings::integration::connector::types::{Error, PermanentError, Violation};
use crate::contract::Json;
use crate::few::order_by_key;
use crate::model::field::FieldWrite;
use crate::model::{DealDraft, Embeds, joined, same};
use serde_json::{Map, Value, json};

/// How a caller wants a record to be recognised, and brought about.
pub(in crate::actions) struct Upsert {
    pub(in crate::actions) match_by: Vec<RecordKey>,
    pub(in crate::actions) several: Several,
    pub(in crate::actions) draft: DealDraft,
    /// Where the caller's input holds the draft.
    pub(in crate::actions) at: &'static str,
    /// One that is there is changed; otherwise it is left as it is.
    pub(in crate::actions) change: bool,
}

/// Finds a record, and then changes or creates it: `action`, and the record under the name of its kind.
pub(in crate::actions) async fn upsert<T: Json>(
    client: &Client,
    input: &Upsert,
) -> Result<T, Error> {
    let Upsert { draft, at, .. } = input;
    if input.match_by.is_empty() {
        let message = "say what to recognise the record by: `name` or `{\"field\": ...}`";
        return Err(invalid("/matchBy", "required", message));
    }
    create::check(draft, at)?;
    let found = found(client, input).await?;
    let (action, speller, row) = match found {
        // One that is left as it is needs no names.
        Some(row) if !input.change => {
            let speller = Speller::new(client, draft.kind, &draft.embeds).await?;
            (UpsertAction::Unchanged, speller, row)
        }
        found => {
            let meant = Meant::new(client, draft, at).await?;
            let speller = Speller::new(client, draft.kind, &draft.embeds).await?;
            let (action, row) = match found {
                Some(row) => bring_about(client, draft, &meant, row, at).await?,
                None => {
                    let row = create::carry_out(client, draft, &meant, at, true).await?;
                    (UpsertAction::Created, row)
                }
            };
            (action, speller, row)
        }
    };
    let row = asked(&speller, &draft.embeds, row);
    let call = Call::get(&[draft.kind.entity().path()]);
    let upserted = json!({"action": action.to_json(), (draft.kind.name()): row});
    record(&call, 200, upserted)
}

/// What a record is looked for by.
enum Wanted {
    /// A name, within a party.
    Name(String, u64),
    Field(FieldWrite),
}

impl Wanted {
    /// A condition that Capsule can judge; it may find more than is meant.
    fn condition(&self) -> Value {
        match self {
            Self::Name(name, _) => json!({"field": "name", "operator": "is", "value": name.trim()}),
            Self::Field(write) => {
                let field = format!("custom:{}", write.id);
                json!({"field": field, "operator": "is", "value": write.value})
            }
        }
    }

    /// Whether a row is meant. Looked at here too, because a record that is taken for another one is changed.
    fn fits(&self, row: &Value) -> bool {
        match self {
            Self::Name(name, party) => {
                let given = row.get("name").and_then(Value::as_str);
                given.is_some_and(|given| same(given, name)) && id_of(row, "party") == Some(*party)
            }
            Self::Field(write) => write.is_of(row),
        }
    }
}

/// The record that is meant, if there is one.
async fn found(client: &Client, input: &Upsert) -> Result<Option<Value>, Error> {
    let mut looked = false;
    for (index, key) in input.match_by.iter().enumerate() {
        let Some(wanted) = wanted_by(client, key, input, index).await? else {
            continue;
        };
        looked = true;
        let pointer = format!("/matchBy/{index}");
        let mut rows = candidates(client, input, &wanted, &pointer).await?;
        // By id, which is by age (API reference 8).
        order_by_key(&mut rows, |row| row.get("id").and_then(Value::as_u64));
        match (rows.len(), input.several) {
            (0, _) => {}
            (1, _) | (_, Several::Oldest) => return Ok(rows.into_iter().next()),
            (_, Several::Newest) => return Ok(rows.pop()),
            (_, Several::Fail) => return Err(ambiguous(pointer, rows.iter().map(label))),
        }
    }
    if looked {
        Ok(None)
    } else {
        let message =
            "the record has no value for any of these keys, so nothing can be recognised by them";
        Err(invalid("/matchBy", "required", message))
    }
}

/// What a key means for the draft: nothing where the draft has no value for it.
async fn wanted_by(
    client: &Client,
    key: &RecordKey,
    input: &Upsert,
    index: usize,
) -> Result<Option<Wanted>, Error> {
    let Upsert { draft, at, .. } = input;
    let field = match key {
        RecordKey::Name => return Ok(Some(Wanted::Name(draft.name.clone(), draft.party))),
        // A draft without fields has no value for any of them.
        RecordKey::Field(_) if draft.fields.is_empty() => return Ok(None),
        RecordKey::Field(field) => field,
    };
    let pointer = format!("/matchBy/{index}/field");
    let entity = draft.kind.entity();
    let definition = client.definition(entity, field, &pointer).await?;
    let given = draft.fields.iter().find(|change| match &change.definition {
        Ref::Id(id) => *id == definition.id,
        Ref::Name(name) => same(name, &definition.name),
    });
    let Some(given) = given else {
        return Ok(None);
    };
    let write = FieldWrite::new(definition.id, Some(&definition), given.value.as_ref());
    let write = write.map_err(|fault| {
        let pointer = field_pointer(at, &given.definition);
        Error::Permanent(PermanentError::InvalidInput(vec![Violation {
            pointer,
            ..fault
        }]))
    })?;
    // A blank value may be every record without one.
    Ok((!write.is_blank()).then_some(Wanted::Field(write)))
}

/// Every record that is meant.
async fn candidates(
    client: &Client,
    input: &Upsert,
    wanted: &Wanted,
    pointer: &str,
) -> Result<Vec<Value>, Error> {
    let draft = &input.draft;
    // Tags and fields are compared, whether the caller asked for them or not.
    let embeds: Embeds = match (input.change, wanted) {
        (true, _) => draft.embeds.clone().with("tags").with("fields"),
        (false, Wanted::Field(_)) => draft.embeds.clone().with("fields"),
        (false, Wanted::Name(..)) => draft.embeds.clone(),
    };
    let path = draft.kind.entity().path();
    let call = Call::ask(
        &[path, "filters", "results"],
        json!({"filter": {"conditions": [wanted.condition()]}}),
    )
    .embed(&embeds.tokens);
    let span = Span::new(500, None);
    let page = client
        .page_where(&call, path, span, &|row| wanted.fits(row))
        .await?;
    match page.next {
        None => Ok(page.rows),
        Some(_) => Err(too_large(format!(
            "Too many records may be meant by `{pointer}` to look at all of them. Use another key, or an id."
        ))),
    }
}

/// How a person knows a record: by its name and its party.
fn label(row: &Value) -> (u64, String) {
    let text = |row: &Value, key: &str| {
        let text = row.get(key).and_then(Value::as_str);
        text.map(ToOwned::to_owned)
    };
    let name = text(row, "name").unwrap_or_else(|| "(no name)".into());
    let party = row.get("party").and_then(|party| {
        let [name, first, last] = ["name", "firstName", "lastName"].map(|key| text(party, key));
        joined(name.as_deref(), first.as_deref(), last.as_deref())
    });
    let label = match party {
        Some(party) => format!("{name} ({party})"),
        None => name,
    };
    (
        row.get("id").and_then(Value::as_u64).unwrap_or_default(),
        label,
    )
}

/// Changes a record as far as it differs from the draft.
async fn bring_about(
    client: &Client,
    draft: &DealDraft,
    meant: &Meant,
    row: Value,
    at: &str,
) -> Result<(UpsertAction, Value), Error> {
    let Some(id) = row.get("id").and_then(Value::as_u64) else {
        return Ok((UpsertAction::Unchanged, row));
    };
    let mut body = create::body(draft, meant);
    body.retain(|key, wanted| !alike(row.get(key).unwrap_or(&Value::Null), wanted));
    if body
        .get("durationBasis")
        .is_some_and(|basis| basis == "FIXED")
        && row.get("duration").is_some_and(|units| !units.is_null())
    {
        // API reference 3.2: no duration beside it.
        body.insert("duration".into(), Value::Null);
    }
    keep_pair(draft.kind, &mut body, &row);
    let wanted = [draft.tags.as_slice(), &meant.names.data_tags].concat();
    put_list(
        &mut body,
        "tags",
        tagging::added(&wanted, &tags_of(draft.kind, &row)?),
    );
    let fields = meant.names.fields.iter();
    let fields = fields.filter(|field| !field.stands_in(&row));
    put_list(&mut body, "fields", fields.map(FieldWrite::body).collect());
    let changed: Option<Map<String, Value>> = (!body.is_empty()).then_some(body);
    let (mut action, row) = match changed {
        Some(body) => {
            let row = change(client, draft.kind, id, &draft.embeds, body)
                .await
                .map_err(|error| placed(error, at))?;
            (UpsertAction::Updated, row)
        }
        None => (UpsertAction::Unchanged, row),
    };
    if add_parties(client, draft, id).await? {
        action = UpsertAction::Updated;
    }
    Ok((action, row))
}

/// What is there is what is wanted: texts without the blanks around them, a blank for nothing, numbers by what they count, references by
/// their id.
fn alike(current: &Value, wanted: &Value) -> bool {
    match (current, wanted) {
        (Value::String(current), Value::String(wanted)) => current.trim() == wanted.trim(),
        (Value::Null, Value::String(wanted)) => wanted.trim().is_empty(),
        (Value::Number(current), Value::Number(wanted)) => current.as_f64() == wanted.as_f64(),
        (Value::Number(_), Value::Object(wanted)) => wanted.get("id") == Some(current),
        (Value::Object(current), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            current
                .get(key)
                .is_some_and(|current| alike(current, wanted))
        }),
        (current, wanted) => current == wanted,
    }
}
