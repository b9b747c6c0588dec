//! What a call costs, beside the same core run natively on the same answers.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use support::{Canned, component, connector, host, native, now, person, tenant};

/// One `people.create` in a fresh sandbox: the store is made, the component instantiated, the call made, all of it dropped.
fn create(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let host = host(16);
    let connector = connector(&host);
    let canned = Canned::new();
    let tenant = tenant("create", canned.clone(), 4);
    let input = person();
    let mut group = criterion.benchmark_group("create");
    group.bench_function("component", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            connector
                .call(&tenant)
                .invoke("people.create", input.as_str())
                .await
                .unwrap()
        });
    });
    group.bench_function("native", |bencher| {
        bencher.iter(|| {
            now(capsule_crm::actions::invoke(
                &native(&canned),
                "people.create",
                &input,
            ))
            .unwrap()
        });
    });
    group.finish();
}

/// 10,000 parties in 100 pages of 100, five pages a call.
fn list(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let host = host(16);
    let connector = connector(&host);
    let canned = Canned::new();
    let tenant = tenant("list", canned.clone(), 4);
    let next = |output: &str| {
        serde_json::from_str::<Value>(output).unwrap()["next"]
            .as_str()
            .map(ToOwned::to_owned)
    };
    let mut group = criterion.benchmark_group("list_10000");
    group.sample_size(10);
    group.bench_function("component", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let mut cursor = None;
            loop {
                let input = json!({"limit": 500, "cursor": cursor}).to_string();
                let outcome = connector
                    .call(&tenant)
                    .invoke("parties.list-all", input)
                    .await
                    .unwrap();
                cursor = next(&outcome.json);
                if cursor.is_none() {
                    break;
                }
            }
        });
    });
    group.bench_function("native", |bencher| {
        bencher.iter(|| {
            let mut cursor = None;
            loop {
                let input = json!({"limit": 500, "cursor": cursor}).to_string();
                let output = now(capsule_crm::actions::invoke(
                    &native(&canned),
                    "parties.list-all",
                    &input,
                ))
                .unwrap();
                cursor = next(&output);
                if cursor.is_none() {
                    break;
                }
            }
        });
    });
    group.finish();
}

/// From bytes to a component that can be called.
fn load(criterion: &mut Criterion) {
    let host = host(16);
    let bytes = component();
    let key = capsule_host::runtime::ArtifactKey::generate().unwrap();
    let artifact = host.precompile(&bytes, &key).unwrap();
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    group.bench_function("compiled_here", |bencher| {
        bencher.iter(|| host.load(&bytes).unwrap())
    });
    group.bench_function("precompiled", |bencher| {
        bencher.iter(|| host.load_precompiled(&artifact, &key).unwrap())
    });
    group.finish();
}

/// What a form needs: the schemas of one operation, natively and in a sandbox.
fn schema(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let host = host(16);
    let connector = connector(&host);
    let ids = ["people.create".to_owned()];
    let mut group = criterion.benchmark_group("schema");
    group.bench_function("component", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(async || connector.schemas(&ids).await.unwrap())
    });
    group.bench_function("native", |bencher| {
        bencher.iter(|| capsule_crm::catalog::general_schemas(&ids).unwrap())
    });
    group.finish();
}

criterion_group!(benches, create, list, load, schema);
criterion_main!(benches);
