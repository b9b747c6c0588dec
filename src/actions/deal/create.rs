//! Creating an opportunity or a project.

use super::contacts::add_party;
use super::{change, course, id_of, placed, row, told};
use crate::actions::body::{put_id, put_list};
use crate::actions::faults::{Faults, reason};
use crate::actions::names::Names;
use crate::actions::read::Speller;
use crate::actions::tagging;
use crate::api::{Call, Client, Roster, Step, incomplete, violation};
use crate::bindings::capsule::crm::types::{ContactState, Ref};
use crate::bindings::integration::connector::types::Error;
use crate::contract::Json;
use crate::model::field::FieldWrite;
use crate::model::{DealDraft, Kind};
use serde_json::{Map, Value, json};

/// Creates a record. `at` is the pointer of the draft in the caller's input.
pub(in crate::actions) async fn create<T: Json>(
    client: &Client,
    draft: &DealDraft,
    at: &str,
) -> Result<T, Error> {
    check(draft, at)?;
    let meant = Meant::new(client, draft, at).await?;
    let speller = Speller::new(client, draft.kind, &draft.embeds).await?;
    let row = carry_out(client, draft, &meant, at, false).await?;
    told(&speller, draft.kind, &draft.embeds, row)
}

/// What is wrong in a draft by itself.
pub(super) fn check(draft: &DealDraft, at: &str) -> Result<(), Error> {
    let mut faults = Faults::default();
    if draft.name.trim().is_empty() {
        faults.add(violation(
            format!("{at}/name"),
            "required",
            "the name is empty",
        ));
    }
    tagging::check(&draft.tags, &format!("{at}/tags"), &mut faults);
    check_duration(&draft.attributes, true, at, &mut faults);
    faults.settle()
}

/// Takes note of a duration beside `FIXED`, which is what a new record has if it names no basis (API reference 3.2).
pub(super) fn check_duration(
    attributes: &Map<String, Value>,
    new: bool,
    at: &str,
    faults: &mut Faults,
) {
    let given = attributes
        .get("duration")
        .is_some_and(|duration| !duration.is_null());
    let fixed = match attributes.get("durationBasis") {
        Some(basis) => basis == "FIXED",
        None => new,
    };
    if given && fixed {
        faults.add(violation(
            format!("{at}/duration"),
            "range",
            "a fixed sum has no duration; set `durationBasis` to what a unit is, such as `MONTH`",
        ));
    }
}

/// What the names in a draft mean.
pub(super) struct Meant {
    pub(super) names: Names,
    pub(super) step: Option<u64>,
    tracks: Vec<u64>,
}

impl Meant {
    /// Looks names up. All that don't mean anything are told at once.
    pub(super) async fn new(client: &Client, draft: &DealDraft, at: &str) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let entity = draft.kind.entity();
        let (owner, team) = (draft.owner.as_ref(), draft.team.as_ref());
        let names =
            faults.note(Names::new(client, entity, owner, team, &draft.fields, at).await)?;
        let places = Places {
            kind: draft.kind,
            way: draft.way.as_ref(),
            step: draft.step.as_ref(),
            probability: draft.attributes.contains_key("probability"),
        };
        let step = faults.note(places.find(client, at).await)?;
        let mut tracks = Vec::new();
        for (index, track) in draft.tracks.iter().enumerate() {
            let pointer = format!("{at}/tracks/{index}");
            let id = client.chosen(Roster::Tracks(entity), track, &pointer).await;
            tracks.extend(faults.note(id)?);
        }
        faults.settle()?;
        Ok(Self {
            names: names.unwrap_or_default(),
            step: step.flatten(),
            tracks,
        })
    }
}

/// Where a record is to stand.
pub(super) struct Places<'a> {
    pub(super) kind: Kind,
    pub(super) way: Option<&'a Ref>,
    pub(super) step: Option<&'a Ref>,
    /// A probability is given, which a milestone that closes the opportunity does not take.
    pub(super) probability: bool,
}

impl Places<'_> {
    /// The id of the milestone or the stage. One by id alone costs no look-up.
    pub(super) async fn find(&self, client: &Client, at: &str) -> Result<Option<u64>, Error> {
        let course = course(self.kind);
        let step: Step = match (self.step, self.way) {
            (None, None) => return Ok(None),
            (None, Some(_)) => {
                let message = format!(
                    "say which {} of the {} is meant",
                    course.step(),
                    course.way()
                );
                let pointer = format!("{at}/{}", course.step());
                return Err(crate::api::invalid(pointer, "required", message));
            }
            (Some(Ref::Id(id)), None) if !self.probability => return Ok(Some(*id)),
            (Some(step), way) => {
                let within = match way {
                    Some(way) => Some(client.way(course, way, at).await?),
                    None => None,
                };
                client.step(course, step, within, at).await?
            }
        };
        if self.probability && step.complete {
            // API reference 2.11 and 3.2.
            return Err(crate::api::invalid(
                format!("{at}/probability"),
                "range",
                format!(
                    "`{}` closes the opportunity, which decides its probability; leave it out",
                    crate::contract::brief(&step.name)
                ),
            ));
        }
        Ok(Some(step.id))
    }
}

/// What a draft says of a record, without tags and fields.
pub(super) fn body(draft: &DealDraft, meant: &Meant) -> Map<String, Value> {
    let mut body = draft.attributes.clone();
    body.insert("name".into(), draft.name.as_str().into());
    put_id(&mut body, "party", Some(draft.party));
    put_id(&mut body, course(draft.kind).step(), meant.step);
    put_id(&mut body, "owner", meant.names.owner);
    put_id(&mut body, "team", meant.names.team);
    body
}

/// Creates it, with names that were looked up. `looked` says that the caller looked for the record before, so that repeating is safe.
pub(super) async fn carry_out(
    client: &Client,
    draft: &DealDraft,
    meant: &Meant,
    at: &str,
    looked: bool,
) -> Result<Value, Error> {
    let entity = draft.kind.entity();
    let mut body = body(draft, meant);
    let wanted = [draft.tags.as_slice(), &meant.names.data_tags].concat();
    put_list(&mut body, "tags", tagging::added(&wanted, &[]));
    let fields = meant.names.fields.iter().map(FieldWrite::body).collect();
    put_list(&mut body, "fields", fields);
    let tracks = meant.tracks.iter();
    let tracks = tracks.map(|id| json!({"definition": {"id": id}})).collect();
    put_list(&mut body, "tracks", tracks);
    let call = Call::create(&[entity.path()], json!({ (entity.key()): body }));
    let call = call.embed(&draft.embeds.tokens);
    let call = if looked { call.repeatable() } else { call };
    let created = row(client, &call, draft.kind)
        .await
        .map_err(|error| placed(error, at))?;
    let Some(id) = created.get("id").and_then(Value::as_u64) else {
        return Ok(created);
    };
    match complete(client, draft, meant, id, created).await {
        Ok(row) => Ok(row),
        Err(error) => Err(stopped(error, draft.kind, id, looked)),
    }
}

/// What creation alone does not do: the owner that Capsule drops, and the additional parties.
async fn complete(
    client: &Client,
    draft: &DealDraft,
    meant: &Meant,
    id: u64,
    created: Value,
) -> Result<Value, Error> {
    let mut row = created;
    // A stage brings the team of its board, and the owner is dropped then (API reference 3.3).
    if draft.kind == Kind::Project
        && meant.names.owner.is_some()
        && id_of(&row, "owner") != meant.names.owner
    {
        let mut body = Map::new();
        put_id(&mut body, "owner", meant.names.owner);
        put_id(&mut body, "team", id_of(&row, "team"));
        row = change(client, draft.kind, id, &draft.embeds, body).await?;
    }
    add_parties(client, draft, id).await?;
    Ok(row)
}

/// Adds the additional parties. True: one of them was not there.
pub(super) async fn add_parties(
    client: &Client,
    draft: &DealDraft,
    id: u64,
) -> Result<bool, Error> {
    let mut added = false;
    for party in &draft.parties {
        let outcome = add_party(client, draft.kind, id, *party).await?;
        added |= outcome.state == ContactState::Added;
    }
    Ok(added)
}

/// The error of a call that had already created the record. Repeating one that looks first is safe, so that what is transient stays so.
fn stopped(error: Error, kind: Kind, id: u64, looked: bool) -> Error {
    match error {
        Error::ExecutionFailed => error,
        Error::Transient(_) if looked => error,
        error => {
            let (interface, what) = match kind {
                Kind::Project => ("projects", "project"),
                Kind::Party | Kind::Opportunity => ("opportunities", "opportunity"),
            };
            let cause = reason(error);
            let extra = json!({
                "done": [{"operation": format!("{interface}.create"), "id": id}],
                "continue": format!("{interface}.update and {interface}.add-party with this id; do not create again"),
                "error": cause,
            });
            incomplete(
                format!("The {what} {id} was created, the rest was not done: {cause}"),
                &extra,
            )
        }
    }
}
