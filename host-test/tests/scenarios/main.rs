//! What the operations do, seen from outside: the built component in its host, before a fake account. One file for each interface.

#![allow(missing_docs)]

mod administration;
mod api;
mod custom_fields;
mod every;
mod files;
mod filters;
mod hooks;
mod leads;
mod opportunities;
mod parties;
mod projects;
mod settings;
mod standing;
#[path = "../support/mod.rs"]
mod support;
mod sync;
mod tags;
mod tasks;
mod timeline;
mod tracks;
mod triggers;

use std::sync::Arc;

use capsule_host::egress::{InProcess, Origin, Secret};
use capsule_host::fake::{Fake, FakeOptions};
use capsule_host::runtime::{CallError, Connector, Tenant};
use serde_json::{Value, json};

/// A component that is connected to an account.
struct Scene {
    /// The account.
    fake: Fake,
    connector: Connector,
    tenant: Tenant,
}

impl Scene {
    /// An account of 30 parties, and its administrator's token of the fake's own application.
    fn new() -> Self {
        let fake = Fake::new(FakeOptions {
            parties: 30,
            strict_auth: true,
            ..FakeOptions::default()
        });
        let scope = "read write user_preference";
        let token = fake.issue_token("rkaya", scope).access;
        Self::with(fake, token.as_str())
    }

    /// The same account, seen through another token.
    fn with(fake: Fake, token: &str) -> Self {
        let tenant = Tenant::builder("northwind")
            .access_token(Secret::from(token))
            .grant(Origin::parse("https://api.capsulecrm.com").unwrap())
            .upstream(Arc::new(InProcess::new(fake.router())))
            .build()
            .unwrap();
        Self {
            fake,
            connector: support::connector(),
            tenant,
        }
    }

    /// Runs an operation in a fresh sandbox.
    async fn call(&self, id: &str, input: Value) -> Result<Value, CallError> {
        let outcome = self
            .connector
            .call(&self.tenant)
            .invoke(id, input.to_string())
            .await?;
        Ok(serde_json::from_str(&outcome.json).unwrap())
    }

    /// Runs one that has to succeed.
    #[track_caller]
    fn done<'a>(&'a self, id: &str, input: Value) -> impl Future<Output = Value> + use<'a> {
        let place = std::panic::Location::caller();
        let id = id.to_owned();
        async move {
            self.call(&id, input)
                .await
                .unwrap_or_else(|error| panic!("{place}: {id}: {error:?}"))
        }
    }

    /// The items of a page.
    async fn items(&self, id: &str, input: Value) -> Vec<Value> {
        match self.done(id, input).await["items"].take() {
            Value::Array(items) => items,
            other => panic!("{id}: {other}"),
        }
    }

    /// Runs one that has to fail. The case of its error (`permanent.notFound`) and what stands in it.
    #[track_caller]
    fn refused<'a>(
        &'a self,
        id: &str,
        input: Value,
    ) -> impl Future<Output = (String, Value)> + use<'a> {
        let place = std::panic::Location::caller();
        let id = id.to_owned();
        async move {
            match self.call(&id, input).await {
                Ok(value) => panic!("{place}: {id} gave {value}"),
                Err(error) => case_of(error.to_json()),
            }
        }
    }

    /// Where the input of one that has to fail does not fit.
    #[track_caller]
    fn pointers<'a>(
        &'a self,
        id: &str,
        input: Value,
    ) -> impl Future<Output = Vec<String>> + use<'a> {
        let refused = self.refused(id, input);
        async move {
            let (case, told) = refused.await;
            assert_eq!(case, "permanent.invalidInput", "{told}");
            let all = told.as_array().unwrap().iter();
            all.map(|one| one["pointer"].as_str().unwrap().to_owned())
                .collect()
        }
    }

    /// The ids of the items of a page.
    async fn ids(&self, id: &str, input: Value) -> Vec<Value> {
        let items = self.items(id, input).await;
        items.iter().map(|item| item["id"].clone()).collect()
    }

    /// The ids of all pages, each of at most `limit` items.
    async fn walked(&self, id: &str, mut input: Value, limit: usize) -> Vec<Value> {
        let mut ids = Vec::new();
        input["limit"] = limit.into();
        loop {
            let page = self.done(id, input.clone()).await;
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit, "{id}: {} items", items.len());
            ids.extend(items.iter().map(|item| item["id"].clone()));
            let Some(next) = page.get("next") else {
                return ids;
            };
            input["cursor"] = next.clone();
        }
    }

    /// The id of the first record of an entity.
    async fn some(&self, entity: &str) -> Value {
        let page = self
            .items(&format!("{entity}.list-all"), json!({"limit": 1}))
            .await;
        page[0]["id"].clone()
    }

    /// The id under which a custom field's value stands in a record.
    async fn field(&self, entity: &str, name: &str) -> String {
        let asked = json!({"entity": entity, "definition": name});
        self.done("custom-fields.get-definition", asked).await["id"].to_string()
    }
}

/// The cases of an error, the outer one first, and what stands in the innermost.
fn case_of(mut error: Value) -> (String, Value) {
    let mut cases = Vec::new();
    for _ in 0..2 {
        match error {
            Value::Object(object) => {
                let (case, inner) = object.into_iter().next().unwrap();
                cases.push(case);
                error = inner;
            }
            Value::String(case) => {
                cases.push(case);
                error = Value::Null;
                break;
            }
            other => panic!("no error: {other}"),
        }
    }
    (cases.join("."), error)
}

/// The names of a record's tags, in alphabetical order.
fn tags_of(record: &Value) -> Vec<&str> {
    let tags = record["tags"].as_array().unwrap();
    let mut names: Vec<_> = tags.iter().filter_map(|tag| tag["name"].as_str()).collect();
    names.sort_unstable();
    names
}
