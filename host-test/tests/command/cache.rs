//! Compiled components that the command keeps.

use std::path::Path;

use super::*;

async fn describe(cache: &Path) -> Vec<String> {
    let mut command = command(&["describe", "people.create"]);
    let output = command
        .env("CAPSULE_HOST_CACHE", cache)
        .output()
        .await
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told[0]["id"], "people.create");
    if cache.as_os_str().is_empty() {
        return Vec::new();
    }
    let names = std::fs::read_dir(cache).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_component_is_compiled_once_and_what_was_changed_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    let kept = describe(&cache).await;
    let [key, artifact] = kept.as_slice() else {
        panic!("{kept:?}");
    };
    assert_eq!(key, "artifacts.key");
    let artifact = cache.join(artifact);
    let made = std::fs::metadata(&artifact).unwrap().modified().unwrap();
    assert_eq!(describe(&cache).await, kept);
    let still = std::fs::metadata(&artifact).unwrap().modified().unwrap();
    assert_eq!(made, still, "it was compiled again");

    let mut bytes = std::fs::read(&artifact).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&artifact, &bytes).unwrap();
    assert_eq!(describe(&cache).await, kept);
    assert_ne!(
        std::fs::read(&artifact).unwrap(),
        bytes,
        "it was left as it was"
    );
}

#[tokio::test]
async fn a_cache_that_can_not_be_used_costs_time_and_not_the_call() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let mut command = command(&["describe", "people.create"]);
    let output = command
        .env("CAPSULE_HOST_CACHE", &file)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(describe(Path::new("")).await, [""; 0]);
}
