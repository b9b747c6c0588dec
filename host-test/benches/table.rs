//! The figures in one table, the targets beside them: times out of criterion's last estimates (`calls.rs`, in the same run), memory
//! measured here as the growth of what the process has in memory.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Canned, Held, connector, host, person, tenant};

fn main() {
    // First of all: what was freed before would be taken again, and not seen.
    let counts = [1, 100, 1_000, 10_000];
    let idle = idle_tenants(counts);
    let mut rows = vec![["measure".into(), "figure".into(), "to reach".into()]];
    let mut row = |measure: &str, figure: Option<String>, target: &str| {
        rows.push([
            measure.into(),
            figure.unwrap_or_else(|| "not measured".into()),
            target.into(),
        ]);
    };

    let runtime = support::runtime(2);
    let create = median("create/component");
    row(
        "people.create in a fresh sandbox",
        create.map(micros),
        "90 µs",
    );
    row(
        "  the same core natively",
        median("create/native").map(micros),
        "",
    );
    row("  how many times native", ratio("create"), "3");
    for (name, limit) in limits() {
        row(&format!("  of it, {limit}"), cost_of(name), "");
    }
    row(
        "load, compiled here",
        median("load/compiled_here").map(millis),
        "1 s",
    );
    row(
        "load, precompiled",
        median("load/precompiled").map(millis),
        "2 ms",
    );
    row(
        "10,000 parties in 100 pages",
        median("list_10000/component").map(millis),
        "",
    );
    row(
        "  the same core natively",
        median("list_10000/native").map(millis),
        "",
    );
    row("  how many times native", ratio("list_10000"), "1.5");
    row(
        "one delivery with one record",
        median("delivery/component").map(micros),
        "90 µs",
    );
    row(
        "  the same core natively",
        median("delivery/native").map(micros),
        "",
    );
    row("sandbox alone", median("sandbox/pooled").map(micros), "");
    row(
        "  without reserved address space",
        median("sandbox/mapped_anew").map(micros),
        "",
    );
    row(
        "100 creates of 50 ms, 16 at once",
        median("many_100_at_50_ms/component").map(millis),
        "350 ms",
    );
    row(
        "people.create over loopback, the fake's work included",
        median("loopback/create").map(micros),
        "150 µs",
    );
    row(
        "100 pages of 100 parties over loopback, the fake's work included",
        median("loopback_list_10000/component").map(millis),
        "60 ms",
    );
    let base = runtime.block_on(support::serve_fake(100));
    row(
        "the whole `capsule-host call`, precompiled",
        Some(millis(cold_start(&base).as_nanos() as f64)),
        "20 ms",
    );
    for (work, name) in [(Work::Create, "creates"), (Work::Delivery, "deliveries")] {
        for cores in [1, 2] {
            let figure = format!("{:.0} a second", throughput(work, cores));
            let measure = format!("{name} on {cores} of the cores");
            row(&measure, Some(figure), "");
        }
    }
    row(
        "schemas of one operation",
        median("schema/component").map(micros),
        "",
    );

    row(
        "  guest memory at its peak, five pages a call",
        Some(mib(runtime.block_on(peak_of_lists()))),
        "4 MiB, flat",
    );
    for (count, figure) in counts.into_iter().zip(idle) {
        let target = if count == 10_000 { "32 MiB" } else { "" };
        let figure = format!("{} KiB", figure / 1024);
        row(&format!("{count} idle tenants"), Some(figure), target);
    }
    for slots in [1_000, 10_000] {
        let target = if slots == 1_000 {
            "64 KiB each"
        } else {
            "1 GiB in all"
        };
        let (live, figure) = runtime.block_on(live_calls(slots));
        let each = format!("{}, {} KiB each", mib(figure), figure / live.max(1) / 1024);
        row(
            &format!("{live} calls live at once on a held upstream"),
            Some(each),
            target,
        );
    }

    let widths: [usize; 3] = std::array::from_fn(|column| {
        rows.iter()
            .map(|row: &[String; 3]| row[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<_> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        println!("| {} |", cells.join(" | "));
        if index == 0 {
            println!("| {} |", widths.map(|width| "-".repeat(width)).join(" | "));
        }
    }
}

/// Criterion's median of a bench in nanoseconds.
fn median(bench: &str) -> Option<f64> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || concat!(env!("CARGO_MANIFEST_DIR"), "/../target").into(),
        std::path::PathBuf::from,
    );
    let text = std::fs::read(
        target
            .join("criterion")
            .join(bench)
            .join("new/estimates.json"),
    )
    .ok()?;
    serde_json::from_slice::<Value>(&text).ok()?["median"]["point_estimate"].as_f64()
}

/// The benches without one of the limits, and what that one is.
fn limits() -> impl Iterator<Item = (&'static str, &'static str)> {
    let hosts = support::limits().into_iter().skip(1);
    hosts
        .map(|(name, limit, _)| (name, limit))
        .chain([support::UNGOVERNED])
}

/// What a limit adds to a create. Below 0: the noise is more than the cost.
fn cost_of(without: &str) -> Option<String> {
    let cost = median("limits/all")? - median(&format!("limits/{without}"))?;
    Some(format!("{:+.1} µs", cost / 1e3))
}

fn ratio(group: &str) -> Option<String> {
    Some(format!(
        "{:.1}",
        median(&format!("{group}/component"))? / median(&format!("{group}/native"))?
    ))
}

fn micros(nanos: f64) -> String {
    format!("{:.1} µs", nanos / 1e3)
}

fn millis(nanos: f64) -> String {
    format!("{:.2} ms", nanos / 1e6)
}

fn mib(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Bytes of the process that are in memory. The proportional figure: the plain one counts the component's shared image once for every
/// live instance.
fn resident() -> usize {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .unwrap_or_default();
    line.trim()
        .trim_end_matches(" kB")
        .parse::<usize>()
        .unwrap_or_default()
        * 1024
}

/// The largest guest memory over all calls of a walk through 10,000 parties.
async fn peak_of_lists() -> usize {
    let host = host(4);
    let connector = connector(&host);
    let tenant = tenant("peak", Canned::new(), 1);
    support::list_all(&connector, &tenant).await
}

/// What is done over and over.
#[derive(Clone, Copy)]
enum Work {
    Create,
    Delivery,
}

/// How often it is done a second on so many cores, each time in a sandbox of its own.
fn throughput(work: Work, cores: usize) -> f64 {
    const FOR: Duration = Duration::from_secs(3);
    let runtime = support::runtime(cores);
    let host = host(64);
    let connector = Arc::new(connector(&host));
    let begun = Instant::now();
    let calls: usize = runtime.block_on(async {
        let workers: Vec<_> = (0..cores * 4)
            .map(|number| {
                let connector = Arc::clone(&connector);
                let tenant = tenant(&format!("busy-{number}"), Canned::new(), 4);
                tokio::spawn(async move {
                    let (input, body, mut done) = (person(), support::hook_body(), 0);
                    while begun.elapsed() < FOR {
                        let call = connector.call(&tenant);
                        match work {
                            Work::Create => {
                                call.invoke("people.create", input.as_str()).await.unwrap();
                            }
                            Work::Delivery => {
                                let (delivery, listeners) = support::delivery(&body);
                                call.handle_delivery(delivery, listeners).await.unwrap();
                            }
                        }
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        let mut calls = 0;
        for worker in workers {
            calls += worker.await.unwrap();
        }
        calls
    });
    calls as f64 / begun.elapsed().as_secs_f64()
}

/// The whole `capsule-host call`, from the start of the process to its end, against the fake on loopback: the median of 20. The first run
/// compiles the component and keeps it.
fn cold_start(base: &str) -> Duration {
    let cache = tempfile::tempdir().unwrap();
    let run = || {
        let begun = Instant::now();
        let status = std::process::Command::new(env!("CARGO_BIN_EXE_capsule-host"))
            .args([
                "call",
                "parties.get",
                "--input",
                r#"{"id":9001}"#,
                "--base-url",
                base,
            ])
            .args(["--token-env", "BENCH_TOKEN"])
            .env("BENCH_TOKEN", "token")
            .env("CAPSULE_HOST_CACHE", cache.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::inherit())
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
        begun.elapsed()
    };
    run();
    let mut times: Vec<_> = (0..20).map(|_| run()).collect();
    times.sort();
    times[times.len() / 2]
}

/// What tenants take up that are known and do nothing, at each of these counts.
fn idle_tenants(counts: [usize; 4]) -> [usize; 4] {
    let upstream = Canned::new();
    let before = resident();
    let mut tenants = Vec::new();
    counts.map(|count| {
        while tenants.len() < count {
            let name = format!("tenant-{}", tenants.len());
            tenants.push(tenant(&name, upstream.clone(), 4));
        }
        resident().saturating_sub(before)
    })
}

/// Calls that all wait for an answer at once: how many there were, and what they took beyond the host itself.
async fn live_calls(wanted: usize) -> (usize, usize) {
    let host = host(wanted);
    let connector = Arc::new(connector(&host));
    let held = Held::default();
    let slots = host.slots();
    let tenants: Vec<_> = (0..slots.div_ceil(100))
        .map(|number| Arc::new(tenant(&format!("live-{number}"), held.clone(), 100)))
        .collect();
    let before = resident();
    let calls: Vec<_> = (0..slots)
        .map(|number| {
            let (connector, tenant) = (Arc::clone(&connector), Arc::clone(&tenants[number / 100]));
            tokio::spawn(async move {
                connector
                    .call(&tenant)
                    .invoke("parties.get", r#"{"id":1}"#)
                    .await
                    .is_ok()
            })
        })
        .collect();
    for _ in 0..600 {
        if held.waiting.load(Ordering::SeqCst) >= slots {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let live = held.waiting.load(Ordering::SeqCst);
    let grown = resident().saturating_sub(before);
    for call in &calls {
        call.abort();
    }
    for call in calls {
        let _ = call.await;
    }
    (live, grown)
}
