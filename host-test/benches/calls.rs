//! What a call costs, beside the same core run natively on the same answers.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use capsule_host::runtime::{Host, HostOptions, Tenant, operations};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use support::{Canned, Limited, Slow, component, connector, host, native, now, person, tenant};

/// One `people.create` in a fresh sandbox: the store is made, the component instantiated, the call made, all of it dropped.
fn create(criterion: &mut Criterion) {
    let runtime = support::runtime(0);
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
    let runtime = support::runtime(0);
    let host = host(16);
    let connector = connector(&host);
    let canned = Canned::new();
    let tenant = tenant("list", canned.clone(), 4);
    let mut group = criterion.benchmark_group("list_10000");
    group.sample_size(10);
    group.bench_function("component", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(async || support::list_all(&connector, &tenant).await);
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
                cursor = support::next(&output);
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
    let runtime = support::runtime(0);
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

/// One delivery with one record, for one listener: what an ingress does for each of Capsule's hooks. Nothing is asked back.
fn delivery(criterion: &mut Criterion) {
    let runtime = support::runtime(0);
    let host = host(16);
    let connector = connector(&host);
    let canned = Canned::new();
    let tenant = tenant("delivery", canned.clone(), 4);
    let body = support::hook_body();
    let mut group = criterion.benchmark_group("delivery");
    group.bench_function("component", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let (delivery, listeners) = support::delivery(&body);
            let reply = connector
                .call(&tenant)
                .handle_delivery(delivery, listeners)
                .await
                .unwrap();
            assert_eq!(reply.value.events.len(), 1);
            reply
        });
    });
    group.bench_function("native", |bencher| {
        use capsule_crm::bindings::exports::integration::connector::triggers as guest;
        bencher.iter(|| {
            let delivery = guest::Delivery {
                method: "POST".into(),
                query: String::new(),
                headers: Vec::new(),
                body: body.clone(),
            };
            let listeners = [guest::Listener {
                id: "1".into(),
                trigger: "person.created".into(),
                options: "{}".into(),
                mode: guest::DeliveryMode::Auto,
            }];
            let client = native(&canned);
            let reply = now(capsule_crm::triggers::handle_delivery(
                &client, &delivery, &listeners,
            ));
            assert_eq!(reply.as_ref().unwrap().events.len(), 1);
            reply
        });
    });
    group.finish();
}

/// 100 creates in one sandbox, 16 at once, each answered after 50 ms: at best 7 rounds of 50 ms.
fn many(criterion: &mut Criterion) {
    let runtime = support::runtime(0);
    let host = host(16);
    let connector = connector(&host);
    let slow = Slow(Canned::new(), Duration::from_millis(50));
    let tenant = tenant("many", slow, 4);
    let input = person();
    let mut group = criterion.benchmark_group("many_100_at_50_ms");
    group.sample_size(10);
    group.bench_function("component", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let calls = (0..100).map(|number| operations::Call {
                key: format!("{number}"),
                id: "people.create".into(),
                input: input.clone(),
            });
            let options = operations::ManyOptions {
                concurrency: 16,
                on_failure: operations::OnFailure::Stop,
                start_within_ms: None,
            };
            let call = connector.call(&tenant);
            let outcomes = call.invoke_many(calls.collect(), options).await.unwrap();
            let done = |outcome: &operations::Outcome| {
                matches!(outcome.status, operations::OutcomeStatus::Done(_))
            };
            assert!(outcomes.value.iter().all(done));
        });
    });
    group.finish();
}

/// What the sandbox alone costs: a call that computes next to nothing, with reserved address space and without.
fn sandbox(criterion: &mut Criterion) {
    let runtime = support::runtime(0);
    let mut group = criterion.benchmark_group("sandbox");
    for (name, pool) in [("pooled", true), ("mapped_anew", false)] {
        let options = HostOptions {
            slots: 16,
            pool,
            ..HostOptions::default()
        };
        let host = Host::new(options).unwrap();
        let connector = connector(&host);
        group.bench_function(name, |bencher| {
            bencher
                .to_async(&runtime)
                .iter(async || connector.describe().await.unwrap())
        });
    }
    group.finish();
}

/// What each limit costs: the same create without one of them.
fn limits(criterion: &mut Criterion) {
    let runtime = support::runtime(0);
    let canned = Canned::new();
    let input = person();
    let mut group = criterion.benchmark_group("limits");
    let mut bench = |name: &str, options: HostOptions, tenant: Tenant| {
        let connector = connector(&Host::new(options).unwrap());
        group.bench_function(name, |bencher| {
            bencher.to_async(&runtime).iter(async || {
                let call = connector.call(&tenant);
                call.invoke("people.create", input.as_str()).await.unwrap()
            });
        });
    };
    for (name, _, options) in support::limits() {
        bench(name, options, tenant(name, Limited(canned.clone()), 4));
    }
    let (name, _) = support::UNGOVERNED;
    let options = HostOptions {
        slots: 16,
        ..HostOptions::default()
    };
    bench(name, options, tenant(name, canned, 4));
    group.finish();
}

/// Over real sockets, against the fake: a create, and 10,000 parties in 100 pages. What the fake itself takes is in it.
fn loopback(criterion: &mut Criterion) {
    let runtime = support::runtime(2);
    let host = host(16);
    let connector = connector(&host);
    let base = runtime.block_on(support::serve_fake(10_000));
    let tenant = support::tenant_at(&base, "loopback");
    let input = json!({"lastName": "Duarte"}).to_string();
    let mut group = criterion.benchmark_group("loopback");
    group.sample_size(20);
    group.bench_function("create", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let call = connector.call(&tenant);
            call.invoke("people.create", input.as_str()).await.unwrap()
        })
    });
    group.finish();
    let base = runtime.block_on(support::serve_fake(10_000));
    let tenant = support::tenant_at(&base, "pages");
    let mut group = criterion.benchmark_group("loopback_list_10000");
    group.sample_size(10);
    group.bench_function("component", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(async || support::list_all(&connector, &tenant).await)
    });
    group.finish();
}

criterion_group!(
    benches, create, limits, list, load, schema, delivery, many, sandbox, loopback
);
criterion_main!(benches);
