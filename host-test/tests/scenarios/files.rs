use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Scene;

async fn upload(scene: &Scene, filename: &str, bytes: &[u8]) -> Value {
    let input = json!({"filename": filename, "contentType": "application/pdf", "content": STANDARD.encode(bytes)});
    scene.done("files.upload", input).await
}

async fn note(scene: &Scene) -> Value {
    let party = scene.some("parties").await;
    let input = json!({"on": {"party": party}, "content": "See the files"});
    scene.done("timeline.add-note", input).await["id"].clone()
}

#[tokio::test]
async fn a_file_is_uploaded_attached_and_downloaded_byte_by_byte() {
    let scene = Scene::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let file = upload(&scene, "preços, 2031.pdf", &bytes).await;
    assert_eq!(
        (&file["size"], &file["filename"]),
        (&json!(100_000), &json!("preços, 2031.pdf"))
    );
    let id = note(&scene).await;
    let input = json!({"id": id, "tokens": [file["token"]]});
    let attached = scene.done("files.attach-to-entry", input).await;
    let attachment = &attached["attachments"][0];
    let read = scene.done("timeline.get", json!({"id": id})).await;
    assert_eq!(&read["attachments"][0], attachment);
    let down = scene
        .done("files.download", json!({"id": attachment["id"]}))
        .await;
    assert_eq!(
        (&down["filename"], &down["contentType"], &down["size"]),
        (
            &json!("preços, 2031.pdf"),
            &json!("application/pdf"),
            &json!(100_000)
        )
    );
    assert!(STANDARD.decode(down["content"].as_str().unwrap()).unwrap() == bytes);
}

#[tokio::test]
async fn files_that_are_there_stay_and_one_is_taken_away_by_its_id() {
    let scene = Scene::new();
    let id = note(&scene).await;
    let mut last = Value::Null;
    for name in ["a.pdf", "b.pdf"] {
        let file = upload(&scene, name, name.as_bytes()).await;
        let input = json!({"id": id, "tokens": [file["token"]]});
        last = scene.done("files.attach-to-entry", input).await;
    }
    let names = |entry: &Value| -> Vec<Value> {
        let all = entry["attachments"].as_array().unwrap().iter();
        all.map(|one| one["filename"].clone()).collect()
    };
    assert_eq!(names(&last), ["a.pdf", "b.pdf"]);
    let first = last["attachments"][0]["id"].clone();
    let left = scene
        .done(
            "timeline.update",
            json!({"id": id, "removeAttachments": [first]}),
        )
        .await;
    assert_eq!(names(&left), ["b.pdf"]);
    let (case, _) = scene.refused("files.download", json!({"id": first})).await;
    assert_eq!(case, "permanent.notFound");
}

#[tokio::test]
async fn a_token_that_capsule_never_gave_is_told() {
    let scene = Scene::new();
    let id = note(&scene).await;
    let input = json!({"id": id, "tokens": ["u1/aa/none"]});
    let told = scene.pointers("files.attach-to-entry", input).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let read = scene.done("timeline.get", json!({"id": id})).await;
    assert_eq!(read["attachments"], json!([]));
}
