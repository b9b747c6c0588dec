//! Changing what the account has set up, by data: one [`Setting`] for each kind, and one way to create, change, delete and restore.
//!
//! Capsule's names are the contract's, so the JSON of an input is the body: `id` goes into the path, and what is a reference is looked up
//! by the caller before.

use super::deletion::gone;
use crate::api::{Call, Client, fault, record};
use crate::bindings::capsule::crm::types::{Deletion, DeletionState};
use crate::bindings::integration::connector::types::{Error, Fault, PermanentError};
use crate::contract::Json;
use serde_json::{Map, Value, json};

/// A kind of thing that an account has set up.
pub(super) struct Setting {
    /// The segment under the root.
    pub(super) path: &'static str,
    /// The key of the envelope (API reference 2.1).
    pub(super) key: &'static str,
    /// A deletion archives.
    pub(super) archives: bool,
    /// Who may change it, for people.
    pub(super) who: &'static str,
    /// What of it depends on the account's plan, for people. How Capsule refuses then is not documented (API reference 3.20).
    pub(super) plan: &'static str,
    /// What to do before it can be deleted, for people.
    pub(super) in_use: &'static str,
}

impl Setting {
    /// What an administrator may change.
    pub(super) const fn new(path: &'static str, key: &'static str) -> Self {
        Self {
            path,
            key,
            archives: false,
            who: "Only an administrator of the account may do this, with a token of the scope `write`.",
            plan: "",
            in_use: "It may be in use: give what uses it another one first.",
        }
    }

    /// Creates one.
    pub(super) async fn create<T: Json>(&self, client: &Client, body: Value) -> Result<T, Error> {
        let call = Call::create(&[self.path], self.envelope(body));
        self.send(client, call).await
    }

    /// Changes the one whose id the body holds. A body that changes nothing reads it.
    pub(super) async fn update<T: Json>(&self, client: &Client, body: Value) -> Result<T, Error> {
        self.send(client, self.change(body, &[])).await
    }

    /// The request of a change.
    pub(super) fn change(&self, body: Value, embed: &[&str]) -> Call {
        let mut body = match body {
            Value::Object(body) => body,
            _ => Map::new(),
        };
        let id = body.remove("id").unwrap_or_default().to_string();
        let segments = [self.path, id.as_str()];
        let call = if body.is_empty() {
            Call::get(&segments)
        } else {
            Call::change(&segments, self.envelope(Value::Object(body)))
        };
        call.embed(embed)
    }

    /// Deletes one, or archives it. What Capsule has against it is its state, not the input.
    pub(super) async fn delete(&self, client: &Client, id: u64) -> Result<Deletion, Error> {
        match gone(client, &[self.path], id).await {
            Ok(Deletion {
                state: DeletionState::Deleted,
                ..
            }) if self.archives => Ok(Deletion {
                id,
                state: DeletionState::Archived,
            }),
            Ok(deletion) => Ok(deletion),
            Err(Error::Permanent(PermanentError::InvalidInput(violations))) => {
                let told: Vec<_> = violations.into_iter().map(|one| one.message).collect();
                Err(Error::Permanent(PermanentError::Conflict(fault(format!(
                    "Capsule does not delete it: {}. {}",
                    told.join("; "),
                    self.in_use
                )))))
            }
            Err(error) => Err(self.explained(error)),
        }
    }

    /// Does to one what has a path of its own and no body.
    pub(super) async fn act<T: Json>(
        &self,
        client: &Client,
        id: u64,
        verb: &str,
        repeatable: bool,
    ) -> Result<T, Error> {
        let call = Call::post(&[self.path, &id.to_string(), verb]);
        let call = if repeatable { call.repeatable() } else { call };
        self.send(client, call).await
    }

    /// Sends a request that is answered with one.
    pub(super) async fn send<T: Json>(&self, client: &Client, call: Call) -> Result<T, Error> {
        let (status, value) = self.answer(client, &call).await?;
        record(&call, status, value)
    }

    /// The same before it has a type: one body for all of them.
    async fn answer(&self, client: &Client, call: &Call) -> Result<(u16, Value), Error> {
        let mut answer = client
            .send(call)
            .await
            .map_err(|error| self.explained(error))?;
        Ok((answer.status, answer.take(call, self.key)?))
    }

    fn envelope(&self, body: Value) -> Value {
        json!({ self.key: body })
    }

    /// Says who may, where Capsule says that this user may not. A request that the host did not let out has no status.
    fn explained(&self, error: Error) -> Error {
        let longer = |fault: Fault, hints: [&str; 2]| {
            let mut message = fault.message;
            for hint in hints.into_iter().filter(|hint| !hint.is_empty()) {
                message.push(' ');
                message.push_str(hint);
            }
            Fault { message, ..fault }
        };
        match error {
            Error::Permanent(PermanentError::Forbidden(fault)) if fault.status.is_some() => {
                Error::Permanent(PermanentError::Forbidden(longer(
                    fault,
                    [self.who, self.plan],
                )))
            }
            Error::Permanent(PermanentError::QuotaExhausted(fault)) => Error::Permanent(
                PermanentError::QuotaExhausted(longer(fault, [self.plan, ""])),
            ),
            other => other,
        }
    }
}

/// Makes a reference of what stands under a key, if anything does: Capsule wants an object with an id.
pub(super) fn refer(body: &mut Value, key: &str) {
    if let Some(value) = body.get_mut(key)
        && !value.is_null()
    {
        *value = json!({ "id": value.take() });
    }
}

/// Puts the reference that a name or an id was found to mean.
pub(super) fn put_reference(body: &mut Value, key: &str, id: u64) {
    if let Value::Object(body) = body {
        body.insert(key.to_owned(), json!({ "id": id }));
    }
}
