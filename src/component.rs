//! The bodies of the component's neutral exports: one line each, that calls the core. `exports.rs` exports them.

use crate::api::{Client, Settings};
use crate::bindings::exports::integration::connector::{auth, catalog, operations, triggers};
use crate::bindings::integration::connector::types::Error;
use crate::wasi_http::{WasiHttp, block_on};
use std::pin::pin;

pub(crate) struct Component;

/// Runs a body with a client of this call.
pub(crate) fn run<T>(body: impl AsyncFnOnce(&Client) -> Result<T, Error>) -> Result<T, Error> {
    let client = client();
    let mut result = Err(Error::ExecutionFailed);
    block_on(pin!(async { result = body(&client).await }));
    result
}

/// A client of this call. Out of line, so that it is there once.
#[inline(never)]
fn client() -> Client {
    Client::new(WasiHttp, settings())
}

/// What the environment says. Read at each call: an engine may keep an instance and change its environment.
fn settings() -> Settings {
    let mut settings = Settings::default();
    for (name, value) in wasip2::cli::environment::get_environment() {
        match name.as_str() {
            "CAPSULE_ACCESS_TOKEN" => settings.access_token = Some(value),
            "CAPSULE_API_BASE" => settings.api_base = Some(value),
            "CAPSULE_WEB_URL" => settings.web_url = Some(value),
            _ => {}
        }
    }
    settings
}

impl operations::Guest for Component {
    fn invoke(id: String, input: String) -> Result<String, Error> {
        run(async move |client| crate::actions::invoke(client, &id, &input).await)
    }

    fn invoke_many(
        calls: Vec<operations::Call>,
        options: operations::ManyOptions,
    ) -> Result<Vec<operations::Outcome>, Error> {
        run(async move |client| crate::actions::invoke_many(client, calls, &options).await)
    }
}

impl catalog::Guest for Component {
    fn describe() -> Result<catalog::Descriptor, Error> {
        Ok(crate::catalog::describe())
    }

    fn operations() -> Result<Vec<catalog::Operation>, Error> {
        Ok(crate::catalog::operations())
    }

    fn triggers() -> Result<Vec<catalog::Trigger>, Error> {
        Ok(crate::catalog::triggers())
    }

    fn schemas(
        ids: Vec<String>,
        scope: catalog::SchemaScope,
    ) -> Result<Vec<catalog::SchemaPair>, Error> {
        match scope {
            catalog::SchemaScope::General => crate::catalog::general_schemas(&ids),
            catalog::SchemaScope::Account => {
                run(async move |client| crate::catalog::account_schemas(client, &ids).await)
            }
        }
    }

    fn choices(request: catalog::ChoicesRequest) -> Result<catalog::ChoicePage, Error> {
        run(async move |client| crate::catalog::choices(client, request).await)
    }
}

impl triggers::Guest for Component {
    fn handle_delivery(
        delivery: triggers::Delivery,
        listeners: Vec<triggers::Listener>,
    ) -> Result<triggers::Reply, Error> {
        run(async move |client| {
            crate::triggers::handle_delivery(client, &delivery, &listeners).await
        })
    }

    fn poll(
        listeners: Vec<triggers::Listener>,
        start: triggers::Position,
        limit: u32,
    ) -> Result<triggers::Batch, Error> {
        run(async move |client| crate::triggers::poll(client, &listeners, &start, limit).await)
    }

    fn reconcile(request: triggers::ReconcileRequest) -> Result<triggers::Report, Error> {
        run(async move |client| crate::triggers::reconcile(client, &request).await)
    }

    fn sample(listener: triggers::Listener, limit: u32) -> Result<Vec<triggers::Event>, Error> {
        run(async move |client| crate::triggers::sample(client, &listener, limit).await)
    }
}

impl auth::Guest for Component {
    fn authorize_url(request: auth::AuthorizeRequest) -> Result<String, Error> {
        run(async move |client| crate::auth::authorize_url(client, &request))
    }

    fn exchange_code(
        client: auth::Client,
        grant: auth::CodeGrant,
    ) -> Result<auth::TokenSet, Error> {
        run(async move |capsule| crate::auth::exchange_code(capsule, &client, &grant).await)
    }

    fn refresh(client: auth::Client, refresh_token: String) -> Result<auth::TokenSet, Error> {
        run(async move |capsule| crate::auth::refresh(capsule, &client, &refresh_token).await)
    }

    fn revoke(client: auth::Client, token: String) -> Result<(), Error> {
        run(async move |capsule| crate::auth::revoke(capsule, &client, &token).await)
    }

    fn check() -> Result<auth::Connection, Error> {
        run(async |client| crate::auth::check(client).await)
    }
}
