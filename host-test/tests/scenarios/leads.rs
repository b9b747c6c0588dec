use serde_json::{Value, json};

use crate::Scene;

/// A lead with all its parts.
fn lead() -> Value {
    json!({
        "organisation": {"matchBy": ["name"], "organisation": {"name": "Pinhal Foods"}},
        "person": {"matchBy": ["email"], "person": {"firstName": "Inês", "lastName": "Duarte", "emailAddresses": [{"address": "ines@pinhal.example"}]}},
        "opportunity": {"name": "Yearly supply", "milestone": "Bid", "value": {"amount": 1200, "currency": "EUR"}},
        "project": {"name": "Onboarding"},
        "task": {"description": "Send the offer", "dueOn": "2031-03-02"},
        "note": {"content": "Wants a sample before Easter"},
    })
}

/// Part and state of each step.
fn states(report: &Value) -> Vec<(&str, &str)> {
    let steps = report["steps"].as_array().unwrap().iter();
    steps
        .map(|step| {
            (
                step["part"].as_str().unwrap(),
                step["state"].as_str().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_lead_leaves_its_parts_linked_to_one_another() {
    let scene = Scene::new();
    let report = scene.done("leads.submit", lead()).await;
    assert_eq!(
        states(&report),
        [
            ("organisation", "created"),
            ("person", "created"),
            ("opportunity", "created"),
            ("project", "created"),
            ("task", "created"),
            ("note", "created"),
        ]
    );
    assert_eq!((report.get("failed"), report.get("resume")), (None, None));
    let id = |at: usize| &report["steps"][at]["id"];
    let person = scene.done("parties.get", json!({"id": id(1)})).await;
    assert_eq!(&person["organisation"]["id"], id(0));
    let sale = scene.done("opportunities.get", json!({"id": id(2)})).await;
    assert_eq!(&sale["party"]["id"], id(1));
    let project = scene.done("projects.get", json!({"id": id(3)})).await;
    assert_eq!(
        (&project["party"]["id"], &project["opportunity"]["id"]),
        (id(1), id(2))
    );
    let task = scene.done("tasks.get", json!({"id": id(4)})).await;
    assert_eq!(&task["opportunity"]["id"], id(2));
    let notes = scene
        .ids("timeline.list-all", json!({"on": {"opportunity": id(2)}}))
        .await;
    assert_eq!(notes, [id(5).clone()]);
}

#[tokio::test]
async fn a_second_lead_of_the_same_people_finds_them() {
    let scene = Scene::new();
    let first = scene.done("leads.submit", lead()).await;
    let mut input = lead();
    for part in ["opportunity", "project", "note"] {
        input.as_object_mut().unwrap().remove(part);
    }
    let second = scene.done("leads.submit", input).await;
    assert_eq!(
        states(&second),
        [
            ("organisation", "found"),
            ("person", "found"),
            ("task", "created"),
        ]
    );
    for at in 0..2 {
        assert_eq!(second["steps"][at]["id"], first["steps"][at]["id"]);
    }
    let task = scene
        .done("tasks.get", json!({"id": second["steps"][2]["id"]}))
        .await;
    assert_eq!(task["party"]["id"], second["steps"][1]["id"]);
}

#[tokio::test]
async fn a_lead_that_stopped_goes_on_and_doubles_nothing() {
    let scene = Scene::new();
    let mut input = lead();
    input["opportunity"]["milestone"] = json!("No such milestone");
    let stopped = scene.done("leads.submit", input.clone()).await;
    assert_eq!(
        states(&stopped),
        [("organisation", "created"), ("person", "created")]
    );
    let failed = &stopped["failed"];
    assert_eq!(
        (&failed["part"], &failed["notTried"]),
        (&json!("opportunity"), &json!(["project", "task", "note"]))
    );
    assert_eq!(
        failed["error"]["permanent"]["invalidInput"][0]["pointer"],
        "/opportunity/milestone"
    );

    input["opportunity"]["milestone"] = json!("Bid");
    input["resume"] = stopped["resume"].clone();
    let report = scene.done("leads.submit", input).await;
    assert_eq!(
        states(&report),
        [
            ("organisation", "resumed"),
            ("person", "resumed"),
            ("opportunity", "created"),
            ("project", "created"),
            ("task", "created"),
            ("note", "created"),
        ]
    );
    for at in 0..2 {
        assert_eq!(report["steps"][at]["id"], stopped["steps"][at]["id"]);
    }
    let named = json!({"by": {"name": "Pinhal Foods"}});
    assert_eq!(scene.ids("organisations.find", named).await.len(), 1);
    let sale = scene
        .done("opportunities.get", json!({"id": report["steps"][2]["id"]}))
        .await;
    assert_eq!(sale["party"]["id"], stopped["steps"][1]["id"]);
}

#[tokio::test]
async fn a_lead_of_nothing_is_refused() {
    let scene = Scene::new();
    assert_eq!(scene.pointers("leads.submit", json!({})).await, [""]);
    assert_eq!(
        scene
            .pointers("leads.submit", json!({"note": {"content": "Likes figs"}}))
            .await,
        ["/note"]
    );
}
