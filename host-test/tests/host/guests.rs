//! Guests made by hand, without a toolchain: every export of the contract is a trap, except those that a test writes
//! in WebAssembly text.

use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{ManglingAndAbi, Resolve, WasmExport, WasmExportKind, WorldId, WorldItem};

const CONNECTOR: &str = include_str!("../../../wit/deps/integration-connector/connector.wit");
const GUESTS: &str = include_str!("guests.wit");

/// The export that most guests write.
pub(crate) const INVOKE: &str = "integration:connector/operations@0.1.0#invoke";

fn resolve(world: &str) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    resolve
        .push_str("connector.wit", CONNECTOR)
        .expect("the contract parses");
    let package = resolve
        .push_str("guests.wit", GUESTS)
        .expect("the guests' world parses");
    let world = resolve
        .select_world(&[package], Some(world))
        .expect("the world is there");
    (resolve, world)
}

/// A component of the connector's world. `body` is module text (imports first); `exports` gives the bodies of exports,
/// whose parameters are `local.get 0` and so on.
pub(crate) fn component(body: &str, exports: &[(&str, &str)]) -> Vec<u8> {
    of_world("guest", body, exports)
}

/// The same for another world of `guests.wit`.
pub(crate) fn of_world(world: &str, body: &str, exports: &[(&str, &str)]) -> Vec<u8> {
    let (resolve, world) = resolve(world);
    let mut text = format!("(module\n{body}\n");
    let mut written = 0;
    for (key, item) in &resolve.worlds[world].exports {
        let WorldItem::Interface { id, .. } = item else {
            continue;
        };
        for func in resolve.interfaces[*id].functions.values() {
            let name = resolve.wasm_export_name(
                ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync),
                WasmExport::Func {
                    interface: Some(key),
                    func,
                    kind: WasmExportKind::Normal,
                },
            );
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, func);
            let types = |types: &[WasmType]| {
                let each = types.iter().map(|ty| match ty {
                    WasmType::I64 | WasmType::PointerOrI64 => "i64",
                    WasmType::F32 => "f32",
                    WasmType::F64 => "f64",
                    WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
                });
                each.collect::<Vec<_>>().join(" ")
            };
            let code = exports
                .iter()
                .find(|(export, _)| *export == name)
                .map(|(_, code)| *code);
            written += usize::from(code.is_some());
            let _ = writeln!(
                text,
                "(func (export \"{name}\") (param {}) (result {})\n{})",
                types(&signature.params),
                types(&signature.results),
                code.unwrap_or("unreachable")
            );
        }
    }
    assert_eq!(written, exports.len(), "an export's name is wrong");
    if !body.contains("(memory") {
        text.push_str("(memory (export \"memory\") 2)\n");
    }
    if !body.contains("cabi_realloc") {
        // Arguments come in somewhere behind the first page; no guest here reads them.
        text.push_str(
            "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 65536))\n",
        );
    }
    text.push(')');
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    let mut encoder = ComponentEncoder::default();
    let encoder = encoder
        .validate(true)
        .module(&module)
        .expect("a module with metadata");
    encoder
        .encode()
        .unwrap_or_else(|error| panic!("{error:?}\n{text}"))
}

/// A request that a courier sends. In every text `{token}` becomes what stands in `CAPSULE_ACCESS_TOKEN`.
#[derive(Clone)]
pub(crate) struct Errand {
    method: &'static str,
    scheme: &'static str,
    authority: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_repeat: usize,
    repeat: usize,
}

impl Errand {
    /// A request to a URL of the form `scheme://authority/path`.
    pub(crate) fn new(method: &'static str, url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").expect("a URL with a scheme");
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Self {
            method,
            scheme: if scheme == "http" { "http" } else { "https" },
            authority: authority.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
            body_repeat: 1,
            repeat: 1,
        }
    }

    pub(crate) fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    pub(crate) fn post(url: &str, body: &str) -> Self {
        Self {
            body: Some(body.to_owned()),
            ..Self::new("POST", url)
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the bearer token, as a connector sends it.
    pub(crate) fn bearer(self) -> Self {
        self.header("authorization", "Bearer {token}")
    }

    pub(crate) fn repeat_body(mut self, times: usize) -> Self {
        self.body_repeat = times;
        self
    }

    pub(crate) fn times(mut self, times: usize) -> Self {
        self.repeat = times;
        self
    }
}

/// A guest whose `invoke` runs errands, one after the other, and gives one line for each: the status and the first
/// 60,000 bytes of the body (`200 body`), with `!` behind it if the body broke off, or `E` and the number of the
/// `error-code` (`E15` is HTTP-request-denied).
pub(crate) fn courier(errands: &[Errand]) -> Vec<u8> {
    Courier::new(errands).build()
}

/// A courier that also signs in.
pub(crate) struct Courier {
    text: Text,
    functions: String,
    exports: Vec<(&'static str, String)>,
}

const REFRESH: &str = "integration:connector/auth@0.1.0#refresh";
const EXCHANGE_CODE: &str = "integration:connector/auth@0.1.0#exchange-code";

impl Courier {
    pub(crate) fn new(errands: &[Errand]) -> Self {
        let mut courier = Self {
            text: Text::default(),
            functions: String::new(),
            exports: Vec::new(),
        };
        let mut calls = String::from("(call $environment)\n");
        for (index, errand) in errands.iter().enumerate() {
            let name = courier.function(errand);
            let _ = writeln!(
                calls,
                "(global.set $left (i32.const {}))\n(loop $again{index} (call {name}) \
                 (global.set $left (i32.sub (global.get $left) (i32.const 1))) (br_if $again{index} (global.get $left)))",
                errand.repeat
            );
        }
        calls.push_str(
            "(i32.store8 (i32.const 1024) (i32.const 0)) (i32.store (i32.const 1032) (i32.const 65536)) \
             (i32.store (i32.const 1036) (global.get $out)) (i32.const 1024)",
        );
        courier.exports.push((INVOKE, calls));
        courier
    }

    /// `auth.refresh` runs this errand; `{token}` in it is the refresh token that it was given. Whatever the answer is,
    /// it claims success with a made-up token.
    pub(crate) fn refresh(self, errand: &Errand) -> Self {
        // client: id (2), secret (3); refresh-token (2).
        self.sign_in(REFRESH, errand)
    }

    /// The same for `auth.exchange-code`; `{token}` is the code.
    pub(crate) fn exchange_code(self, errand: &Errand) -> Self {
        // client: id (2), secret (3); grant: code (2), redirect-uri (2), code-verifier (3).
        self.sign_in(EXCHANGE_CODE, errand)
    }

    fn sign_in(mut self, export: &'static str, errand: &Errand) -> Self {
        let name = self.function(errand);
        let (at, length) = self.text.place("made-up-token");
        // result<token-set, error>: 0 is the case, 8 the access token; all options and lists after it are 0, which is
        // none and empty.
        let code = format!(
            "(global.set $token (local.get 5)) (global.set $token_len (local.get 6)) \
             (global.set $mark (global.get $heap)) (call {name}) \
             (memory.fill (i32.const 1024) (i32.const 0) (i32.const 128)) \
             (i32.store (i32.const 1032) (i32.const {at})) (i32.store (i32.const 1036) (i32.const {length})) \
             (i32.const 1024)"
        );
        self.exports.push((export, code));
        self
    }

    fn function(&mut self, errand: &Errand) -> String {
        let name = format!("$errand{}", self.text.data.len());
        let code = self.text.errand(errand);
        let _ = writeln!(self.functions, "(func {name} {LOCALS}\n{code})");
        name
    }

    pub(crate) fn build(self) -> Vec<u8> {
        let data = self.text.data.iter().fold(String::new(), |mut data, byte| {
            let _ = write!(data, "\\{byte:02x}");
            data
        });
        assert!(
            self.text.data.len() < 60_000,
            "the errands' texts lie between 4096 and 65536"
        );
        let body = format!(
            "{IMPORTS}\n{LIBRARY}\n(data (i32.const 4096) \"{data}\")\n{}",
            self.functions
        );
        let exports: Vec<_> = self
            .exports
            .iter()
            .map(|(name, code)| (*name, code.as_str()))
            .collect();
        component(&body, &exports)
    }
}

const LOCALS: &str = "(local $request i32) (local $fields i32) (local $body i32) (local $stream i32) \
    (local $future i32) (local $poll i32) (local $response i32) (local $p i32) (local $l i32) (local $n i32)";

#[derive(Default)]
struct Text {
    data: Vec<u8>,
}

impl Text {
    fn place(&mut self, text: &str) -> (usize, usize) {
        let at = 4096 + self.data.len();
        self.data.extend_from_slice(text.as_bytes());
        (at, text.len())
    }

    /// Code that leaves a text's address in `$p` and its length in `$l`.
    fn load(&mut self, template: &str) -> String {
        let mut code =
            String::from("(local.set $p (global.get $heap)) (local.set $l (i32.const 0))\n");
        for (index, part) in template.split("{token}").enumerate() {
            if index > 0 {
                code.push_str(
                    "(memory.copy (i32.add (local.get $p) (local.get $l)) (global.get $token) (global.get $token_len)) \
                     (local.set $l (i32.add (local.get $l) (global.get $token_len)))\n",
                );
            }
            let (at, length) = self.place(part);
            let _ = writeln!(
                code,
                "(memory.copy (i32.add (local.get $p) (local.get $l)) (i32.const {at}) (i32.const {length})) \
                 (local.set $l (i32.add (local.get $l) (i32.const {length})))"
            );
        }
        // The next text must not overwrite this one.
        code.push_str("(global.set $heap (i32.add (global.get $heap) (local.get $l)))\n");
        code
    }

    fn errand(&mut self, errand: &Errand) -> String {
        let mut code = String::from(
            "(global.set $heap (global.get $mark)) (local.set $fields (call $fields))\n",
        );
        for (name, value) in &errand.headers {
            let (at, length) = self.place(name);
            code.push_str(&self.load(value));
            let _ = writeln!(
                code,
                "(call $append (local.get $fields) (i32.const {at}) (i32.const {length}) (local.get $p) (local.get $l) (i32.const 16))"
            );
        }
        code.push_str("(local.set $request (call $request (local.get $fields)))\n");
        let (method, other) = match errand.method {
            "GET" => (0, ""),
            "HEAD" => (1, ""),
            "POST" => (2, ""),
            "PUT" => (3, ""),
            "DELETE" => (4, ""),
            "PATCH" => (8, ""),
            other => (9, other),
        };
        let (at, length) = self.place(other);
        let _ = writeln!(
            code,
            "(drop (call $method (local.get $request) (i32.const {method}) (i32.const {at}) (i32.const {length})))"
        );
        let scheme = usize::from(errand.scheme == "https");
        let _ = writeln!(
            code,
            "(drop (call $scheme (local.get $request) (i32.const 1) (i32.const {scheme}) (i32.const 0) (i32.const 0)))"
        );
        code.push_str(&self.load(&errand.authority));
        code.push_str("(drop (call $authority (local.get $request) (i32.const 1) (local.get $p) (local.get $l)))\n");
        code.push_str(&self.load(&errand.path));
        code.push_str("(drop (call $path (local.get $request) (i32.const 1) (local.get $p) (local.get $l)))\n");
        if errand.body.is_some() {
            code.push_str("(call $body (local.get $request) (i32.const 16)) (local.set $body (i32.load (i32.const 20)))\n");
        }
        code.push_str(
            "(call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 16))\n\
             (if (i32.load8_u (i32.const 16)) (then (call $fail (i32.load8_u (i32.const 24))) return))\n\
             (local.set $future (i32.load (i32.const 24)))\n",
        );
        if let Some(body) = &errand.body {
            code.push_str("(call $write (local.get $body) (i32.const 16)) (local.set $stream (i32.load (i32.const 20)))\n");
            code.push_str(&self.load(body));
            let _ = writeln!(
                code,
                "(local.set $n (i32.const {})) (block $full (loop $more \
                 (call $put_body (local.get $stream) (local.get $p) (local.get $l) (i32.const 16)) \
                 (br_if $full (i32.load8_u (i32.const 16))) \
                 (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $more (local.get $n))))\n\
                 (call $drop_out (local.get $stream)) (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 16))",
                errand.body_repeat
            );
        }
        code.push_str(
            "(local.set $poll (call $subscribe (local.get $future))) (call $block (local.get $poll)) (call $drop_poll (local.get $poll))\n\
             (call $get (local.get $future) (i32.const 16)) (call $drop_future (local.get $future))\n\
             (if (i32.load8_u (i32.const 32)) (then (call $fail (i32.load8_u (i32.const 40))) return))\n\
             (local.set $response (i32.load (i32.const 40)))\n\
             (call $number (call $status (local.get $response))) (call $byte (i32.const 32))\n\
             (call $consume (local.get $response) (i32.const 16)) (local.set $body (i32.load (i32.const 20)))\n\
             (call $stream (local.get $body) (i32.const 16)) (local.set $stream (i32.load (i32.const 20)))\n\
             (local.set $l (i32.const 0))\n\
             (block $end (loop $more\n\
               (global.set $heap (global.get $mark))\n\
               (call $read (local.get $stream) (i64.const 16384) (i32.const 16))\n\
               (if (i32.load8_u (i32.const 16)) (then\n\
                 (if (i32.eqz (i32.load8_u (i32.const 20))) (then (call $byte (i32.const 33)) (call $drop_error (i32.load (i32.const 24)))))\n\
                 (br $end)))\n\
               (local.set $n (i32.load (i32.const 24)))\n\
               (if (i32.lt_u (i32.add (local.get $l) (local.get $n)) (i32.const 60000)) (then\n\
                 (call $copy (i32.load (i32.const 20)) (local.get $n))))\n\
               (local.set $l (i32.add (local.get $l) (local.get $n)))\n\
               (br $more)))\n\
             (call $drop_in (local.get $stream)) (call $drop_body (local.get $body)) (call $drop_response (local.get $response))\n\
             (call $byte (i32.const 10))\n",
        );
        code
    }
}

const IMPORTS: &str = r#"
(import "wasi:cli/environment@0.2.0" "get-environment" (func $get_environment (param i32)))
(import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.0" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(import "wasi:http/types@0.2.0" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-request.set-method" (func $method (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-request.set-scheme" (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-request.set-authority" (func $authority (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-request.set-path-with-query" (func $path (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-request.body" (func $body (param i32 i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-body.write" (func $write (param i32 i32)))
(import "wasi:http/types@0.2.0" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
(import "wasi:http/types@0.2.0" "[method]future-incoming-response.subscribe" (func $subscribe (param i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]future-incoming-response.get" (func $get (param i32 i32)))
(import "wasi:http/types@0.2.0" "[method]incoming-response.status" (func $status (param i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]incoming-response.consume" (func $consume (param i32 i32)))
(import "wasi:http/types@0.2.0" "[method]incoming-body.stream" (func $stream (param i32 i32)))
(import "wasi:http/types@0.2.0" "[resource-drop]incoming-body" (func $drop_body (param i32)))
(import "wasi:http/types@0.2.0" "[resource-drop]incoming-response" (func $drop_response (param i32)))
(import "wasi:http/types@0.2.0" "[resource-drop]future-incoming-response" (func $drop_future (param i32)))
(import "wasi:http/outgoing-handler@0.2.0" "handle" (func $handle (param i32 i32 i32 i32)))
(import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop_poll (param i32)))
(import "wasi:io/error@0.2.0" "[resource-drop]error" (func $drop_error (param i32)))
(import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
(import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush" (func $put_body (param i32 i32 i32 i32)))
(import "wasi:io/streams@0.2.0" "[resource-drop]input-stream" (func $drop_in (param i32)))
(import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop_out (param i32)))
"#;

/// 0: what the host writes; 1024: the result; 4096: texts; 64 KiB: what invoke gives; 1.5 MiB: allocations.
const LIBRARY: &str = r#"
(memory (export "memory") 40)
(global $heap (mut i32) (i32.const 1572864))
(global $mark (mut i32) (i32.const 1572864))
(global $out (mut i32) (i32.const 0))
(global $token (mut i32) (i32.const 0))
(global $token_len (mut i32) (i32.const 0))
(global $left (mut i32) (i32.const 0))
(func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
                          (i32.sub (i32.const 0) (local.get $align))))
  (global.set $heap (i32.add (local.get $at) (local.get $size)))
  (local.get $at))
(func $environment
  (call $get_environment (i32.const 16))
  (if (i32.load (i32.const 20)) (then
    (global.set $token (i32.load (i32.add (i32.load (i32.const 16)) (i32.const 8))))
    (global.set $token_len (i32.load (i32.add (i32.load (i32.const 16)) (i32.const 12))))))
  (global.set $mark (global.get $heap)))
(func $byte (param $byte i32)
  (i32.store8 (i32.add (i32.const 65536) (global.get $out)) (local.get $byte))
  (global.set $out (i32.add (global.get $out) (i32.const 1))))
(func $copy (param $at i32) (param $length i32)
  (memory.copy (i32.add (i32.const 65536) (global.get $out)) (local.get $at) (local.get $length))
  (global.set $out (i32.add (global.get $out) (local.get $length))))
(func $number (param $number i32)
  (if (i32.ge_u (local.get $number) (i32.const 10)) (then (call $number (i32.div_u (local.get $number) (i32.const 10)))))
  (call $byte (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10)))))
(func $fail (param $code i32)
  (call $byte (i32.const 69)) (call $number (local.get $code)) (call $byte (i32.const 10)))
"#;
