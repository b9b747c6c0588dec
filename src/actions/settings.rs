//! What the account has set up: who works in it, how it sells, what can be chosen.

use super::read::{Speller, counted, listed, single};
use crate::api::{Call, Client, Roster, Span};
use crate::bindings::capsule::crm::types::{
    ActivityTypePage, AnyEmbed, AnyRecordPage, BoardPage, CategoryPage, CountryPage, CurrencyPage,
    Entity as EntityName, GoalPage, ListOfBoards, ListOfLostReasons, ListOfMilestones,
    ListOfPipelines, ListOfSavedFilters, ListOfSettings, ListOfStages, ListOfTeams, ListOfUsers,
    LostReasonPage, MilestonePage, PipelinePage, ReadCurrentUser, RunFilter, SavedFilterPage, Site,
    StagePage, StageStatus, TeamPage, TitlePage, User, UserEmbed, UserPage,
};
use crate::bindings::integration::connector::types::{Cursor, Error};
use crate::contract::{Checked, Json};
use crate::model::field::Entity;
use crate::model::{Embeds, Kind};
use serde_json::{Value, json};

/// Most rows of a list of settings, unless the caller says otherwise.
const ALL: u32 = 500;

/// List the users.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_users(client: &Client, input: ListOfUsers) -> Result<Checked<UserPage>, Error> {
    let call = along(Call::get(&["users"]), input.embed.as_ref());
    list(client, call, "users", input.limit, input.cursor.as_ref()).await
}

/// Read the connected user.
///
/// # Errors
/// What sending gives.
pub async fn get_current_user(
    client: &Client,
    input: ReadCurrentUser,
) -> Result<Checked<User>, Error> {
    let call = along(Call::get(&["users", "current"]), input.embed.as_ref());
    single(client, &call, "user").await
}

/// List the teams.
///
/// # Errors
/// `forbidden` or `quota-exhausted` by the account's plan, `stale-cursor`, and what sending gives.
pub async fn list_teams(client: &Client, input: ListOfTeams) -> Result<Checked<TeamPage>, Error> {
    let tokens: &[&str] = if input.members { &["memberships"] } else { &[] };
    let call = Call::get(&["teams"]).embed(tokens);
    list(client, call, "teams", input.limit, input.cursor.as_ref()).await
}

/// List the pipelines.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_pipelines(
    client: &Client,
    input: ListOfPipelines,
) -> Result<Checked<PipelinePage>, Error> {
    let mut call = searched(Call::get(&["pipelines"]), input.q.as_deref());
    if input.include_archived {
        call = call.with("includeDeleted", "true");
    }
    list_counted(
        client,
        call,
        "pipelines",
        input.limit,
        input.cursor.as_ref(),
    )
    .await
}

/// List milestones.
///
/// # Errors
/// `not-found`, `invalid-input` or `ambiguous` for the pipeline, `stale-cursor`, and what sending gives.
pub async fn list_milestones(
    client: &Client,
    input: ListOfMilestones,
) -> Result<Checked<MilestonePage>, Error> {
    let call = match &input.pipeline {
        Some(wanted) => {
            let id = client
                .chosen(Roster::Pipelines, wanted, "/pipeline")
                .await?;
            Call::get(&["pipelines", &id.to_string(), "milestones"])
        }
        // `/milestones` alone gives those of the oldest pipeline (API reference 3.9).
        None => Call::get(&["milestones", "all"]),
    };
    list_counted(
        client,
        call,
        "milestones",
        input.limit,
        input.cursor.as_ref(),
    )
    .await
}

/// List the boards.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_boards(
    client: &Client,
    input: ListOfBoards,
) -> Result<Checked<BoardPage>, Error> {
    let call = searched(Call::get(&["boards"]), input.q.as_deref());
    let call = with_status(call, input.status_or_default().to_json());
    list_counted(client, call, "boards", input.limit, input.cursor.as_ref()).await
}

/// List stages.
///
/// # Errors
/// `not-found`, `invalid-input` or `ambiguous` for the board, `stale-cursor`, and what sending gives.
pub async fn list_stages(
    client: &Client,
    input: ListOfStages,
) -> Result<Checked<StagePage>, Error> {
    let status = input.status_or_default();
    let call = match &input.board {
        Some(wanted) => {
            let id = client.chosen(Roster::Boards, wanted, "/board").await?;
            Call::get(&["boards", &id.to_string(), "stages"])
        }
        None => Call::get(&["stages"]),
    };
    let mut call = with_status(call, status.to_json());
    if input.board.is_none() && input.include_archived_boards {
        call = call.with("includeOnDeletedBoard", "true");
    }
    // The model has no word for an archived stage (API reference 3.10): what was asked for tells.
    let archived = match status {
        StageStatus::Active => Some(false),
        StageStatus::Archived => Some(true),
        StageStatus::All => None,
    };
    let call = counted(call, &Embeds::default());
    let span = span(input.limit, input.cursor.as_ref());
    listed(client, &call, "stages", span, &|stage| {
        if let (Value::Object(stage), Some(archived)) = (stage, archived) {
            stage.entry("deleted").or_insert_with(|| archived.into());
        }
    })
    .await
}

/// List the categories of tasks.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_categories(
    client: &Client,
    input: ListOfSettings,
) -> Result<Checked<CategoryPage>, Error> {
    plain(client, "categories", "categories", &input).await
}

/// List the activity types.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_activity_types(
    client: &Client,
    input: ListOfSettings,
) -> Result<Checked<ActivityTypePage>, Error> {
    plain(client, "activitytypes", "activityTypes", &input).await
}

/// List the lost reasons.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_lost_reasons(
    client: &Client,
    input: ListOfLostReasons,
) -> Result<Checked<LostReasonPage>, Error> {
    let call = searched(Call::get(&["lostreasons"]), input.q.as_deref());
    list_counted(
        client,
        call,
        "lostReasons",
        input.limit,
        input.cursor.as_ref(),
    )
    .await
}

/// List the titles.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_titles(
    client: &Client,
    input: ListOfSettings,
) -> Result<Checked<TitlePage>, Error> {
    plain(client, "titles", "personTitles", &input).await
}

/// List the countries.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_countries(
    client: &Client,
    input: ListOfSettings,
) -> Result<Checked<CountryPage>, Error> {
    let span = span(input.limit, input.cursor.as_ref());
    listed(
        client,
        &Call::get(&["countries"]),
        "countries",
        span,
        &|country| {
            // The model says text, samples say number (API reference 3.16).
            if let Some(code) = country.get_mut("numericCode")
                && let Some(text) = code.as_str()
            {
                *code = text.parse::<u32>().map_or(Value::Null, Value::from);
            }
        },
    )
    .await
}

/// List the currencies.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_currencies(
    client: &Client,
    input: ListOfSettings,
) -> Result<Checked<CurrencyPage>, Error> {
    plain(client, "currencies", "currencies", &input).await
}

/// Read the account.
///
/// # Errors
/// What sending gives.
pub async fn get_site(client: &Client) -> Result<Checked<Site>, Error> {
    single(client, &Call::get(&["site"]), "site").await
}

/// List the goals.
///
/// # Errors
/// `forbidden` or `quota-exhausted` by the account's plan, `stale-cursor`, and what sending gives.
pub async fn list_goals(
    client: &Client,
    input: ListOfSettings,
) -> Result<Checked<GoalPage>, Error> {
    let span = span(input.limit, input.cursor.as_ref());
    listed(client, &Call::get(&["goals"]), "goals", span, &|goal| {
        // Samples show the bare id of the user (API reference 3.17), and a reference may be one anywhere (2.3).
        for key in ["user", "pipeline", "milestone"] {
            if let Some(reference) = goal.get_mut(key)
                && reference.is_number()
            {
                *reference = json!({ "id": reference.take() });
            }
        }
    })
    .await
}

/// List the saved filters.
///
/// # Errors
/// `stale-cursor`, and what sending gives.
pub async fn list_saved_filters(
    client: &Client,
    input: ListOfSavedFilters,
) -> Result<Checked<SavedFilterPage>, Error> {
    let (kind, _) = kind(input.entity);
    let call = Call::get(&[kind.entity().path(), "filters"]);
    list(client, call, "filters", input.limit, input.cursor.as_ref()).await
}

/// Run a saved filter.
///
/// # Errors
/// `not-found`, `invalid-input` or `ambiguous` for the filter, `stale-cursor`, and what sending gives.
pub async fn run_saved_filter(
    client: &Client,
    input: RunFilter,
) -> Result<Checked<AnyRecordPage>, Error> {
    let (kind, case) = kind(input.entity);
    let entity = kind.entity();
    let id = client
        .chosen(Roster::SavedFilters(entity), &input.filter, "/filter")
        .await?;
    let embeds = any_embeds(entity, input.embed.as_ref());
    let speller = Speller::new(client, kind, &embeds).await?;
    let call = Call::get(&[entity.path(), "filters", &id.to_string(), "results"]);
    let call = counted(call, &embeds);
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    listed(client, &call, entity.path(), span, &|row| {
        speller.spell(row);
        *row = json!({ case: row.take() });
    })
    .await
}

// ---- what they have in common ----

/// A list that takes nothing but a span.
async fn plain<P: Json>(
    client: &Client,
    path: &str,
    key: &str,
    input: &ListOfSettings,
) -> Result<P, Error> {
    list(
        client,
        Call::get(&[path]),
        key,
        input.limit,
        input.cursor.as_ref(),
    )
    .await
}

async fn list<P: Json>(
    client: &Client,
    call: Call,
    key: &str,
    limit: Option<u32>,
    cursor: Option<&Cursor>,
) -> Result<P, Error> {
    listed(client, &call, key, span(limit, cursor), &|_| ()).await
}

/// The same where Capsule counts: pipelines, milestones, boards, stages and lost reasons (API reference 2.1).
async fn list_counted<P: Json>(
    client: &Client,
    call: Call,
    key: &str,
    limit: Option<u32>,
    cursor: Option<&Cursor>,
) -> Result<P, Error> {
    list(
        client,
        counted(call, &Embeds::default()),
        key,
        limit,
        cursor,
    )
    .await
}

fn span(limit: Option<u32>, cursor: Option<&Cursor>) -> Span<'_> {
    Span::new(limit.unwrap_or(ALL).clamp(1, ALL), cursor)
}

fn along(call: Call, embed: Option<&UserEmbed>) -> Call {
    let party = embed.is_some_and(|embed| embed.party);
    call.embed(if party { &["party"] } else { &[] })
}

/// With a part of a name; an empty one is no condition.
fn searched(call: Call, q: Option<&str>) -> Call {
    match q.map(str::trim).filter(|q| !q.is_empty()) {
        Some(q) => call.with("q", q),
        None => call,
    }
}

fn with_status(call: Call, status: Value) -> Call {
    call.with("status", status.as_str().unwrap_or_default())
}

/// The kind of record that an entity's filters find, and the case of the contract that it stands in.
pub(super) fn kind(entity: EntityName) -> (Kind, &'static str) {
    match entity {
        EntityName::Parties => (Kind::Party, "party"),
        EntityName::Opportunities => (Kind::Opportunity, "opportunity"),
        EntityName::Projects => (Kind::Project, "project"),
    }
}

/// What to read along with a record of any kind.
pub(crate) fn any_embeds(entity: Entity, embed: Option<&AnyEmbed>) -> Embeds {
    let Some(embed) = embed else {
        return Embeds::default();
    };
    let linked = match entity {
        Entity::Parties => "organisation",
        Entity::Opportunities | Entity::Projects => "party",
    };
    let wanted = [
        (embed.tags, "tags"),
        (embed.fields, "fields"),
        (embed.linked, linked),
        (embed.missing_important_fields, "missingImportantFields"),
    ];
    Embeds::new(&wanted, embed.fields, embed.web_url)
}
