//! The figures in one table, the targets beside them: times out of criterion's last estimates (`calls.rs`, in the same run), memory
//! measured here as the growth of what the process has in memory.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Canned, Held, connector, host, tenant};

fn main() {
    let mut rows = vec![["measure".into(), "figure".into(), "to reach".into()]];
    let mut row = |measure: &str, figure: Option<String>, target: &str| {
        rows.push([
            measure.into(),
            figure.unwrap_or_else(|| "not measured".into()),
            target.into(),
        ]);
    };

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
        "schemas of one operation",
        median("schema/component").map(micros),
        "",
    );

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    row(
        "  guest memory at its peak, five pages a call",
        Some(mib(runtime.block_on(peak_of_lists()))),
        "4 MiB, flat",
    );
    row("10,000 idle tenants", Some(mib(idle_tenants())), "32 MiB");
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
    let (mut peak, mut cursor) = (0, Value::Null);
    loop {
        let outcome = connector
            .call(&tenant)
            .invoke(
                "parties.list-all",
                json!({"limit": 500, "cursor": cursor}).to_string(),
            )
            .await
            .unwrap();
        peak = peak.max(outcome.report.peak_memory);
        cursor = serde_json::from_str::<Value>(&outcome.json).unwrap()["next"].take();
        if cursor.is_null() {
            return peak;
        }
    }
}

/// 10,000 tenants that are known and do nothing.
fn idle_tenants() -> usize {
    let upstream = Canned::new();
    let before = resident();
    let tenants: Vec<_> = (0..10_000)
        .map(|number| tenant(&format!("tenant-{number}"), upstream.clone(), 4))
        .collect();
    let grown = resident().saturating_sub(before);
    drop(tenants);
    grown
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
