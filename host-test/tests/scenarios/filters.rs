//! Conditions, whatever the field: the component is asked which there are, and the account has to take each of them.

use std::collections::BTreeSet;

use capsule_host::runtime::catalog::ChoicesRequest;
use serde_json::{Value, json};

use crate::Scene;

const ENTITIES: [&str; 3] = ["parties", "opportunities", "projects"];

impl Scene {
    /// All that a field of an operation offers beside what its input holds so far.
    async fn offered(&self, id: &str, pointer: &str, input: &Value) -> Vec<Value> {
        let (mut offered, mut cursor) = (Vec::new(), None);
        loop {
            let request = ChoicesRequest {
                id: id.to_owned(),
                pointer: pointer.to_owned(),
                query: None,
                input: input.to_string(),
                values: Vec::new(),
                cursor,
                limit: Some(100),
            };
            let call = self.connector.call(&self.tenant);
            let page = call.choices(request).await.unwrap().value;
            let values = page.items.iter();
            offered.extend(values.map(|one| serde_json::from_str::<Value>(&one.value).unwrap()));
            cursor = page.next;
            if cursor.is_none() {
                return offered;
            }
        }
    }

    async fn filter_fields(&self, entity: &str) -> Vec<Value> {
        let id = format!("{entity}.filter");
        let fields = self.offered(&id, "/conditions/-/field", &json!({})).await;
        assert!(fields.len() > 10, "{entity}: {fields:?}");
        fields
    }
}

/// A value that an operator takes where the field offers none.
fn value_for(operator: &str, field: &str) -> Value {
    match operator {
        "is greater than" | "is less than" if field == "expectedValue" => {
            json!({"amount": 100, "currency": "GBP"})
        }
        "is greater than" | "is less than" | "is older than" | "is within last"
        | "is within next" => json!(5),
        "is after" | "is before" => json!("2026-01-31"),
        "starts with" | "ends with" | "contains" => json!("a"),
        _ => Value::Null,
    }
}

#[tokio::test]
async fn every_field_is_filtered_by_with_every_operator_and_value_that_it_offers() {
    let scene = Scene::new();
    let mut wrong = Vec::new();
    for entity in ENTITIES {
        let id = format!("{entity}.filter");
        for field in scene.filter_fields(entity).await {
            let so_far = |condition: Value| json!({ "conditions": [condition] });
            let operators = scene
                .offered(
                    &id,
                    "/conditions/0/operator",
                    &so_far(json!({ "field": field })),
                )
                .await;
            assert!(operators.len() > 1, "{entity} {field}: {operators:?}");
            let values = scene
                .offered(
                    &id,
                    "/conditions/0/value",
                    &so_far(json!({ "field": field })),
                )
                .await;
            for operator in &operators {
                let name = operator.as_str().unwrap();
                let exact = ["is", "is not"].contains(&name);
                let mut tried = vec![value_for(name, field.as_str().unwrap())];
                if exact {
                    tried.extend(values.iter().take(3).cloned());
                }
                for value in tried {
                    let condition = json!({"field": field, "operator": operator, "value": value});
                    if let Err(error) = scene.call(&id, so_far(condition.clone())).await {
                        wrong.push(format!("{entity} {condition}: {}", error.to_json()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn empty_and_not_empty_are_all_records_once() {
    let scene = Scene::new();
    for entity in ENTITIES {
        let id = format!("{entity}.filter");
        let numbers = |ids: Vec<Value>| -> BTreeSet<u64> {
            ids.iter().map(|id| id.as_u64().unwrap()).collect()
        };
        let all = numbers(
            scene
                .ids(&id, json!({"conditions": [], "limit": 500}))
                .await,
        );
        for field in scene.filter_fields(entity).await {
            let mut halves = Vec::new();
            for operator in ["is", "is not"] {
                let input =
                    json!({"conditions": [{"field": field, "operator": operator}], "limit": 500});
                halves.push(numbers(scene.ids(&id, input).await));
            }
            assert!(halves[0].is_disjoint(&halves[1]), "{entity} {field}");
            let both: BTreeSet<_> = halves.iter().flatten().copied().collect();
            assert_eq!(both, all, "{entity} {field}");
        }
    }
}

#[tokio::test]
async fn every_field_puts_all_records_in_an_order() {
    let scene = Scene::new();
    for entity in ENTITIES {
        let id = format!("{entity}.filter");
        let ordered = |order: Value| {
            let input = json!({"conditions": [], "orderBy": order, "limit": 500});
            scene.done(&id, input)
        };
        let ids = |page: &Value| -> Vec<u64> {
            let items = page["items"].as_array().unwrap().iter();
            items.map(|item| item["id"].as_u64().unwrap()).collect()
        };
        let mut all = ids(&ordered(json!([])).await);
        all.sort_unstable();
        for field in scene.filter_fields(entity).await {
            for direction in ["ascending", "descending"] {
                let page = ordered(json!([{"field": field, "direction": direction}])).await;
                let mut found = ids(&page);
                let descends = direction == "descending";
                if field == "id" {
                    assert!(found.is_sorted_by(|one, next| (one < next) != descends));
                }
                found.sort_unstable();
                assert_eq!(found, all, "{entity} {field} {direction}");
            }
        }
    }
}

#[tokio::test]
async fn a_name_that_nothing_has_is_told_by_every_field_that_takes_names() {
    let scene = Scene::new();
    let fields: [(&str, &[&str]); 3] = [
        ("parties", &["tag", "org.tag", "owner", "team"]),
        (
            "opportunities",
            &[
                "tag",
                "owner",
                "team",
                "pipeline",
                "milestone",
                "lostReason",
            ],
        ),
        ("projects", &["tag", "owner", "team", "board", "stage"]),
    ];
    for (entity, fields) in fields {
        let id = format!("{entity}.filter");
        for field in fields {
            let wanted = json!({"conditions": [
                {"field": "name", "operator": "contains", "value": "a"},
                {"field": field, "operator": "is", "value": "Wholesael"},
            ]});
            let (case, faults) = scene.refused(&id, wanted).await;
            assert_eq!(case, "permanent.invalidInput", "{entity} {field}");
            assert_eq!(
                faults[0]["pointer"], "/conditions/1/value",
                "{entity} {field}"
            );
            let message = faults[0]["message"].as_str().unwrap();
            assert!(
                message.contains("`Wholesael`")
                    && (message.contains("There are") || message.contains("Did you mean")),
                "{entity} {field}: {message}"
            );
        }
    }
}
