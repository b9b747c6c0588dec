//! A guest that misbehaves is stopped, and nobody else notices.

use std::sync::Arc;
use std::time::Duration;

use capsule_host::egress::{Mock, Secret};
use capsule_host::runtime::{
    ArtifactKey, CallError, Connector, Host, HostError, HostOptions, Limits, LoadError, Stop,
    Tenant, operations, triggers, types,
};

use super::guests::{self, INVOKE};

/// Two pages of memory and an `invoke` that gives `7`, unless its `id` begins with an `x`: then the body runs.
fn guest(bad: &str, functions: &str) -> Vec<u8> {
    let body = format!(
        "(memory (export \"memory\") 3) (data (i32.const 64) \"7\")
         (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 131072))
         {functions}
         (func $seven (result i32)
           (i32.store8 (i32.const 0) (i32.const 0)) (i32.store (i32.const 8) (i32.const 64))
           (i32.store (i32.const 12) (i32.const 1)) (i32.const 0))"
    );
    let invoke = format!("(if (i32.eq (local.get 1) (i32.const 1)) (then {bad})) (call $seven)");
    guests::component(&body, &[(INVOKE, &invoke)])
}

fn host() -> Host {
    Host::new(HostOptions {
        slots: 4,
        ..HostOptions::default()
    })
    .unwrap()
}

fn tenant(limits: Limits) -> Tenant {
    Tenant::builder("a").limits(limits).build().unwrap()
}

async fn bad(connector: &Connector, tenant: &Tenant) -> Stop {
    match connector.call(tenant).invoke("x", "{}").await {
        Err(CallError::Stopped { stop, .. }) => stop,
        other => panic!("{other:?}"),
    }
}

async fn good(connector: &Connector, tenant: &Tenant) {
    assert_eq!(
        connector
            .call(tenant)
            .invoke("good", "{}")
            .await
            .unwrap()
            .json,
        "7"
    );
}

/// A guest for the next call, where the bad one has no good side.
fn harmless(host: &Host) -> Connector {
    host.load(&guest("unreachable", "")).unwrap()
}

#[tokio::test]
async fn a_guest_that_loops_is_stopped_and_the_next_call_works() {
    let connector = host().load(&guest("(loop $l (br $l))", "")).unwrap();
    let tenant = tenant(Limits {
        cpu_ticks: 5,
        ..Limits::default()
    });
    assert_eq!(bad(&connector, &tenant).await, Stop::Cpu { ticks: 5 });
    good(&connector, &tenant).await;
}

#[tokio::test]
async fn a_guest_that_loops_does_not_keep_others_from_running() {
    let connector = host().load(&guest("(loop $l (br $l))", "")).unwrap();
    let slow = tenant(Limits {
        cpu_ticks: 30,
        ..Limits::default()
    });
    let looping = {
        let (connector, slow) = (connector.clone(), slow.clone());
        // One thread runs both: the looping guest must give way at its ticks.
        tokio::spawn(async move { bad(&connector, &slow).await })
    };
    tokio::time::sleep(Duration::from_millis(30)).await;
    let other = Tenant::builder("b").build().unwrap();
    good(&connector, &other).await;
    assert!(
        !looping.is_finished(),
        "the looping guest still ran when the other one was done"
    );
    assert_eq!(looping.await.unwrap(), Stop::Cpu { ticks: 30 });
}

#[tokio::test]
async fn a_guest_that_never_ends_is_stopped_by_the_wall_clock() {
    let connector = host().load(&guest("(loop $l (br $l))", "")).unwrap();
    let tenant = tenant(Limits {
        wall_clock: Duration::from_millis(50),
        ..Limits::default()
    });
    assert_eq!(
        bad(&connector, &tenant).await,
        Stop::WallClock(Duration::from_millis(50))
    );
    good(&connector, &tenant).await;
}

#[tokio::test]
async fn a_guest_that_allocates_for_ever_is_stopped_and_the_next_call_works() {
    let connector = host()
        .load(&guest(
            "(loop $l (drop (memory.grow (i32.const 16))) (br $l))",
            "",
        ))
        .unwrap();
    let tenant = tenant(Limits::default());
    assert_eq!(
        bad(&connector, &tenant).await,
        Stop::Memory {
            limit: 64 * 1024 * 1024
        }
    );
    good(&connector, &tenant).await;
}

#[tokio::test]
async fn an_operation_on_files_gets_more_memory() {
    let grow = "(drop (memory.grow (i32.const 1600)))";
    // 100 MiB: too much for an ordinary call. The id must be one character long to reach the bad code.
    let connector = host().load(&guest(grow, "")).unwrap();
    let ordinary = tenant(Limits::default());
    assert_eq!(
        bad(&connector, &ordinary).await,
        Stop::Memory {
            limit: 64 * 1024 * 1024
        }
    );
    let always = guests::component(
        "(memory (export \"memory\") 3) (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 131072))",
        &[(
            INVOKE,
            "(if (i32.eq (memory.grow (i32.const 1600)) (i32.const -1)) (then unreachable)) \
             (i32.store8 (i32.const 64) (i32.const 49)) (i32.store8 (i32.const 0) (i32.const 0)) \
             (i32.store (i32.const 8) (i32.const 64)) (i32.store (i32.const 12) (i32.const 1)) (i32.const 0)",
        )],
    );
    let connector = host().load(&always).unwrap();
    let outcome = connector
        .call(&ordinary)
        .invoke("files.upload", "{}")
        .await
        .unwrap();
    assert!(
        outcome.report.peak_memory > 100 * 1024 * 1024,
        "{:?}",
        outcome.report
    );
}

#[tokio::test]
async fn a_guest_that_recurses_without_end_is_stopped_and_the_next_call_works() {
    let functions = "(func $deep (param i64) (result i64) (i64.add (call $deep (i64.add (local.get 0) (i64.const 1))) (local.get 0)))";
    let connector = host()
        .load(&guest("(drop (call $deep (i64.const 0)))", functions))
        .unwrap();
    let tenant = tenant(Limits::default());
    assert_eq!(bad(&connector, &tenant).await, Stop::Stack);
    good(&connector, &tenant).await;
}

#[tokio::test]
async fn a_guest_that_panics_is_told_apart_from_one_that_is_stopped() {
    let connector = host().load(&guest("unreachable", "")).unwrap();
    let tenant = tenant(Limits::default());
    assert!(
        matches!(bad(&connector, &tenant).await, Stop::Trap(text) if text.contains("unreachable"))
    );
    good(&connector, &tenant).await;
}

#[tokio::test]
async fn a_guest_that_keeps_a_million_resources_is_stopped() {
    let body =
        "(import \"wasi:http/types@0.2.0\" \"[constructor]fields\" (func $fields (result i32)))";
    let guest = guests::component(
        body,
        &[(
            INVOKE,
            "(loop $l (drop (call $fields)) (br $l)) unreachable",
        )],
    );
    let host = host();
    let connector = host.load(&guest).unwrap();
    let tenant = tenant(Limits::default());
    assert!(matches!(bad(&connector, &tenant).await, Stop::Trap(text) if text.contains("table")));
    good(&harmless(&host), &tenant).await;
}

#[tokio::test]
async fn a_list_that_names_one_long_text_four_million_times_does_not_fill_the_hosts_memory() {
    // `poll` gives `result<batch, error>`. The batch's `notes` is a list of texts: here 4 million times the same
    // 64 KiB, which would be 256 GiB in the host.
    let notes = notes_offset();
    let body = format!(
        "(memory (export \"memory\") 520)
         (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 196608))
         (func $fill (local $i i32)
           (memory.fill (i32.const 65536) (i32.const 97) (i32.const 65536))
           (loop $l
             (i32.store (i32.add (i32.const 262144) (i32.mul (local.get $i) (i32.const 8))) (i32.const 65536))
             (i32.store (i32.add (i32.const 262148) (i32.mul (local.get $i) (i32.const 8))) (i32.const 65536))
             (local.set $i (i32.add (local.get $i) (i32.const 1)))
             (br_if $l (i32.lt_u (local.get $i) (i32.const 4000000)))))
         (func $batch (result i32) (call $fill)
           (i32.store (i32.const {notes}) (i32.const 262144)) (i32.store (i32.add (i32.const {notes}) (i32.const 4)) (i32.const 4000000))
           (i32.const 0))"
    );
    let guest = guests::component(
        &body,
        &[("integration:connector/triggers@0.1.0#poll", "(call $batch)")],
    );
    let host = host();
    let connector = host.load(&guest).unwrap();
    let tenant = tenant(Limits::default());
    let position = capsule_host::runtime::triggers::Position::Now;
    match connector.call(&tenant).poll(Vec::new(), position, 1).await {
        Err(CallError::Stopped {
            stop: Stop::Trap(text),
            ..
        }) => assert!(text.contains("fuel"), "{text}"),
        other => panic!("{:?}", other.map(|answer| answer.value.notes.len())),
    }
    good(&harmless(&host), &tenant).await;
}

/// Where `batch.notes` stands in the result of `poll`.
fn notes_offset() -> usize {
    use wit_parser::{Resolve, SizeAlign};
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str(
            "connector.wit",
            include_str!("../../../wit/deps/integration-connector/connector.wit"),
        )
        .unwrap();
    let mut sizes = SizeAlign::default();
    sizes.fill(&resolve).unwrap();
    let triggers = resolve.packages[package].interfaces["triggers"];
    let batch = resolve.interfaces[triggers].types["batch"];
    let wit_parser::TypeDefKind::Record(record) = &resolve.types[batch].kind else {
        panic!("batch is a record")
    };
    let fields = sizes.field_offsets(record.fields.iter().map(|field| &field.ty));
    let index = record
        .fields
        .iter()
        .position(|field| field.name == "notes")
        .unwrap();
    // The payload of the result stands at the alignment of its largest case: 8.
    8 + fields[index].0.size_wasm32()
}

#[tokio::test]
async fn a_component_that_imports_more_is_refused_by_name() {
    let body =
        "(import \"wasi:random/random@0.2.0\" \"get-random-u64\" (func $random (result i64)))";
    let nosy = guests::of_world(
        "nosy",
        body,
        &[(INVOKE, "(drop (call $random)) unreachable")],
    );
    match host().load(&nosy) {
        Err(LoadError::ForeignImports(names)) => assert_eq!(names, ["wasi:random/random@0.2.0"]),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was loaded"),
    }
}

#[test]
fn what_is_no_component_is_refused() {
    assert!(matches!(
        host().load(b"\0asm\x01\0\0\0"),
        Err(LoadError::Compile(_))
    ));
    assert!(matches!(host().load(b""), Err(LoadError::Compile(_))));
    let other = wat::parse_str("(component)").unwrap();
    assert!(matches!(
        host().load(&other),
        Err(LoadError::NotAConnector(_))
    ));
}

#[tokio::test]
async fn a_precompiled_component_runs_and_a_changed_one_is_refused() {
    let host = host();
    let key = ArtifactKey::generate().unwrap();
    let component = guest("unreachable", "");
    let mut artifact = host.precompile(&component, &key).unwrap();
    let connector = host.load_precompiled(&artifact, &key).unwrap();
    assert_eq!(connector.digest(), host.load(&component).unwrap().digest());
    good(&connector, &tenant(Limits::default())).await;

    *artifact.last_mut().unwrap() ^= 1;
    assert!(matches!(
        host.load_precompiled(&artifact, &key),
        Err(LoadError::NotOurs)
    ));
    assert!(matches!(
        host.load_precompiled(&component, &key),
        Err(LoadError::NotOurs)
    ));
}

#[tokio::test]
async fn a_cached_component_is_compiled_once_and_a_replaced_file_is_not_run() {
    let folder = std::env::temp_dir().join(format!("cached-component-{}", std::process::id()));
    let (host, key) = (host(), ArtifactKey::generate().unwrap());
    let component = guest("unreachable", "");
    let tenant = tenant(Limits::default());
    good(
        &host.load_cached(&component, &folder, &key).unwrap(),
        &tenant,
    )
    .await;
    let file = std::fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let kept = std::fs::read(&file).unwrap();
    good(
        &host.load_cached(&component, &folder, &key).unwrap(),
        &tenant,
    )
    .await;
    assert_eq!(
        std::fs::read(&file).unwrap(),
        kept,
        "it was not compiled again"
    );

    // Another component's artifact under this one's name, and one under another key.
    let other = guest("(loop $l (br $l))", "");
    for wrong in [
        host.precompile(&other, &key),
        host.precompile(&component, &ArtifactKey::generate().unwrap()),
    ] {
        std::fs::write(&file, wrong.unwrap()).unwrap();
        let connector = host.load_cached(&component, &folder, &key).unwrap();
        assert_eq!(connector.digest(), host.load(&component).unwrap().digest());
        assert!(
            matches!(bad(&connector, &tenant).await, Stop::Trap(_)),
            "the right code runs"
        );
        assert_eq!(
            std::fs::read(&file).unwrap(),
            kept,
            "the right artifact is back"
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn an_input_over_the_limit_does_not_start() {
    let connector = host().load(&guest("unreachable", "")).unwrap();
    let tenant = tenant(Limits {
        input_bytes: 10,
        ..Limits::default()
    });
    let call = |text: &str| operations::Call {
        key: text.to_owned(),
        id: "x".to_owned(),
        input: text.to_owned(),
    };
    let too_large = |error: CallError| {
        assert!(
            matches!(
                error,
                CallError::Host(HostError::InputTooLarge { limit: 10, .. })
            ),
            "{error:?}"
        );
        assert!(matches!(
            error.to_wit(),
            types::Error::Permanent(types::PermanentError::TooLarge(_))
        ));
    };
    let calls = || connector.call(&tenant);
    // At the limit it starts: this guest traps as soon as it does.
    let stopped = calls().invoke("x", "1234567890").await.unwrap_err();
    assert!(matches!(stopped, CallError::Stopped { .. }), "{stopped:?}");
    too_large(calls().invoke("x", "12345678901").await.unwrap_err());
    let options = operations::ManyOptions {
        concurrency: 0,
        on_failure: operations::OnFailure::KeepGoing,
        start_within_ms: None,
    };
    let two = vec![call("1"), call("12345678901")];
    too_large(calls().invoke_many(two, options).await.unwrap_err());
    let delivery = triggers::Delivery {
        method: "POST".to_owned(),
        query: String::new(),
        headers: Vec::new(),
        body: vec![0; 11],
    };
    too_large(
        calls()
            .handle_delivery(delivery, Vec::new())
            .await
            .unwrap_err(),
    );
}

#[tokio::test]
async fn without_a_pool_calls_work_too() {
    let host = Host::new(HostOptions {
        pool: false,
        ..HostOptions::default()
    })
    .unwrap();
    assert!(!host.is_pooled());
    good(
        &host.load(&guest("unreachable", "")).unwrap(),
        &tenant(Limits::default()),
    )
    .await;
}

#[tokio::test]
async fn one_tenants_calls_beyond_its_places_and_queue_are_refused_before_they_start() {
    let connector = host().load(&guest("(loop $l (br $l))", "")).unwrap();
    let limits = Limits {
        concurrency: 1,
        queue: 1,
        cpu_ticks: u64::MAX,
        wall_clock: Duration::from_millis(200),
        ..Limits::default()
    };
    let tenant = tenant(limits);
    let call = || {
        let (connector, tenant) = (connector.clone(), tenant.clone());
        tokio::spawn(async move { connector.call(&tenant).invoke("x", "{}").await })
    };
    let (first, second) = (call(), call());
    tokio::time::sleep(Duration::from_millis(50)).await;
    match connector.call(&tenant).invoke("x", "{}").await {
        Err(error @ CallError::Host(HostError::QueueFull { waiting: 1, .. })) => {
            assert!(matches!(
                error.to_wit(),
                types::Error::Transient(types::TransientError::Unavailable(_))
            ));
        }
        other => panic!("{other:?}"),
    }
    for running in [first, second] {
        assert!(matches!(
            running.await.unwrap(),
            Err(CallError::Stopped {
                stop: Stop::WallClock(_),
                ..
            })
        ));
    }
    good(&connector, &tenant).await;
}

#[tokio::test]
async fn what_a_call_used_is_reported() {
    let connector = host().load(&guest("(loop $l (br $l))", "")).unwrap();
    let tenant = tenant(Limits {
        cpu_ticks: 10,
        ..Limits::default()
    });
    let outcome = connector.call(&tenant).invoke("good", "{}").await.unwrap();
    assert_eq!(outcome.report.peak_memory, 3 * 65536);
    assert_eq!(outcome.report.requests, 0);
    let error = connector.call(&tenant).invoke("x", "{}").await.unwrap_err();
    let report = error.report().unwrap();
    assert!((10..30).contains(&report.cpu_ticks), "{report:?}");
    assert!(report.duration >= report.cpu, "{report:?}");
}

#[tokio::test]
async fn a_description_sees_no_environment_and_sends_nothing() {
    let describe = "integration:connector/catalog@0.1.0#describe";
    let body = "(import \"wasi:cli/environment@0.2.0\" \"get-environment\" (func $environment (param i32)))
        (memory (export \"memory\") 2)
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 65536))";
    // A variable would make it trap as unreachable; none makes it divide by zero.
    let code = "(call $environment (i32.const 16)) (if (i32.load (i32.const 20)) (then unreachable)) \
        (i32.div_u (i32.const 1) (i32.const 0))";
    let connector = host()
        .load(&guests::component(body, &[(describe, code)]))
        .unwrap();
    let tenant = Tenant::builder("a")
        .access_token(Secret::from("real-token"))
        .upstream(Arc::new(Mock::any_order()));
    let _tenant = tenant.build().unwrap();
    match connector.describe().await {
        Err(CallError::Stopped {
            stop: Stop::Trap(text),
            ..
        }) => assert!(text.contains("divide by zero"), "{text}"),
        other => panic!("{other:?}"),
    }
}
