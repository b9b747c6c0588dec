//! Changes that this connection made itself. Who answers events by writing is told of what it wrote; the mark tells it from what others did.

use serde_json::Value;

use super::journal::{Print, digest};
use super::{Ingress, ListenError};

impl Ingress {
    /// Notes what an operation of this connection wrote, by its answer: for ten minutes, events that carry the record with that very
    /// `updatedAt` are marked `own`, and not given to those whom [`ListenOptions::skip_own`](super::ListenOptions::skip_own) names. False:
    /// the answer is no record, or of a kind of which no change is told.
    ///
    /// Call it as soon as the answer is there: an event that came before is not marked.
    pub async fn wrote(&self, operation: &str, answer: &str) -> Result<bool, ListenError> {
        let subject = operation.split('.').next().and_then(subject);
        let record: Value = serde_json::from_str(answer).unwrap_or_default();
        let id = record.get("id").and_then(Value::as_u64);
        let stamp = record.get("updatedAt").and_then(Value::as_str);
        let (Some(subject), Some(id), Some(stamp)) = (subject, id, stamp) else {
            return Ok(false);
        };
        let print = print(subject, &id.to_string(), stamp);
        self.inner.journal.wrote(print, self.now()).await?;
        Ok(true)
    }
}

/// What an operation writes, or a trigger tells of: by the first part of its id.
pub(super) fn subject(part: &str) -> Option<&'static str> {
    Some(match part {
        "people" | "organisations" | "parties" | "person" | "organisation" | "party" => "party",
        "opportunities" | "opportunity" => "opportunity",
        "projects" | "project" => "project",
        "tasks" | "task" => "task",
        _ => return None,
    })
}

/// Tells a state of a record from all others.
pub(super) fn print(subject: &str, id: &str, stamp: &str) -> Print {
    digest(&[subject, id, stamp])
}
