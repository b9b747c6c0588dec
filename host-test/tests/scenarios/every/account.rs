//! An account that has what the examples speak of, and one of everything that an operation may be about.

use std::collections::BTreeMap;

use capsule_host::fake::{Clock, Fake, FakeOptions};
use capsule_host::runtime::CallError;
use capsule_host::runtime::catalog::{ChoicesRequest, SchemaPair, SchemaScope};
use serde_json::{Value, json};

use super::sample::{self, Place};
use crate::{Scene, case_of};

pub(super) struct Account {
    pub(super) scene: Scene,
    /// Ids, newest first, by what they are of: an interface, or what an administrative operation ends in.
    ids: BTreeMap<&'static str, Vec<Value>>,
}

/// Where ids are listed for which no field offers choices.
const LISTS: [(&str, &str, &str); 20] = [
    ("parties", "parties.list-all", "{}"),
    (
        "people",
        "parties.filter",
        r#"{"conditions": [{"field": "type", "operator": "is", "value": "person"}]}"#,
    ),
    (
        "organisations",
        "parties.filter",
        r#"{"conditions": [{"field": "type", "operator": "is", "value": "organisation"}]}"#,
    ),
    ("opportunities", "opportunities.list-all", "{}"),
    ("projects", "projects.list-all", "{}"),
    ("tasks", "tasks.list-all", "{}"),
    ("hooks", "hooks.list-all", "{}"),
    ("pipeline", "settings.list-pipelines", "{}"),
    ("milestone", "settings.list-milestones", "{}"),
    ("board", "settings.list-boards", "{}"),
    ("stage", "settings.list-stages", "{}"),
    ("category", "settings.list-categories", "{}"),
    ("activity-type", "settings.list-activity-types", "{}"),
    ("lost-reason", "settings.list-lost-reasons", "{}"),
    ("title", "settings.list-titles", "{}"),
    ("track-definition", "tracks.list-definitions", "{}"),
    ("goals", "settings.list-goals", "{}"),
    ("tags", "tags.list-all", r#"{"entity": "parties"}"#),
    ("user", "settings.list-users", "{}"),
    (
        "custom-fields",
        "custom-fields.list-definitions",
        r#"{"entity": "parties"}"#,
    ),
];

impl Account {
    pub(super) async fn new() -> Self {
        let fake = Fake::new(FakeOptions {
            parties: 30,
            strict_auth: true,
            // Every run sees the same account.
            clock: Clock::manual_at(1_772_000_000),
            ..FakeOptions::default()
        });
        let closing = json!({"conditions": [{"field": "expectedCloseOn", "operator": "is within next", "value": 30}]});
        fake.save_filter("opportunities", "Closing this month", &closing)
            .unwrap();
        let token = fake
            .issue_token("rkaya", "read write user_preference")
            .access;
        let scene = Scene::with(fake, &token);
        let mut ids = BTreeMap::new();
        settings(&scene).await;
        records(&scene, &mut ids).await;
        for (kind, list, input) in LISTS {
            let input = serde_json::from_str(input).unwrap();
            let mut listed = scene.ids(list, input).await;
            listed.reverse();
            ids.insert(kind, listed);
        }
        Self { scene, ids }
    }

    /// The schemas with the account's own fields.
    pub(super) async fn schemas(&self, ids: &[String]) -> Vec<SchemaPair> {
        let call = self.scene.connector.call(&self.scene.tenant);
        call.schemas(ids, SchemaScope::Account).await.unwrap().value
    }

    /// Runs an operation. The error of one that ends in none is that of the test.
    pub(super) async fn run(&self, id: &str, input: &Value) -> Result<Value, (String, Value)> {
        match self.scene.call(id, input.clone()).await {
            Ok(value) => Ok(value),
            Err(error @ CallError::Connector { .. }) => Err(case_of(error.to_json())),
            Err(error) => panic!("{id} {input}: {error:?}"),
        }
    }

    /// An input with ids that the account has, and `all`: with what the account offers wherever a field has choices.
    pub(super) async fn with_its_ids(
        &self,
        id: &str,
        schema: &Value,
        mut input: Value,
        all: bool,
    ) -> Value {
        for depends in [false, true] {
            let places = sample::places(schema, &input);
            for place in places.iter().filter(|place| place.depends == depends) {
                let Some(value) = input.pointer(&place.pointer) else {
                    continue;
                };
                if !all && place.offered && !value.is_number() {
                    continue;
                }
                let Some(offer) = self.offer(id, place, &input).await else {
                    continue;
                };
                let value = input.pointer_mut(&place.pointer).unwrap();
                if place.keys {
                    let object = value.as_object_mut().unwrap();
                    let values: Vec<_> = std::mem::take(object).into_iter().collect();
                    let [(key, value)] = values.as_slice() else {
                        // The schema names the account's own.
                        object.extend(values);
                        continue;
                    };
                    let key = offer.as_str().map_or(key.clone(), str::to_owned);
                    object.insert(key, value.clone());
                } else {
                    *value = offer;
                }
            }
        }
        input
    }

    /// What the account has for a place.
    async fn offer(&self, id: &str, place: &Place, input: &Value) -> Option<Value> {
        // Of the account's own settings the newest is taken: nothing stands on it, and it is not built in.
        if !place.offered || id.starts_with("administration.") && place.pointer == "/id" {
            return self.known(id, &place.pointer);
        }
        let request = ChoicesRequest {
            id: id.to_owned(),
            pointer: place.pointer.clone(),
            query: None,
            input: input.to_string(),
            values: Vec::new(),
            cursor: None,
            limit: None,
        };
        let call = self.scene.connector.call(&self.scene.tenant);
        match call.choices(request).await {
            Ok(page) => page
                .value
                .items
                .iter()
                .find(|choice| !choice.archived)
                .map(|choice| serde_json::from_str(&choice.value).unwrap()),
            // It depends on a field that the input does not have.
            Err(CallError::Connector { .. }) => None,
            Err(error) => panic!("{id} {}: {error:?}", place.pointer),
        }
    }

    /// An id for a place without choices.
    fn known(&self, id: &str, pointer: &str) -> Option<Value> {
        let (interface, function) = id.split_once('.')?;
        let (field, index) = match pointer.strip_prefix('/')?.split_once('/') {
            Some((field, index)) => (field, index.parse().ok()?),
            None => (pointer.strip_prefix('/')?, 0),
        };
        let kind = match (field, interface) {
            ("tokens", _) => "token",
            ("removeAttachments", _) | ("id", "files") if function != "attach-to-entry" => {
                "attachment"
            }
            ("id", "files") => "timeline",
            ("id", "administration") => function.split_once('-')?.1,
            ("id" | "ids", _) => interface,
            _ => return None,
        };
        self.ids.get(kind)?.get::<usize>(index).cloned()
    }
}

/// What the examples take for granted of an account's settings.
async fn settings(scene: &Scene) {
    let field = |entity: &str, name: &str, kind: &str, options: Value| json!({"entity": entity, "name": name, "type": kind, "options": options});
    for (thing, input) in [
        (
            "administration.create-milestone",
            json!({"pipeline": "Sales", "name": "Proposal", "probability": 50}),
        ),
        (
            "administration.create-pipeline",
            json!({"name": "Wholesale"}),
        ),
        (
            "administration.create-milestone",
            json!({"pipeline": "Wholesale", "name": "Sampling", "probability": 20}),
        ),
        ("administration.create-board", json!({"name": "Fit-outs"})),
        ("administration.create-board", json!({"name": "Delivery"})),
        (
            "administration.create-stage",
            json!({"board": "Delivery", "name": "Planning"}),
        ),
        (
            "administration.create-stage",
            json!({"board": "Delivery", "name": "Delivery"}),
        ),
        (
            "administration.create-stage",
            json!({"board": "Delivery", "name": "Snagging"}),
        ),
        (
            "administration.create-activity-type",
            json!({"name": "Visit", "icon": "MEETING"}),
        ),
        (
            "administration.create-category",
            json!({"name": "Site visit"}),
        ),
        (
            "administration.create-lost-reason",
            json!({"name": "No stand at the fair"}),
        ),
        ("administration.create-title", json!({"title": "Baroness"})),
        (
            "administration.create-track-definition",
            json!({"description": "Welcome", "captureRule": "PARTY", "direction": "START_DATE",
                   "taskDefinitions": [{"description": "Call", "daysAfterRule": "TRACK_START", "daysAfter": 1, "dayDelayRule": "TRACK_DAYS"}]}),
        ),
        (
            "custom-fields.create-definition",
            field("parties", "Region", "list", json!(["EMEA", "APAC"])),
        ),
        (
            "custom-fields.create-definition",
            field("opportunities", "Region", "list", json!(["EMEA", "APAC"])),
        ),
        (
            "custom-fields.create-definition",
            field("opportunities", "Discount in percent", "number", json!([])),
        ),
        (
            "custom-fields.create-definition",
            field("opportunities", "Renewal on", "date", json!([])),
        ),
        (
            "hooks.subscribe",
            json!({"event": "party/updated", "targetUrl": "https://hooks.example/h/1"}),
        ),
    ] {
        scene.done(thing, input).await;
    }
    let user = scene.done("settings.get-current-user", json!({})).await["id"].clone();
    let goal = json!({"name": "Calls", "frequency": "MONTHLY", "startOn": "2026-01-01", "endOn": "2026-12-31",
                      "type": "264be3b0-490b-3d73-ae0d-d02b488ba1eb", "value": 12, "user": user});
    scene
        .done(
            "api.call",
            json!({"method": "POST", "path": "goals", "body": {"goal": goal}}),
        )
        .await;
}

/// The newest records: an organisation, its buyer, and what goes on with them.
async fn records(scene: &Scene, ids: &mut BTreeMap<&'static str, Vec<Value>>) {
    let lagoa = scene
        .done("organisations.create", json!({"name": "Lagoa Foods"}))
        .await["id"]
        .clone();
    scene
        .done(
            "people.create",
            json!({"firstName": "Inês", "lastName": "Quaresma", "organisation": lagoa, "fields": {"Region": "EMEA"}, "tags": ["VIP"],
                   "emailAddresses": [{"address": "ines@lagoa.example"}]}),
        )
        .await;
    let sale = scene
        .done(
            "opportunities.create",
            json!({"party": lagoa, "name": "First delivery", "milestone": "Bid", "value": {"amount": 5, "currency": "EUR"}}),
        )
        .await["id"]
        .clone();
    let project = scene
        .done(
            "projects.create",
            json!({"party": lagoa, "name": "Fit-out", "opportunity": sale, "board": "Delivery", "stage": "Planning"}),
        )
        .await["id"]
        .clone();
    let track = scene
        .done(
            "tracks.apply",
            json!({"definition": "Onboarding", "on": {"kase": project}}),
        )
        .await["id"]
        .clone();
    let mut tokens = Vec::new();
    for name in ["attached.txt", "loose.txt"] {
        let file = json!({"filename": name, "contentType": "text/plain", "content": "c29tZQ=="});
        tokens.push(scene.done("files.upload", file).await["token"].clone());
    }
    let note = scene
        .done(
            "timeline.add-note",
            json!({"on": {"party": lagoa}, "content": "Likes figs"}),
        )
        .await["id"]
        .clone();
    let attached = scene
        .done(
            "files.attach-to-entry",
            json!({"id": note, "tokens": [tokens[0]]}),
        )
        .await;
    ids.insert("tracks", vec![track]);
    ids.insert("timeline", vec![note]);
    ids.insert("token", vec![tokens[1].clone()]);
    ids.insert("attachment", vec![attached["attachments"][0]["id"].clone()]);
}
