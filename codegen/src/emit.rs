//! Writes the Rust text.

use crate::Paths;
use crate::docs::Tags;
use crate::names::{camel, pascal, snake, title};
use crate::verbs::Effect;
use crate::wit::{
    Case, Contract, Core, Field, Form, Input, Kind, Named, Operation, Shape, json_kinds,
};
use std::fmt::Write;

/// Model code, shapes, defaults and the table of operations.
pub(crate) fn contract(contract: &Contract, paths: &Paths) -> String {
    let emitter = Emitter {
        types: &contract.types,
        paths,
        neutral: false,
    };
    let mut out = format!("// Generated from WIT.\nuse {}::*;\n\n", paths.contract);
    for named in &contract.types {
        emitter.shape(&mut out, named);
        emitter.json(&mut out, named);
        emitter.defaults(&mut out, named);
    }
    emitter.table(
        &mut out,
        "/// Every operation, sorted by id.\npub static OPERATIONS",
        &contract.operations,
    );
    emitter.table(
        &mut out,
        "/// The functions of events: exported, and no operations.\npub static EVENT_FUNCTIONS",
        &contract.event_functions,
    );
    crate::emit_triggers::table(&emitter, &mut out, &contract.triggers);
    emitter.models(&mut out, contract.types.iter());
    out
}

/// The typed exports: a core function for each operation and each function of events, and the section that makes a component of them.
/// None has a function for after the call: what a call gave is given back by the next one. The text that includes it has `typed`
/// and `Arguments` in scope, and lies beside a file `component-type`.
pub(crate) fn exports(contract: &Contract, paths: &Paths) -> String {
    let mut out = component_type("typed", "component-type", contract.component_type.len());
    let tables = [
        ("OPERATIONS", &contract.operations),
        ("EVENT_FUNCTIONS", &contract.event_functions),
    ];
    for (table, operations) in tables {
        for (index, operation) in operations.iter().enumerate() {
            let name = snake(&format!("{}-{}", operation.interface, operation.function));
            let row = format!("&{}::{table}[{index}]", paths.contract);
            let body = format!("typed({row}, {})", operation.core.arguments());
            exported(&mut out, &name, &operation.core, &body);
        }
    }
    out
}

/// The section that makes a component of exports.
pub(crate) fn component_type(name: &str, file: &str, length: usize) -> String {
    // The section is written for every static. With `#[used]` its bytes would stand in the memory of the component too.
    format!(
        "// Generated from WIT.\n#[unsafe(link_section = \"component-type:{name}\")]\n#[allow(dead_code)]\n\
         static COMPONENT_TYPE: [u8; {length}] = *include_bytes!({file:?});\n"
    )
}

/// An export of the core module, which tells where its result lies.
pub(crate) fn exported(out: &mut String, name: &str, core: &Core, body: &str) {
    let params: Vec<_> = core
        .params
        .iter()
        .enumerate()
        .map(|(at, kind)| format!("p{at}: {kind}"))
        .collect();
    let _ = writeln!(
        out,
        "#[unsafe(export_name = {:?})]\nextern \"C\" fn {name}({}) -> u32 {{ {body} }}",
        core.name,
        params.join(", "),
    );
}

impl Core {
    /// The expression for what it is given.
    pub(crate) fn arguments(&self) -> String {
        if self.in_memory {
            return "Arguments::Memory(p0 as usize)".into();
        }
        let bits: Vec<_> = self
            .params
            .iter()
            .enumerate()
            .map(|(at, kind)| match *kind {
                "u64" => format!("p{at}"),
                "f64" => format!("p{at}.to_bits()"),
                "f32" => format!("u64::from(p{at}.to_bits())"),
                _ => format!("u64::from(p{at})"),
            })
            .collect();
        format!("Arguments::Flat(&[{}])", bits.join(", "))
    }
}

pub(crate) struct Emitter<'a> {
    pub(crate) types: &'a [Named],
    pub(crate) paths: &'a Paths,
    /// What is written are interfaces of other packages, whose types are not all that they use.
    pub(crate) neutral: bool,
}

impl Emitter<'_> {
    fn named(&self, name: &str) -> Option<&Named> {
        self.types.iter().find(|named| named.name == name)
    }

    /// Whether a type is the contract's, and this is not it.
    fn is_of_contract(&self, name: &str) -> bool {
        self.neutral && !self.named(name).is_some_and(|named| named.apart)
    }

    fn path(&self, name: &str) -> String {
        self.named(name).map_or_else(String::new, |named| {
            let bindings = &self.paths.bindings;
            format!("{bindings}::{}::{}", named.module, named.rust)
        })
    }

    /// The Rust type of scalars and of named types and their lists and options.
    fn rust(&self, shape: &Shape) -> String {
        match shape {
            Shape::Boolean => "bool".into(),
            Shape::Number => "f64".into(),
            Shape::Text | Shape::Json => "String".into(),
            Shape::Bytes => "Vec<u8>".into(),
            Shape::Integer { least, most } => integer(*least, *most).into(),
            Shape::List(item) => format!("Vec<{}>", self.rust(item)),
            Shape::Option(inner) => format!("Option<{}>", self.rust(inner)),
            Shape::Change(name) => format!("Option<{}>", self.path(name)),
            Shape::Map(name) => format!("Vec<{}>", self.path(name)),
            Shape::Named(name) => self.path(name),
        }
    }

    // ---- shapes ----

    pub(crate) fn shape(&self, out: &mut String, named: &Named) {
        let constant = constant(&named.name);
        let name = pascal(&named.name);
        let doc = &named.doc.prose;
        let _ = match &named.kind {
            Kind::Record(fields) => {
                let fields: String = fields.iter().map(|field| self.field(field)).collect();
                writeln!(
                    out,
                    "static {constant}: Record = Record::new({name:?}, {doc:?}, &[{fields}]);"
                )
            }
            Kind::Enum(cases) => {
                let cases: String = cases
                    .iter()
                    .map(|case| format!("({:?}, {:?}), ", case.json, case.doc.prose))
                    .collect();
                writeln!(
                    out,
                    "static {constant}: Enum = Enum {{ name: {name:?}, doc: {doc:?}, cases: &[{cases}] }};"
                )
            }
            Kind::Variant(Form::Change, _) => Ok(()),
            Kind::Variant(form, cases) => {
                let cases: String = cases
                    .iter()
                    .map(|case| {
                        let shape = self.optional(case.shape.as_ref());
                        format!(
                            "Case {{ json: {:?}, doc: {:?}, shape: {shape}, hints: {} }}, ",
                            case.json,
                            case.doc.prose,
                            hints(&case.doc.tags, None, false)
                        )
                    })
                    .collect();
                let bare = *form == Form::Bare;
                writeln!(
                    out,
                    "static {constant}: Variant = Variant::new({name:?}, {doc:?}, {bare}, &[{cases}]);"
                )
            }
        };
    }

    fn field(&self, field: &Field) -> String {
        // Where JSON has a name of its own, the title can't be told from it.
        let renamed = (field.json != camel(&field.name)).then(|| title(&field.name));
        format!(
            "Field {{ json: {:?}, doc: {:?}, shape: {}, hints: {} }}, ",
            field.json,
            field.doc.prose,
            self.expression(&field.shape),
            hints(&field.doc.tags, renamed.as_deref(), field.digits_are_id),
        )
    }

    pub(crate) fn expression(&self, shape: &Shape) -> String {
        match shape {
            Shape::Boolean => "Shape::Boolean".into(),
            Shape::Integer { least, most } => {
                format!("Shape::Integer(&Bounds {{ least: {least}, most: {most} }})")
            }
            Shape::Number => "Shape::Number".into(),
            Shape::Text => "Shape::Text".into(),
            Shape::Json => "Shape::Json".into(),
            Shape::Bytes => "Shape::Bytes".into(),
            Shape::List(item) => format!("Shape::List(&{})", self.expression(item)),
            Shape::Option(inner) => format!("Shape::Option(&{})", self.expression(inner)),
            Shape::Change(name) => {
                let set = self.named(name).and_then(|named| match &named.kind {
                    Kind::Variant(_, cases) => cases.first().and_then(|case| case.shape.as_ref()),
                    _ => None,
                });
                format!(
                    "Shape::Change(&{})",
                    set.map_or_else(String::new, |shape| self.expression(shape))
                )
            }
            Shape::Map(name) => format!("Shape::Map(&{})", constant(name)),
            // Its shape is written elsewhere.
            Shape::Named(name) if self.is_of_contract(name) => {
                format!("<{} as Json>::SHAPE", self.path(name))
            }
            Shape::Named(name) => {
                let kind = match self.named(name).map(|named| &named.kind) {
                    Some(Kind::Enum(_)) => "Enum",
                    Some(Kind::Variant(..)) => "Variant",
                    _ => "Record",
                };
                format!("Shape::{kind}(&{})", constant(name))
            }
        }
    }

    pub(crate) fn optional(&self, shape: Option<&Shape>) -> String {
        shape.map_or_else(
            || "None".to_owned(),
            |shape| format!("Some({})", self.expression(shape)),
        )
    }

    /// The record that the parameters of a function are together.
    pub(crate) fn parameters(&self, out: &mut String, name: &str, params: &[(String, Shape)]) {
        let fields: String = params
            .iter()
            .map(|(name, shape)| {
                format!(
                    "Field {{ json: {:?}, doc: \"\", shape: {}, hints: &Hints::NONE }}, ",
                    camel(name),
                    self.expression(shape),
                )
            })
            .collect();
        let _ = writeln!(
            out,
            "static {}: Record = Record::new({:?}, \"\", &[{fields}]);",
            constant(name),
            pascal(name)
        );
    }

    // ---- model code ----

    pub(crate) fn json(&self, out: &mut String, named: &Named) {
        let path = self.path(&named.name);
        let (from, to) = match &named.kind {
            Kind::Record(fields) => (self.record_from(fields), self.record_to(fields)),
            Kind::Enum(cases) => enumeration(cases),
            Kind::Variant(Form::Tagged, cases) => self.tagged(cases),
            Kind::Variant(Form::Bare, cases) => self.bare(cases),
            Kind::Variant(Form::Change, _) => (
                "if value.is_null() { Self::Clear } else { Self::Set(Json::from_json(value)) }"
                    .into(),
                "match self { Self::Set(value) => value.to_json(), Self::Clear => Value::Null }"
                    .into(),
            ),
        };
        let shape = match named.kind {
            Kind::Variant(Form::Change, _) => self.expression(&Shape::Change(named.name.clone())),
            _ => self.expression(&Shape::Named(named.name.clone())),
        };
        let _ = writeln!(
            out,
            "impl Json for {path} {{\n    const SHAPE: Shape = {shape};\n    fn from_json(value: Value) -> Self {{ {from} }}\n    fn to_json(self) -> Value {{ {to} }}\n}}"
        );
    }

    fn record_from(&self, fields: &[Field]) -> String {
        let mut text = String::from("let mut object = json::object(value); Self { ");
        for field in fields {
            let rust = snake(&field.name);
            let json = &field.json;
            let read = match &field.shape {
                Shape::Change(_) => format!("json::change(&mut object, {json:?})"),
                shape => self.read(shape, &format!("json::take(&mut object, {json:?})")),
            };
            let _ = write!(text, "{rust}: {read}, ");
        }
        text.push('}');
        text
    }

    fn record_to(&self, fields: &[Field]) -> String {
        let mut text = String::from("let mut object = Map::new(); ");
        for field in fields {
            let rust = snake(&field.name);
            let json = &field.json;
            let write = match &field.shape {
                Shape::Change(_) => format!("json::put_change(&mut object, {json:?}, self.{rust})"),
                shape => format!(
                    "json::put(&mut object, {json:?}, {})",
                    self.write(shape, &format!("self.{rust}"))
                ),
            };
            let _ = write!(text, "{write}; ");
        }
        text.push_str("Value::Object(object)");
        text
    }

    /// The expression that makes a model out of the JSON that another expression gives.
    fn read(&self, shape: &Shape, json: &str) -> String {
        match shape {
            Shape::Bytes => format!("json::bytes({json})"),
            Shape::Map(name) => format!("json::entries({json}, {})", self.entry_from(name)),
            Shape::Option(inner) => match inner.as_ref() {
                Shape::Bytes => format!("json::optional_bytes({json})"),
                Shape::Json => format!("json::optional_text_of({json})"),
                Shape::Map(name) => {
                    format!("json::optional_entries({json}, {})", self.entry_from(name))
                }
                _ => format!("Json::from_json({json})"),
            },
            _ => format!("Json::from_json({json})"),
        }
    }

    /// The expression that makes JSON out of the model that another expression gives.
    fn write(&self, shape: &Shape, model: &str) -> String {
        match shape {
            Shape::Bytes => format!("json::base64(&{model})"),
            Shape::Map(name) => format!("json::from_entries({model}, {})", self.entry_to(name)),
            Shape::Option(inner) => match inner.as_ref() {
                Shape::Bytes => {
                    format!("{model}.map_or(Value::Null, |bytes| json::base64(&bytes))")
                }
                Shape::Json => {
                    format!("{model}.map_or(Value::Null, |text| json::value_of(&text))")
                }
                Shape::Map(name) => format!(
                    "{model}.map_or(Value::Null, |rows| json::from_entries(rows, {}))",
                    self.entry_to(name)
                ),
                _ => format!("{model}.to_json()"),
            },
            _ => format!("{model}.to_json()"),
        }
    }

    /// From key and value to a record of two fields. A key of digits is a number where the type has numbers.
    fn entry_from(&self, name: &str) -> String {
        let Some((key, value)) = self.pair(name) else {
            return String::new();
        };
        let text = json_kinds(self.types, &key.shape) == ["string"];
        format!(
            "|key, value| {} {{ {}: Json::from_json({}), {}: {} }}",
            self.path(name),
            snake(&key.name),
            if text {
                "Value::String(key)"
            } else {
                "json::key(key)"
            },
            snake(&value.name),
            self.read(&value.shape, "value"),
        )
    }

    fn entry_to(&self, name: &str) -> String {
        let Some((key, value)) = self.pair(name) else {
            return String::new();
        };
        format!(
            "|row| (row.{}.to_json(), {})",
            snake(&key.name),
            self.write(&value.shape, &format!("row.{}", snake(&value.name)))
        )
    }

    fn pair(&self, name: &str) -> Option<(&Field, &Field)> {
        match &self.named(name)?.kind {
            Kind::Record(fields) => match fields.as_slice() {
                [key, value] => Some((key, value)),
                _ => None,
            },
            _ => None,
        }
    }

    fn tagged(&self, cases: &[Case]) -> (String, String) {
        let payload = if cases.iter().any(|case| case.shape.is_some()) {
            "payload"
        } else {
            "_"
        };
        let mut from =
            format!("let (case, {payload}) = json::case(value); match case.as_str() {{ ");
        let mut to = String::from("match self { ");
        for (index, case) in cases.iter().enumerate() {
            let rust = pascal(&case.name);
            let json = &case.json;
            let pattern = if index + 1 == cases.len() {
                "_".to_owned()
            } else {
                format!("{json:?}")
            };
            if case.shape.is_some() {
                let _ = write!(
                    from,
                    "{pattern} => Self::{rust}(Json::from_json(payload)), "
                );
                let _ = write!(
                    to,
                    "Self::{rust}(payload) => json::tagged({json:?}, payload.to_json()), "
                );
            } else {
                let _ = write!(from, "{pattern} => Self::{rust}, ");
                let _ = write!(to, "Self::{rust} => Value::from({json:?}), ");
            }
        }
        (from + "}", to + "}")
    }

    fn bare(&self, cases: &[Case]) -> (String, String) {
        let mut from = String::from("match value { ");
        let mut to = String::from("match self { ");
        for (index, case) in cases.iter().enumerate() {
            let rust = pascal(&case.name);
            let kinds = case
                .shape
                .as_ref()
                .map(|shape| json_kinds(self.types, shape))
                .unwrap_or_default();
            let patterns: Vec<_> = kinds
                .iter()
                .map(|kind| match *kind {
                    "boolean" => "Value::Bool(_)",
                    "number" => "Value::Number(_)",
                    "string" => "Value::String(_)",
                    "array" => "Value::Array(_)",
                    _ => "Value::Object(_)",
                })
                .collect();
            let pattern = if index + 1 == cases.len() {
                "_".to_owned()
            } else {
                patterns.join(" | ")
            };
            let _ = write!(from, "{pattern} => Self::{rust}(Json::from_json(value)), ");
            let _ = write!(to, "Self::{rust}(payload) => payload.to_json(), ");
        }
        (from + "}", to + "}")
    }

    // ---- defaults ----

    fn defaults(&self, out: &mut String, named: &Named) {
        let Kind::Record(fields) = &named.kind else {
            return;
        };
        let mut methods = String::new();
        for field in fields {
            let Some(default) = &field.doc.tags.default else {
                continue;
            };
            let Shape::Option(inner) = &field.shape else {
                continue;
            };
            let rust = snake(&field.name);
            let clamp = field
                .doc
                .tags
                .range
                .map_or_else(String::new, |(least, most)| {
                    format!(".clamp({least}, {most})")
                });
            let method = snake(&format!("{}-or-default", field.name));
            let help = format!("    /// `{}`, or its default: {default}.\n", field.json);
            let _ = match inner.as_ref() {
                Shape::Text => writeln!(
                    methods,
                    "{help}    #[must_use] pub fn {method}(&self) -> &str {{ self.{rust}.as_deref().unwrap_or({default:?}) }}"
                ),
                Shape::Named(name) => {
                    let case = self.named(name).and_then(|named| match &named.kind {
                        Kind::Enum(cases) => cases.iter().find(|case| case.json == *default),
                        _ => None,
                    });
                    let path = self.path(name);
                    let case = case.map_or_else(|| default.clone(), |case| pascal(&case.name));
                    writeln!(
                        methods,
                        "{help}    #[must_use] pub fn {method}(&self) -> {path} {{ self.{rust}.unwrap_or({path}::{case}) }}"
                    )
                }
                other => writeln!(
                    methods,
                    "{help}    #[must_use] pub fn {method}(&self) -> {} {{ self.{rust}.unwrap_or({default}){clamp} }}",
                    self.rust(other)
                ),
            };
        }
        if !methods.is_empty() {
            let _ = writeln!(out, "impl {} {{\n{methods}}}", self.path(&named.name));
        }
    }

    /// From JSON to each type and back, by the type's name.
    pub(crate) fn models<'n>(&self, out: &mut String, types: impl Iterator<Item = &'n Named>) {
        let mut rows = String::new();
        for named in types {
            let _ = writeln!(
                rows,
                "    ({:?}, |value| <{} as Json>::from_json(value).to_json()),",
                pascal(&named.name),
                self.path(&named.name)
            );
        }
        let _ = writeln!(
            out,
            "/// From checked JSON to the model and back, for each type by its name. What is not called is not linked.\npub static MODELS: &[(&str, fn(Value) -> Value)] = &[\n{rows}];"
        );
    }

    // ---- operations ----

    fn table(&self, out: &mut String, head: &str, operations: &[Operation]) {
        let mut rows = String::new();
        for operation in operations {
            let function = snake(&format!(
                "run-{}-{}",
                operation.interface, operation.function
            ));
            let client = &self.paths.client;
            let body = format!(
                "{}::{}::{}",
                self.paths.actions,
                snake(&operation.interface),
                snake(&operation.function)
            );
            let (take, input) = match &operation.input {
                Input::Record(name) => (
                    "Json::from_json(input)".to_owned(),
                    format!("Shape::Record(&{})", constant(name)),
                ),
                Input::Scalars(scalars) => {
                    let name = format!("{}-{}-input", operation.interface, operation.function);
                    self.parameters(out, &name, scalars);
                    let take: Vec<_> = scalars
                        .iter()
                        .map(|(name, _)| {
                            format!(
                                "Json::from_json(json::take(&mut input, {:?}))",
                                crate::names::camel(name)
                            )
                        })
                        .collect();
                    (
                        take.join(", "),
                        format!("Shape::Record(&{})", constant(&name)),
                    )
                }
            };
            let unpack = match &operation.input {
                Input::Record(_) => "",
                Input::Scalars(scalars) if scalars.is_empty() => "drop(input); ",
                Input::Scalars(_) => "let mut input = json::object(input); ",
            };
            let output = self.optional(operation.output.as_ref());
            let give = if operation.output.is_some() {
                ".map(Json::output)"
            } else {
                ".map(|()| Output::Tree(Value::Null))"
            };
            let _ = writeln!(
                out,
                "fn {function}(client: &{client}, input: Value) -> Running<'_> {{ Box::pin(async move {{ {unpack}{body}(client, {take}).await{give} }}) }}"
            );
            let effect = match operation.effect {
                Effect::Read => "Read",
                Effect::Write => "Write",
                Effect::Destructive => "Destructive",
            };
            let _ = writeln!(
                rows,
                "    Operation {{ id: {:?}, title: {:?}, help: {:?}, group: {:?}, aliases: &{:?}, effect: Effect::{effect}, repeat_safe: {}, \
                 scopes: &{:?}, administrator: {}, paged: {}, typed: {:?}, example: {:?}, input: {input}, output: {output}, run: {function} }},",
                operation.id(),
                operation.doc.title,
                operation.doc.help,
                operation.group,
                operation.aliases,
                operation.repeat_safe,
                operation.doc.tags.scopes,
                operation.doc.tags.administrator,
                operation.paged,
                operation.typed,
                operation.doc.tags.example.as_deref().unwrap_or("{}"),
            );
        }
        let _ = writeln!(out, "{head}: &[Operation] = &[\n{rows}];");
    }
}

fn enumeration(cases: &[Case]) -> (String, String) {
    let mut from = String::from("match value.as_str().unwrap_or_default() { ");
    let mut to = String::from("Value::from(match self { ");
    for (index, case) in cases.iter().enumerate() {
        let rust = pascal(&case.name);
        let pattern = if index + 1 == cases.len() {
            "_".to_owned()
        } else {
            format!("{:?}", case.json)
        };
        let _ = write!(from, "{pattern} => Self::{rust}, ");
        let _ = write!(to, "Self::{rust} => {:?}, ", case.json);
    }
    (from + "}", to + "})")
}

fn hints(tags: &Tags, title: Option<&str>, digits_are_id: bool) -> String {
    let spelling_alone = Tags {
        json: tags.json.clone(),
        ..Tags::default()
    };
    if *tags == spelling_alone && title.is_none() && !digits_are_id {
        return "&Hints::NONE".into();
    }
    let option = |text: &Option<String>| {
        text.as_ref()
            .map_or_else(|| "None".to_owned(), |text| format!("Some({text:?})"))
    };
    let choices = tags.choices.as_ref().map_or_else(
        || "None".to_owned(),
        |(kind, after)| {
            format!(
                "Some(&Choices {{ kind: {kind:?}, after: {} }})",
                option(after)
            )
        },
    );
    let range = tags.range.map_or_else(
        || "None".to_owned(),
        |(least, most)| format!("Some(&Bounds {{ least: {least}, most: {most} }})"),
    );
    format!(
        "&Hints {{ format: {}, values: &{:?}, default: {}, range: {range}, choices: {choices}, title: {title:?}, digits_are_id: {digits_are_id} }}",
        option(&tags.format),
        tags.values,
        option(&tags.default),
    )
}

pub(crate) fn constant(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

fn integer(least: i64, most: i64) -> &'static str {
    match (least, most) {
        (0, 0xff) => "u8",
        (0, 0xffff) => "u16",
        (0, 0xffff_ffff) => "u32",
        (0, _) => "u64",
        (-128, _) => "i8",
        (-32_768, _) => "i16",
        (-2_147_483_648, _) => "i32",
        _ => "i64",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_keeps_its_width() {
        for (least, most, rust) in [
            (0, 255, "u8"),
            (0, 65_535, "u16"),
            (0, 4_294_967_295, "u32"),
            (0, (1 << 53) - 1, "u64"),
            (-128, 127, "i8"),
        ] {
            assert_eq!(integer(least, most), rust);
        }
        assert_eq!(integer(-((1 << 53) - 1), (1 << 53) - 1), "i64");
    }

    #[test]
    fn a_field_without_tags_has_no_hints() {
        assert_eq!(hints(&Tags::default(), None, false), "&Hints::NONE");
        assert!(hints(&Tags::default(), None, true).contains("digits_are_id: true"));
    }
}
