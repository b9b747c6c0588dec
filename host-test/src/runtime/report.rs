//! What a call used and did.

use std::time::Duration;

use serde_json::{Value, json};

use crate::egress::{Denial, Quota, Tallied};

/// What a call used and did. Given with a success and with a failure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// From the start in its slot to the end.
    pub duration: Duration,
    /// CPU time of the sandbox.
    pub cpu: Duration,
    /// The same in whole ticks of 10 ms.
    pub cpu_ticks: u64,
    /// The largest size of the sandbox's linear memory in bytes.
    pub peak_memory: usize,
    /// Requests that went out, repeated ones included.
    pub requests: u32,
    /// Those of them that were not GET and may have reached the other side.
    pub writes: u32,
    /// Bytes of request bodies.
    pub bytes_out: u64,
    /// Bytes of answer bodies that the sandbox read.
    pub bytes_in: u64,
    /// Whether the access token was renewed on the way.
    pub refreshed: bool,
    /// Requests that policy kept in, with the setting that would allow each.
    pub denials: Vec<Denial>,
    /// What else a person should know: failures below HTTP, waiting, unreadable token answers.
    pub notes: Vec<String>,
    /// The vendor user's rate limit after the call.
    pub quota: Option<Quota>,
}

impl Report {
    pub(crate) fn take(&mut self, tallied: Tallied) {
        self.requests = tallied.requests;
        self.writes = tallied.writes;
        self.bytes_out = tallied.bytes_out;
        self.bytes_in = tallied.bytes_in;
        self.refreshed = tallied.refreshed;
        self.denials = tallied.denials;
        self.notes = tallied.notes;
    }

    /// For machines. Times in microseconds, sizes in bytes.
    pub fn to_json(&self) -> Value {
        json!({
            "durationUs": micros(self.duration),
            "cpuUs": micros(self.cpu),
            "cpuTicks": self.cpu_ticks,
            "peakMemory": self.peak_memory,
            "requests": self.requests,
            "writes": self.writes,
            "bytesOut": self.bytes_out,
            "bytesIn": self.bytes_in,
            "refreshed": self.refreshed,
            "denials": self.denials.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "notes": self.notes,
            "quota": self.quota.map(|quota| json!({
                "limit": quota.limit,
                "remaining": quota.remaining,
                "resetsInS": quota.resets_in.as_secs(),
            })),
        })
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
