//! Tracks: tasks that follow one another (API reference 3.8).

use super::body::put;
use super::deletion::gone;
use super::read::{listed, of_page};
use crate::api::{Call, Client, Roster, Span, invalid, is_track_for, record};
use crate::bindings::capsule::crm::types::{
    Deletion, Entity as EntityName, GetTrack, ListOfTrackDefinitions, ListTracks, NewTrack, Track,
    TrackDefinitionPage, TrackEmbed, TrackPage, TrackUpdate,
};
use crate::bindings::integration::connector::types::Error;
use crate::contract::Checked;
use crate::model::put_related;
use serde_json::{Map, Value, json};

/// List the tracks that can be applied.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_definitions(
    client: &Client,
    input: ListOfTrackDefinitions,
) -> Result<Checked<TrackDefinitionPage>, Error> {
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let all = Call::get(&["trackdefinitions"]);
    let key = "trackDefinitions";
    let call = match input.entity {
        None => all,
        Some(EntityName::Opportunities) => all.with("type", "opportunities"),
        Some(EntityName::Projects) => all.with("type", "kases"),
        // Whether Capsule takes this word is not known (API reference 3.8): all are read and looked through.
        Some(entity @ EntityName::Parties) => {
            let mine = |row: &Value| is_track_for(row, entity.into());
            let mut page = client.page_where(&all, key, span, &mine).await?;
            page.rows.iter_mut().for_each(spell);
            page.total = None;
            return record(&all, 200, of_page(page));
        }
    };
    listed(client, &call, key, span, &spell).await
}

/// Apply a track to a record.
///
/// # Errors
/// `invalid-input`, `ambiguous`, `outcome-unknown`, and what sending gives.
pub async fn apply(client: &Client, input: NewTrack) -> Result<Checked<Track>, Error> {
    check_description(input.description.as_deref())?;
    let roster = Roster::Tracks(input.on.entity());
    let id = client
        .chosen(roster, &input.definition, "/definition")
        .await?;
    let mut body = Map::new();
    // The key is not `trackDefinition`, and `startDate` would be ignored (API reference 3.8).
    body.insert("definition".into(), json!({ "id": id }));
    put_related(&mut body, Some(&input.on), false);
    put(&mut body, "description", input.description);
    put(&mut body, "trackDateOn", input.track_date_on);
    let call = Call::create(&["tracks"], json!({ "track": body }));
    track(client, call, input.embed.as_ref()).await
}

/// List the tracks of a record.
///
/// # Errors
/// `not-found`, `stale-cursor`, and what sending gives.
pub async fn list_all(client: &Client, input: ListTracks) -> Result<Checked<TrackPage>, Error> {
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let call = Call::get(&[
        input.on.entity().path(),
        &input.on.id().to_string(),
        "tracks",
    ]);
    let call = along(call, input.embed.as_ref());
    listed(client, &call, "tracks", span, &spell).await
}

/// Read a track.
///
/// # Errors
/// `not-found`, and what sending gives.
pub async fn get(client: &Client, input: GetTrack) -> Result<Checked<Track>, Error> {
    let call = Call::get(&["tracks", &input.id.to_string()]);
    track(client, call, input.embed.as_ref()).await
}

/// Change a track.
///
/// # Errors
/// `not-found`, `invalid-input`, and what sending gives.
pub async fn update(client: &Client, input: TrackUpdate) -> Result<Checked<Track>, Error> {
    check_description(input.description.as_deref())?;
    let mut body = Map::new();
    put(&mut body, "description", input.description);
    put(&mut body, "trackDateOn", input.track_date_on);
    let id = input.id.to_string();
    let call = if body.is_empty() {
        Call::get(&["tracks", &id])
    } else {
        Call::change(&["tracks", &id], json!({ "track": body }))
    };
    track(client, call, input.embed.as_ref()).await
}

/// Remove a track.
///
/// # Errors
/// What sending gives. One that is gone already is a success.
pub async fn remove(client: &Client, id: u64) -> Result<Deletion, Error> {
    gone(client, &["tracks"], id).await
}

/// The one track of an answer.
async fn track(
    client: &Client,
    call: Call,
    embed: Option<&TrackEmbed>,
) -> Result<Checked<Track>, Error> {
    let call = along(call, embed);
    let mut answer = client.send(&call).await?;
    let mut row = answer.take(&call, "track")?;
    spell(&mut row);
    record(&call, answer.status, row)
}

/// The documentation says `task`, the vendor's own client `tasks`; unknown words are ignored (API reference 2.6).
fn along(call: Call, embed: Option<&TrackEmbed>) -> Call {
    let tasks = embed.is_some_and(|embed| embed.tasks);
    call.embed(if tasks { &["task", "tasks"] } else { &[] })
}

/// Tasks of a track, and categories of the tasks of a definition, may be bare ids or objects (API reference 2.3).
fn spell(row: &mut Value) {
    for (list, keys) in [
        ("tasks", ["category", "owner"].as_slice()),
        ("taskDefinitions", &["category"]),
    ] {
        let rows = row.get_mut(list).and_then(Value::as_array_mut);
        for one in rows.into_iter().flatten() {
            whole(one);
            for key in keys {
                if let Some(reference) = one.get_mut(key) {
                    whole(reference);
                }
            }
        }
    }
}

fn whole(reference: &mut Value) {
    if reference.is_number() {
        *reference = json!({ "id": reference.take() });
    }
}

fn check_description(description: Option<&str>) -> Result<(), Error> {
    match description {
        Some(text) if text.trim().is_empty() => Err(invalid(
            "/description",
            "required",
            "the description is empty",
        )),
        _ => Ok(()),
    }
}
