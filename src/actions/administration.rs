//! Administration: what the account has set up, changed. `setting.rs` holds how; here stands what each kind is, and what of it is not as it
//! is with the others.

use super::setting::{Setting, put_reference, refer};
use super::task_definitions;
use crate::api::{Call, Client, Roster, invalid};
use crate::bindings::capsule::crm::types::{
    ActivityType, ActivityTypeUpdate, Board, BoardUpdate, Category, CategoryUpdate, Deletion,
    LostReason, LostReasonUpdate, Milestone, MilestoneUpdate, NewActivityType, NewBoard,
    NewCategory, NewLostReason, NewMilestone, NewPipeline, NewStage, NewTitle, NewTrackDefinition,
    Pipeline, PipelineUpdate, Stage, StageUpdate, Title, TrackDefinition, TrackDefinitionUpdate,
    User, UserUpdate,
};
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Checked, Json};
use serde_json::Value;

const PIPELINE: Setting = Setting {
    archives: true,
    plan: "More than one pipeline needs the Growth plan or above.",
    ..Setting::new("pipelines", "pipeline")
};
const MILESTONE: Setting = Setting {
    in_use: "Move its opportunities to another milestone first; won and lost stay as long as their pipeline.",
    ..Setting::new("milestones", "milestone")
};
const BOARD: Setting = Setting {
    archives: true,
    ..Setting::new("boards", "board")
};
const STAGE: Setting = Setting {
    in_use: "Move its projects to another stage first.",
    ..Setting::new("stages", "stage")
};
const CATEGORY: Setting = Setting::new("categories", "category");
const ACTIVITY_TYPE: Setting = Setting {
    plan: "Activity types of one's own need a higher plan.",
    ..Setting::new("activitytypes", "activityType")
};
const LOST_REASON: Setting = Setting::new("lostreasons", "lostReason");
const TITLE: Setting = Setting {
    in_use: "Give the people who have it another title first.",
    ..Setting::new("titles", "personTitle")
};
const TRACK_DEFINITION: Setting = Setting::new("trackdefinitions", "trackDefinition");
const USER: Setting = Setting {
    who: "The token needs the scope `user_preference`; another user's preferences need an administrator.",
    ..Setting::new("users", "user")
};

/// Create a pipeline.
///
/// # Errors
/// `forbidden` or `quota-exhausted` by the account's plan, and what sending gives.
pub async fn create_pipeline(
    client: &Client,
    input: NewPipeline,
) -> Result<Checked<Pipeline>, Error> {
    PIPELINE.create(client, input.to_json()).await
}

/// Change a pipeline.
///
/// # Errors
/// `not-found`, `forbidden`, and what sending gives.
pub async fn update_pipeline(
    client: &Client,
    input: PipelineUpdate,
) -> Result<Checked<Pipeline>, Error> {
    PIPELINE.update(client, input.to_json()).await
}

/// Archive a pipeline.
///
/// # Errors
/// `forbidden`, and what sending gives. One that does not exist is a success.
pub async fn delete_pipeline(client: &Client, id: u64) -> Result<Deletion, Error> {
    PIPELINE.delete(client, id).await
}

/// Restore a pipeline.
///
/// # Errors
/// `not-found`, `forbidden`, and what sending gives.
pub async fn restore_pipeline(client: &Client, id: u64) -> Result<Checked<Pipeline>, Error> {
    PIPELINE.act(client, id, "restore", true).await
}

/// Duplicate a pipeline.
///
/// # Errors
/// `not-found`, `forbidden` or `quota-exhausted` by the account's plan, and what sending gives.
pub async fn duplicate_pipeline(client: &Client, id: u64) -> Result<Checked<Pipeline>, Error> {
    PIPELINE.act(client, id, "duplicate", false).await
}

/// Create a milestone.
///
/// # Errors
/// `invalid-input` or `ambiguous` for the pipeline, `forbidden`, and what sending gives.
pub async fn create_milestone(
    client: &Client,
    input: NewMilestone,
) -> Result<Checked<Milestone>, Error> {
    let pipeline = client
        .chosen(Roster::Pipelines, &input.pipeline, "/pipeline")
        .await?;
    let mut body = input.to_json();
    put_reference(&mut body, "pipeline", pipeline);
    MILESTONE.create(client, body).await
}

/// Change a milestone.
///
/// # Errors
/// `not-found`, `forbidden`, and what sending gives.
pub async fn update_milestone(
    client: &Client,
    input: MilestoneUpdate,
) -> Result<Checked<Milestone>, Error> {
    MILESTONE.update(client, input.to_json()).await
}

/// Delete a milestone.
///
/// # Errors
/// `conflict` where it is in use, `forbidden`, and what sending gives.
pub async fn delete_milestone(client: &Client, id: u64) -> Result<Deletion, Error> {
    MILESTONE.delete(client, id).await
}

/// Create a board.
///
/// # Errors
/// `forbidden`, and what sending gives.
pub async fn create_board(client: &Client, input: NewBoard) -> Result<Checked<Board>, Error> {
    BOARD.create(client, input.to_json()).await
}

/// Change a board.
///
/// # Errors
/// `not-found`, `forbidden`, and what sending gives.
pub async fn update_board(client: &Client, input: BoardUpdate) -> Result<Checked<Board>, Error> {
    BOARD.update(client, input.to_json()).await
}

/// Archive a board.
///
/// # Errors
/// `forbidden`, and what sending gives. One that does not exist is a success.
pub async fn delete_board(client: &Client, id: u64) -> Result<Deletion, Error> {
    BOARD.delete(client, id).await
}

/// Restore a board.
///
/// # Errors
/// `not-found`, `forbidden`, and what sending gives.
pub async fn restore_board(client: &Client, id: u64) -> Result<Checked<Board>, Error> {
    BOARD.act(client, id, "restore", true).await
}

/// Create a stage.
///
/// # Errors
/// `invalid-input` or `ambiguous` for the board, `forbidden`, and what sending gives.
pub async fn create_stage(client: &Client, input: NewStage) -> Result<Checked<Stage>, Error> {
    let board = client
        .chosen(Roster::Boards, &input.board, "/board")
        .await?;
    let mut body = input.to_json();
    put_reference(&mut body, "board", board);
    STAGE.create(client, body).await
}

/// Change a stage.
///
/// # Errors
/// `not-found`, `forbidden`, and what sending gives.
pub async fn update_stage(client: &Client, input: StageUpdate) -> Result<Checked<Stage>, Error> {
    STAGE.update(client, input.to_json()).await
}

/// Delete a stage.
///
/// # Errors
/// `conflict` where it is in use, `forbidden`, and what sending gives.
pub async fn delete_stage(client: &Client, id: u64) -> Result<Deletion, Error> {
    STAGE.delete(client, id).await
}

/// Create a category of tasks.
///
/// # Errors
/// `invalid-input` for the colour, `forbidden`, and what sending gives.
pub async fn create_category(
    client: &Client,
    input: NewCategory,
) -> Result<Checked<Category>, Error> {
    CATEGORY.create(client, coloured(input.to_json())?).await
}

/// Change a category of tasks.
///
/// # Errors
/// `not-found`, `invalid-input` for the colour, `forbidden`, and what sending gives.
pub async fn update_category(
    client: &Client,
    input: CategoryUpdate,
) -> Result<Checked<Category>, Error> {
    CATEGORY.update(client, coloured(input.to_json())?).await
}

/// Delete a category of tasks.
///
/// # Errors
/// `conflict` where it is in use, `forbidden`, and what sending gives.
pub async fn delete_category(client: &Client, id: u64) -> Result<Deletion, Error> {
    CATEGORY.delete(client, id).await
}

/// Create an activity type.
///
/// # Errors
/// `forbidden` or `quota-exhausted` by the account's plan, and what sending gives.
pub async fn create_activity_type(
    client: &Client,
    input: NewActivityType,
) -> Result<Checked<ActivityType>, Error> {
    let mut body = input.to_json();
    refer(&mut body, "icon");
    ACTIVITY_TYPE.create(client, body).await
}

/// Change an activity type.
///
/// # Errors
/// `not-found`, `forbidden`, and what sending gives.
pub async fn update_activity_type(
    client: &Client,
    input: ActivityTypeUpdate,
) -> Result<Checked<ActivityType>, Error> {
    let mut body = input.to_json();
    refer(&mut body, "icon");
    ACTIVITY_TYPE.update(client, body).await
}

/// Delete an activity type.
///
/// # Errors
/// `conflict` where it is in use, `forbidden`, and what sending gives.
pub async fn delete_activity_type(client: &Client, id: u64) -> Result<Deletion, Error> {
    ACTIVITY_TYPE.delete(client, id).await
}

/// Create a lost reason.
///
/// # Errors
/// `forbidden`, and what sending gives.
pub async fn create_lost_reason(
    client: &Client,
    input: NewLostReason,
) -> Result<Checked<LostReason>, Error> {
    LOST_REASON.create(client, input.to_json()).await
}

/// Change a lost reason.
///
/// # Errors
/// `not-found`, `forbidden`, and what sending gives.
pub async fn update_lost_reason(
    client: &Client,
    input: LostReasonUpdate,
) -> Result<Checked<LostReason>, Error> {
    LOST_REASON.update(client, input.to_json()).await
}

/// Delete a lost reason.
///
/// # Errors
/// `conflict` where it is in use, `forbidden`, and what sending gives.
pub async fn delete_lost_reason(client: &Client, id: u64) -> Result<Deletion, Error> {
    LOST_REASON.delete(client, id).await
}

/// Create a title.
///
/// # Errors
/// `forbidden`, and what sending gives.
pub async fn create_title(client: &Client, input: NewTitle) -> Result<Checked<Title>, Error> {
    TITLE.create(client, input.to_json()).await
}

/// Delete a title.
///
/// # Errors
/// `conflict` where it is in use, `forbidden`, and what sending gives.
pub async fn delete_title(client: &Client, id: u64) -> Result<Deletion, Error> {
    TITLE.delete(client, id).await
}

/// Create a track definition.
///
/// # Errors
/// `invalid-input` or `ambiguous` for categories and owners, `forbidden`, and what sending gives.
pub async fn create_track_definition(
    client: &Client,
    input: NewTrackDefinition,
) -> Result<Checked<TrackDefinition>, Error> {
    let mut input = input;
    let tasks = std::mem::take(&mut input.task_definitions);
    let rows = task_definitions::created(client, tasks).await?;
    let body = with_tasks(input.to_json(), rows);
    TRACK_DEFINITION.create(client, body).await
}

/// Change a track definition.
///
/// # Errors
/// `not-found`, `invalid-input` or `ambiguous` for tasks, categories and owners, `forbidden`, and what sending gives.
pub async fn update_track_definition(
    client: &Client,
    input: TrackDefinitionUpdate,
) -> Result<Checked<TrackDefinition>, Error> {
    let mut input = input;
    let mut rows = Vec::new();
    if let Some(changes) = input.task_definitions.take() {
        task_definitions::check(&changes)?;
        let call = Call::get(&[TRACK_DEFINITION.path, &input.id.to_string()]);
        let current: Value = client
            .send(&call)
            .await?
            .take(&call, TRACK_DEFINITION.key)?;
        let known = current
            .get("taskDefinitions")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        rows = task_definitions::changed(client, changes, known).await?;
    }
    TRACK_DEFINITION
        .update(client, with_tasks(input.to_json(), rows))
        .await
}

/// Delete a track definition.
///
/// # Errors
/// `conflict` where it is in use, `forbidden`, and what sending gives.
pub async fn delete_track_definition(client: &Client, id: u64) -> Result<Deletion, Error> {
    TRACK_DEFINITION.delete(client, id).await
}

/// Change the preferences of a user.
///
/// # Errors
/// `not-found`, `forbidden`, and what sending gives.
pub async fn update_user(client: &Client, input: UserUpdate) -> Result<Checked<User>, Error> {
    let mut input = input;
    let party = input.embed.take().is_some_and(|embed| embed.party);
    let call = USER.change(input.to_json(), if party { &["party"] } else { &[] });
    USER.send(client, call).await
}

/// A body whose colour is one (API reference 3.12).
fn coloured(body: Value) -> Result<Value, Error> {
    let is_colour = |text: &str| {
        text.strip_prefix('#').is_some_and(|digits| {
            digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        })
    };
    match body.get("colour").and_then(Value::as_str) {
        Some(text) if !is_colour(text) => Err(invalid(
            "/colour",
            "format",
            "A colour is `#` and six hexadecimal digits, such as `#2a9d8f`.",
        )),
        _ => Ok(body),
    }
}

/// A body with rows, if there are any: none at all would say nothing.
fn with_tasks(mut body: Value, rows: Vec<Value>) -> Value {
    if let Value::Object(body) = &mut body {
        body.remove("taskDefinitions");
        if !rows.is_empty() {
            body.insert("taskDefinitions".into(), rows.into());
        }
    }
    body
}
