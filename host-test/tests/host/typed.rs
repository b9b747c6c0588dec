//! The typed face in an engine that is not the bundled host: plain wasmtime, values by their types. What comes back is what the same
//! call gives as JSON.

use capsule_host::fake::{Fake, FakeOptions};
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;
use wasmtime::component::types::{Case, Field};
use wasmtime::component::{Component, Func, Instance, Linker, ResourceTable, Type, Val};
use wasmtime::{Config, Engine, ResourceLimiter, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

/// What an engine that knows its types beforehand makes of `files`: bytes as bytes.
#[allow(missing_docs, unreachable_pub, clippy::all)]
mod bound {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package engine:files; world files { export capsule:crm/files@0.1.0; }",
        exports: { default: async },
    });
}

struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: ToFake,
    /// The largest that its memory became.
    peak: usize,
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.peak = self.peak.max(desired);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}

/// Requests go to the fake, in process.
struct ToFake(Fake);

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for ToFake {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        fut: Io,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io), Error>> + Send> {
        drop(fut);
        let router = self.0.router();
        Box::new(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let request = http::Request::from_parts(head, axum::body::Body::from(body));
            let answer = router.oneshot(request).await.unwrap();
            let (head, body) = answer.into_parts();
            let body = body.collect().await.unwrap();
            let body = body.map_err(|never| match never {}).boxed_unsync();
            let io: Io = Box::new(async { Ok(()) });
            Ok((http::Response::from_parts(head, body), io))
        })
    }
}

struct Running {
    store: Store<State>,
    instance: Instance,
}

impl Running {
    async fn new() -> Self {
        let mut config = Config::new();
        config.wasm_component_model(true);
        let engine = Engine::new(&config).unwrap();
        let component = Component::from_file(&engine, crate::support::full()).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
        let fake = Fake::new(FakeOptions {
            parties: 30,
            ..FakeOptions::default()
        });
        let state = State {
            table: ResourceTable::new(),
            wasi: WasiCtx::builder()
                .env("CAPSULE_ACCESS_TOKEN", "any")
                .build(),
            http: WasiHttpCtx::new(),
            hooks: ToFake(fake),
            peak: 0,
        };
        let mut store = Store::new(&engine, state);
        store.limiter(|state| state);
        let instance = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        Self { store, instance }
    }

    fn function(&mut self, interface: &str, name: &str) -> Func {
        let interface = self
            .instance
            .get_export_index(&mut self.store, None, interface)
            .unwrap();
        let function = self
            .instance
            .get_export_index(&mut self.store, Some(&interface), name)
            .unwrap();
        self.instance.get_func(&mut self.store, function).unwrap()
    }

    /// Calls a function of `capsule:crm`. What the input leaves out is none, empty or no.
    async fn call(
        &mut self,
        interface: &str,
        name: &str,
        given: &[(&str, Val)],
    ) -> Result<Val, Val> {
        let function = self.function(&format!("capsule:crm/{interface}@0.1.0"), name);
        let kind = function.ty(&self.store);
        let params: Vec<_> = kind.params().map(|(_, kind)| kind).collect();
        let arguments: Vec<Val> = match params.as_slice() {
            [input @ Type::Record(_)] => vec![record(input, given)],
            _ => given.iter().map(|(_, value)| value.clone()).collect(),
        };
        let mut results = [Val::Bool(false)];
        function
            .call_async(&mut self.store, &arguments, &mut results)
            .await
            .unwrap();
        let [result] = results;
        match result {
            Val::Result(Ok(value)) => Ok(value.map_or(Val::Bool(true), |value| *value)),
            Val::Result(Err(error)) => Err(*error.unwrap()),
            other => panic!("no result: {other:?}"),
        }
    }

    /// The same call by JSON.
    async fn invoke(&mut self, id: &str, input: &str) -> serde_json::Value {
        let function = self.function("integration:connector/operations@0.1.0", "invoke");
        let mut results = [Val::Bool(false)];
        let arguments = [Val::String(id.into()), Val::String(input.into())];
        function
            .call_async(&mut self.store, &arguments, &mut results)
            .await
            .unwrap();
        match results {
            [Val::Result(Ok(Some(value)))] => match *value {
                Val::String(text) => serde_json::from_str(&text).unwrap(),
                other => panic!("no text: {other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
}

fn record(kind: &Type, given: &[(&str, Val)]) -> Val {
    let Type::Record(record) = kind else {
        panic!("no record: {kind:?}");
    };
    for (name, _) in given {
        assert!(record.fields().any(|field| field.name == *name), "{name}");
    }
    let fields = record.fields().map(|Field { name, ty }| {
        let value = given
            .iter()
            .find(|(given, _)| *given == name)
            .map_or_else(|| nothing(&ty), |(_, value)| value.clone());
        (name.to_owned(), value)
    });
    Val::Record(fields.collect())
}

fn nothing(kind: &Type) -> Val {
    match kind {
        Type::Bool => Val::Bool(false),
        Type::Option(_) => Val::Option(None),
        Type::List(_) => Val::List(Vec::new()),
        other => panic!("give a value: {other:?}"),
    }
}

fn some(value: Val) -> Val {
    Val::Option(Some(Box::new(value)))
}

fn text(value: &str) -> Val {
    Val::String(value.into())
}

fn case(name: &str, payload: Val) -> Val {
    Val::Variant(name.into(), Some(Box::new(payload)))
}

fn field<'a>(value: &'a Val, name: &str) -> &'a Val {
    let Val::Record(fields) = value else {
        panic!("no record: {value:?}");
    };
    let (_, value) = fields.iter().find(|(known, _)| known == name).unwrap();
    match value {
        Val::Option(Some(value)) => value,
        other => other,
    }
}

fn list(value: &Val) -> &[Val] {
    match value {
        Val::List(items) => items,
        other => panic!("no list: {other:?}"),
    }
}

#[tokio::test]
async fn a_person_is_created_and_read_by_values() {
    let mut running = Running::new().await;
    let element = |running: &mut Running, of: &str| {
        let function = running.function("capsule:crm/people@0.1.0", "create");
        let kind = function.ty(&running.store);
        let (_, input) = kind.params().next().unwrap();
        let Type::Record(input) = input else { panic!() };
        match input.fields().find(|field| field.name == of).unwrap().ty {
            Type::List(list) => list.ty(),
            other => panic!("{other:?}"),
        }
    };
    let address = element(&mut running, "email-addresses");
    let entry = element(&mut running, "fields");
    let email = |at: &str, kind: &str| {
        record(
            &address,
            &[("address", text(at)), ("type", some(text(kind)))],
        )
    };
    let created = running
        .call(
            "people",
            "create",
            &[
                ("first-name", some(text("Zoë"))),
                ("last-name", some(text("Duarte"))),
                ("organisation", some(case("name", text("Lagoa Foods")))),
                (
                    "email-addresses",
                    Val::List(vec![
                        email("zoe@lagoa.example", "Work"),
                        email("zoe@casa.example", "Home"),
                    ]),
                ),
                (
                    "tags",
                    Val::List(vec![
                        case("name", text("Typed")),
                        case("name", text("Second")),
                    ]),
                ),
                (
                    "fields",
                    Val::List(vec![record(
                        &entry,
                        &[
                            ("definition", case("name", text("External ID"))),
                            ("value", case("text", text("T-1"))),
                        ],
                    )]),
                ),
            ],
        )
        .await
        .unwrap();
    assert_eq!(field(&created, "first-name"), &text("Zoë"));
    assert_eq!(list(field(&created, "email-addresses")).len(), 2);
    let Val::U64(id) = field(&created, "id") else {
        panic!("{created:?}");
    };

    let by_value = running
        .call("parties", "get", &[("id", Val::U64(*id))])
        .await
        .unwrap();
    assert_eq!(by_value, created);
    let by_json = running
        .invoke(
            "parties.get",
            &format!(r#"{{"id": {id}, "embed": {{"tags": true, "fields": true}}}}"#),
        )
        .await;
    assert_eq!(by_json["firstName"], "Zoë");
    assert_eq!(by_json["organisation"]["name"], "Lagoa Foods");
    assert_eq!(by_json["tags"].as_array().unwrap().len(), 2);
    let fields = by_json["fields"].as_object().unwrap();
    assert!(fields.values().any(|value| value == "T-1"), "{by_json}");

    let deletion = running
        .call("parties", "delete", &[("id", Val::U64(*id))])
        .await
        .unwrap();
    assert_eq!(field(&deletion, "id"), &Val::U64(*id));
}

#[tokio::test]
async fn an_error_comes_as_a_value_with_its_pointers() {
    let mut running = Running::new().await;
    let error = running
        .call("parties", "list-all", &[("limit", some(Val::U32(100_000)))])
        .await
        .unwrap_err();
    let Val::Variant(name, Some(permanent)) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(name, "permanent");
    let Val::Variant(name, Some(violations)) = &**permanent else {
        panic!("{error:?}");
    };
    assert_eq!(name, "invalid-input");
    assert_eq!(field(&list(violations)[0], "pointer"), &text("/limit"));
    assert_eq!(field(&list(violations)[0], "rule"), &text("range"));
}

#[tokio::test]
async fn an_instance_that_is_kept_does_not_grow() {
    let mut running = Running::new().await;
    let page = [("limit", some(Val::U32(25)))];
    let mut pages = Vec::new();
    for _ in 0..200 {
        let result = running.call("parties", "list-all", &page).await.unwrap();
        pages.push(list(field(&result, "items")).len());
    }
    assert!(pages.iter().all(|items| *items == 25), "{pages:?}");
    // 200 pages of 25 parties are some ten megabytes: they fit into what a few calls need only if each is given back.
    let memory = running.store.data().peak;
    assert!(memory <= 6 << 20, "{memory} bytes");
}

/// Every typed function can be bound: its types are those that the WIT says, down to the cases.
#[tokio::test]
async fn every_typed_function_is_there() {
    let mut running = Running::new().await;
    let operations = running.function("integration:connector/catalog@0.1.0", "operations");
    let mut results = [Val::Bool(false)];
    operations
        .call_async(&mut running.store, &[], &mut results)
        .await
        .unwrap();
    let [Val::Result(Ok(Some(all)))] = results else {
        panic!("no operations");
    };
    let mut seen = 0;
    for operation in list(&all) {
        let Val::String(typed) = field(operation, "typed") else {
            panic!("{operation:?}");
        };
        let (interface, function) = typed.rsplit_once('.').unwrap();
        let function = running.function(interface, function);
        let kind = function.ty(&running.store);
        let result = kind.results().next().unwrap();
        let Type::Result(result) = result else {
            panic!("{typed}");
        };
        let Some(Type::Variant(error)) = result.err() else {
            panic!("{typed}");
        };
        let cases: Vec<_> = error.cases().map(|Case { name, .. }| name).collect();
        assert_eq!(cases, ["permanent", "transient", "execution-failed"]);
        seen += 1;
    }
    assert!(seen >= 21, "{seen}");
}

/// The largest file that Capsule takes goes up and comes down, in the memory that the bundled host gives to `files.*`.
#[tokio::test]
async fn a_file_of_25_mb_goes_both_ways_within_the_limit_of_memory() {
    let mut running = Running::new().await;
    let files = bound::Files::new(&mut running.store, &running.instance).unwrap();
    let files = files.capsule_crm_files();
    let content: Vec<u8> = (0u32..6_250_000)
        .flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let file = |content: &[u8]| bound::exports::capsule::crm::files::NewFile {
        filename: "film.mp4".into(),
        content_type: Some("video/mp4".into()),
        content: content.to_vec(),
    };
    let up = files.call_upload(&mut running.store, &file(&content)).await;
    let up = up.unwrap().unwrap();
    assert_eq!(up.size, 25_000_000);
    let up_peak = running.store.data().peak;

    let listed = running.invoke("parties.list-all", r#"{"limit": 1}"#).await;
    let on = json!({"party": listed["items"][0]["id"]});
    let note = json!({"on": on, "content": "See the film"}).to_string();
    let note = running.invoke("timeline.add-note", &note).await;
    let attach = json!({"id": note["id"], "tokens": [up.token]}).to_string();
    let attached = running.invoke("files.attach-to-entry", &attach).await;
    let attachment = attached["attachments"][0]["id"].as_u64().unwrap();
    let down = files.call_download(&mut running.store, attachment).await;
    let down = down.unwrap().unwrap();
    assert!(down.content == content, "the bytes are others");
    let peak = running.store.data().peak;
    let limit = capsule_host::runtime::Limits::default().files_memory;
    println!("memory: {up_peak} bytes after the upload, {peak} after the download");
    assert!(peak <= limit, "{peak} bytes of {limit}");

    let mut longer = file(&content);
    longer.content.push(0);
    let refused = files
        .call_upload(&mut running.store, &longer)
        .await
        .unwrap();
    assert!(
        format!("{refused:?}").contains("TooLarge"),
        "a byte more: {refused:?}"
    );
}
